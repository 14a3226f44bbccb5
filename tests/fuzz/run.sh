#!/bin/sh
# Runs every fuzz target of a build made with `cmake --preset fuzz`, bounded: 1,000,000 inputs over the five of them,
# from the corpus that is checked in. New inputs go to a folder of their own, so that the sources stay as they are.
#   tests/fuzz/run.sh [build folder] [inputs for each target]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=${1:-$here/../../build/fuzz}
runs=${2:-200000}
found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT
fuzz() {
    target=$1
    mkdir -p "$found/$target"
    "$build/fuzz/fuzz_$target" -runs="$runs" -seed=1 -max_len=2048 -timeout=60 -rss_limit_mb=1024 -print_final_stats=1 \
        -verbosity=1 -artifact_prefix="$build/fuzz/" "$found/$target" "$here/corpus/$target" >"$found/$target.log" 2>&1 || {
        cat "$found/$target.log"
        echo "fuzz_$target: failed; the input is in $build/fuzz" >&2
        return 1
    }
    echo "fuzz_$target: $(grep -o 'stat::number_of_executed_units: *[0-9]*' "$found/$target.log" | grep -o '[0-9]*$') inputs, nothing found"
}

# Side by side: each keeps one core busy.
fuzz frame_json &
json=$!
fuzz frame_msgpack &
msgpack=$!
status=0
fuzz message || status=1
wait "$json" || status=1
fuzz front_line &
line=$!
wait "$msgpack" || status=1
fuzz envelope || status=1
wait "$line" || status=1
exit "$status"
