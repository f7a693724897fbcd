#!/usr/bin/env bash
# Measures; asserts nothing. See --help.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

usage() {
    cat <<'HELP'
scripts/bench.sh [micro [FILTER] | ingest [OPTIONS OF THE HARNESS] | fanout [OPTIONS OF THE HARNESS] | ladder [OPTIONS OF THE HARNESS]]

  micro    criterion benchmarks (benches/*.rs), pinned to one core; FILTER is a part of a benchmark's name
  ingest   N publishers against the release gateway on one core: CPU time of a stream's second, memory per publisher, beside a bare
           socket reader measured in the same run; `scripts/bench.sh ingest --help` lists its options
  fanout   the release gateway on one core, N viewers on another: CPU seconds per GiB delivered, memory per viewer and delays,
           beside the floor measured in the same run, which for Low-Latency HLS is nginx where it is installed (nginx-light);
           `scripts/bench.sh fanout --help` lists its options, benches/README.md tells how to read the table and how to measure
           another server
  ladder   the ladder's worker: CPU time of three rungs beside the `ffmpeg` command that makes the same, the delay it adds, and what becomes of
           rungs that are too much; options are rounds=3, seconds=20 and heavy=slower, a preset of x264
  nothing  all of them, with their defaults

Leave the machine alone meanwhile: the figures are those of a quiet machine.
HELP
}

# The last core: interrupts and the rest of the machine tend to the first.
CORE=$(($(nproc) - 1))

micro() {
    local bench benches=()
    for bench in benches/*.rs; do benches+=("$(basename "$bench" .rs)"); done
    cargo bench --locked --no-run "${benches[@]/#/--bench=}"
    for bench in "${benches[@]}"; do
        say "==== $bench, on core $CORE"
        taskset -c "$CORE" cargo bench --locked --quiet --bench "$bench" -- "$@"
    done
    say "criterion's reports: ${TARGET#"$ROOT"/}/criterion/*/report"
}

# harness NAME [OPTIONS]: cargo builds the release gateway along with the harness, which pins gateway and load itself, each to a core of
# its own, and raises its limit of open files as far as it may.
harness() {
    local name=$1 log
    shift
    mkdir -p "$TARGET/$name"
    log=$TARGET/$name/$(date +%Y%m%d-%H%M%S).txt
    cargo bench --locked --bench "$name" -- "$@" | tee "$log"
    say "kept in ${log#"$ROOT"/}"
}

ladder() {
    ensure_command ffmpeg ffmpeg
    ensure_libav
    mkdir -p "$TARGET/ladder"
    cargo bench --locked --features transcode --bench ladder -- "$@" | tee "$TARGET/ladder/$(date +%Y%m%d-%H%M%S).txt"
}

ingest() { harness publishers "$@"; }
fanout() { harness fanout "$@"; }

cd "$ROOT"
ensure_rust
ensure_command taskset util-linux
ensure_command prlimit util-linux
case ${1:-all} in
--help | -h) usage ;;
micro | ingest | fanout | ladder) "$@" ;;
all)
    for part in micro ingest fanout ladder; do "$part"; done
    ;;
*) die "unknown part '$1'; see --help" ;;
esac
