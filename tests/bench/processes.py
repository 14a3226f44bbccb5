#!/usr/bin/env python3
"""Tables of `tools/bench --only processes` (tools/bench_processes.sh): processes.py FOLDER TABLE ARGUMENTS...

Each measurement is a file NAME.ROUND in FOLDER: the JSON of `playhouse bench`, or what push_floor and actor_bench have
printed. What stands in a table is the median over the rounds, and in brackets the least and the greatest.
"""

import json
import pathlib
import re
import statistics
import sys

NUMBER = r"[0-9]+(?:\.[0-9]+)?"
SLOW_MSEC = 200  # more than that at p95 is too slow
FULL_CORES = 0.95  # of a process with one busy thread


def rounds(folder, name):
    """The files of a measurement, in order."""
    found = [path for path in folder.glob(name + ".*") if path.suffix[1:].isdigit()]
    return sorted(found, key=lambda path: int(path.suffix[1:]))


def runs(folder, name):
    return [json.loads(path.read_text()) for path in rounds(folder, name)]


def median(values):
    return statistics.median(values)


def spread(values, form="%.1f"):
    """median (least–greatest)"""
    return f"{form} ({form}–{form})" % (median(values), min(values), max(values))


def times(all_runs, key="ackMs"):
    return " / ".join("%.2f" % median([run[key][part] for run in all_runs]) for part in ("p50", "p95", "p99"))


def note_failures(all_runs, name):
    """What did not go well is said beside the table, not left out of it."""
    bad = [run for run in all_runs if run["failures"] or run["unanswered"]]
    if bad:
        print(f"{name}: {len(bad)} of {len(all_runs)} runs had failures: {[(run['failures'], run['unanswered']) for run in bad]}",
              file=sys.stderr)


def printed_rows(folder, name):
    """{label: [numbers in their order, the median over the rounds of each]}"""
    rows = {}
    for path in rounds(folder, name):
        for line in path.read_text().splitlines():
            label, rest = re.match(r"(\S+(?: \S+)*?) {2,}(.*)", line).groups()
            rows.setdefault(label, []).append([float(n) for n in re.findall(r"(?<![0-9a-zA-Z])" + NUMBER, rest)])
    return {label: [median(column) for column in zip(*lines)] for label, lines in rows.items()}


def messages(folder):
    bare, actors = printed_rows(folder, "push"), printed_rows(folder, "actor")
    print("A message of a move's size, from one to another; a million of them per second is 1.00 M/s. CPU is that of both ends "
          "together. Bare: PUSH and PULL sockets and nothing else. Actors: act_send and act_request, with directory, mailbox, "
          "envelope and its checks. node.host is a TCP address: ipc is measured bare only, for comparison.\n")
    print("| way | bare: one way M/s, CPU µs | bare: there and back p50 / p99 ms | actors: one way M/s, CPU µs "
          "| requests, 64 at once: M messages/s, CPU µs | actors: there and back p50 / p99 ms |")
    print("|---|---|---|---|---|---|")
    for way, bare_label, actor_label in (
        ("one thread", None, "one thread"),
        ("two threads, inproc", "inproc", "two threads"),
        ("ipc", "ipc", None),
        ("two processes, tcp", "tcp", "tcp"),
        ("two processes, tcp+CURVE", "tcp+CURVE", "tcp+CURVE"),
    ):
        cells = ["–"] * 5
        if bare_label:
            per_second, cpu, p50, p99 = bare[bare_label]
            cells[0:2] = "%.2f, %.2f" % (per_second / 1e6, cpu), "%.3f / %.3f" % (p50, p99)
        if actor_label:
            per_second, cpu, _, _, asked, asked_cpu, p50, p99 = actors[actor_label]
            cells[2:5] = ("%.2f, %.2f" % (per_second / 1e6, cpu), "%.2f, %.2f" % (asked / 1e6, asked_cpu),
                          "%.3f / %.3f" % (p50, p99))
        print(f"| {way} | " + " | ".join(cells) + " |")
    print()


FORMS = {
    "one": "one process, default placement",
    "threads": "one process, a thread per kind (inproc)",
    "tcp": "a process per kind, tcp",
    "curve": "a process per kind, tcp+CURVE",
}


def actions(folder, *forms):
    print("500 sessions in rooms of 10, msgpack, on PostgreSQL, durable before each ack; CPU is that of all server processes, "
          "then PostgreSQL's:\n")
    print("| form, rate | acks/s | CPU µs/action | PostgreSQL µs/action | ack p50 / p95 / p99 ms |")
    print("|---|---|---|---|---|")
    for rate in ("1000", "5000", "max"):
        for form in forms:
            all_runs = runs(folder, f"form-{form}-{rate}")
            note_failures(all_runs, f"{form} at {rate}")
            print("| %s, %s | %s | %s | %.1f | %s |" % (
                FORMS[form], rate, spread([run["acksPerSecond"] for run in all_runs], "%.0f"),
                spread([run["server"]["cpuUsecPerAction"] for run in all_runs]),
                median([run["store"]["cpuUsecPerAction"] for run in all_runs]), times(all_runs)))
    print()


