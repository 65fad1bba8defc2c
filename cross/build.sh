#!/usr/bin/env bash
# Builds the router's program: static, for size, into target/dist/TARGET/lanemark.
#
#   cross/build.sh                 for all targets of cross/targets.txt
#   cross/build.sh mipsel armv7    for these
#
# What pays, on mipsel, was found by measuring: see README, "Size".
set -euo pipefail
. "$(dirname "$0")/toolchain.sh"

# A panic is a trap without text: it means a fault of ours, and the init system starts us again. Then nobody reads the tables for unwinding.
export_flags() {
    flags="-Zunstable-options -Cpanic=immediate-abort -Cforce-unwind-tables=no -Zlocation-detail=none -Zfmt-debug=none"
    local linking="-Clink-arg=-Wl,-T,$root/cross/no-unwind.ld"
    # Nothing of a static program is written by a loader, so that nothing is left to protect then: the gap for it is up to a page of the file.
    case $name in
    aarch64 | x86_64) linking="-Crelro-level=off $linking" ;;
    # Segments otherwise begin at the next 64 KiB, in the file too: 60 kB of zeroes. These kernels have pages of 4 KiB.
    arm*) linking="-Crelro-level=off $linking -Clink-arg=-Wl,-z,max-page-size=4096" ;;
    esac
    flags="$flags $linking"
}

# build TARGET...: one after the other, in this folder of cargo's.
build() {
    local folder=$1 each
    shift
    for each in "$@"; do
        target "$each"
        find_zig
        export_flags
        say "building for $name ($triple, $("$rustc" --version | cut -d' ' -f1,2))"
        find_mips16
        cross_cargo rustc --release --no-default-features --features "$features" --bin lanemark -- $emit
        mkdir -p "$dist/$name"
        python3 "$root/cross/trim.py" "$folder/$triple/release/lanemark" "$dist/$name/lanemark"
        file -b "$dist/$name/lanemark" | grep -q 'statically linked' || die "$name: not linked statically"
    done
}

[ $# -gt 0 ] || set -- $(targets)
mips=() others=()
for each in "$@"; do
    target "$each"
    case $each in mips*) mips+=("$each") ;; *) others+=("$each") ;; esac
done
find_rust
need file xz-utils
# Most of a build is one program that optimises the whole, on one processor. So there are two rows, with a folder each: cargo lets one at a time in.
rows=()
build "$root/target/cross/mips" "${mips[@]}" & rows+=($!)
build "$root/target/cross/others" "${others[@]}" & rows+=($!)
built=0
for row in "${rows[@]}"; do wait "$row" || built=1; done
[ "$built" = 0 ] || exit 1
"$root/cross/size.sh" "$@" || say "too large: cross/size.sh fails on this"
