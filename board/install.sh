#!/bin/sh
# Puts lanemark on this router, and takes it off again. Run it in the unpacked package.
#
#   sh install.sh check        can it be installed here? Touches nothing
#   sh install.sh install      install or upgrade; a second time changes nothing
#   sh install.sh undo         what was there before the last install is there again
#   sh install.sh status       what is installed, and does it run
#
#   --root DIR                 goes before every path, for trials
#   --wait SECONDS             how long a daemon may take until it answers (30)
#
# Exit codes: 0 done, 1 refused by the system, 2 wrong usage, or a package that is damaged or not for this router.
#
# Must not: touch a rule, a queue or a file of anybody else; overwrite a configuration; replace anything before everything was checked.
# Nothing but a POSIX shell and busybox applets is needed.

set -u
LC_ALL=C
export LC_ALL
umask 022

here=$(cd "$(dirname "$0")" && pwd) || exit 1
root=
verb=
patience=30
# Set while something is half written, which is removed whatever happens.
partial=

say() { printf 'lanemark: %s\n' "$*"; }

refuse() {
    code=$1
    shift
    printf 'lanemark: %s\n' "$*" >&2
    exit "$code"
}

usage() { refuse 2 "expected check, install, undo or status, and --root DIR or --wait SECONDS; found '$*'"; }

# A connection that ends must not leave half of it done. A handler, and not '': who is started here must hear HUP again.
trap : HUP
trap '[ -z "$partial" ] || rm -rf "$binary.new" "$start.new" "$config.new" "$config_dir/backup.new"' EXIT
trap 'exit 1' INT TERM

# ---- the package

field() { sed -n "s/^$1=//p" "$here/package.txt" | head -n 1; }

if command -v sha256sum > /dev/null 2>&1; then
    sha() { sha256sum | cut -c 1-64; }
elif command -v openssl > /dev/null 2>&1; then
    sha() { openssl dgst -sha256 | sed 's/.* //'; }
else
    refuse 1 "expected sha256sum or openssl to verify the package with, found neither"
fi

# The digest of a file; nothing for no file.
digest() {
    [ ! -f "$1" ] || sha < "$1"
}

verify_list() {
    [ -f "$here/package.txt" ] || refuse 2 "damaged package: package.txt is missing; unpack it again"
    [ "$(sed -n '$s/^sha256=//p' "$here/package.txt")" = "$(sed '$d' "$here/package.txt" | sha)" ] ||
        refuse 2 "damaged package: package.txt is cut or changed; fetch it again"
    [ "$(field format)" = 1 ] || refuse 2 "expected a package of format 1, found '$(field format)'"
    binary=$root$(field binary)
    start=$root$(field start)
    config_dir=$root$(field config_dir)
    config=$config_dir/config.json
    backup=$config_dir/backup
    socket=$root/var/run/lanemark.sock
    firmware=$(field firmware)
    version=$(field version)
}

# The digest that package.txt has for a file of the package.
listed() { sed -n "s/^file=$1 [0-9]* //p" "$here/package.txt"; }

verify_files() {
    for file in lanemark install.sh import-ddwrt.sh config.json start; do
        bytes=$(sed -n "s/^file=$file \([0-9]*\) .*/\1/p" "$here/package.txt")
        [ -f "$here/$file" ] || refuse 2 "damaged package: $file is missing; unpack it again"
        found=$(($(wc -c < "$here/$file")))
        [ "$found" = "$bytes" ] || refuse 2 "damaged package: $file has $found bytes, expected $bytes; fetch it again"
        [ "$(digest "$here/$file")" = "$(listed "$file")" ] ||
            refuse 2 "damaged package: $file is not what was packed (SHA-256 differs); fetch it again"
    done
}

# ---- the router

# The first 20 bytes of a file as hex.
header() {
    if command -v hexdump > /dev/null 2>&1; then
        hexdump -v -n 20 -e '1/1 "%02x"' "$1" 2> /dev/null
    elif command -v od > /dev/null 2>&1; then
        od -An -v -tx1 -N20 "$1" 2> /dev/null | tr -d ' \n'
    fi
}

part() { printf '%s' "$1" | cut -c "$2"; }

# Class, byte order and machine of an ELF file; nothing for any other file.
elf() {
    hex=$(header "$1")
    case $hex in 7f454c46??????????????????????????????*) ;; *) return ;; esac
    case $(part "$hex" 9-10) in 01) class=32 ;; *) class=64 ;; esac
    case $(part "$hex" 11-12) in
        01) echo "$class little $((0x$(part "$hex" 39-40)$(part "$hex" 37-38)))" ;;
        *) echo "$class big $((0x$(part "$hex" 37-40)))" ;;
    esac
}

