"""A daemon for the page process, for looks by hand and bench_page.sh: answers every question with a fixed line.

    python3 tests/play.py PROGRAM ADDRESS:PORT [CONNECTIONS]

Prints the number of the page process. The password is "correct horse".
"""

import json
import os
import socket
import subprocess
import sys
import threading
import time

program, address = sys.argv[1], sys.argv[2]
connections = sys.argv[3] if len(sys.argv) > 3 else "64"
LINE = dict(guarantee_kbit=727, rate_kbit=120, bytes=123456, packets=789, dropped=0, backlog_bytes=0, delay_ms=0)
SIDE = dict(interface="wan", line_kbit=970, rate_kbit=512, proven_percent=98, leaf="fq_codel")
LANES = ["exempt", "premium", "express", "small", "standard", "bulk"]
CHANGED = dict(mac="", name="", flows_marked=3, saved=False, remark="")
ANSWERS = {
    "status": dict(state="on", reason="", version="0.1.0", pid=1, uptime_s=5, up=SIDE, down=SIDE,
                   classes=[{"class": name, "mark": 10, "up": LINE, "down": LINE} for name in LANES],
                   devices=2, flows=5, flows_max=4096, saved=True, config="1a2b3c4d"),
    "devices": dict(devices=[{"name": f"device {i}", "mac": f"02:00:00:00:00:{i:02x}", "addresses": [f"192.168.1.{i}"],
                              "class": None, "flows": i, "up_kbit": i, "down_kbit": i, "seen_s": 1} for i in range(20)]),
    "flows": dict(flows=[]),
    "doctor": dict(findings=[]),
    "config-show": dict(version=1),
    "history": dict(versions=[]),
}
MORE_LINES = {"login": 1, "config-apply": 1, "enroll": 2}


def answer(verb, lines):
    if verb == "login" and json.loads(lines[0]) != "correct horse":
        return dict(error=dict(fault="input", message="wrong password"))
    return ANSWERS.get(verb, CHANGED)


def say(link, what):
    link.sendall(json.dumps(what, separators=(",", ":")).encode() + b"\n")


def serve(link):
    lines = link.makefile("rb")
    try:
        for line in lines:
            verb = json.loads(line)["verb"]
            more = [lines.readline() for _ in range(MORE_LINES.get(verb, 0))]
            if verb != "watch":
                say(link, answer(verb, more))
                continue
            say(link, dict(g=1, m=[], s="on", n=[970, 7600]))
            while True:
                time.sleep(1)
                say(link, dict(t=[int(time.monotonic()) % 100, 10]))
    except OSError:
        pass
    give()


def give():
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    try:
        socket.send_fds(core, [b"C"], [theirs.fileno()])
    except OSError:
        return
    theirs.close()
    threading.Thread(target=serve, args=(ours,), daemon=True).start()


core, page = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
page.setblocking(False)
# The shell puts what it is given as standard input where the page process looks for it.
child = subprocess.Popen(["sh", "-c", 'exec 3<&0 0</dev/null; exec "$0" page', program], stdin=page)
page.close()
core.send(f"Sp=1 n=router.lan c={connections}".encode())
host, port = address.rsplit(":", 1)
listener = socket.create_server((host, int(port)), backlog=1024)
listener.setblocking(False)
socket.send_fds(core, [b"L"], [listener.fileno()])
for _ in range(4):
    give()
print(child.pid, flush=True)
child.wait()
