#!/usr/bin/env python3
"""The story of the emulated router: boots it again and again, one chapter a boot, and holds every step to its promise.

story.py FOLDER WORD...: the words start the emulator; CHAPTER in them is replaced. FOLDER keeps the consoles and the flash.
What the chapters find comes in lines of the console that begin with @ (see lab/steps). Prints one JSON object; exit code 1 when
a promise does not hold.
"""

import atexit
import json
import os
import select
import subprocess
import sys
import time

# The chapters, and how many seconds each may take on a slow machine.
CHAPTERS = [("first", 600), ("again", 300), ("cut", 300), ("corrupt", 300), ("broken", 300)]

# The kernel of the image was seen to wait for ever before its first word, in about one start of a hundred: nothing of ours runs yet then. That is told, with
# what its tasks wait for in the console's log, and the router is switched on again, this often in all.
SILENT_S = 120
SILENT_STARTS_MAX = 1
silent_starts = 0

# Promises in numbers.
# What is aimed at, and told when it is missed, is 12 ms; `cargo demo` on a host has 6. Here the one processor that all hosts have in common is 88 percent busy
# in that phase, 53 of them with packets, so that the figure depends on the machine that emulates: 10 to 11 ms were measured on a quiet one, and 18 on
# another with downloads that were not paced. The check fails above what such a machine needs.
PREMIUM_OVER_IDLE_MS_AIM = 12
PREMIUM_OVER_IDLE_MS_MAX = 24
WITHOUT_OVER_PREMIUM_MIN = 10
PRIVATE_KB_MAX = 1024
SHAPING_AFTER_INTERFACES_S_MAX = 2


class Chapter:
    """What one boot has told."""

    def __init__(self, name):
        self.name, self.steps, self.figures, self.seen = name, [], [], []
        self.ended = False

    def hear(self, line):
        kind, _, text = line.partition(" ")
        if kind in ("@ok", "@no"):
            self.steps.append((kind == "@ok", text))
            print(("  ok    " if kind == "@ok" else "  FAILS ") + text, file=sys.stderr, flush=True)
        elif kind == "@json":
            self.figures.append(json.loads(text))
            print(f"        {text}", file=sys.stderr, flush=True)
        elif kind == "@see":
            self.seen.append(text)
            print(f"        | {text}", file=sys.stderr, flush=True)
        elif kind == "@end":
            self.ended = True
        return kind == "@cut"


def start(words, name):
    """Switches the router on. Its console is a pipe that stays open: SysRq goes through it."""
    router = subprocess.Popen([word.replace("CHAPTER", "story-" + name) for word in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    # Whatever ends this program, a router that nobody hears would keep a processor busy.
    atexit.register(router.kill)
    return router


def speaks(router, log):
    """Whether the router says anything before SILENT_S are over; if not, what its tasks wait for goes into the log."""
    if select.select([router.stdout], [], [], SILENT_S)[0]:
        return True
    # The emulator's way of a break on the line, and the key that lists blocked tasks.
    router.stdin.write(b"\x01bw")
    router.stdin.flush()
    while select.select([router.stdout], [], [], 5)[0]:
        data = os.read(router.stdout.fileno(), 65536)
        if not data:
            break
        log.write(data)
    router.kill()
    router.wait()
    return False


def boot(words, name, seconds, log):
    """Boots one chapter, until the router switches itself off or its power is cut."""
    global silent_starts
    print(f"{name}:", file=sys.stderr, flush=True)
    chapter = Chapter(name)
    router = start(words, name)
    while not speaks(router, log):
        print(f"        its kernel said nothing for {SILENT_S} s", file=sys.stderr, flush=True)
        silent_starts += 1
        if silent_starts > SILENT_STARTS_MAX:
            chapter.hear("@no the kernel starts")
            return chapter
        router = start(words, name)
    deadline, rest, cut = time.monotonic() + seconds, b"", False
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            chapter.hear(f"@no the chapter ends within {seconds} s")
            break
        if not select.select([router.stdout], [], [], left)[0]:
            continue
        data = os.read(router.stdout.fileno(), 65536)
        if not data:
            break
        log.write(data)
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            text = line.decode(errors="replace").strip("\r")
            # Something of the kernel's may stand before it.
            at = text.find("@")
            if at >= 0 and text[at:].split(" ")[0] in ("@ok", "@no", "@json", "@see", "@end", "@cut"):
                cut = chapter.hear(text[at:]) or cut
        if cut:
            break
    # A power cut asks nobody.
    router.kill()
    router.wait()
    if not cut and not chapter.ended:
        chapter.hear("@no the chapter ends by itself")
    return chapter


def judge(figures):
    """The promises that are numbers."""
    idle, without, premium = (figures[name]["p50_ms"] for name in ("idle", "without", "premium"))
    lost = figures["without"]["unanswered"] * 2 > figures["without"]["keystrokes"]
    # Of both processes; the pages of the program that they have in common are in neither.
    private = max(figures[name]["private_kb"] + figures[name]["page_kb"] for name in ("memory", "memory_again"))
    yield premium <= idle + PREMIUM_OVER_IDLE_MS_MAX, f"Premium's median of {premium} ms is at most idle's {idle} ms + {PREMIUM_OVER_IDLE_MS_MAX} ms"
    yield lost or without >= premium * WITHOUT_OVER_PREMIUM_MIN, f"without lanemark {without} ms are at least {WITHOUT_OVER_PREMIUM_MIN} times that, or lost"
    yield private <= PRIVATE_KB_MAX, f"{private} kB private at rest, of {PRIVATE_KB_MAX}"
    start = figures["start"]["shaping_after_interfaces_s"]
    yield start <= SHAPING_AFTER_INTERFACES_S_MAX, f"shaping {start} s after the interfaces are up, of {SHAPING_AFTER_INTERFACES_S_MAX}"


def spoil(flash):
    """A quarter of the flash loses its contents: every fourth block of 64 KiB."""
    with open(flash, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        for at in range(0, size, 4 * 65536):
            file.seek(at)
            file.write(os.urandom(65536))


def main(folder, *words):
    chapters, wanted = [], os.environ.get("CHAPTERS", "").split()
    with open(os.path.join(folder, "console.log"), "wb") as log:
        for name, seconds in CHAPTERS:
            if wanted and name not in wanted:
                continue
            if name == "broken":
                spoil(os.path.join(folder, "flash"))
            chapters.append(boot(words, name, seconds, log))
    figures = {figure.pop("phase"): figure for chapter in chapters for figure in chapter.figures}
    steps = [step for chapter in chapters for step in chapter.steps]
    try:
        promises = list(judge(figures))
    except KeyError as missing:
        promises = [(False, f"the figure {missing} was told")]
    if "premium" in figures and "idle" in figures:
        over = figures["premium"]["p50_ms"] - figures["idle"]["p50_ms"]
        if over > PREMIUM_OVER_IDLE_MS_AIM:
            print(f"  misses its aim: Premium's median is {over:.1f} ms above idle's, {PREMIUM_OVER_IDLE_MS_AIM} are wanted", file=sys.stderr)
    for holds, sentence in promises:
        print(("  ok    " if holds else "  FAILS ") + sentence, file=sys.stderr)
    steps += promises
    failed = [sentence for holds, sentence in steps if not holds]
    print(json.dumps({"passed": len(steps) - len(failed), "failed": failed, "silent_starts": silent_starts, "figures": figures, "seen": [line for chapter in chapters for line in chapter.seen]}, indent=1))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
