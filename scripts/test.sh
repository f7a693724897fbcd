#!/usr/bin/env bash
# Everything that must hold before a change is taken; what CI runs is this script. See --help.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

# In the order in which they run: what fails often and fast comes first, and what a later stage reuses comes before it.
STAGES=(tools shell fmt web media deny clippy doc test fuzz browser)
QUICK=(tools shell fmt clippy test)

usage() {
    cat <<HELP
scripts/test.sh [--quick | --long] [--only STAGE]...

  (nothing)      every stage
  --quick        ${QUICK[*]}; clippy for the default features only, tests without those in real time
  --long         every stage, with the ignored (long) tests and more ways to play
  --only STAGE   just this stage (and 'tools'); may be given several times

Stages: ${STAGES[*]}
HELP
}

mode=default
only=()
while [ $# -gt 0 ]; do
    case $1 in
    --quick | --long) mode=${1#--} ;;
    --only)
        [ $# -ge 2 ] || die "--only needs a stage"
        [[ " ${STAGES[*]} " == *" $2 "* ]] || die "no stage '$2'; there are: ${STAGES[*]}"
        only+=("$2")
        shift
        ;;
    --help | -h)
        usage
        exit 0
        ;;
    *) die "unknown option '$1'; see --help" ;;
    esac
    shift
