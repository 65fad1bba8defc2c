# The firmware image of the emulated router; malta.sh sources it.
#
#   kernel          Debian's for the Malta board
#   start.gz        the first file system: finds flash and firmware, and gives over to it
#   firmware.img    squashfs: what a router has, and lanemark
#   lab.img         squashfs: the house around the router, and the tests; laid under the firmware when the lab boots it
#   flash           8 MiB, jffs2: what is written while the router runs

FLASH_BYTES=$((8 * 1024 * 1024))

# copy_modules ROOT: those of modules.txt and what they need.
copy_modules() {
    local to=$1 release from module file
    release=$(basename "$kernel"/lib/modules/*)
    from=$kernel/lib/modules/$release
    [ -e "$from/modules.dep" ] || depmod -b "$kernel" "$release"
    mkdir -p "$to/lib/modules/$release"
    # modules.dep: "path/name.ko: path/needed.ko ..."; names in the list may have - or _.
    awk '
        NR == FNR { if ($0 !~ /^#/) for (i = 1; i <= NF; i++) wanted[$i] = 1; next }
        { line = $0; name = $1; sub(/:$/, "", name); sub(/.*\//, "", name); sub(/\.ko.*/, "", name); gsub(/-/, "_", name)
          if (name in wanted) { delete wanted[name]; gsub(/:/, "", line); print line } }
        END { for (name in wanted) print "no module " name > "/dev/stderr" }
    ' "$root/cross/malta/modules.txt" "$from/modules.dep" | tr ' ' '\n' | sort -u | while read -r file; do
        [ -z "$file" ] || install -D -m 644 "$from/$file" "$to/lib/modules/$release/$file"
    done
    cp "$from"/modules.builtin "$from"/modules.order "$to/lib/modules/$release/"
    depmod -b "$to" "$release" 2>/dev/null
}

# busybox_links ROOT: the applets that a router's shell has, beside the real programs.
busybox_links() {
    local applet
    mkdir -p "$1/usr/bin" "$1/usr/sbin"
    for applet in sh ash awk basename cat chmod chown cksum clear cmp cp cut date dd df diff dirname dmesg du echo env expr false find free grep gunzip gzip head hexdump hostname id init kill less ln logger logread \
        ls lsmod md5sum mkdir mknod mktemp mknod modprobe more mount mv nc nproc od pgrep pidof ping poweroff printf ps pwd reboot rm rmdir sed seq setsid sha256sum sleep sort stat stty sync sysctl syslogd tail tar \
        tee telnet test timeout top touch tr true truncate tty udhcpc umount uname uniq uptime usleep vi wc wget which xargs yes zcat; do
        [ -e "$1/usr/bin/$applet" ] || [ -e "$1/usr/sbin/$applet" ] || ln -s busybox "$1/usr/bin/$applet"
    done
}

# make_start: the first file system.
make_start() {
    local at=$work/start
    rm -rf "$at" && mkdir -p "$at"/bin "$at"/proc "$at"/sys "$at"/dev "$at"/rom "$at"/lab "$at"/flash "$at"/new
    cp "$work/firmware/usr/bin/busybox" "$at/bin/"
    mkdir -p "$at/lib/modules"
    cp -a "$work/firmware/lib/modules/." "$at/lib/modules/"
    # Only what finds the flash: the rest comes with the firmware.
    find "$at/lib/modules" -name '*.ko' | grep -vE '/(crc32c_generic|virtio[a-z_]*|squashfs|overlay|mtd|mtd_blkdevs|mtdcore|mtdblock|block2mtd|jffs2|lzo[a-z_]*|zlib[a-z_]*)\.ko' | xargs rm -f
    cp "$root/cross/malta/firmware/start" "$at/init"
    (cd "$at" && find . -print0 | sort -z | cpio --null -o -H newc --quiet --reproducible | gzip -9n >"$image/start.gz")
}

# package TREE PROGRAM TO: the installer's package for this board, unpacked in TO and packed in TO.tar.gz.
package() {
    local made
    rm -rf "$3" "$3.tar.gz" && mkdir -p "$3"
    made=$("$1/board/package.sh" qemu-malta "$2" "$3")
    mv "$made" "$3.tar.gz"
    tar -xzf "$3.tar.gz" -C "$3" --strip-components=1
}

