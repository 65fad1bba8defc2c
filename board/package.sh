#!/usr/bin/env bash
# Makes what goes onto a router: lanemark-<version>-<board>.tar.gz, the same bytes each time.
#
#   board/package.sh BOARD [BINARY] [OUTDIR]     BINARY: target/dist/<target>/lanemark, OUTDIR: target/dist
#   board/package.sh --config BOARD              prints the configuration that the package brings
#
# Exit codes: 0 done, 1 refused by the system, 2 wrong usage or a binary that is not for the board.
set -euo pipefail
export LC_ALL=C TZ=UTC
umask 022
top=$(cd "$(dirname "$0")/.." && pwd)

refuse() {
    printf 'package.sh: %s\n' "$*" >&2
    exit 2
}

boards() { (cd "$top/board" && printf '%s ' *.toml | sed 's/\.toml//g'); }

# The value of a key of the board: a number, a word, or the words of a list.
value() {
    local line
    line=$(sed -n "s/^$1 = //p" "$data")
    case $line in
        '') refuse "$data: expected $1, found nothing" ;;
        '['*) printf '%s' "$line" | tr -d '[]",' ;;
        '"'*) line=${line#\"} && printf '%s' "${line%\"}" ;;
        *) printf '%s' "$line" ;;
    esac
}

# What the daemon starts with: off, and told where it is. What nobody knows it finds itself.
config() {
    local wan lan
    wan=$(value wan) lan=$(value lan)
    [ "$wan" != unknown ] || wan=auto
    if [ "$lan" = unknown ]; then lan='"auto"'; else lan="[\"$lan\"]"; fi
    cat <<END
{
  "version": 1,
  "enabled": false,
  "wan": { "interface": "$wan", "up_kbit": null, "down_kbit": null, "link": "none" },
  "lan": $lan,
  "default_class": "standard",
  "shares": { "premium": 75, "express": 15, "standard": 9, "bulk": 1 },
  "devices": [],
  "mark": { "mask": "0x7f", "shift": 0 }
}
END
}

# Bytes of a file as hex: file, first, count.
bytes() { od -An -v -tx1 -j"$2" -N"$3" "$1" | tr -d ' \n'; }

# class, byte order, machine, floats of an ELF file.
elf() {
    local machine flags class data float=none
    [ "$(bytes "$1" 0 4)" = 7f454c46 ] || refuse "$1: expected an ELF file, found something else"
    machine=$(bytes "$1" 18 2)
    case $(bytes "$1" 4 1) in 01) class=32 ;; 02) class=64 ;; *) class=0 ;; esac
    case $(bytes "$1" 5 1) in
        01) data=little machine=${machine:2:2}${machine:0:2} ;;
        *) data=big ;;
    esac
    if [ "$machine" = 0028 ]; then
        flags=$(bytes "$1" 37 1)
        float=soft
        (((0x$flags & 0x4) == 0)) || float=hard
    fi
    echo "$class $data $((16#$machine)) $float"
}

# What the ELF header of a target's program says.
target_elf() {
    case $1 in
        mipsel | mipsel-ddwrt) echo 32 little 8 ;;
        mips | mips-ddwrt) echo 32 big 8 ;;
        armv7 | arm | arm-ddwrt) echo 32 little 40 ;;
        aarch64) echo 64 little 183 ;;
        x86_64) echo 64 little 62 ;;
        *) refuse "$data: expected a target, found '$1'" ;;
    esac
}

config_only=
if [ "${1:-}" = --config ]; then config_only=1 && shift; fi
board=${1:-}
data=$top/board/$board.toml
{ [ -n "$board" ] && [ -f "$data" ]; } || refuse "expected a board ($(boards)), found '$board'"
if [ -n "$config_only" ]; then
    config
    exit 0
fi

target=$(value target)
binary=${2:-$top/target/dist/$target/lanemark}
outdir=${3:-$top/target/dist}
[ -f "$binary" ] || refuse "$binary: expected the program for $target, found nothing"
read -r class order machine float < <(elf "$binary")
[ "$class $order $machine" = "$(target_elf "$target")" ] ||
    refuse "$binary: expected $(target_elf "$target") for $target (ELF class, byte order, machine), found $class $order $machine"
[ "$target $float" != "arm hard" ] || refuse "$binary: expected soft floats for arm, found hard ones"
size=$(stat -c %s "$binary")
[ "$size" -le "$(value binary_bytes_max)" ] ||
    refuse "$binary: expected at most $(value binary_bytes_max) bytes, found $size"

version=$(sed -n '/^\[package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$top/Cargo.toml")
firmware=$(value firmware)
name=lanemark-$version-$board
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
stage=$work/$name
mkdir "$stage"

install -m 755 "$binary" "$stage/lanemark"
install -m 755 "$top/board/install.sh" "$stage/install.sh"
install -m 755 "$top/board/files/import-ddwrt.sh" "$stage/import-ddwrt.sh"
config > "$stage/config.json"
case $firmware in openwrt) start=procd.sh ;; *) start=loop.sh ;; esac
sed -e "s|@binary@|$(value binary_dir)/lanemark|g" -e "s|@config_dir@|$(value config_dir)|g" "$top/board/files/$start" > "$stage/start"
chmod 644 "$stage/config.json"
chmod 755 "$stage/start"

{
    cat <<END
format=1
version=$version
board=$board
title=$(value title)
served=$(value served)
served_why=$(value served_why)
target=$target
elf_class=$class
elf_data=$order
elf_machine=$machine
float=$float
firmware=$firmware
firmware_packages=$(value firmware_packages)
binary=$(value binary_dir)/lanemark
start=$(value start)
config_dir=$(value config_dir)
flash_kb=$(value flash_free_kb)
ram_kb=$(value ram_free_kb)
END
    for file in config.json import-ddwrt.sh install.sh lanemark start; do
        echo "file=$file $(stat -c %s "$stage/$file") $(sha256sum < "$stage/$file" | cut -c 1-64)"
    done
} > "$stage/package.txt"
# The last line covers all lines before it.
echo "sha256=$(sha256sum < "$stage/package.txt" | cut -c 1-64)" >> "$stage/package.txt"
chmod 644 "$stage/package.txt"

mkdir -p "$outdir"
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --format=ustar -C "$work" -cf - "$name" |
    gzip -9n > "$work/package"
mv "$work/package" "$outdir/$name.tar.gz"
chmod 644 "$outdir/$name.tar.gz"
[ "$(value served)" = true ] || echo "package.sh: not served yet: $(value served_why)" >&2
echo "$outdir/$name.tar.gz"
