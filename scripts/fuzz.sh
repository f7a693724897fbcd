#!/usr/bin/env bash
# Builds, replays and runs the fuzz targets on the stable toolchain. See --help.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

usage() {
    cat <<'HELP'
scripts/fuzz.sh --build               build every target
scripts/fuzz.sh --replay              feed every target its kept corpus (fuzz/corpus/TARGET), once
scripts/fuzz.sh --list                the targets
scripts/fuzz.sh TARGET [SECONDS]      run one target for so long (default 60) and keep what it finds

New inputs land in target/fuzz-corpus/TARGET; an input that crashes a target lands in target/fuzz-artifacts. Copy either into
fuzz/corpus/TARGET to keep it as a test. The library holds no unsafe code, so the address sanitizer, which needs a nightly
compiler, would find nothing here; libFuzzer's coverage hooks do not need one.
HELP
}

HOST=$(rustc -vV | sed -n 's/^host: //p')
OUT=$TARGET/fuzz
# What libFuzzer steers by: edge counters, the table that names them, and the operands of comparisons.
HOOKS=(
    --cfg fuzzing -Cdebug-assertions -Coverflow-checks -Ccodegen-units=1 -Cpasses=sancov-module
    -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares
)
# Seconds for one input, and MiB of memory, beyond which a target has failed.
INPUT_TIMEOUT=10
MEMORY_LIMIT=1024

targets() { sed -n 's/^name = "\(.*\)"$/\1/p' "$ROOT/fuzz/Cargo.toml" | grep -vx "$(package)"; }
package() { sed -n '/^\[package\]/,/^\[/s/^name = "\(.*\)"$/\1/p' "$ROOT/fuzz/Cargo.toml"; }

# With --target the flags reach the targets and the library alone, not the build scripts and macros that run while compiling.
build() {
    RUSTFLAGS="${HOOKS[*]}" CARGO_TARGET_DIR=$OUT \
        cargo build --locked --release --target "$HOST" --manifest-path "$ROOT/fuzz/Cargo.toml" --bins
}

replay() {
    local target corpus count
    mkdir -p "$TARGET/fuzz-artifacts"
    while read -r target; do
        corpus=$ROOT/fuzz/corpus/$target
        [ -d "$corpus" ] || die "the fuzz target '$target' has no corpus in fuzz/corpus/$target"
        count=$(find "$corpus" -type f | wc -l)
        [ "$count" -gt 0 ] || die "the corpus of the fuzz target '$target' is empty"
        "$OUT/$HOST/release/$target" -runs=0 -timeout="$INPUT_TIMEOUT" -rss_limit_mb="$MEMORY_LIMIT" \
            -artifact_prefix="$TARGET/fuzz-artifacts/$target-" "$corpus" >"$TARGET/fuzz-replay.log" 2>&1 || {
            tail -n 40 "$TARGET/fuzz-replay.log" >&2
            die "the fuzz target '$target' failed on its corpus"
        }
        say "fuzz: $target replayed $count inputs"
    done < <(targets)
}

run() {
    local target=$1 seconds=${2:-60}
    targets | grep -qx "$target" || die "no fuzz target '$target'; there are: $(targets | tr '\n' ' ')"
    mkdir -p "$TARGET/fuzz-artifacts" "$TARGET/fuzz-corpus/$target" "$ROOT/fuzz/corpus/$target"
    # libFuzzer writes into the first folder and only reads the others.
    exec "$OUT/$HOST/release/$target" -max_total_time="$seconds" -timeout="$INPUT_TIMEOUT" -rss_limit_mb="$MEMORY_LIMIT" \
        -print_final_stats=1 -artifact_prefix="$TARGET/fuzz-artifacts/$target-" "$TARGET/fuzz-corpus/$target" "$ROOT/fuzz/corpus/$target"
}

case ${1:---help} in
--help | -h) usage ;;
--list) targets ;;
--build) build ;;
--replay) replay ;;
-*) die "unknown option '$1'; see --help" ;;
*)
    build
    run "$@"
    ;;
esac
