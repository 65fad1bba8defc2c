#!/usr/bin/env bash
# What the page process answers in a second, beside lighttpd with a file of the same length, in one run on one machine.
#
#   tests/bench_page.sh [SECONDS]    5 s for each unless said otherwise; needs wrk, lighttpd, python3 and the optimized program
#
# The daemon is played by tests/play.py. Prints requests a second of both, and the ratio.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-5}
folder=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; rm -rf "$folder"' EXIT
for program in wrk lighttpd python3 curl; do
    PATH="$PATH:/usr/sbin" command -v "$program" >/dev/null || { echo "bench_page.sh: missing $program" >&2; exit 1; }
done
cargo build --release --quiet --no-default-features --bin lanemark
program=${CARGO_TARGET_DIR:-target}/release/lanemark

python3 tests/play.py "$program" 127.0.0.1:18080 >"$folder/page" &
pids+=($!)
cat >"$folder/lighttpd.conf" <<END
server.document-root = "$folder/files"
server.port = 18081
server.bind = "127.0.0.1"
mimetype.assign = ( ".json" => "application/json" )
END
mkdir "$folder/files"
lighttpd=$(PATH="$PATH:/usr/sbin" command -v lighttpd)
"$lighttpd" -D -f "$folder/lighttpd.conf" &
pids+=($!)

page=http://127.0.0.1:18080
login() {
    curl -s -i -H "Origin: $page" -H 'Content-Type: application/json' -d '{"password":"correct horse"}' $page/api/v1/session |
        sed -n 's/^Set-Cookie: \(lanemark=[0-9a-f]*\).*/\1/p'
}
cookie=
for _ in $(seq 100); do
    cookie=$(login || true)
    [ -n "$cookie" ] && break
    sleep 0.05
done
[ -n "$cookie" ] || { echo "bench_page.sh: the page does not answer" >&2; exit 1; }
curl -s -b "$cookie" $page/api/v1/status >"$folder/files/status.json"
echo "status: $(wc -c <"$folder/files/status.json") bytes"

rate() { wrk -t1 -c16 -d"${seconds}s" "$@" | awk '/Requests\/sec/ {print $2} /Non-2xx/ {print "refused" > "/dev/stderr"}'; }
ours=$(rate -H "Cookie: $cookie" $page/api/v1/status)
theirs=$(rate http://127.0.0.1:18081/status.json)
pid=$(head -1 "$folder/page")
echo "lanemark: $ours requests/s, $(awk '/^Private/ {kb += $2} END {print kb}' "/proc/$pid/smaps_rollup") kB private"
echo "lighttpd: $theirs requests/s"
awk -v a="$ours" -v b="$theirs" 'BEGIN {printf "ratio: %.2f\n", a / b}'
