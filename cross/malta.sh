#!/usr/bin/env bash
# An emulated MIPS router: firmware image, flash, and the house around it.
#
#   cross/malta.sh build     makes the image
#   cross/malta.sh boot      boots it, with a console (Ctrl-A X ends it)
#   cross/malta.sh story     boots it fresh and lives through the story; one JSON object at the end
#
# Needs what cross/build.sh needs, and Debian's package sources for the packages of the image.
set -euo pipefail
. "$(dirname "$0")/toolchain.sh"
. "$root/cross/malta/packages.sh"
. "$root/cross/malta/image.sh"

# programs: the router's program and the lab's, built where they are older than their source.
programs() {
    "$root/cross/build.sh" mipsel mips >&2
    target mipsel
    find_rust
    find_zig
    say "building the lab for mipsel"
    flags=-Cforce-unwind-tables=no cross_cargo build --profile lab --bin lanemark-lab
    lab=$root/target/cross/$triple/lab/lanemark-lab
}

# router WORDS: starts it; words go to its kernel.
router() {
    # shellcheck disable=SC2206
    qemu_words=("${qemu[@]}" -M malta -cpu 24Kc -m 256 -nographic -vga none -no-reboot -net none -kernel "$kernel"/boot/vmlinu*-4kc-malta -initrd "$image/start.gz"
        -drive "file=$image/firmware.img,format=raw,if=virtio,readonly=on" -drive "file=$flash,format=raw,if=virtio" -drive "file=$image/lab.img,format=raw,if=virtio,readonly=on"
        -append "console=ttyS0 panic=-1 quiet $*")
}

case ${1:-} in
build | boot | story)
    programs
    make_image "$lab"
    find_emulator
    ;;
*) die "expected build, boot or story, found ${1:-nothing}" ;;
esac
flash=$image/flash
[ "$1" = boot ] && [ -e "$flash" ] || empty_flash "$flash"
case $1 in
build) ;;
boot)
    router
    exec "${qemu_words[@]}"
    ;;
story)
    router lab=CHAPTER
    python3 "$root/cross/malta/story.py" "$image" "${qemu_words[@]}"
    ;;
esac