# The same for people.
spoken() {
    # shellcheck disable=SC2086
    set -- $1
    case $3 in
        3) machine=x86 ;;
        8) machine=MIPS ;;
        40) machine=ARM ;;
        62) machine=x86-64 ;;
        183) machine=AArch64 ;;
        *) machine="machine $3" ;;
    esac
    echo "$1-bit $2-endian $machine"
}

check_machine() {
    ours=$(elf "$here/lanemark")
    [ "$ours" = "$(field elf_class) $(field elf_data) $(field elf_machine)" ] || [ -z "$(header "$here/lanemark")" ] ||
        refuse 2 "damaged package: the program is not for $(field target)"
    theirs=
    for shell in "$root/bin/busybox" "$root/bin/sh" /proc/self/exe /bin/busybox /bin/sh; do
        theirs=$(elf "$shell")
        [ -z "$theirs" ] || break
    done
    if [ -z "$ours" ] || [ -z "$theirs" ]; then
        say "note: no hexdump and no od, so only a run of the program shows whether it is for this router"
    elif [ "$ours" != "$theirs" ]; then
        refuse 2 "the package is for $(field title): $(spoken "$ours"); this router is $(spoken "$theirs"). Fetch the package of this router"
    fi
    cpuinfo=$root/proc/cpuinfo
    [ -f "$cpuinfo" ] || cpuinfo=/proc/cpuinfo
    if [ "$(field float)" = hard ] && ! grep -qw vfp "$cpuinfo"; then
        refuse 2 "the package is for ARM with hardware floats (armv7); this router's kernel offers none. Fetch a package for arm"
    fi
}

# The folder itself, or the nearest one above it that is there.
standing() {
    folder=$1
    while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
    echo "$folder"
}

check_flash() {
    needed=$(field flash_kb)
    for target in "$(dirname "$binary")" "$config_dir"; do
        folder=$(standing "$target")
        free=$({ df -kP "$folder" 2> /dev/null || df -k "$folder"; } | awk '{ free = $(NF - 2) } END { print free }')
        case $free in '' | *[!0-9]*) refuse 1 "expected the free space of $folder from df, found '$free'" ;; esac
        [ "$free" -ge "$needed" ] ||
            refuse 1 "too little flash: $folder has $free kB free, expected $needed kB (the new program, and the old one as a backup)"
    done
}

check_memory() {
    needed=$(field ram_kb)
    meminfo=$root/proc/meminfo
    [ -f "$meminfo" ] || meminfo=/proc/meminfo
    # Kernels before 3.14 do not tell what is available.
    free=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' "$meminfo")
    [ -n "$free" ] || free=$(sed -n 's/^MemFree: *\([0-9]*\) kB/\1/p' "$meminfo")
    [ "${free:-0}" -ge "$needed" ] || refuse 1 "too little memory: ${free:-0} kB available, expected $needed kB"
}

# Two that shape one line shape it wrong.
check_others() {
    if command -v nvram > /dev/null 2>&1 && [ "$(nvram get wshaper_enable 2> /dev/null)" = 1 ]; then
        refuse 1 "DD-WRT's own QoS is on. Turn it off: NAT / QoS, QoS, Disable; or: nvram set wshaper_enable=0; nvram commit; reboot"
    fi
    command -v uci > /dev/null 2>&1 || return 0
    on=$(uci -q show sqm 2> /dev/null | sed -n "s/^\(sqm\.[^=]*\)\.enabled='\{0,1\}1'\{0,1\}\$/\1/p" | head -n 1)
    [ -z "$on" ] ||
        refuse 1 "SQM is on ($on). Turn it off: uci set $on.enabled=0; uci commit sqm; /etc/init.d/sqm restart"
    qosify_on && refuse 1 "qosify is on. Turn it off: /etc/init.d/qosify stop; /etc/init.d/qosify disable"
    return 0
}

# It runs or will run at the next start, and has an interface that is not disabled.
qosify_on() {
    pidof qosify > /dev/null 2>&1 || ls "$root"/etc/rc.d/S*qosify > /dev/null 2>&1 || return 1
    for section in $(uci -q show qosify 2> /dev/null | sed -n 's/^\(qosify\.[^.=]*\)=\(interface\|device\)$/\1/p'); do
        [ "$(uci -q get "$section.disabled" 2> /dev/null)" = 1 ] || return 0
    done
    return 1
}