done
selected=("${STAGES[@]}")
[ "$mode" != quick ] || selected=("${QUICK[@]}")
[ ${#only[@]} -eq 0 ] || selected=(tools "${only[@]}")

cd "$ROOT"
REPORT=$ROOT/target/test
rm -rf "$REPORT"
mkdir -p "$REPORT"
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-auto}
if [ -n "${CI:-}" ]; then
    # A machine that builds once gains nothing from incremental caches and debug info, and both cost time and disk.
    export CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0 CARGO_TERM_COLOR=never CARGO_TERM_PROGRESS_WHEN=never
fi

selects() { [[ " ${selected[*]} " == *" $1 "* ]]; }

# ---- tools: installed where missing, at these versions -------------------------------------------------------------

NEXTEST_PINNED=0.9.143
DENY_PINNED=0.20.2

# cargo_tool NAME VERSION INSTALL_OPTIONS...: keeps what is there in that version, else compiles it, unoptimised: these
# tools wait for others most of the time, and an optimised build of them takes longer than all that they do here.
cargo_tool() {
    local name=$1 version=$2 began=$SECONDS
    shift 2
    if [ "$("$name" --version 2>/dev/null | awk 'NR == 1 { print $2 }')" = "$version" ]; then return 0; fi
    say "compiling $name $version"
    CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR=$TARGET/tools-build \
        cargo install --quiet --locked --debug --root "$TOOLS" "$@" "$name@$version"
    say "compiled $name $version in $((SECONDS - began)) s"
}

stage_tools() {
    ensure_rust
    cargo clippy --version >/dev/null && cargo fmt --version >/dev/null
    if selects shell; then ensure_command shellcheck shellcheck; fi
    # All features include the ladder's worker.
    if selects clippy || selects doc || selects test || selects browser; then ensure_libav; fi
    if selects media || selects test || selects browser; then
        ensure_command ffmpeg ffmpeg
        ensure_ffmpeg9
    fi
    # Speaks HTTP/2 by another library than ours.
    if selects test; then ensure_command curl curl; fi
    # Encoders and players of other people, for the tests that publish and play in real time.
    if selects test && [ "$mode" != quick ]; then
        ensure_command rtmpdump rtmpdump
        apt_install obs-studio xvfb gstreamer1.0-tools gstreamer1.0-plugins-{base,good,bad,ugly} gstreamer1.0-libav
    fi
    if selects browser; then
        ensure_command chromium chromium
        # Plays HEVC by the libavcodec that ffmpeg has brought along.
        ensure_command firefox-esr firefox-esr
        # The clock burnt into pictures, and text in the pages, need some font.
        [ -n "$(find /usr/share/fonts -name '*.ttf' -print -quit 2>/dev/null)" ] || apt_install fonts-dejavu-core
    fi
    if selects fuzz; then ensure_command c++ g++; fi
    if selects web || selects browser; then
        ensure_node
        install_web
    fi
    if selects test || selects browser; then cargo_tool cargo-nextest "$NEXTEST_PINNED" --no-default-features --features default-no-update; fi
    if selects deny; then cargo_tool cargo-deny "$DENY_PINNED"; fi
    rm -rf "$TARGET/tools-build"
}

# ---- checks --------------------------------------------------------------------------------------------------------

stage_shell() {
    local scripts=(scripts/*.sh scripts/lib/*.sh tests/clients/*.sh .ci/run)
    bash -n "${scripts[@]}"
    shellcheck --external-sources "${scripts[@]}"
}

stage_fmt() { cargo fmt --check; }

stage_web() {
    (cd web && npm run --silent check)
    build_web
}

stage_media() { scripts/media.sh; }

# Advisories are left out: their database is a repository of its own that has to be fetched on each run, and a check that
# fails because the network does says nothing about the change at hand. `cargo deny check advisories` asks it by hand.
stage_deny() { cargo deny --locked --all-features check --hide-inclusion-graph bans licenses sources; }

# All features first: what the other two share with it is then already checked.
stage_clippy() {
    if [ "$mode" != quick ]; then cargo clippy --locked --all-targets --all-features -- -D warnings; fi
    cargo clippy --locked --all-targets -- -D warnings
    if [ "$mode" != quick ]; then cargo clippy --locked --all-targets --no-default-features -- -D warnings; fi
}

stage_doc() { RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --all-features; }

# ---- tests ---------------------------------------------------------------------------------------------------------

stage_test() {
    local options=(--locked --all-features) status=0
    case $mode in
    quick) options+=(--profile quick) ;;
    long)
        # Properties are searched fifty times as deep.
        export PROPTEST_CASES=12800
        # What takes a browser is the stage's of that name.
        options+=(--profile long --run-ignored all -E 'not test(/_in_a_browser$/)')
        ;;
    esac
    cargo nextest run "${options[@]}" 2>&1 | tee "$REPORT/nextest.log" || status=$?
    count_tests
    [ "$status" -eq 0 ] || return "$status"
    # nextest does not run the examples in the documentation.
    cargo test --locked --all-features --doc --quiet
}

passed=0
failed=0

# Takes the figures from nextest's own closing line, such as "Summary [ 1.2s] 12 tests run: 11 passed (1 slow), 1 failed, 3 skipped".
count_tests() {
    local line
    line=$(sed 's/\x1b\[[0-9;]*m//g' "$REPORT/nextest.log" | grep -E '^ *Summary \[' | tail -n 1 || true)
    summary=$line
    passed=$((passed + $(number_before passed "$line")))
    failed=$((failed + $(number_before failed "$line") + $(number_before 'timed out' "$line")))
}
summary=

# number_before WORD LINE: the number that stands before WORD, or 0.
number_before() {
    local number
    number=$(grep -oE "[0-9]+ $1" <<<"$2" | head -n 1 | cut -d ' ' -f 1 || true)
    printf '%s' "${number:-0}"
}

# Built with the coverage hooks that libFuzzer needs, as `scripts/fuzz.sh` does, then each target reads its kept corpus once.
stage_fuzz() {
    scripts/fuzz.sh --build
    scripts/fuzz.sh --replay
}

# Every exit by the watch page; --long adds the other ways to play the same exits.
PROTOCOLS=ws-fmp4,hls,dash,http-flv,ws-flv
PROTOCOLS_LONG=$PROTOCOLS,http-mp4,hls-shaka,dash-shaka,native-hls
# The players that must cross an interruption, each on its own; --long adds the other ways in which a stream is interrupted.
PLAYERS=automatic,ws-fmp4,hls,dash,http-flv,ws-flv,hls-shaka,dash-shaka
INTERRUPTIONS="return"
INTERRUPTIONS_LONG=$INTERRUPTIONS,return-changed,takeover,quick-return,end-and-return,restart
# Where a second encoder sends other codecs, and the players that play on.
CODEC_CHANGES=takeover-codecs
CODEC_CHANGES_LONG=$CODEC_CHANGES,return-codecs,takeover-undecodable
ADAPTABLE=hls,hls-shaka,dash,dash-shaka
# The players whose latency is measured, at these lengths of parts, for so many seconds each; the first finds a stream that has just begun.
NEAR_LIVE=native-hls,hls,hls-shaka,dash,dash-shaka
PARTS=334
PARTS_LONG=334,200

# One gateway and one publisher serve all protocols, played one after the other; each interruption has its own.
stage_browser() {
    local rtmp_port http_port protocols=$PROTOCOLS interruptions=$INTERRUPTIONS seconds=300 pictures=target/browser
    local parts=$PARTS play_s=10 changes=$CODEC_CHANGES
    local binary=$TARGET/debug/sluicegate
    if [ "$mode" = long ]; then protocols=$PROTOCOLS_LONG interruptions=$INTERRUPTIONS_LONG seconds=900 parts=$PARTS_LONG play_s=60 changes=$CODEC_CHANGES_LONG; fi
    scripts/media.sh
    cargo build --locked --all-features --bin sluicegate --bin sluicegate-ladder
    rtmp_port=$(free_port)
    http_port=$(free_port "$rtmp_port")
    "$binary" serve --config config/sluicegate.toml --rtmp "127.0.0.1:$rtmp_port" --http "127.0.0.1:$http_port" >"$REPORT/gateway.log" 2>&1 </dev/null &
    server=$!
    wait_for_gateway "$server" 127.0.0.1 "$http_port" 30 || browser_failed "the gateway did not come up"
    ffmpeg -nostdin -loglevel warning -re -stream_loop -1 -i target/media/bframes.mp4 -c copy -f flv "rtmp://127.0.0.1:$rtmp_port/live/clip" \
        >"$REPORT/publisher.log" 2>&1 </dev/null &
    publisher=$!
    wait_until 30 http_ok 127.0.0.1 "$http_port" /live/clip/index.m3u8 || browser_failed "the published stream did not appear"
    in_browser "$seconds" watch.mjs "http://127.0.0.1:$http_port" live/clip "$protocols" "$pictures"
    in_browser "$seconds" pages.mjs "http://127.0.0.1:$http_port" live/clip "$pictures"
    ffmpeg9 -nostdin -loglevel error -re -stream_loop -1 -i target/media/ladder.mp4 -map 0 -c copy -f flv \
        "rtmp://127.0.0.1:$rtmp_port/live/ladder" >"$REPORT/publisher-ladder.log" 2>&1 </dev/null &
    ladder=$!
    wait_until 30 http_ok 127.0.0.1 "$http_port" /live/ladder/index.m3u8 || browser_failed "the ladder did not appear"
    in_browser "$seconds" ladder.mjs "http://127.0.0.1:$http_port" live/ladder 640,320,160 2 "$pictures"
    # 700 kb/s for the first picture, 350 for the second, with their sound; players want a quarter to spare.
    in_browser "$seconds" rungs.mjs "http://127.0.0.1:$http_port" live/ladder v0:640,v1:320,v2:160 550 "$pictures"
    in_browser "$seconds" choices.mjs "http://127.0.0.1:$http_port" live/ladder 640,320,160 "$pictures"
    kill -TERM "$ladder"
    wait "$ladder" || true
    ladder=
    kill -TERM "$publisher"
    wait "$publisher" || true # ffmpeg answers a signal with a status of its own
    publisher=
    kill -TERM "$server"
    wait "$server" || browser_failed "the gateway did not leave in peace (status $?)"
    server=
    in_browser "$seconds" demand.mjs "$binary" target/media/bframes.mp4 "$pictures/demand"
    in_browser "$seconds" overload.mjs "$binary" "$TARGET/debug/sluicegate-ladder" target/media/bframes.mp4 "$pictures/overload"
    in_browser "$seconds" console.mjs "$binary" target/media "$pictures/console"
    in_browser "$seconds" codecs.mjs "$binary" target/media/codecs "$pictures/codecs"
    in_browser "$seconds" interrupt.mjs "$binary" target/media "$interruptions" "$PLAYERS" "$pictures/interrupted"
    PLAY_S=3 in_browser "$seconds" interrupt.mjs "$binary" target/media "$changes" "$ADAPTABLE" "$pictures/codecs-changed"
    in_browser "$seconds" cues.mjs "$binary" target/media/zerolatency.mp4 "$pictures/cues"
    PLAY_S=$play_s in_browser "$seconds" latency.mjs "$binary" "$parts" "$NEAR_LIVE" "$pictures/latency"
    play_old_streams
}

# Nothing makes a stream old from outside: there the gateway is in the test's own process.
play_old_streams() {
    cargo nextest run --locked --all-features --test e2e --run-ignored only -E 'test(/_in_a_browser$/)' 2>&1 | tee "$REPORT/browser-age.log" ||
        browser_failed "streams of an hour and of 24 days do not play"
    passed=$((passed + 1))
}

# in_browser SECONDS SCRIPT ARGUMENTS...: runs a script of tests/browser and counts its plays.
in_browser() {
    local seconds=$1 script=$2 status=0 log
    log=$REPORT/browser-${2%.mjs}.log
    shift 2
    timeout --kill-after=10 "$seconds" node "tests/browser/$script" "$@" </dev/null 2>&1 | tee "$log" || status=$?
    passed=$((passed + $(grep -c '"ok":true' "$log" || true)))
    failed=$((failed + $(grep -c '"ok":false' "$log" || true)))
    [ "$status" -eq 0 ] || browser_failed "not every play of $script succeeded (status $status; screenshots and logs in target/browser)"
}

browser_failed() {
    say "---- the gateway's last words"
    tail -n 40 "$REPORT/gateway.log" >&2
    if [ -s "$REPORT/publisher.log" ]; then
        say "---- the publisher's"
        tail -n 10 "$REPORT/publisher.log" >&2
    fi
    die "$1"
}

# wait_until SECONDS COMMAND...: until the command succeeds; false when the time is over.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.2
    done
}

# free_port [NOT_THIS]: a loopback port on which nobody listens now, outside the range the kernel hands out.
free_port() {
    local port
    for ((port = 19000 + RANDOM % 5000; ; port++)); do
        if [ "$port" != "${1:-}" ] && ! { exec 3<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null; then
            printf '%s' "$port"
            return 0
        fi
    done
}

# ---- the run -------------------------------------------------------------------------------------------------------

times=()
server=
publisher=
ladder=

# On every way out of a stage: no process stays behind, and what was counted reaches the report.
leave_stage() {
    local child
    for child in $publisher $ladder $server; do kill -TERM "$child" 2>/dev/null || true; done
    printf '%s\n%s\n%s\n' "$passed" "$failed" "$summary" >"$REPORT/counts"
}

report() {
    local line
    say ""
    for line in "${times[@]}"; do say "$line"; done
    say ""
    [ -z "$summary" ] || printf '%s\n' "$summary"
    printf '%s passed, %s failed\n' "$passed" "$failed"
}

started=$SECONDS
for stage in "${selected[@]}"; do
    began=$SECONDS
    say "==== $stage"
    status=0
    # Inside a condition the shell does not stop at the first failing line, so a stage runs in a shell of its own and its status
    # is looked at afterwards. Only the counts have to come back from there.
    set +e
    (
        set -e
        trap leave_stage EXIT
        "stage_$stage"
    )
    status=$?
    set -e
    if [ -f "$REPORT/counts" ]; then { read -r passed && read -r failed && read -r summary; } <"$REPORT/counts" || true; fi
    times+=("$(printf '%-8s %4d s%s' "$stage" $((SECONDS - began)) "$([ "$status" -eq 0 ] || echo '  FAILED')")")
    if [ "$status" -ne 0 ]; then
        say "==== $stage failed (status $status)"
        [ "$failed" -ne 0 ] || failed=1
        report
        exit "$status"
    fi
    # What a stage put on PATH is gone with its shell.
    if [ "$stage" = tools ] && { selects web || selects browser; }; then ensure_node; fi
done
times+=("$(printf '%-8s %4d s' total $((SECONDS - started)))")
report
