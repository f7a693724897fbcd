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

mkdir -p "$MEDIA"
# Tests ask for the clips side by side: the first makes them, the others wait for it. The lock goes with this process, however it ends.
exec 9>"$MEDIA/.lock"
flock 9
if [ "$(cat "$MEDIA/.recipe" 2>/dev/null || true)" = "$RECIPE" ]; then exit 0; fi
ensure_command ffmpeg ffmpeg || die "the test clips need ffmpeg"
ensure_ffmpeg9 || die "the test clips of newer codecs need a current FFmpeg"

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
# What an encoder that makes its own ladder sends: three sizes with their keyframes at the same moments, and two sounds.
encode ladder.mp4 -map 0:v -map 0:v -map 0:v -map 1:a -map 1:a "${x264[@]}" -preset veryfast -tune zerolatency -profile:v main \
    "${closed_gop[@]}" -s:v:1 320x180 -b:v:1 250k -s:v:2 160x90 -b:v:2 100k "${aac[@]}"

# Small clips of every codec that Enhanced RTMP brings, for tests/codecs: tests/codecs/clips.rs says what must become of each.
CLIPS=$MEDIA/codecs
# Pictures in a group: 1.07 s at 15 pictures a second.
GOP=16
mkdir -p "$CLIPS"

# small NAME CHANNELS FFMPEG_OUTPUT_OPTIONS...: six seconds of a moving picture and of rising tones, a different one in each channel:
# no two pictures and no two pieces of sound are alike, so that each can be told by its bytes.
small() {
    local file=$CLIPS/$1 channels=$2 layout=stereo tones="" channel
    shift 2
    [ "$channels" -eq 2 ] || layout=5.1
    for ((channel = 1; channel <= channels; channel++)); do tones+="${tones:+|}0.2*sin(PI*t*($channel*300+90*t))"; done
    # The encoder of AV1 tells its settings on standard error unless it is told not to.
    SVT_LOG=1 ffmpeg9 -nostdin -y -loglevel error -f lavfi -i testsrc2=size=160x90:rate=15 -f lavfi -i "aevalsrc=$tones:c=$layout:s=48000" \
        -f lavfi -i testsrc2=size=80x46:rate=15 -t 6 -map_metadata -1 "$@" "$file.part.mp4"
    mv "$file.part.mp4" "$file.mp4"
}

av=(-map 0:v -map 1:a)
yuv420=(-pix_fmt yuv420p)
avc=("${yuv420[@]}" -c:v libx264 -preset veryfast -threads 1 -g "$GOP" -keyint_min "$GOP" -sc_threshold 0)
x265_gop="log-level=none:pools=1:frame-threads=1:keyint=$GOP:min-keyint=$GOP:scenecut=0:open-gop=0"
hevc=(-c:v libx265 -preset ultrafast -tag:v hvc1)
av1=("${yuv420[@]}" -c:v libsvtav1 -preset 12 -svtav1-params lp=1 -g "$GOP")
vp9=("${yuv420[@]}" -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 150k -g "$GOP")
hdr10="colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:hdr10=1:max-cll=1000,400"
hdr10+=":master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"

small hevc-aac51 6 "${av[@]}" "${yuv420[@]}" "${hevc[@]}" -x265-params "$x265_gop:bframes=2" -c:a aac -b:a 192k
small hdr-opus51 6 "${av[@]}" -pix_fmt yuv420p10le "${hevc[@]}" -x265-params "$x265_gop:$hdr10" \
    -color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc -c:a libopus -b:a 128k
small av1-opus 2 "${av[@]}" "${av1[@]}" -c:a libopus -b:a 64k
# mpegts.js reads on in the wrong place behind the order hints of a keyframe, which most encoders write.
small av1-unordered 2 "${av[@]}" "${yuv420[@]}" -c:v libaom-av1 -usage realtime -cpu-used 8 -threads 1 -aom-params enable-order-hint=0 \
    -b:v 150k -g "$GOP" -keyint_min "$GOP" -c:a libopus -b:a 64k
small vp9-flac 2 "${av[@]}" "${vp9[@]}" -c:a flac -sample_fmt:a s16
# Without delimiters and parameter sets in the pictures, which would stay behind: what arrives can be compared with what was sent.
small vvc-aac 2 "${av[@]}" -pix_fmt yuv420p10le -c:v libvvenc -preset faster -g "$GOP" -vvenc-params gopsize=16:decodingrefreshtype=idr_no_radl -b:v 150k \
    -bsf:v "filter_units=remove_types=12-16|20" -c:a aac -b:a 64k
small avc-ac3 6 "${av[@]}" "${avc[@]}" -bf 2 -c:a ac3 -b:a 192k
small avc-eac3 2 "${av[@]}" "${avc[@]}" -bf 0 -c:a eac3 -b:a 96k
small avc-flac 2 "${av[@]}" "${avc[@]}" -bf 0 -c:a flac -sample_fmt:a s16
small hevc-mp3 2 "${av[@]}" "${yuv420[@]}" "${hevc[@]}" -x265-params "$x265_gop:bframes=0" -c:a libmp3lame -b:a 64k
small opus 2 -map 1:a -c:a libopus -b:a 64k
small ac3 2 -map 1:a -c:a ac3 -b:a 96k
# Two pictures of one scene and two sounds: an encoder that makes a ladder and two languages.
small two-and-two 2 -map 0:v -map 2:v -map 1:a -map 1:a "${avc[@]}" -bf 0 -c:a:0 aac -b:a:0 96k -c:a:1 libopus -b:a:1 48k
printf '%s' "$RECIPE" >"$MEDIA/.recipe"
