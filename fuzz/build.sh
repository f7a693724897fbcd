#!/bin/sh
# Builds every fuzz target with the stable toolchain: the coverage flags that cargo-fuzz would set, without its sanitizers (there is no
# unsafe code to sanitize). With cargo-fuzz: RUSTC_BOOTSTRAP=1 cargo fuzz build. Run: fuzz/target/x86_64-unknown-linux-gnu/release/TARGET DIR
set -eu
cd "$(dirname "$0")"
export RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
-Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Cdebug-assertions -Coverflow-checks"
exec cargo build --release --target x86_64-unknown-linux-gnu --config 'profile.release.lto="off"' "$@"
