#!/usr/bin/env bash
# An emulated MIPS router: firmware image, flash, and the house around it.
#
#   cross/malta.sh build     makes the image; `build story` without the kernel tests, which the story does not need
#   cross/malta.sh boot      boots it, with a console (Ctrl-A X ends it)
#   cross/malta.sh story     boots it fresh and lives through the story; one JSON object at the end. With --built, the image that is there
#   cross/malta.sh kernel    runs the kernel tests in it; more words choose those with one of them in their name, --short the few of
#                            cross/malta/short.txt. The last line counts: N passed, M skipped, K failed
#
# Needs what cross/build.sh needs, and Debian's package sources for the packages of the image.
set -euo pipefail
. "$(dirname "$0")/toolchain.sh"
. "$root/cross/malta/packages.sh"
. "$root/cross/malta/image.sh"

# programs TARGET...: the router's programs; the big-endian one is what the installer has to refuse.
programs() { "$root/cross/build.sh" mips "$@" >&2; }

# Beyond this many seconds the run of the kernel tests has failed, whatever hangs.
KERNEL_SECONDS_MAX=3600

# wanted WORDS: pieces of the names of the kernel tests that are to run, a line each; nothing for all.
wanted() {
    case ${1:-} in
    '') ;;
    --short) grep -v '^#' "$root/cross/malta/short.txt" ;;
    -*) die "expected --short or pieces of names, found $1" ;;
    *) printf '%s\n' "$@" ;;
    esac
}

# router WORDS: starts it; words go to its kernel. The initrd is unpacked before anything else goes on: beside it, a kworker of this kernel that
# wants a module was seen to wait for ever, half a second after the start, presumably for the initrd. Nor does it move itself to another place in each start,
# as kernels of routers do not either: one start is like the other.
router() {
    # shellcheck disable=SC2206
    qemu_words=("${qemu[@]}" -M malta -cpu 24Kc -m 256 -nographic -vga none -no-reboot -net none -kernel "$kernel"/boot/vmlinu*-4kc-malta -initrd "$image/start.gz"
        -drive "file=$image/firmware.img,format=raw,if=virtio,readonly=on" -drive "file=$flash,format=raw,if=virtio" -drive "file=$image/lab.img,format=raw,if=virtio,readonly=on"
        -append "console=ttyS0 panic=-1 quiet initramfs_async=0 nokaslr sysrq_always_enabled=1 $*")
}

# build_image VERB: builds what goes into it and makes it; the story needs the house alone.
build_image() {
    # The packages of the image have mipsel's; the kernel tests are about both dialects of rules.
    local tried=mipsel
    [ "$1" != kernel ] || tried=mipsel-ddwrt
    programs $(printf '%s\n' mipsel "$tried" | uniq)
    if [ "$1" = story ]; then
        "$root/cross/test.sh" --lab mipsel >&2
        make_image "$dist/$tried/lanemark" "$dist"/mipsel/lanemark-lab
    else
        "$root/cross/test.sh" --kernel mipsel >&2
        make_image "$dist/$tried/lanemark" "$dist"/mipsel/{lanemark-lab,kernel-tests}
    fi
    find_emulator
}

case ${1:-} in
build | boot | story | kernel) ;;
*) die "expected build, boot, story or kernel, found ${1:-nothing}" ;;
esac
verb=$1
shift
case $verb,${1:-} in
story,--built) find_image && find_emulator ;;
build,story) build_image story ;;
build,?* | boot,?* | story,?*) die "$verb: found $1, which means nothing here" ;;
*) build_image "$verb" ;;
esac
flash=$image/flash
[ "$verb" = boot ] && [ -e "$flash" ] || empty_flash "$flash"
case $verb in
build) ;;
boot)
    router
    exec "${qemu_words[@]}"
    ;;
story)
    router lab=CHAPTER
    python3 "$root/cross/malta/story.py" "$image" "${qemu_words[@]}"
    ;;
kernel)
    wanted "$@" >"$image/wanted"
    # A disk has whole sectors, and this one room for all names.
    truncate -s 64K "$image/wanted"
    router lab=kernel
    qemu_words+=(-drive "file=$image/wanted,format=raw,if=virtio,readonly=on")
    timeout --foreground "$KERNEL_SECONDS_MAX" "${qemu_words[@]}" </dev/null | sed -u 's|\r||' | tee "$image/kernel.log" || true
    grep -Eq '^[1-9][0-9]* passed, [0-9]+ skipped, 0 failed$' "$image/kernel.log" || die "kernel tests failed in the emulated router, or did not end"
    ;;
esac