def part(run, pid):
    return next(process for process in run["server"]["processes"] if process["pid"] == pid)


def rooms_run(folder, players):
    """A run, what its process of rooms used, and why that many are too many ("" when they are not)."""
    run = json.loads((folder / f"rooms-{players}.1").read_text())
    room = part(run, int((folder / f"rooms-{players}.pid").read_text()))
    if run["ackMs"]["p95"] > SLOW_MSEC:
        why = "p95 is over %d ms" % SLOW_MSEC
    elif run["joined"] < run["sessions"] or run["acksPerSecond"] < 0.97 * run["rate"]:
        why = "not all were acknowledged in time"
    else:
        why = "its core is full" if room["cores"] > FULL_CORES else ""
    return run, room, why


def rooms_good(folder, players):
    sys.exit(1 if rooms_run(folder, players)[2] else 0)


def rooms(folder, *tried):
    print("One process of rooms, ten players in each, two moves a second each; its CPU alone, and players per core of it as that "
          "makes:\n")
    print("| players, rooms | acks/s | ack p50 / p95 / p99 ms | cores of the room process | of all server processes "
          "| per core of the room process | |")
    print("|---|---|---|---|---|---|---|")
    for players in map(int, tried):
        run, room, why = rooms_run(folder, players)
        note_failures([run], f"{players} players")
        per_core = players / room["cores"] if room["cores"] else 0
        print("| %d, %d | %.0f | %s | %.2f | %.2f | %.0f players, %.0f rooms | %s |" % (
            players, players // 10, run["acksPerSecond"], times([run]), room["cores"], run["server"]["cores"], per_core,
            per_core / 10, why))
    print()


def scaling(folder):
    print("500 sessions at saturation, the other kinds as before, on the same two cores:\n")
    print("| room processes | acks/s | ack p50 / p95 / p99 ms | CPU µs/action | cores of the room processes | of all server processes "
          "| of PostgreSQL |")
    print("|---|---|---|---|---|---|---|")
    for count in ("1", "2"):
        all_runs = runs(folder, f"scaling-{count}")
        note_failures(all_runs, f"{count} room processes")
        cores = []
        for number, run in enumerate(all_runs, 1):
            pids = (folder / f"scaling-{count}.{number}.pids").read_text().split()
            cores.append(" + ".join("%.2f" % part(run, int(pid))["cores"] for pid in pids))
        print("| %s | %s | %s | %s | %s | %.2f | %.2f |" % (
            count, spread([run["acksPerSecond"] for run in all_runs], "%.0f"), times(all_runs),
            spread([run["server"]["cpuUsecPerAction"] for run in all_runs]), sorted(cores)[len(cores) // 2],
            median([run["server"]["cores"] for run in all_runs]), median([run["store"]["cores"] for run in all_runs])))
    print()


WATCHERS = {
    "none": "nobody",
    "top": "`playhouse top --json`, once a second",
    "tail": "`playhouse tail --bodies` of one room",
}


def quartiles(values, form="%.1f"):
    """median (lower quartile–upper quartile)"""
    lower, middle, upper = statistics.quantiles(values, n=4)
    return f"{form} ({form}–{form})" % (middle, lower, upper)


def answering(folder, how, all_runs):
    """Percent of the server's CPU, of each run."""
    shares = []
    for number, run in enumerate(all_runs, 1):
        before, after = map(float, (folder / f"watch-{how}.{number}.seconds").read_text().split())
        used = run["server"]["cpuUsecPerAction"] * run["acksPerSecond"] * run["seconds"] / 1e6
        shares.append(100 * (after - before) / used)
    return shares


def watching(folder):
    print("One process in its default placement, SQLite in memory, 500 sessions at saturation; the watcher runs on the same cores. "
          "Each round measures all three for 2 s, and compares with its own run without a watcher; medians and quartiles. The last "
          "column is what the actors that answer it have used of the server's CPU:\n")
    print("| who watches | acks/s | CPU µs/action | acks/s beside nobody, % | CPU/action beside nobody, % | of it answering, % |")
    print("|---|---|---|---|---|---|")
    alone = runs(folder, "watch-none")
    for how, name in WATCHERS.items():
        all_runs = runs(folder, f"watch-{how}")
        note_failures(all_runs, how)
        acks, cpu = [[measure(run) for run in all_runs] for measure in MEASURES]
        cells = ["–", "–", "–"]
        if how != "none":
            cells = [quartiles([100 * (measure(run) / measure(other) - 1) for run, other in zip(all_runs, alone)], "%+.1f")
                     for measure in MEASURES] + [quartiles(answering(folder, how, all_runs), "%.2f")]
        print("| %s | %s | %s | %s | %s | %s |" % (name, quartiles(acks, "%.0f"), quartiles(cpu, "%.2f"), *cells))
    print()


MEASURES = (lambda run: run["acksPerSecond"], lambda run: run["server"]["cpuUsecPerAction"])

TABLES = {"messages": messages, "actions": actions, "rooms-good": rooms_good, "rooms": rooms, "scaling": scaling, "watching": watching}

if __name__ == "__main__":
    TABLES[sys.argv[2]](pathlib.Path(sys.argv[1]), *sys.argv[3:])
