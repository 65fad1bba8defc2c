#!/usr/bin/env python3
"""The story of the emulated router: boots it again and again, one chapter a boot, and holds every step to its promise.

story.py FOLDER WORD...: the words start the emulator; CHAPTER in them is replaced. FOLDER keeps the consoles and the flash.
What the chapters find comes in lines of the console that begin with @ (see lab/steps). Prints one JSON object; exit code 1 when
a promise does not hold.
"""

import atexit
import json
import os
import re
import select
import subprocess
import sys
import time

# The chapters, and how many seconds each may take on a slow machine.
CHAPTERS = [("first", 600), ("again", 300), ("cut", 300), ("corrupt", 300), ("broken", 300)]

# The kernel of the image was seen to wait for ever before its first word, in two of some 190 starts: nothing of ours runs yet then, and no disk is known.
# That is told, with what its tasks wait for in the console's log, and the router is switched on again, this often in all.
FIRST_WORD_S = 120
SILENT_STARTS_MAX = 1
silent_starts = 0

# From the first word to the first step: ten times what a quiet machine takes.
FIRST_STEP_S = 180

# Whoever is silent for so long has answered a key.
ANSWER_S = 5

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
        self.ended = self.cut = False
        # The line that has only begun.
        self.rest = b""

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
        elif kind == "@cut":
            self.cut = True


def start(words, name):
    """Switches the router on. Its console is a pipe that stays open: SysRq goes through it."""
    router = subprocess.Popen([word.replace("CHAPTER", "story-" + name) for word in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    # Whatever ends this program, a router that nobody hears would keep a processor busy.
    atexit.register(router.kill)
    return router


def answer(router, log):
    """What the console says until it is silent. It goes into the log."""
    said = b""
    while select.select([router.stdout], [], [], ANSWER_S)[0]:
        data = os.read(router.stdout.fileno(), 65536)
        if not data:
            break
        log.write(data)
        said += data
    return said.decode(errors="replace").replace("\r", "")


def ask_why(router, log):
    """Asks the kernel of a router that hangs what its tasks do: all goes into the log, and what its programs wait in is told."""
    said = ""
    # The emulator's way of a break on the line, and a key: all words of the kernel are wanted; blocked tasks; all tasks.
    for key in (b"9", b"w", b"t"):
        router.stdin.write(b"\x01b" + key)
        router.stdin.flush()
        said = answer(router, log)
    for task in re.split(r"(?=task:)", said)[1:]:
        known = re.match(r"task:(\S+)\s+state:(\S).*?\bpid:\s*(\d+)\s+ppid:\s*(\d+)", task)
        # Those of the kernel itself are the second task and its children.
        if known and "2" not in known.groups()[2:]:
            frames = re.findall(r"\] (\w+)\+0x", task)
            print(f"        ? {known[1]} {known[2]}: {' '.join(frames[1:7])}", file=sys.stderr, flush=True)


def switch_off(router):
    """As a power cut does, which asks nobody."""
    router.kill()
    router.wait()


def listen(router, chapter, log, seconds, enough):
    """Hears a router until the chapter is enough, or the router is off. Whether that came within the seconds."""
    deadline = time.monotonic() + seconds
    while not enough(chapter):
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        if not select.select([router.stdout], [], [], left)[0]:
            continue
        data = os.read(router.stdout.fileno(), 65536)
        if not data:
            return True
        log.write(data)
        *lines, chapter.rest = (chapter.rest + data).split(b"\n")
        for line in lines:
            text = line.decode(errors="replace").strip("\r")
            # Something of the kernel's may stand before it.
            at = text.find("@")
            if at >= 0 and text[at:].split(" ")[0] in ("@ok", "@no", "@json", "@see", "@end", "@cut"):
                chapter.hear(text[at:])
    return True


def speaks(router, log):
    """Whether the router says anything in time."""
    if select.select([router.stdout], [], [], FIRST_WORD_S)[0]:
        return True
    print(f"        its kernel says nothing for {FIRST_WORD_S} s", file=sys.stderr, flush=True)
    ask_why(router, log)
    switch_off(router)
    return False


def boot(words, name, seconds, log):
    """Boots one chapter, until the router switches itself off or its power is cut."""
    global silent_starts
    print(f"{name}:", file=sys.stderr, flush=True)
    chapter = Chapter(name)
    router = start(words, name)
    while not speaks(router, log):
        silent_starts += 1
        if silent_starts > SILENT_STARTS_MAX:
            chapter.hear("@no the kernel starts")
            return chapter
        router = start(words, name)
    begun = (FIRST_STEP_S, "begins", lambda chapter: chapter.steps or chapter.figures)
    over = (seconds, "ends", lambda chapter: chapter.cut)
    for limit, what, enough in (begun, over):
        if not listen(router, chapter, log, limit, enough):
            chapter.hear(f"@no the chapter {what} within {limit} s")
            ask_why(router, log)
            break
    switch_off(router)
    if not chapter.cut and not chapter.ended:
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
