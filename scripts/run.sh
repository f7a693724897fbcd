#!/usr/bin/env bash
# Builds the gateway with its page and starts it. See --help.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

usage() {
    cat <<'HELP'
scripts/run.sh [--demo] [OPTIONS OF sluicegate serve]

Builds the page, the gateway and the ladder's worker (release) where that is needed, then runs `sluicegate serve` with config/sluicegate.toml.

  --demo      also publish a moving test picture with a clock and a beep to the stream live/demo
  --help      this text

Everything else is passed on, for example:
  scripts/run.sh --http 127.0.0.1:9000 --rtmp 127.0.0.1:19350
  scripts/run.sh --config /etc/sluicegate.toml
HELP
}

demo=false
config=$ROOT/config/sluicegate.toml
rtmp=1935
http=8080
arguments=()
while [ $# -gt 0 ]; do
    case $1 in
    --help | -h)
        usage
        exit 0
        ;;
    --demo) demo=true ;;
    --config | --rtmp | --http | --admin)
        [ $# -ge 2 ] || die "$1 needs a value"
        case $1 in
        --config) config=$2 ;;
        --rtmp) rtmp=${2##*:} arguments+=("$1" "$2") ;;
        --http) http=${2##*:} arguments+=("$1" "$2") ;;
        *) arguments+=("$1" "$2") ;;
        esac
        shift
        ;;
    --config=*) config=${1#*=} ;;
    --rtmp=*) rtmp=${1##*:} arguments+=("$1") ;;
    --http=*) http=${1##*:} arguments+=("$1") ;;
    *) arguments+=("$1") ;;
    esac
    shift
done

cd "$ROOT"
# Ctrl-C while something is installed or built ends all of it: npm leaves with a status of its own, which would read as a mere failure.
trap 'exit 130' INT
ensure_rust
if [ -f web/package-lock.json ]; then
    if ! { ensure_node && install_web && build_web; }; then
        warn "the page is built without its player libraries; it still plays the WebSocket fMP4 exit and says what is missing"
    fi
fi
if $demo; then
    ensure_command ffmpeg ffmpeg || die "--demo needs ffmpeg"
    # drawtext finds its font through fontconfig.
    [ -n "$(find /usr/share/fonts -name '*.ttf' -print -quit 2>/dev/null)" ] || apt_install fonts-dejavu-core || die "--demo needs a font"
fi
if ensure_libav; then
    cargo build --release --locked --features transcode --bin sluicegate --bin sluicegate-ladder
    for binary in sluicegate sluicegate-ladder; do
        [ -x "$TARGET/release/$binary" ] || die "cargo did not build $binary"
    done
else
    warn "the gateway is built without the ladder's worker: it serves what publishers send, and no smaller renditions of it"
    cargo build --release --locked --bin sluicegate
fi
gateway=("$TARGET/release/sluicegate" serve --config "$config" "${arguments[@]}")

if ! $demo; then
    trap - INT
    exec "${gateway[@]}"
fi

# Job control gives each child a process group of its own: Ctrl-C reaches this script alone, which then ends them in order.
publisher=
stopping=false
encoder_log=$TARGET/demo-ffmpeg.log
set -m
"${gateway[@]}" &
server=$!
set +m
# shellcheck disable=SC2317 # reached through the trap
stop() {
    stopping=true
    [ -z "$publisher" ] || kill -TERM "$publisher" 2>/dev/null || true
    # A second signal is passed on too: the gateway then leaves at once.
    kill -TERM "$server" 2>/dev/null || true
}
trap stop INT TERM HUP

if wait_for_gateway "$server" 127.0.0.1 "$http" 30; then
    clock="drawtext=text='%{localtime\:%H\\\\\:%M\\\\\:%S.%3N}':fontsize=h/9:x=(w-tw)/2:y=h*0.08:fontcolor=white:box=1:boxcolor=black@0.6:boxborderw=12"
    set -m
    ffmpeg -hide_banner -loglevel warning -nostdin \
        -re -f lavfi -i "testsrc2=size=1280x720:rate=30,$clock" \
        -re -f lavfi -i "sine=frequency=330:beep_factor=4:sample_rate=48000" \
        -c:v libx264 -preset veryfast -tune zerolatency -profile:v high -pix_fmt yuv420p \
        -b:v 2000k -maxrate 2500k -bufsize 2500k -g 60 -keyint_min 60 -sc_threshold 0 \
        -c:a aac -b:a 128k -ac 2 \
        -f flv "rtmp://127.0.0.1:$rtmp/live/demo" </dev/null >"$encoder_log" 2>&1 &
    publisher=$!
    set +m
    say "  demo      http://127.0.0.1:$http/watch/live/demo   (its clock is this machine's: now minus what you see is the delay)"
elif kill -0 "$server" 2>/dev/null; then
    warn "http://127.0.0.1:$http/healthz does not answer; nothing is published"
fi

# `wait` returns early for every trapped signal and when the demo's encoder ends; only the gateway's end ends the script.
status=0
while kill -0 "$server" 2>/dev/null; do
    if [ -n "$publisher" ] && ! kill -0 "$publisher" 2>/dev/null; then
        publisher=
        if ! $stopping; then
            warn "the demo's encoder has stopped; its last words ($encoder_log):"
            tail -n 5 "$encoder_log" >&2
        fi
    fi
    wait -n || true
done
wait "$server" || status=$?
if [ -n "$publisher" ] && kill -TERM "$publisher" 2>/dev/null; then wait "$publisher" || true; fi
exit "$status"
