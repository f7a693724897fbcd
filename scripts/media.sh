#!/usr/bin/env bash
# Encodes the clips that tests publish with `ffmpeg -re -c copy`, once, into target/media. Prints nothing when all are there.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

# Where the tests look, wherever cargo itself builds.
MEDIA=$ROOT/target/media
# Part of the stamp: a change of any line below encodes everything anew.
RECIPE=$(sha256sum "${BASH_SOURCE[0]}" | cut -c 1-16)
# The clips are published in real time and once over, so that tests may run for this long without looping.
LENGTH=30

ensure_command ffmpeg ffmpeg || die "the test clips need ffmpeg"
mkdir -p "$MEDIA"
if [ "$(cat "$MEDIA/.recipe" 2>/dev/null || true)" = "$RECIPE" ]; then exit 0; fi

# encode FILE FFMPEG_OUTPUT_OPTIONS...: from a moving picture and a beep; moved into place whole, so that no reader sees half a file.
encode() {
    local file=$MEDIA/$1
    shift
    ffmpeg -nostdin -y -loglevel error \
        -f lavfi -i "testsrc2=size=${SIZE:-640x360}:rate=${RATE:-30}" -f lavfi -i "sine=frequency=440:beep_factor=4:sample_rate=48000" \
        -t "$LENGTH" -pix_fmt yuv420p "$@" "$file.part.mp4"
    mv "$file.part.mp4" "$file"
}

x264=(-c:v libx264 -b:v 600k -maxrate 800k -bufsize 800k)
closed_gop=(-g 60 -keyint_min 60 -sc_threshold 0)
aac=(-c:a aac -b:a 96k -ac 2)

say "encoding the test clips into ${MEDIA#"$ROOT"/}"
# Two B-frames as OBS sends them: composition time differs from decode time.
encode bframes.mp4 "${x264[@]}" -preset veryfast -profile:v high -bf 2 "${closed_gop[@]}" "${aac[@]}"
# Live tuning: no B-frames, 30 frames a second, a keyframe every two seconds.
encode zerolatency.mp4 "${x264[@]}" -preset veryfast -tune zerolatency -profile:v main "${closed_gop[@]}" "${aac[@]}"
# Another size and profile under the same name: an encoder that comes back with other settings.
SIZE=426x240 encode small.mp4 "${x264[@]}" -preset veryfast -tune zerolatency -profile:v main "${closed_gop[@]}" "${aac[@]}"
SIZE=320x180 encode mp3.mp4 "${x264[@]}" -preset veryfast -tune zerolatency "${closed_gop[@]}" -c:a libmp3lame -b:a 96k -ar 44100 -ac 2
SIZE=320x180 encode video-only.mp4 "${x264[@]}" -preset veryfast -tune zerolatency "${closed_gop[@]}" -an
encode audio-only.mp4 -vn "${aac[@]}"
printf '%s' "$RECIPE" >"$MEDIA/.recipe"
