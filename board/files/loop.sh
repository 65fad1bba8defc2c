#!/bin/sh
### BEGIN INIT INFO
# Provides:          lanemark
# Required-Start:    $network $remote_fs
# Required-Stop:     $network $remote_fs
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: every device in its lane
### END INIT INFO
# Keeps lanemark running where no procd does: DD-WRT calls this at boot without a word, others with start.
# LANEMARK_ROOT goes before every path, for trials.

root=${LANEMARK_ROOT:-}
program=$root@binary@
config_dir=$root@config_dir@
socket=$root/var/run/lanemark.sock
keeper_pid=$root/var/run/lanemark.keeper

# The process that keeps lanemark, if it lives: the number alone could be another's by now.
keeper() {
    read -r pid 2>/dev/null < "$keeper_pid" || return 1
    grep -q lanemark "/proc/$pid/cmdline" 2>/dev/null || return 1
    echo "$pid"
}

start() {
    keeper > /dev/null && return 0
    [ -x "$program" ] || { echo "lanemark: $program is not there" >&2; return 1; }
    mkdir -p "$root/var/run"
    if command -v logger > /dev/null 2>&1; then
        { /bin/sh "$0" keep 2>&1 | logger -t lanemark; } < /dev/null > /dev/null 2>&1 &
    else
        /bin/sh "$0" keep < /dev/null > /dev/null 2>&1 &
    fi
    left=5
    while [ "$left" -gt 0 ] && ! keeper > /dev/null; do
        left=$((left - 1))
        sleep 1
    done
    keeper > /dev/null
}

# TERM leaves the lanes in the kernel as they are; the next start adopts them.
stop() {
    pid=$(keeper) || return 0
    kill -TERM "$pid" 2> /dev/null
    left=15
    while [ "$left" -gt 0 ] && [ -d "/proc/$pid" ]; do
        left=$((left - 1))
        sleep 1
    done
    [ ! -d "/proc/$pid" ] || { echo "lanemark: process $pid does not end" >&2; return 1; }
}

keep() {
    echo $$ > "$keeper_pid"
    child=
    trap 'over=1; [ -z "$child" ] || kill -TERM "$child" 2> /dev/null' TERM INT
    over=
    while [ -z "$over" ]; do
        "$program" run --dir "$config_dir" --socket "$socket" &
        child=$!
        wait "$child"
        # A signal ends the wait, not the child: wait until it has written what it has to.
        [ -z "$over" ] || wait "$child"
        [ -z "$over" ] || break
        sleep 5 &
        child=$!
        wait "$child"
    done
    rm -f "$keeper_pid"
}

case ${1:-start} in
    start) start ;;
    stop) stop ;;
    restart) stop && start ;;
    reload)
        pid=$(keeper) || exit 1
        for entry in /proc/[0-9]*; do
            # The child of the keeper, and no other: the fourth field is the parent.
            [ "$(sed -n 's/.*) . \([0-9]*\) .*/\1/p' "$entry/stat" 2> /dev/null)" = "$pid" ] || continue
            kill -HUP "${entry#/proc/}"
        done
        ;;
    status) keeper > /dev/null ;;
    keep) keep ;;
    *)
        echo "usage: $0 start|stop|restart|reload|status" >&2
        exit 2
        ;;
esac
