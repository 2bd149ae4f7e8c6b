#!/usr/bin/env bash
# The example node_cluster against Node's own cluster: the same workers, a new TCP connection for each request, both
# primaries up all the time and loaded in turns. Prints ratios (Rust to Node): more requests are better, less processor
# time of the primary is.
#
# Needs Node.js and ab (Debian: apache2-utils).
# Usage: benches/cluster.sh [ROUNDS [REQUESTS]]
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

rounds=${1-15}
requests=${2-3000}
workers=2
worker=$PWD/examples/node_cluster/worker.js
ours=8001
theirs=8000 # the one that worker.js asks for

for program in node ab; do
    command -v "$program" >/dev/null || { echo "${0##*/}: $program was not found" >&2; exit 1; }
done
cargo build --quiet --release --features node --example node_cluster
target=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')

work=$(mktemp --directory)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; rm -rf "$work"' EXIT

"$target/release/examples/node_cluster" --workers $workers --port $ours >/dev/null &
pids+=($!)
node -e "
    const cluster = require('cluster');
    cluster.schedulingPolicy = cluster.SCHED_RR;
    cluster.setupPrimary({ exec: '$worker', execArgv: [] });
    for (let i = 0; i < $workers; i++) cluster.fork();" &
pids+=($!)

for port in $ours $theirs; do
    for _ in {1..100}; do
        ab -q -n 1 "http://127.0.0.1:$port/" >/dev/null 2>&1 && break
        sleep 0.1
    done
done

# Ticks of processor time that a process has used.
ticks() {
    awk '{ print $14 + $15 }' "/proc/$1/stat"
}

# Requests per second, and ticks of the primary.
load() {
    local before after rate
    before=$(ticks "$2")
    rate=$(ab -q -n "$requests" -c 32 "http://127.0.0.1:$1/" 2>/dev/null | awk '/^Requests per second/ { print $4 }')
    after=$(ticks "$2")
    echo "$rate $((after - before))"
}

load $ours "${pids[0]}" >/dev/null
load $theirs "${pids[1]}" >/dev/null
for ((round = 0; round < rounds; round++)); do
    if ((round % 2)); then
        a=$(load $ours "${pids[0]}") b=$(load $theirs "${pids[1]}")
    else
        b=$(load $theirs "${pids[1]}") a=$(load $ours "${pids[0]}")
    fi
    echo "$a $b" >>"$work/rounds"
done

# Median and quartiles of a ratio of two columns.
ratio() {
    awk -v a="$1" -v b="$2" '{ print $a / ($b > 0 ? $b : 1) }' "$work/rounds" | sort -g |
        awk '{ v[NR] = $1 } END {
            printf "%.2f (%.2f to %.2f)\n", v[int((NR + 1) / 2)], v[int((NR + 3) / 4)], v[int((3 * NR + 3) / 4)] }'
}
echo "requests a second: $(ratio 1 3)"
echo "processor time of the primary: $(ratio 2 4)"