check_run() {
    [ -x "$here/lanemark" ] || chmod 755 "$here/lanemark" 2> /dev/null
    said=$("$here/lanemark" --version 2>&1)
    ended=$?
    if [ "$ended" != 0 ] || [ "$said" != "lanemark $version" ]; then
        refuse 2 "the program does not run here: expected 'lanemark $version' from $here/lanemark --version, found '$said' (exit code $ended)"
    fi
}

check() {
    verify_files
    [ "$(field served)" = true ] || refuse 1 "$(field title) is not served yet: $(field served_why)"
    check_machine
    check_flash
    check_memory
    check_others
    check_run
}

# ---- the daemon

# The process that answers; nothing when none does.
answering() {
    [ ! -x "$binary" ] ||
        "$binary" status --json --socket "$socket" 2> /dev/null | sed -n 's/.*"pid": *\([0-9][0-9]*\).*/\1/p'
}

# Waits until another process than $1 answers, twice, so that it is not one that dies at once.
await() {
    if sleep 0.2 2> /dev/null; then nap=0.2 left=$((patience * 5)); else nap=1 left=$patience; fi
    before=
    while [ "$left" -ge 0 ]; do
        now=$(answering)
        [ "$now" != "$1" ] || now=
        if [ -n "$now" ] && [ "$now" = "$before" ]; then return 0; fi
        if [ -n "$now" ]; then sleep 1; else sleep "$nap"; fi
        before=$now
        left=$((left - 1))
    done
    return 1
}

service() { LANEMARK_ROOT=$root "$start" "$1" > /dev/null 2>&1; }

# Whether the firmware starts it at boot. DD-WRT does by itself.
at_boot() {
    case $firmware in
        openwrt) service "$1" ;;
        plain)
            if [ -z "$root" ] && command -v update-rc.d > /dev/null 2>&1; then
                case $1 in enable) update-rc.d lanemark defaults ;; *) update-rc.d -f lanemark remove ;; esac > /dev/null 2>&1
            fi
            ;;
    esac
    return 0
}

restart() {
    old=$(answering)
    service restart
    await "${old:-none}"
}

# ---- files

# A copy beside its place, read back; the rename comes later.
copy() {
    { cp "$1" "$2" && chmod "$3" "$2" && sync; } 2> /dev/null
    [ "$(digest "$1")" = "$(digest "$2")" ] || unwritten "$2"
}

unwritten() { refuse 1 "$1: cannot be written whole: is the flash full? What was there is still there, and runs"; }

# $1 in the place of $2, such that there is always a whole file. May be repeated after a power cut.
put_back() {
    [ "$(digest "$2")" = "$3" ] && return 0
    [ "$(digest "$2.new")" = "$3" ] || mv "$1" "$2.new" || return 1
    [ "$(digest "$2.new")" = "$3" ] && chmod 755 "$2.new" && mv "$2.new" "$2" && sync
}

was() { sed -n "s/^$1=//p" "$backup/was.txt" 2> /dev/null; }

# What was there before the last install, of $2.
restore() {
    if [ "$(was "$1")" = none ]; then rm -f "$2"; else put_back "$backup/$1" "$2" "$(was "$1")"; fi
}

restore_all() { restore binary "$binary" && restore start "$start"; }

# Nothing was there before: nothing is now, in the kernel neither.
remove() {
    at_boot disable
    [ ! -x "$start" ] || service stop
    if [ -x "$binary" ]; then
        "$binary" stop --socket "$socket" > /dev/null 2>&1 ||
            say "note: 'lanemark stop' failed; 'lanemark' may have left something in the kernel until the next start of the router"
    fi
    rm -f "$binary"
    restore start "$start"
    # Ours, and nobody has written to it.
    if [ "$(was config)" = none ] && [ "$(digest "$config")" = "$(listed config.json)" ]; then rm -f "$config"; fi
}

save() {
    new=$config_dir/backup.new
    rm -rf "$new"
    mkdir "$new" || unwritten "$new"
    [ ! -f "$binary" ] || copy "$binary" "$new/binary" 755
    [ ! -f "$start" ] || copy "$start" "$new/start" 755
    copy "$here/install.sh" "$new/install.sh" 755
    copy "$here/package.txt" "$new/package.txt" 644
    had_binary=$(digest "$binary")
    had_start=$(digest "$start")
    had_config=none
    [ ! -e "$config" ] || had_config=kept
    printf 'binary=%s\nstart=%s\nconfig=%s\n' "${had_binary:-none}" "${had_start:-none}" "$had_config" > "$new/was.txt" ||
        unwritten "$new"
    [ "$(sed -n 's/^config=//p' "$new/was.txt")" = "$had_config" ] || unwritten "$new"
}

