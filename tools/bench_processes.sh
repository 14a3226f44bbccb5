# For tools/bench: sourced, not run. What it costs to be many processes, and to be watched.
# Formatted by tests/bench/processes.py: each measurement is a file NAME.ROUND in $folder, and medians are told.
# shellcheck shell=bash disable=SC2034,SC2154 # variables of tools/bench

with_keys= # not empty: processes have keys

summary() { # summary TABLE ARGUMENTS...
    python3 "$root/tests/bench/processes.py" "$folder" "$@"
}

# Every kind in a process of its own; admission and queue share theirs, because the registry is in its memory.
apart="broker-1=broker persistence-1=persistence auth-1=auth admission-1=admission,queue room-1=room gateway-1=gateway"

# wait_listening PID LOG FIELD: prints that field of the line that says that the process listens.
wait_listening() {
    local line
    until line=$(grep -m1 '"event":"listening"' "$2" 2>/dev/null); do
        pause "$1" "$2"
    done
    grep -o "\"$3\":\"[^\"]*\"" <<<"$line" | cut -d'"' -f4
}

# start_process NAME ROLES FLAGS...: adds to $processes, sets $pid_of[NAME].
start_process() {
    local name=$1 roles=$2 keys=()
    shift 2
    [ -z "$with_keys" ] || keys=(--keys.secret "$folder/keys/$name.key_secret" --keys.allowed "$folder/keys")
    "$playhouse" run --roles "$roles" --node.name "$name" --dev --dev.key "$folder/key.json" --gateway.port 0 \
        --admin.port 0 --broker.endpoint "" --broker.bind 'tcp://127.0.0.1:*' --store.url "$store_url" \
        --gateway.moves_per_second 1000 "${keys[@]}" "$@" 2>"$folder/$name.log" &
    processes+=("$!")
    pid_of[$name]=$!
}

# start_processes LAYOUT FLAGS...: LAYOUT is words NAME=ROLES, a broker first. Sets $url and $pids.
start_processes() {
    local layout=$1 word name broker=
    shift
    processes=()
    declare -gA pid_of=()
    "$playhouse" token --user first --dev.key "$folder/key.json" >/dev/null # makes the key, before all want it
    for word in $layout; do
        name=${word%%=*}
        [ -z "$with_keys" ] || [ -f "$folder/keys/$name.key" ] ||
            "$playhouse" keys "$name" --folder "$folder/keys" >/dev/null 2>&1
    done
    for word in $layout; do
        name=${word%%=*}
        start_process "$name" "${word#*=}" ${broker:+--node.brokers "$broker"} "$@"
        [ -n "$broker" ] ||
            broker="${with_keys:+$name@}$(wait_listening "${pid_of[$name]}" "$folder/$name.log" broker)"
    done
    for word in $layout; do
        name=${word%%=*}
        url=$(wait_listening "${pid_of[$name]}" "$folder/$name.log" url) # the gateway's, which is last
    done
    pids=$(IFS=,; printf '%s' "${processes[*]}")
}

# The last one first: whoever needs others goes before them.
stop_processes() {
    local n
    for ((n = ${#processes[@]} - 1; n >= 0; n--)); do
        kill "${processes[n]}" 2>/dev/null || continue
        wait "${processes[n]}" || true
    done
    processes=()
}

# ---- a message ----

processes_messages() {
    local round
    for ((round = 1; round <= rounds; round++)); do
        say "a message, round $round of $rounds"
        "$(find "$root/build/release" -type f -name push_floor)" --seconds "$seconds" >"$folder/push.$round"
        "$(find "$root/build/release" -type f -name actor_bench)" --seconds "$seconds" >"$folder/actor.$round"
    done
    summary messages
}

# ---- an action ----

# start_form FORM: one of those in $forms.
forms="one threads tcp curve"
start_form() {
    with_keys=
    case $1 in
    one) start_server auto --store.url "$store_url" --admission.room_size 10 ;;
    threads)
        start_server "gateway room persistence auth admission+queue metrics" --store.url "$store_url" \
            --admission.room_size 10
        ;;
    tcp) start_processes "$apart" --admission.room_size 10 ;;
    curve)
        with_keys=yes
        start_processes "$apart" --admission.room_size 10
        ;;
    esac
}

