#!/bin/sh
# Makes a lanemark configuration of DD-WRT's QoS settings.
#
#   nvram show 2>/dev/null | import-ddwrt.sh > config.json     on the old firmware, or of a saved text:
#   import-ddwrt.sh nvram.txt > config.json
#
# What cannot be carried over is said on standard error. Rules keep DD-WRT's precedence: MAC, IP, interface, service, default.
# Entries end in their level, in old builds (`MAC level |`) as in new ones (`MAC up down user lan level |`); rates of single
# devices are left out. Look at the result with `lanemark config check config.json`.
# Exit codes: 0 done, 1 no QoS settings found, 2 wrong usage.
set -eu

if [ $# -gt 1 ]; then
    echo "usage: import-ddwrt.sh [nvram.txt]" >&2
    exit 2
fi

awk '
BEGIN {
    class[100] = "exempt"; class[10] = "premium"; class[20] = "express"; class[30] = "standard"; class[40] = "bulk"
    # What is known by its traffic there and by its ports here.
    split("bittorrent torrents ssh ssh dns dns ntp ntp sip voip rtp voip rtmp streaming rtsp streaming spotify streaming " \
        "xboxlive games steam games skypetoskype voip zoom video-calls", pair, " ")
    for (i = 1; pair[i] != ""; i += 2) known[pair[i]] = pair[i + 1]
    RULES_MAX = 256
}

{
    sub(/\r$/, "")
    place = index($0, "=")
    if (place > 0) value[substr($0, 1, place - 1)] = substr($0, place + 1)
}

function left_out(what, why) {
    print "import-ddwrt.sh: left out: " what ": " why | "cat 1>&2"
}

function is_whole(text) { return text ~ /^[0-9]+$/ }

# Adds a rule, unless one with the same conditions came before. Only services have names.
function rule(name, level, conditions,    words) {
    if (!(level in class)) { left_out(name, "expected level 100, 10, 20, 30 or 40, found " level); return }
    if (conditions in seen) { left_out(name, "an earlier entry has the same conditions"); return }
    if (rules == RULES_MAX) { left_out(name, "more than " RULES_MAX " rules"); return }
    seen[conditions] = 1
    words = "\"class\": \"" class[level] "\", " conditions
    if (conditions ~ /"(proto|ports|service)"/) {
        gsub(/[^A-Za-z0-9 ._-]/, "_", name)
        words = "\"name\": \"" substr(name, 1, 63) "\", " words
    }
    text[++rules] = "{ " words " }"
}

# The bits of a mask, given as their number or as an address; -1 for nonsense.
function prefix_of(mask,    part, i, bits, byte) {
    if (is_whole(mask)) return mask <= 32 ? mask + 0 : -1
    if (split(mask, part, ".") != 4) return -1
    for (i = 1; i <= 4; i++)
        for (byte = part[i] + 0; byte >= 1; byte = (byte * 2) % 256) bits++
    return bits + 0
}

# A network without bits behind its prefix; empty for nonsense. Addresses of the home are told from others by RFC 1918.
function network(entry,    half, part, prefix, i, bits, block, out) {
    prefix = split(entry, half, "/") == 2 ? prefix_of(half[2]) : 32
    if (prefix < 0 || split(half[1], part, ".") != 4) return ""
    for (i = 1; i <= 4; i++) {
        if (!is_whole(part[i]) || part[i] > 255) return ""
        bits = prefix - 8 * (i - 1)
        bits = bits < 0 ? 0 : bits > 8 ? 8 : bits
        block = 2 ^ (8 - bits)
        out = out (i > 1 ? "." : "") (int(part[i] / block) * block)
    }
    at_home = part[1] == 10 || part[1] == 192 && part[2] == 168 || part[1] == 172 && part[2] >= 16 && part[2] <= 31
    return out "/" prefix
}

function mac(field, count,    who) {
    who = tolower(field[1])
    if (who !~ /^[0-9a-f][0-9a-f](:[0-9a-f][0-9a-f])+$/ || length(who) != 17) { left_out(field[1], "no MAC address"); return }
    rule(who, field[count], "\"mac\": \"" who "\"")
}

function address(field, count,    where) {
    where = network(field[1])
    if (where == "") { left_out(field[1], "no IPv4 network"); return }
    rule(field[1], field[count], (at_home ? "\"cidr\": \"" : "\"remote\": \"") where "\"")
}

function device(field, count) {
    if (field[1] !~ /^[A-Za-z0-9._-]+$/ || length(field[1]) > 15) { left_out(field[1], "no interface"); return }
    rule(field[1], field[count], "\"interface\": \"" field[1] "\"")
}

function service(field, count,    name, type, range, ports, level) {
    name = field[1]; type = tolower(field[2]); level = field[count]
    if (tolower(name) in known && type !~ /^(tcp|udp|both)$/) {
        rule(name, level, "\"service\": \"" known[tolower(name)] "\"")
        return
    }
    if (type == "icmp") { rule(name, level, "\"proto\": \"icmp\""); return }
    if (type !~ /^(tcp|udp|both)$/) { left_out(name, "known by its traffic (" type "), not by ports"); return }
    if (split(field[3], range, ":") < 2) range[2] = range[1]
    if (!is_whole(range[1]) || !is_whole(range[2]) || range[2] > 65535 || range[1] + 0 > range[2] + 0 || range[2] == 0) {
        left_out(name, "no ports: " field[3])
        return
    }
    if (range[1] == 0) range[1] = 1
    ports = range[1] == range[2] ? range[1] + 0 : (range[1] + 0) "-" (range[2] + 0)
    ports = "\"ports\": \"" ports "\""
    rule(name, level, type == "both" ? ports : "\"proto\": \"" type "\", " ports)
}

# Each entry of a list.
function each(key, kind,    entry, count, i, field, fields) {
    count = split(value[key], entry, "|")
    for (i = 1; i <= count; i++) {
        fields = split(entry[i], field, " ")
        if (fields == 0) continue
        if (fields < (kind == "service" ? 4 : 2)) { left_out(entry[i], "expected more fields"); continue }
        if (kind == "mac") mac(field, fields)
        else if (kind == "address") address(field, fields)
        else if (kind == "device") device(field, fields)
        else service(field, fields)
    }
}

function rate(key) {
    # A number, not a text: what comes from a line is compared as one otherwise.
    if (is_whole(value[key]) && value[key] + 0 >= 64 && value[key] + 0 <= 10000000) return value[key] + 0
    return "null"
}

function ahead(    entry, count, i, word, list) {
    count = split(tolower(value["svqos_pkts"]), entry, "|")
    for (i = 1; i <= count; i++) {
        word = entry[i]
        gsub(/ /, "", word)
        if (word ~ /^(ack|syn|fin|rst|icmp)$/ && index(list, "\"" word "\"") == 0) list = list (list == "" ? "" : ", ") "\"" word "\""
    }
    return "[" list "]"
}

END {
    if (!("wshaper_enable" in value) && !("svqos_macs" in value) && !("svqos_svcs" in value)) {
        print "import-ddwrt.sh: expected the output of nvram show, found no setting of its QoS" | "cat 1>&2"
        exit 1
    }
    each("svqos_macs", "mac")
    each("svqos_ips", "address")
    each("svqos_devs", "device")
    each("svqos_svcs", "service")
    up = rate("wshaper_uplink"); down = rate("wshaper_downlink")
    on = value["wshaper_enable"] == 1 && up != "null" && down != "null"
    if (value["wshaper_enable"] == 1 && !on) left_out("enabled", "expected both rates of the line, 64 to 10000000 kbit/s")
    if (value["qos_type"] == 1) left_out("qos_type 1", "HFSC; the default scheduler is used")
    print "{"
    print "  \"version\": 1,"
    print "  \"enabled\": " (on ? "true" : "false") ","
    print "  \"wan\": { \"interface\": \"auto\", \"up_kbit\": " up ", \"down_kbit\": " down " },"
    print "  \"lan\": \"auto\","
    if ("svqos_pkts" in value) print "  \"prioritize\": " ahead() ","
    print "  \"rules\": [" (rules == 0 ? "]" : "")
    for (i = 1; i <= rules; i++) print "    " text[i] (i < rules ? "," : "")
    if (rules > 0) print "  ]"
    print "}"
}
' "${1:--}"
