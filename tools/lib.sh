# For the scripts beside this file: sourced, not run.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Where tools/setup puts a Node.js when the system's is too old.
PATH="$root/build/tools/node_modules/node/bin:$PATH"
export PATH

say() {
    printf '%s\n' "$*" >&2
}

die() {
    say "$(basename "$0"): $*"
    exit 1
}

# Prints the comment at the head of a script, as its help.
show_help() {
    sed -n '2,/^$/{s/^# \{0,1\}//;p;}' "$1"
}

# The build id that the server and the page must share.
build_id() {
    cat "$root/build/$1/build_id/build_id.txt"
}

# The preset, configured at the first time only; Ninja sees to the rest. Two at once would meet in one folder: one waits.
build() {
    local preset=$1
    shift
    if [ ! -f "$root/build/$preset/build.ninja" ]; then
        (cd "$root" && cmake --preset "$preset" >"$root/build/configure-$preset.log" 2>&1) ||
            { cat "$root/build/configure-$preset.log" >&2; return 1; }
    fi
    flock --close "$root/build/$preset.lock" cmake --build "$root/build/$preset" "$@"
}

build_page() {
    (cd "$root/web-client" && PLAYHOUSE_BUILD=$(build_id release) PLAYHOUSE_WEB_OUT="$root/build/web" npm run --silent build)
}

mkdir -p "$root/build"