processes_actions() {
    local round form rate
    for ((round = 1; round <= rounds; round++)); do
        for form in $forms; do
            start_form "$form"
            for rate in 1000 5000 max; do
                say "actions, round $round of $rounds: $form at $rate/s"
                measure "form-$form-$rate.$round" --sessions 500 --rate "$rate" --seconds "$seconds" --store-pid "$postgres"
            done
            stop_server
            stop_processes
        done
    done
    # shellcheck disable=SC2086
    summary actions $forms
}

# ---- rooms of one process, and of two ----

# Ten in each room, two moves a second each.
processes_rooms() {
    local players tried=()
    with_keys=
    for players in 500 1000; do
        start_processes "$apart" --admission.room_size 10 --admission.capacity 20000
        say "rooms: $players players"
        measure "rooms-$players.1" --sessions "$players" --rate $((2 * players)) --seconds "$seconds" --warmup 2
        printf '%s\n' "${pid_of[room-1]}" >"$folder/rooms-$players.pid"
        stop_processes
        tried+=("$players")
        summary rooms-good "$players" || break
    done
    summary rooms "${tried[@]}"
}

processes_scaling() {
    local round count layout
    with_keys=
    for ((round = 1; round <= rounds; round++)); do
        for count in 1 2; do
            layout=$apart
            [ "$count" = 1 ] || layout="${apart/ gateway/ room-2=room gateway}"
            start_processes "$layout" --admission.room_size 10
            say "room processes, round $round of $rounds: $count"
            measure "scaling-$count.$round" --sessions 500 --rate max --seconds "$seconds" --store-pid "$postgres"
            printf '%s\n' "${pid_of[room-1]}" "${pid_of[room-2]-}" >"$folder/scaling-$count.$round.pids"
            stop_processes
        done
    done
    summary scaling
}

# ---- being watched ----

watcher=
stop_watcher() {
    [ -z "$watcher" ] || { kill "$watcher"; wait "$watcher" || true; watcher=; }
}

# start_watcher none|top|tail: sets $watcher. What it shows goes to a file, so that it can be seen that it did watch.
start_watcher() {
    : >"$folder/watched"
    case $1 in
    none) return ;;
    top) "$playhouse" top --json --broker.endpoint "$door" >"$folder/watched" 2>"$folder/watcher.log" & ;;
    tail)
        "$playhouse" tail --bodies --json --actor room --key plaza/main --broker.endpoint "$door" \
            >"$folder/watched" 2>"$folder/watcher.log" &
        ;;
    esac
    watcher=$!
}

# Seconds of CPU that the actors of watching have used.
watch_seconds() {
    curl -sf "http://127.0.0.1:$admin/metrics" |
        awk '/^playhouse_handler_seconds_total\{[^}]*"(watch|front)"/ { sum += $NF } END { printf "%.6f\n", sum }'
}

# One server at saturation; each round looks at all three, forwards and backwards in turn. Many short rounds, and its SQLite
# file in memory where there is some, so that the moods of the machine and of its disk fall on all alike.
processes_watching() {
    local round how order watched=$((8 * rounds)) base=/dev/shm
    [ -w "$base" ] || base=$folder
    memory=$(mktemp -d "$base/playhouse-bench-XXXXXX")
    start_server auto --admission.room_size 10 --broker.endpoint 'tcp://127.0.0.1:*' --store.path "$memory/play.db"
    door=$(wait_listening "$server" "$folder/log" frontDoor)
    measure warm --sessions 500 --rate max --seconds "$seconds"
    for ((round = 1; round <= watched; round++)); do
        order="none top tail"
        [ $((round % 2)) = 1 ] || order="tail top none"
        for how in $order; do
            say "watching, round $round of $watched: $how"
            start_watcher "$how"
            watch_seconds >"$folder/watch-$how.$round.seconds"
            measure "watch-$how.$round" --sessions 500 --rate max --seconds 2
            watch_seconds >>"$folder/watch-$how.$round.seconds"
            [ "$how" = none ] || [ -s "$folder/watched" ] || { cat "$folder/watcher.log" >&2; die "$how has seen nothing"; }
            stop_watcher
        done
    done
    stop_server
    rm -rf "$memory"
    summary watching
}

section_processes() {
    start_postgres
    processes_messages
    processes_actions
    processes_rooms
    processes_scaling
    stop_postgres
    processes_watching
}
