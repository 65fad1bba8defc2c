#!/usr/bin/env bash
# The size of what cross/build.sh has made, against the goal, of which it tells, and the limit: fails above that.
#
#   cross/size.sh [TARGET...]             the table
#   cross/size.sh --save [TARGET...]      keeps it in cross/sizes.txt
#   cross/size.sh --compare [TARGET...]   with the difference to what is kept
set -euo pipefail
. "$(dirname "$0")/toolchain.sh"

form=
case ${1:-} in
--save | --compare) form=$1 && shift ;;
-*) die "expected --save, --compare or targets, found $1" ;;
esac
[ $# -gt 0 ] || set -- $(targets)

kept=$root/cross/sizes.txt
over=0
table=$(
    printf '%-12s %8s %8s %8s %6s\n' target bytes goal limit xz
    for each in "$@"; do
        target "$each"
        program=$dist/$name/lanemark
        [ -e "$program" ] || die "$program is not there: cross/build.sh $name makes it"
        printf '%-12s %8d %8d %8d %6d\n' "$name" "$(stat -c %s "$program")" "$goal_bytes" "$limit_bytes" "$(xz -9e --stdout "$program" | wc -c)"
    done
)
case $form in
--save) printf '%s\n' "$table" | tee "$kept" ;;
--compare)
    while read -r name bytes rest; do
        before=$(awk -v name="$name" '$1 == name { print $2 }' "$kept")
        case $bytes in
        bytes) printf '%-12s %8s %s %8s\n' "$name" "$bytes" "$rest" change ;;
        *) printf '%-12s %8d %s %+8d\n' "$name" "$bytes" "$rest" "$((bytes - ${before:-bytes}))" ;;
        esac
    done <<<"$table"
    ;;
*) printf '%s\n' "$table" ;;
esac
while read -r name bytes goal limit _; do
    [ "$bytes" != bytes ] || continue
    if [ "$bytes" -gt "$limit" ]; then
        echo "$name: $((bytes - limit)) bytes over its limit" >&2
        over=1
    elif [ "$bytes" -gt "$goal" ]; then
        echo "$name: $((bytes - goal)) bytes over its goal" >&2
    fi
done <<<"$table"
exit $over
