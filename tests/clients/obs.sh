#!/usr/bin/env bash
# Runs OBS Studio without a screen: tests/clients/obs.sh DIR SERVER KEY
#
# A moving picture with a tone goes to SERVER under KEY until this script gets SIGTERM or SIGINT; OBS then stops its stream as if
# its user had. DIR keeps everything OBS writes, so that no settings of this machine's user are read or changed; OBS's log is
# DIR/obs.log. Needs the commands obs and Xvfb.
set -euo pipefail

[ $# -eq 3 ] || {
    sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
    exit 2
}
mkdir -p "$1"
dir=$(cd "$1" && pwd)
server=$2
key=$3

export HOME=$dir XDG_CONFIG_HOME=$dir/config XDG_CACHE_HOME=$dir/cache XDG_RUNTIME_DIR=$dir/run
# Nothing here is to reach a desktop, a graphics card or, by way of OBS's own searches for updates, the outside.
export LIBGL_ALWAYS_SOFTWARE=1 QT_QPA_PLATFORM=xcb NO_AT_BRIDGE=1 https_proxy=http://127.0.0.1:9 http_proxy=http://127.0.0.1:9
unset WAYLAND_DISPLAY DBUS_SESSION_BUS_ADDRESS
settings=$XDG_CONFIG_HOME/obs-studio
profile=$settings/basic/profiles/test
mkdir -p "$profile" "$settings/basic/scenes" "$XDG_CACHE_HOME" "$XDG_RUNTIME_DIR"
chmod 700 "$XDG_RUNTIME_DIR"

# FirstRun keeps the wizard away, and no question waits for a click.
cat >"$settings/global.ini" <<'INI'
[General]
FirstRun=true
ConfirmOnExit=false
EnableAutoUpdates=false
[Basic]
Profile=test
ProfileDir=test
SceneCollection=test
SceneCollectionFile=test
[BasicWindow]
WarnBeforeStartingStream=false
WarnBeforeStoppingStream=false
INI

# A lost connection is tried again after one second.
cat >"$profile/basic.ini" <<'INI'
[General]
Name=test
[Output]
Mode=Simple
Reconnect=true
RetryDelay=1
MaxRetries=20
[SimpleOutput]
VBitrate=1200
ABitrate=96
StreamEncoder=x264
UseAdvanced=true
x264Settings=keyint=60
Preset=ultrafast
[Video]
BaseCX=640
BaseCY=360
OutputCX=640
OutputCY=360
FPSType=1
FPSInt=30
[Audio]
SampleRate=48000
ChannelSetup=Stereo
INI
printf '{"type":"rtmp_custom","settings":{"server":"%s","key":"%s","use_auth":false}}\n' "$server" "$key" >"$profile/service.json"

# One scene with one source, which libav's own generators feed: no file is needed.
cat >"$settings/basic/scenes/test.json" <<'JSON'
{
  "name": "test", "current_scene": "scene", "current_program_scene": "scene", "scene_order": [{ "name": "scene" }],
  "sources": [
    { "id": "ffmpeg_source", "name": "generator", "mixers": 255, "enabled": true, "volume": 1.0,
      "settings": { "is_local_file": false, "input_format": "lavfi", "looping": true, "hw_decode": false,
                    "input": "testsrc2=size=640x360:rate=30[out0];sine=frequency=440:sample_rate=48000[out1]" } },
    { "id": "scene", "name": "scene",
      "settings": { "id_counter": 1, "items": [{ "id": 1, "name": "generator", "visible": true, "align": 5,
                    "pos": { "x": 0.0, "y": 0.0 }, "scale": { "x": 1.0, "y": 1.0 } }] } }
  ]
}
JSON

screen=
obs=
leave() {
    trap '' INT TERM
    # OBS ends its stream and itself on SIGINT; what does not leave in time is killed, so that nothing stays behind.
    if [ -n "$obs" ]; then
        kill -INT "$obs" 2>/dev/null || true
        for _ in {1..100}; do
            kill -0 "$obs" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL "$obs" 2>/dev/null || true
    fi
    [ -z "$screen" ] || kill -TERM "$screen" 2>/dev/null || true
    wait
}
trap leave EXIT
trap 'exit 0' INT TERM

# The X server takes a free display and says which.
mkfifo "$dir/display.$$"
Xvfb -displayfd 3 -screen 0 1024x768x24 -nolisten tcp 3>"$dir/display.$$" >"$dir/xvfb.log" 2>&1 &
screen=$!
read -r -t 20 display <"$dir/display.$$"
rm "$dir/display.$$"
export DISPLAY=:$display

obs --multi --minimize-to-tray --startstreaming --profile test --collection test --scene scene >"$dir/obs.log" 2>&1 </dev/null &
obs=$!
wait "$obs"
