"""Links a program for MIPS whose own code is MIPS16: link.py le|be ZIG-CC-WORDS... -- LINKER-WORDS...

MIPS16e is the instruction set of two bytes an instruction that the processors of these routers (24Kc, 74Kc, 1004Kc) have beside MIPS32, as ARM's have
Thumb. rustc cannot write it: not every function can be written so, and LLVM leaves much of it long. Here the program's module, which rustc leaves as
NAME.bc beside NAME.*.rcgu.o (`--emit=llvm-bc`), goes another way: LLVM's own `llc`, function by function; `shorter`, on its assembly; the
assembler and the linker of GNU, since those of LLVM do not know MIPS16. The C library comes from Zig, as for all targets.

A function with an instruction that is not known here stays as LLVM wrote it, and is named; what no tool takes ends the link.
LANEMARK_WIDE, if set, is a pattern: functions with such names become MIPS32, which is done sooner.
"""

import os
import re
import shlex
import subprocess
import sys

import assembly
from flow import read_first
from module import Module
from shorter import HalfLeft, shorten

FLAGS = [
    "-O2",
    "-mcpu=mips32r2",
    "-mattr=+soft-float,+noabicalls",
    "-relocation-model=static",
    "-filetype=asm",
    "--disable-machine-licm",
    "--min-jump-table-entries=20",
    "--disable-phi-elim-edge-splitting",
    "--split-spill-mode=size",
]
TOOLS = {"le": ("mipsel-unknown-linux-musl", "mipsel-linux-gnu-", "-EL"), "be": ("mips-unknown-linux-musl", "mips-linux-gnu-", "-EB")}
# Words that Zig has for its own linker.
LLD_ONLY = re.compile(r"--error-limit=|--image-base=|--eh-frame-hdr$|-L/$")


def main(order, words):
    at = words.index("--")
    zig, words = words[:at], words[at + 1 :]
    triple, gnu, endian = TOOLS[order]
    for place, word in enumerate(words):
        if word.endswith(".rcgu.o"):
            words[place] = narrow(word, triple, gnu, endian)
    # Zig says how it would link, and makes the C library for it, before it finds that it cannot.
    said = subprocess.run([*zig, *words], env=dict(os.environ, ZIG_VERBOSE_LINK="1"), capture_output=True, text=True)
    command = next((line for line in said.stderr.split("\n") if line.startswith("ld.lld ")), None)
    if command is None:
        sys.exit(said.stderr)
    linked = subprocess.run([gnu + "ld", "--no-warn-mismatch", *gnu_words(shlex.split(command)[1:])], capture_output=True, text=True)
    sys.stderr.write("".join(line for line in linked.stderr.splitlines(True) if "abicalls" not in line))
    sys.exit(linked.returncode)


def gnu_words(words):
    """The words for GNU's linker."""
    out, libraries = [], []
    words = iter(words)
    for word in words:
        if word == "-mllvm":
            next(words)
        elif word == "-z":
            kind = next(words)
            out += [] if kind.startswith("stack-size") else ["-z", kind]
        elif word.endswith((".a", ".rlib")):
            libraries.append(word)
        elif not LLD_ONLY.match(word):
            out.append(word)
    return [*out, "--start-group", *libraries, "--end-group"]


def narrow(wide, triple, gnu, endian):
    """The object that takes the place of rustc's."""
    base = os.path.join(os.path.dirname(wide), os.path.basename(wide).split(".")[0])
    if not os.path.exists(base + ".bc"):
        return wide
    text = subprocess.run(["llvm-dis-22", base + ".bc", "-o", "-"], check=True, capture_output=True, text=True).stdout
    module = Module(text, os.environ.get("LANEMARK_WIDE"))
    compile(module, triple, base + ".16")
    rewrite(base + ".16.s", base + ".16.short.s", module.value)
    subprocess.run([gnu + "as", endian, "-march=mips32r2", "-msoft-float", "-mabi=32", base + ".16.short.s", "-o", base + ".16.o"], check=True)
    return base + ".16.o"


def compile(module, triple, base):
    """Lets LLVM write assembly; a function that it cannot write as MIPS16 becomes MIPS32."""
    while True:
        with open(base + ".ll", "w") as file:
            file.write(module.text())
        result = subprocess.run(["llc-22", "-mtriple=" + triple, *FLAGS, base + ".ll", "-o", base + ".s"], capture_output=True, text=True)
        if result.returncode == 0:
            return
        bad = re.search(r"^In function: (\S+)", result.stderr, re.M)
        if not bad or bad[1] in module.wide:
            sys.exit(result.stderr)
        module.wide.add(bad[1])


def rewrite(source, to, value):
    """Each function of MIPS16, shorter."""
    with open(source) as file:
        lines = file.read().split("\n")
    taken = {label for line in lines if line.startswith("\t.4byte\t") for label in re.findall(r"\$BB\w+", line)}
    # First what each function reads of what it is called with, then what that leaves to its callers.
    known = []
    reads = {}
    for function, first, end in functions(lines):
        try:
            items = assembly.parse(lines[first:end], value[function])
        except assembly.Unknown as unknown:
            print("left as LLVM wrote it: %s: %s" % (function, unknown), file=sys.stderr)
            continue
        known.append((function, first, end))
        reads[function] = read_first(items, taken) & assembly.READS[function]
    assembly.READS.update(reads)
    out = []
    at = 0
    for function, first, end in known:
        whole = set()
        while True:
            items = assembly.parse(lines[first:end], value[function])
            try:
                shorten(items, taken, whole)
                break
            except HalfLeft as half:
                whole |= half.symbols
        out += lines[at:first] + [str(item) for item in items]
        at = end
    out += lines[at:]
    with open(to, "w") as file:
        file.write("\n".join(out))


def functions(lines):
    """The functions of MIPS16: name, and the lines from the first to behind the last."""
    narrow = False
    for at, line in enumerate(lines):
        if line.startswith("\t.set\t") and line.endswith("mips16"):
            narrow = not line.endswith("nomips16")
        if narrow and line.startswith("\t.ent\t"):
            end = next(index for index in range(at, len(lines)) if lines[index].startswith("\t.end\t")) + 1
            yield line.split("\t")[-1], at + 1, end


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
