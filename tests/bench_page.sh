#!/usr/bin/env bash
# What the page process answers in a second, beside lighttpd, in one run on one machine.
#
#   tests/bench_page.sh [SECONDS]    a turn takes 2 s unless said otherwise; each has seven
#
# Both run on one core, and wrk on another. Both are asked the same, with our cookie, over 16 connections that stay open, and answer with as many bytes:
# the body of our status, and fields that are as long as ours. The turns alternate, and medians are told: of requests a second, and of the processor's
# time for each, which others on the machine disturb less.
#
# The daemon is played by tests/play.py. Installs what it needs when it runs as root on Debian; says what is missing otherwise.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-2}
turns=7
export PATH="$PATH:/usr/sbin:/sbin"

# program:Debian package
needs=(wrk:wrk lighttpd:lighttpd python3:python3 curl:curl taskset:util-linux)
missing=()
for need in "${needs[@]}"; do
    command -v "${need%%:*}" >/dev/null || missing+=("${need##*:}")
done
if [ "${#missing[@]}" -gt 0 ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing: ${missing[*]}"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null
        # Debian starts a server that is installed, at port 80: here it is wanted as a program alone.
        [[ " ${missing[*]} " != *' lighttpd '* ]] || systemctl disable --quiet --now lighttpd 2>/dev/null || true
    else
        echo "bench_page.sh: missing ${missing[*]}" >&2
        exit 1
    fi
fi
command -v cargo >/dev/null || { echo "bench_page.sh: missing Rust 1.95" >&2; exit 1; }
cargo build --release --quiet --no-default-features --bin lanemark
program=${CARGO_TARGET_DIR:-target}/release/lanemark

folder=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; rm -rf "$folder"' EXIT

# Where there is one core only, all share it.
cores=$(nproc)
served=0
asking=$((cores > 1))

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
port=$(free_port)
page=http://127.0.0.1:$port
taskset -c $served python3 tests/play.py "$program" "127.0.0.1:$port" >"$folder/page" &
pids+=($!)
login() {
    curl -s -i -H "Origin: $page" -H 'Content-Type: application/json' -d '{"password":"correct horse"}' "$page/api/v1/session" |
        sed -n 's/^Set-Cookie: \(lanemark=[0-9a-f]*\).*/\1/p'
}
cookie=
for _ in $(seq 100); do
    cookie=$(login || true)
    [ -n "$cookie" ] && break
    sleep 0.05
done
[ -n "$cookie" ] || { echo "bench_page.sh: the page does not answer" >&2; exit 1; }
mkdir "$folder/files"
curl -s -b "$cookie" "$page/api/v1/status" >"$folder/files/status.json"

declare -A pid url
pid[lanemark]=$(head -1 "$folder/page")
url[lanemark]=$page/api/v1/status
bytes() { curl -s -i -b "$cookie" "${url[$1]}" | wc -c; }

serve() { # FIELD: of each answer, with its value
    local number
    number=$(free_port)
    cat >"$folder/lighttpd.conf" <<END
server.document-root = "$folder/files"
server.port = $number
server.bind = "127.0.0.1"
server.errorlog = "$folder/lighttpd.log"
server.max-keep-alive-requests = 1000000
server.modules = ( "mod_setenv" )
mimetype.assign = ( ".json" => "application/json" )
setenv.add-response-header = ( "X-Fields" => "$1" )
END
    taskset -c $served lighttpd -D -f "$folder/lighttpd.conf" &
    pid[lighttpd]=$!
    pids+=("${pid[lighttpd]}")
    url[lighttpd]=http://127.0.0.1:$number/status.json
    for _ in $(seq 100); do
        curl -s -o /dev/null "${url[lighttpd]}" && return
        sleep 0.05
    done
    echo "bench_page.sh: lighttpd does not answer" >&2
    exit 1
}
serve x
# One field in the place of all that only we send.
more=$(($(bytes lanemark) - $(bytes lighttpd)))
kill "${pid[lighttpd]}"
serve "$(printf "%$((more + 1))s" '' | tr ' ' x)"
[ "$(bytes lanemark)" = "$(bytes lighttpd)" ] || { echo "bench_page.sh: the answers are not of the same length" >&2; exit 1; }

ticks() { awk '{sub(/.*\) /, ""); print $12 + $13}' "/proc/${pid[$1]}/stat"; }
turn() {
    local before after asked
    before=$(ticks "$1")
    asked=$(taskset -c $asking wrk -t1 -c16 -d"${seconds}s" -H "Cookie: $cookie" "${url[$1]}")
    after=$(ticks "$1")
    if grep -E 'Non-2xx|Socket errors' <<<"$asked" >&2; then exit 1; fi
    awk -v spent=$((after - before)) -v hertz="$(getconf CLK_TCK)" \
        '/Requests\/sec/ {rate = $2} /requests in/ {count = $1} END {printf "%.0f %.2f\n", rate, spent / hertz * 1e6 / count}' <<<"$asked" >>"$folder/$1.turns"
}
median() { sort -n <(cut -d' ' -f"$2" "$folder/$1.turns") | sed -n "$(((turns + 1) / 2))p"; }

for _ in $(seq $turns); do
    for server in lanemark lighttpd; do turn $server; done
done
printf '%-10s %12s %12s\n' '' 'requests/s' 'us for each'
for server in lanemark lighttpd; do
    printf '%-10s %12s %12s\n' $server "$(median $server 1)" "$(median $server 2)"
done
echo "answers of $(bytes lanemark) bytes; the page process: $(awk '/^Private/ {kb += $2} END {print kb}' "/proc/${pid[lanemark]}/smaps_rollup") kB private"
ratio() { awk -v a="$1" -v b="$2" 'BEGIN {printf "%.2f", a / b}'; }
echo "ratio: $(ratio "$(median lanemark 1)" "$(median lighttpd 1)") of lighttpd's answers a second, $(ratio "$(median lanemark 2)" "$(median lighttpd 2)") of its processor's time for each"
