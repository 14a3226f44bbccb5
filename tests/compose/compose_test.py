#!/usr/bin/env python3
"""compose/ against the binary and against the programs that read it: names, ports, keys, roles and metrics that exist.

    compose_test.py --playhouse BINARY
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import confined
from deployment import COMPOSE, ROOT, UNITS, alerts, containers, load, panels, queries, services, units, variables, zpl

playhouse = None  # the binary; main() knows
EXPOSURE_MAX = 2.0  # of systemd-analyze security


def run(*command, env=None):
    done = subprocess.run(command, env=os.environ | (env or {}), capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def with_dependencies(packages):
    """Those of the words that are packages of this system, and all that they depend on."""
    found, ahead = set(), list(packages)
    while ahead:
        package = ahead.pop()
        if package not in found:
            code, depends = run("dpkg-query", "-W", "-f", "${Pre-Depends}, ${Depends}", package)
            if code == 0:
                found.add(package)
                ahead += [re.split(r"[ :(|]", one.strip())[0] for one in depends.split(",") if one.strip()]
    return found


class Parses(unittest.TestCase):
    def test_every_yaml_and_json_file_parses(self):
        found = [path for path in COMPOSE.rglob("*") if path.suffix in (".yaml", ".yml", ".json")]
        self.assertGreaterEqual(len(found), 6)
        for path in found:
            with self.subTest(path.name):
                self.assertTrue(json.loads(path.read_text()) if path.suffix == ".json" else load(path))


class Configuration(unittest.TestCase):
    def test_the_binary_takes_the_configuration_of_every_process(self):
        every = [*containers(), *units()]
        self.assertGreaterEqual(len(every), 17)
        for process in every:
            with self.subTest(process):
                ours = {name: value for name, value in process.variables.items() if name.startswith("PLAYHOUSE_")}
                code, said = run(playhouse, "check-config", str(process.conf), env=ours)
                self.assertEqual(code, 0, said)

    def test_what_the_operator_and_the_migration_are_given_is_taken_too(self):
        for name in ("operator", "migrate", "first-start"):
            code, said = run(playhouse, "check-config", env=variables(services()[name]))
            self.assertEqual(code, 0, f"{name}: {said}")

    def test_a_key_that_the_binary_does_not_know_would_be_noticed(self):
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as conf:
            conf.write((COMPOSE / "playhouse.conf").read_text() + "\nnode.brooker = x\n")
            conf.flush()
            code, said = run(playhouse, "check-config", conf.name)
            self.assertNotEqual(code, 0)
            self.assertIn("node.brooker", said)

    def test_every_role_of_the_binary_has_a_process(self):
        known = re.search(r"what this process does among others.*?: ([a-z, ]+);", run(playhouse, "config")[1])
        self.assertIsNotNone(known, "playhouse config tells the roles")
        roles = set(known.group(1).split(", ")) - {"metrics"}  # which everybody has
        self.assertGreaterEqual(len(roles), 7)
        for every in (containers(), units()):
            self.assertEqual(set().union(*(process.roles for process in every)), roles)

    def test_brokers_gateways_and_rooms_are_two_each(self):
        for every in (list(containers()), list(units())):
            for role in ("broker", "gateway", "room"):
                self.assertEqual(sum(role in process.roles for process in every), 2, role)

    def test_processes_are_named_as_their_service_and_hold_their_own_key_only(self):
        for process in containers():
            with self.subTest(process):
                service = services()[process.name]
                self.assertEqual(process.value("node.name"), process.name)
                self.assertEqual(process.value("keys.secret"), f"/keys/own/{process.name}.key_secret")
                keys = [volume for volume in service["volumes"] if volume.startswith("key-")]
                self.assertEqual(keys, [f"key-{process.name}:/keys/own:ro"])
                self.assertIn(process.name, services()["first-start"]["command"])
                self.assertIn(f"key-{process.name}:/keys/{process.name}", services()["first-start"]["volumes"])
        for process in units():
            self.assertEqual(process.value("node.name"), process.name)

    def test_every_process_is_told_of_every_broker_where_it_listens(self):
        for every in (list(containers()), list(units())):
            brokers = [process for process in every if "broker" in process.roles]
            places = [f"{one.name}@tcp://{one.value('node.host')}:{one.value('broker.bind').split(':')[-1]}" for one in brokers]
            for process in every:
                self.assertEqual(process.value("node.brokers").split(), places, process)

    def test_a_process_is_reached_at_the_address_of_its_container(self):
        for process in containers():
            networks = services()[process.name]["networks"]
            self.assertEqual(process.value("node.host"), networks["inside"]["ipv4_address"], process)

    def test_the_balancer_and_nobody_else_is_believed(self):
        networks = services()["haproxy"]["networks"]
        addresses = sorted(network["ipv4_address"] for network in networks.values())
        for process in containers():
            self.assertEqual(sorted(process.value("gateway.trusted_proxies").split()), addresses, process)
        others = [one.get("networks") for name, one in services().items() if name != "haproxy"]
        taken = {network.get("ipv4_address") for one in others if isinstance(one, dict) for network in one.values()}
        self.assertFalse(set(addresses) & taken)

    def test_processes_of_one_machine_do_not_share_a_port(self):
        ports = {}
        for process in units():
            for key in ("node.port", "admin.port", "gateway.port"):
                if key != "gateway.port" or "gateway" in process.roles:
                    place = (process.value("node.host"), process.value(key))
                    self.assertNotIn(place, ports, f"{process} and {ports.get(place)}")
                    ports[place] = process
        self.assertGreaterEqual(len(ports), 18)


class Containers(unittest.TestCase):
    def test_our_own_containers_may_do_nothing_that_they_need_not(self):
        for name, service in services().items():
            if service["image"] in ("playhouse", "playhouse-oidc"):
                with self.subTest(name):
                    self.assertEqual(service["cap_drop"], ["ALL"])
                    if name != "first-start":
                        self.assertTrue(service["read_only"])
                        self.assertNotIn("user", service)
                        self.assertIn("no-new-privileges:true", service["security_opt"])

    def test_nothing_is_published_beyond_this_machine_but_the_balancer_when_it_is_told_to(self):
        for name, service in services().items():
            for port in service.get("ports", []):
                start = "${PLAYHOUSE_LISTEN:-127.0.0.1}:" if name == "haproxy" else "127.0.0.1:"
                self.assertTrue(port.startswith(start), f"{name}: {port}")

    def test_no_secret_stands_in_a_file(self):
        for name, service in services().items():
            for variable, value in variables(service).items():
                if not value.startswith("/"):  # where it is may be said
                    self.assertNotRegex(variable, r"PASSWORD|TOKEN|SECRET|KEY", name)
        for path in COMPOSE.rglob("*.conf"):
            self.assertNotRegex(path.read_text(), r"://[^/\s@]*:[^/\s@]*@", path)

    def test_what_is_mounted_is_there_and_every_volume_is_declared(self):
        declared = set(load(COMPOSE / "compose.yaml")["volumes"])
        used = set()
        for name, service in services().items():
            for volume in service.get("volumes", []):
                source = volume.split(":")[0]
                if source.startswith("."):
                    self.assertTrue((COMPOSE / source).exists(), f"{name}: {source}")
                else:
                    used.add(source)
        self.assertEqual(used, declared)

    def test_the_image_has_every_library_that_the_binary_needs(self):
        image = (COMPOSE / "Dockerfile").read_text()
        installed = with_dependencies(re.findall(r"[a-z][a-z0-9.+-]+", image[image.rindex("FROM"):]))
        needed = re.findall(r"\(NEEDED\).*\[(.+)\]", run("readelf", "-d", playhouse)[1])
        self.assertGreaterEqual(len(needed), 8)
        of_the_compiler = r"lib(c|m|gcc_s|asan|ubsan|tsan)\.so"
        for library in needed:
            if not re.match(of_the_compiler, library):
                package = run("dpkg", "-S", f"*/{library}")[1].split(":")[0]
                self.assertIn(package, installed, library)
        self.assertIn("libwebsockets-evlib-ev", image)  # loaded while it runs


class Units(unittest.TestCase):
    """The units as docs/deployment.md installs them, in a root of their own."""

    @classmethod
    def setUpClass(cls):
        cls.root = Path(tempfile.mkdtemp(prefix="playhouse-units-"))
        cls.addClassCleanup(shutil.rmtree, cls.root)
        folder = cls.root / "etc/systemd/system"
        (cls.root / "usr/local/bin").mkdir(parents=True)
        (cls.root / "usr/lib").mkdir()
        (cls.root / "lib").symlink_to("usr/lib")
        shutil.copytree("/lib/systemd/system", cls.root / "usr/lib/systemd/system", symlinks=True)
        shutil.copy(playhouse, cls.root / "usr/local/bin/playhouse")
        for name in ("playhouse.service", "playhouse@.service"):
            (folder / f"{name}.d").mkdir(parents=True)
            shutil.copy(UNITS / "hardened.conf", folder / f"{name}.d")
            shutil.copy(UNITS / name, folder)
        shutil.copy(UNITS / "playhouse.target", folder)
        (folder / "playhouse@core-1.service.d").mkdir()
        shutil.copy(UNITS / "store.conf", folder / "playhouse@core-1.service.d")
        cls.names = ["playhouse.service", "playhouse@core-1.service", "playhouse@room-1.service"]

    def test_systemd_finds_nothing_wrong_with_them(self):
        for name in [*self.names, "playhouse.target"]:
            code, said = run("systemd-analyze", f"--root={self.root}", "verify", "--man=no", name)
            self.assertEqual((code, said), (0, ""), name)

    def test_they_are_exposed_as_little_as_systemd_can_have_it(self):
        for name in self.names:
            code, said = run("systemd-analyze", f"--root={self.root}", "security", "--offline=true", "--no-pager", name)
            level = re.search(r"exposure level for \S+: ([0-9.]+)", said)
            self.assertIsNotNone(level, said)
            self.assertLess(float(level.group(1)), EXPOSURE_MAX, said)

    def test_the_server_plays_with_the_system_calls_that_they_allow(self):
        unit = (UNITS / "hardened.conf").read_text()
        self.assertNotIn("mount", confined.allowed(unit))
        with tempfile.TemporaryDirectory() as folder:
            flags = ["--gateway.port", "0", "--admin.port", "0", "--broker.endpoint", ""]
            server = confined.start([playhouse, "run", "--dev", *flags], unit, cwd=folder, text=True,
                                    stderr=subprocess.PIPE, env=os.environ | {"ASAN_OPTIONS": "detect_leaks=0"})
            try:
                said = ""  # ends with the line that is waited for, or when the server does
                while '"event":"listening"' not in said and (line := server.stderr.readline()):
                    said += line
                url = re.search(r'"event":"listening".*"url":"([^"]+)"', said)
                self.assertIsNotNone(url, said)
                load = ["--sessions", "10", "--rate", "100", "--seconds", "1"]
                code, bench = run(playhouse, "bench", "--url", url.group(1), *load)
                self.assertEqual(code, 0, bench)
                self.assertRegex(bench, r"10 of 10 joined")
                server.terminate()
                rest = server.communicate(timeout=20)[1]
                self.assertEqual(server.returncode, 0, rest)
            finally:
                server.kill()
                server.communicate()

    def test_the_writer_has_the_password_and_nobody_else(self):
        self.assertNotIn("pgpass", (UNITS / "playhouse@.service").read_text())
        self.assertIn("pgpass", (UNITS / "store.conf").read_text())


class Watching(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        page = (ROOT / "docs/metrics.md").read_text()
        rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) \|", page, re.M)
        cls.types = {name: kind for name, kind, _ in rows}
        # metric -> label -> values, empty when any may come
        cls.labels = {name: {label: set(filter(None, values.split(", "))) for label, values in
                             re.findall(r"`(\w+)`(?:: ([^`]*))?", text.replace("; `", " `"))} for name, _, text in rows}

    def test_prometheus_takes_its_configuration_and_the_rules(self):
        for words in (["check", "config", COMPOSE / "prometheus/prometheus.yml"],
                      ["check", "rules", COMPOSE / "prometheus/alerts.yml"],
                      ["test", "rules", Path(__file__).parent / "alerts_test.yml"]):
            code, said = run("promtool", *map(str, words))
            self.assertEqual(code, 0, said)

    def test_every_process_is_scraped_at_its_admin_port(self):
        jobs = {job["job_name"]: job["static_configs"][0]["targets"]
                for job in load(COMPOSE / "prometheus/prometheus.yml")["scrape_configs"]}
        self.assertEqual(sorted(jobs["playhouse"]), sorted(f"{one.name}:{one.value('admin.port')}" for one in containers()))
        port = services()["haproxy"]["environment"]["METRICS"].split(":")[-1]
        self.assertEqual(jobs["haproxy"], [f"haproxy:{port}"])

    def test_every_metric_that_is_asked_for_exists(self):
        asked = set()
        for where, query in queries():
            for name in re.findall(r"\b((?:playhouse|process)_\w+)", query):
                base = re.sub(r"_(bucket|sum|count)$", "", name) if name not in self.types else name
                self.assertIn(base, self.types, f"{where}: {name} is not in docs/metrics.md")
                if base != name:
                    self.assertEqual(self.types[base], "histogram", f"{where}: {name}")
                asked.add(base)
        self.assertGreaterEqual(len(asked), 30)

    def test_every_label_that_is_chosen_by_can_have_that_value(self):
        chosen = 0
        for where, query in queries():
            for name, matchers in re.findall(r"\b(playhouse_\w+)\{([^}]*)\}", query):
                for label, value in re.findall(r'(\w+)="([^"]*)"', matchers):
                    self.assertIn(value, self.labels[name][label], f"{where}: {name}")
                    chosen += 1
        self.assertGreaterEqual(chosen, 3)

    def test_counters_are_asked_for_their_rate_and_gauges_for_themselves(self):
        for where, query in queries():
            for function, name in re.findall(r"(\w*)\(?\b((?:playhouse|process)_\w+)", query):
                counts = self.types.get(name) == "counter" or name.endswith("_bucket")
                self.assertEqual(function in ("rate", "increase"), counts, f"{where}: {name}")

    def test_every_alarm_is_in_the_runbook_and_says_what_to_do(self):
        runbook = (ROOT / "docs/operations.md").read_text()
        for rule in alerts():
            with self.subTest(rule["alert"]):
                self.assertIn(f"`{rule['alert']}`", runbook)
                self.assertTrue(rule["annotations"]["summary"] and rule["annotations"]["action"])
                self.assertIn(rule["labels"]["severity"], ("page", "ticket"))

    def test_panels_do_not_lie_on_each_other(self):
        taken = {}
        for panel in panels():
            place = panel["gridPos"]
            self.assertLessEqual(place["x"] + place["w"], 24, panel["title"])
            for x in range(place["x"], place["x"] + place["w"]):
                for y in range(place["y"], place["y"] + place["h"]):
                    self.assertNotIn((x, y), taken, f"{panel['title']} and {taken.get((x, y))}")
                    taken[x, y] = panel["title"]

    def test_grafana_finds_its_source_and_its_dashboards(self):
        source = load(COMPOSE / "grafana/provisioning/datasources/prometheus.yaml")["datasources"][0]
        self.assertEqual(source["url"], "http://prometheus:9090")
        for panel in panels():
            self.assertEqual(panel["datasource"]["uid"], source["uid"])
        folder = load(COMPOSE / "grafana/provisioning/dashboards/playhouse.yaml")["providers"][0]["options"]["path"]
        self.assertIn(f"./grafana/dashboards:{folder}:ro", services()["grafana"]["volumes"])


class Balancer(unittest.TestCase):
    def test_haproxy_takes_its_configuration(self):
        env = {name: re.sub(r"^[\w*-]+:", "127.0.0.1:", value) for name, value in variables(services()["haproxy"]).items()}
        code, said = run("haproxy", "-c", "-f", str(COMPOSE / "haproxy/haproxy.cfg"), env=env)
        self.assertEqual(code, 0, said)

    def test_every_gateway_is_behind_it(self):
        behind = {value for name, value in variables(services()["haproxy"]).items() if name.startswith("GATEWAY_")}
        port = zpl(COMPOSE / "playhouse.conf")["gateway.port"]
        self.assertEqual(behind, {f"{one.name}:{port}" for one in containers() if "gateway" in one.roles})

    def test_nobody_sticks_to_a_gateway(self):
        self.assertNotRegex((COMPOSE / "haproxy/haproxy.cfg").read_text(), r"(?m)^\s*(cookie|stick (on|match|store)|balance source)")


if __name__ == "__main__":
    at = sys.argv.index("--playhouse")
    playhouse = str(Path(sys.argv[at + 1]).resolve())
    del sys.argv[at : at + 2]
    unittest.main()