# Only where there is none: a configuration is the user's.
place_config() {
    [ ! -e "$config" ] || return 0
    copy "$here/config.json" "$config.new" 600
    mv "$config.new" "$config"
}

# ---- verbs

install() {
    check
    partial=1
    if [ "$(digest "$binary")" = "$(listed lanemark)" ] && [ "$(digest "$start")" = "$(listed start)" ]; then
        place_config
        if [ -z "$(answering)" ] && ! restart; then refuse 1 "$version is installed already, but its daemon does not answer"; fi
        say "$version is installed already and runs; nothing was changed"
        return
    fi
    mkdir -p "$(dirname "$binary")" "$(dirname "$start")" "$(dirname "$config_dir")" || unwritten "$config_dir"
    # Nobody else's business: the daemon makes it like that too.
    [ -d "$config_dir" ] || mkdir -m 700 "$config_dir" || unwritten "$config_dir"
    copy "$here/lanemark" "$binary.new" 755
    copy "$here/start" "$start.new" 755
    save
    place_config

    # From here on it is a matter of names.
    rm -rf "$backup"
    { mv "$config_dir/backup.new" "$backup" && sync && mv "$binary.new" "$binary" && mv "$start.new" "$start"; } ||
        refuse 1 "$binary: cannot be replaced; 'install.sh undo' puts back what was there"
    sync
    partial=
    at_boot enable
    if restart; then
        say "$version is installed and runs; '$0 undo' or 'sh $backup/install.sh undo' takes it back"
        case $(field firmware_packages) in '') ;; *) say "it needs these packages of the firmware: $(field firmware_packages)" ;; esac
        return
    fi
    take_back
}

# The new one does not answer.
take_back() {
    if [ "$(was binary)" = none ]; then
        remove
        rm -rf "$backup"
        refuse 1 "$version did not answer within $patience s; it was taken off again. Its log: logread, or the log of the system"
    fi
    restore_all || refuse 1 "$version did not answer within $patience s, and the old program could not be put back: see $backup"
    restart || refuse 1 "$version did not answer within $patience s; the old program is back, but does not answer either"
    rm -rf "$backup"
    refuse 1 "$version did not answer within $patience s; the old program is back and runs"
}

undo() {
    [ -f "$backup/was.txt" ] || refuse 1 "nothing to undo: $backup holds no backup"
    if [ "$(was binary)" = none ]; then
        remove
        rm -rf "$backup"
        rmdir "$config_dir" 2> /dev/null
        say "taken off again"
        return
    fi
    restore_all || refuse 1 "the old program could not be put back: see $backup"
    rm -rf "$backup"
    restart || refuse 1 "the old program is back, but does not answer within $patience s"
    say "the old program is back and runs"
}

status() {
    [ -x "$binary" ] || refuse 1 "not installed: $binary is not there"
    say "installed: $("$binary" --version 2>&1), $binary"
    if [ "$(digest "$binary")" = "$(listed lanemark)" ]; then say "it is the one of this package"; else say "this package has $version"; fi
    if [ -f "$backup/was.txt" ]; then say "there is a backup: $backup"; else say "there is no backup"; fi
    pid=$(answering)
    [ -n "$pid" ] || refuse 1 "the daemon does not answer"
    say "the daemon answers, process $pid"
}

[ $# -gt 0 ] || usage
words=$*
while [ $# -gt 0 ]; do
    case $1 in
        check | install | undo | status)
            [ -z "$verb" ] || usage "$words"
            verb=$1
            ;;
        --root)
            { [ $# -gt 1 ] && [ -d "$2" ]; } || usage "$words"
            root=$(cd "$2" && pwd)
            [ "$root" != / ] || root=
            shift
            ;;
        --wait)
            case ${2:-x} in *[!0-9]*) usage "$words" ;; esac
            patience=$2
            shift
            ;;
        *) usage "$words" ;;
    esac
    shift
done
[ -n "$verb" ] || usage "$words"
verify_list
case $verb in
    check)
        check
        say "$version can be installed here"
        ;;
    *) "$verb" ;;
esac
