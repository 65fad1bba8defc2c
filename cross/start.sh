#!/usr/bin/env bash
# Starts what cross/build.sh has made, under qemu-user, in an empty network of its own: version, help, `doctor` without a daemon, and the
# daemon with `doctor`.
#
#   cross/start.sh [TARGET...]
#
# qemu-user knows no netlink but that of routes: there the daemon has to say so and end. What `doctor` finds is seen where this machine is
# of the target's kind.
set -euo pipefail
. "$(dirname "$0")/toolchain.sh"

# Anything that hangs is a fault.
WITHIN_S=10

if [ -z "${LANEMARK_START_ALONE:-}" ]; then
    need qemu-user-static util-linux
    alone=(unshare --net)
    [ "$(id -u)" = 0 ] || alone+=(--map-root-user)
    LANEMARK_START_ALONE=1 exec "${alone[@]}" "$0" "$@"
fi

# said CODE WORDS...: the program so called has to end with this code; what it said, both streams.
said() {
    local code=$1 found=0 words
    shift
    words=$(timeout "$WITHIN_S" "${program[@]}" --socket "$scratch/socket" "$@" 2>&1) || found=$?
    [ "$found" = "$code" ] || die "$name: $*: expected exit code $code, found $found: $words"
    printf '%s\n' "$words"
}

# found TEXT PIECE: what was said has to have this in it.
found() { grep -q -- "$2" <<<"$1" || die "$name: expected '$2', found: $1"; }

# start: the daemon with doctor; or, under an emulator, its end for want of netlink.
start() {
    local words code=0 looks=0
    "${program[@]}" --socket "$scratch/socket" run --dir "$scratch" 2>"$scratch/log" &
    daemon=$!
    until "${program[@]}" --socket "$scratch/socket" doctor >/dev/null 2>&1 || ! kill -0 "$daemon" 2>/dev/null; do
        [ $((looks += 1)) -lt $((WITHIN_S * 10)) ] || die "$name: neither runs nor ends: $(cat "$scratch/log")"
        sleep 0.1
    done
    if kill -0 "$daemon" 2>/dev/null; then
        words=$(said 0 doctor)
        sed "s/^/$name: doctor: /" <<<"$words"
        found "$words" '^\(ok\|!!\) '
        said 0 stop >/dev/null
        wait "$daemon" || die "$name: after stop: exit code $?: $(cat "$scratch/log")"
        return
    fi
    wait "$daemon" || code=$?
    words=$(tail -1 "$scratch/log")
    [ "$code" = 1 ] && [ -n "$emulated" ] || die "$name: run: exit code $code: $words"
    found "$words" '^lanemark: expected a kernel with netlink'
    printf '%s: run: exit code 1: %s\n' "$name" "$words"
}

version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$root/Cargo.toml" | head -1)
scratch='' daemon=''
trap 'kill $daemon 2>/dev/null || true; rm -rf "$scratch"' EXIT
[ $# -gt 0 ] || set -- $(targets)
for each in "$@"; do
    target "$each"
    [ -e "$dist/$name/lanemark" ] || die "$dist/$name/lanemark is not there: cross/build.sh $name makes it"
    emulated=
    [ "$name" = "$(uname -m)" ] || emulated=$emulator-static
    program=($emulated "$dist/$name/lanemark")
    scratch=$(mktemp -d)
    words=$(said 0 --version)
    found "$words" "^lanemark $version$"
    printf '%s: %s\n' "$name" "$words"
    words=$(said 0 --help)
    found "$words" '^usage: lanemark '
    words=$(said 3 doctor)
    found "$words" '^lanemark is not running'
    printf '%s: doctor: exit code 3: %s\n' "$name" "${words//$scratch/DIR}"
    start
    daemon=
    rm -rf "$scratch"
done