# make_packages: what the story installs: a newer lanemark, which differs by its version only, and one for another kind of router.
make_packages() {
    local newer=$work/newer-tree
    rm -rf "$newer" && mkdir -p "$newer"
    cp -a "$root/board" "$newer/"
    sed '0,/^version = /s/^version = .*/version = "9.9.9"/' "$root/Cargo.toml" >"$newer/Cargo.toml"
    version=$(sed -n '0,/^version = /s/^version = "\(.*\)"/\1/p' "$root/Cargo.toml")
    sed "s/${version//./\\.}/9.9.9/g" "$dist/mipsel/lanemark" >"$work/newer-program"
    package "$newer" "$work/newer-program" "$work/newer"
    made=$("$root/board/package.sh" tplink-archer-c7 "$dist/mips/lanemark" "$work")
    mv "$made" "$work/foreign.tar.gz"
}

# make_firmware PROGRAM: the router's file system with this lanemark.
make_firmware() {
    local at=$work/firmware
    rm -rf "$at"
    # shellcheck disable=SC2086
    unpack "$at" $FIRMWARE_PACKAGES
    mkdir -p "$at"/{proc,sys,dev,run,tmp,root,flash,rom,var/run,etc/init.d}
    busybox_links "$at"
    copy_modules "$at"
    cp -a "$root/cross/malta/firmware/etc/." "$at/etc/"
    install -D -m 755 "$root/cross/malta/firmware/rc" "$at/etc/rc"
    ln -s ../bin/busybox "$at/usr/sbin/init"
    # What the firmware has of lanemark is what the package for this board installs.
    package "$root" "$1" "$work/package"
    install -D -m 755 "$work/package/lanemark" "$at/usr/sbin/lanemark"
    install -D -m 755 "$work/package/start" "$at/etc/init.d/lanemark"
    install -D -m 644 "$work/package/config.json" "$at/etc/lanemark/config.json"
    chmod 700 "$at/root"
    mksquashfs "$at" "$image/firmware.img" -noappend -quiet -no-progress -all-root -comp gzip -b 131072 >/dev/null
}

# make_lab: the house, the tests, and tools to judge by.
make_lab() {
    local at=$work/lab
    rm -rf "$at"
    # shellcheck disable=SC2086
    unpack "$at" $LAB_PACKAGES
    rm -rf "$at"/usr/share/perl* "$at"/usr/lib/*/perl* "$at"/usr/bin/perl* "$at/etc" "$at/var"
    mkdir -p "$at/lab"
    # Which of its programs iptables-restore is, Debian says when the package is configured.
    ln -s xtables-nft-multi "$at/usr/sbin/iptables-restore"
    ln -s xtables-nft-multi "$at/usr/sbin/ip6tables-restore"
    cp "$root"/cross/malta/lab/* "$at/lab/"
    cp "$@" "$at/lab/"
    mksquashfs "$at" "$image/lab.img" -noappend -quiet -no-progress -all-root -comp gzip -b 131072 >/dev/null
}

# Where all of it is.
image=$root/target/malta work=$root/target/malta/work kernel=$cache/malta/kernel

# find_image: that one was made.
find_image() { [ -e "$image/start.gz" ] || die "no image yet: cross/malta.sh build"; }

# make_image PROGRAM LAB...: all of it.
make_image() {
    mkdir -p "$image" "$work"
    need squashfs-tools cpio kmod
    PATH=$PATH:/usr/sbin:/sbin
    # shellcheck disable=SC2086
    fetch_packages $KERNEL $FIRMWARE_PACKAGES $LAB_PACKAGES
    if [ ! -e "$kernel/boot" ]; then
        mkdir -p "$kernel"
        dpkg-deb -x "$apt"/cache/archives/"$KERNEL"_*.deb "$kernel"
    fi
    say "making the firmware"
    make_firmware "$dist/mipsel/lanemark"
    make_start
    make_packages
    make_lab "$work/newer.tar.gz" "$work/foreign.tar.gz" "$@"
    ls -l "$image"/*.img "$image/start.gz" | awk '{ print $5, $9 }' | sed "s|$root/||" >&2
}

# empty_flash FILE: as it comes from the factory.
empty_flash() {
    head -c "$FLASH_BYTES" /dev/zero | tr '\0' '\377' >"$1"
}
