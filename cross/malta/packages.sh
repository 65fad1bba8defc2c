# Debian's packages for the emulated router; malta.sh sources it.
#
# The machine's own package system is left alone: foreign packages are downloaded with a configuration of apt's own and unpacked,
# and so is the emulator, which as an installed package would put others out.

# The last Debian that has packages for little-endian MIPS, and a kernel for the Malta board among them.
DEBIAN=bookworm
KERNEL=linux-image-6.1.0-50-4kc-malta

# What the firmware has, and what the house around it has besides (the lab's disk).
FIRMWARE_PACKAGES="base-files netbase busybox-static dropbear-bin dnsmasq-base iproute2 nftables"
LAB_PACKAGES="dash coreutils conntrack ethtool netcat-openbsd iputils-ping tcpdump strace util-linux iperf3 diffutils libcap2-bin iptables"

# sources: the machine's own package sources, for the release that has MIPS.
sources() {
    local file
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
        [ ! -e "$file" ] || sed "s/\b\(bullseye\|bookworm\|trixie\|forky\)\b/$DEBIAN/g" "$file" >"$apt/parts/$(basename "$file")"
    done
}

# fetch_packages PACKAGE...: downloads them, with what they depend on, into $apt/cache/archives.
fetch_packages() {
    apt=$cache/malta/apt
    if [ -e "$apt/complete" ] && [ "$(cat "$apt/complete")" = "$*" ]; then return; fi
    say "downloading packages for mipsel"
    rm -f "$apt/complete"
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/parts" "$apt/dpkg"
    : >"$apt/dpkg/status"
    sources
    cat >"$apt/apt.conf" <<CONF
APT::Architecture "mipsel"; APT::Architectures { "mipsel"; };
APT::Install-Recommends "false"; APT::Sandbox::User "root";
Dir::State::lists "$apt/lists"; Dir::State::status "$apt/dpkg/status"; Dir::Cache "$apt/cache";
Dir::Etc::sourcelist "/dev/null"; Dir::Etc::sourceparts "$apt/parts";
CONF
    APT_CONFIG=$apt/apt.conf apt-get update -qq
    APT_CONFIG=$apt/apt.conf apt-get install -y -qq -d -o Debug::NoLocking=1 "$@" >/dev/null
    echo "$*" >"$apt/complete"
}

# unpack ROOT PACKAGE...: the packages and what they depend on, without the system's own management.
unpack() {
    local to=$1 name
    shift
    mkdir -p "$to/usr/bin" "$to/usr/sbin" "$to/usr/lib"
    for name in bin sbin lib; do [ -e "$to/$name" ] || ln -s "usr/$name" "$to/$name"; done
    APT_CONFIG=$apt/apt.conf apt-get install -y -s "$@" | sed -n 's/^Inst \([^ ]*\) .*/\1/p' | sort -u |
        grep -vE '^(apt|dpkg|debconf|perl|perl-base|libperl.*|systemd|libsystemd-shared|udev|init-system-helpers|linux-.*|initramfs-.*|klibc-utils|libklibc|kmod|adduser|passwd|login|openssl|gcc-12-base|tar|dbus.*)$' |
        while read -r name; do
            # The name of a file has the version too; only one is there.
            for deb in "$apt/cache/archives/${name}"_*.deb; do dpkg-deb --fsys-tarfile "$deb" | tar -C "$to" -x --keep-directory-symlink \
                --exclude='./usr/share/doc' --exclude='./usr/share/man' --exclude='./usr/share/locale' --exclude='./usr/share/info' --exclude='./usr/share/bash-completion' \
                --exclude='./usr/lib/*/gconv' --exclude='./usr/lib/*/perl*'; done
        done
}

# find_emulator: sets qemu, the words that start it. An installed one is taken as it is.
find_emulator() {
    if command -v qemu-system-mipsel >/dev/null; then
        qemu=(qemu-system-mipsel)
        return
    fi
    local at=$cache/malta/qemu
    if [ ! -e "$at/complete" ]; then
        say "downloading the emulator"
        rm -rf "$at" && mkdir -p "$at/debs"
        apt-get update -qq
        # What an installation would add; it is not carried out, since it would remove what conflicts.
        (cd "$at/debs" && apt-get install -s --no-install-recommends qemu-system-mips | sed -n 's/^Inst \([^ ]*\) .*/\1/p' | xargs apt-get download -qq -o APT::Sandbox::User=root)
        for deb in "$at"/debs/*.deb; do dpkg-deb -x "$deb" "$at"; done
        rm -rf "$at/debs"
        touch "$at/complete"
    fi
    local lib=$at/usr/lib/x86_64-linux-gnu
    qemu=(env "LD_LIBRARY_PATH=$lib:$at/lib/x86_64-linux-gnu" "$at/usr/bin/qemu-system-mipsel" -L "$at/usr/share/qemu")
}
