#!/bin/sh
# lanemark as it is on a kernel without nf_tables: 'run' makes its rules through Debian's iptables-legacy-restore, in a mount namespace where that stands
# in the place of the program that translates to nf_tables. Every other verb is as it is.
#
#   cargo lab bench --lanemark tests/xtables.sh
#
# LANEMARK is the program: target/release/lanemark, else target/debug/lanemark.
set -eu
built=$(dirname "$(readlink -f "$0")")/../target
for program in "${LANEMARK:-}" "$built/release/lanemark" "$built/debug/lanemark"; do
    [ ! -f "$program" ] || break
done
[ "${1:-}" = run ] || exec "$program" "$@"
exec unshare -m sh -c 'mount --bind /usr/sbin/xtables-legacy-multi /usr/sbin/xtables-nft-multi && exec "$@"' sh "$program" "$@" --rules xtables
