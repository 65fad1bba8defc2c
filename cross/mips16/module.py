"""LLVM's module of a program, as text: which of its functions can be MIPS16, and what each reads and gives back."""

import re

import assembly

# What all functions are compiled for; those of MIPS16 have that besides.
PLAIN = "+mips32r2,+soft-float,+noabicalls"
# What MIPS16 has no instructions for: atomic accesses, and assembly of our own. And what takes its time by calculating.
WIDE_ONLY = re.compile(r"\b(atomicrmw|cmpxchg|fence)\b|\b(load|store) atomic\b|\bcall .*\basm\b")
FAST_ONLY = re.compile(r"scrypt|salsa|pbkdf2|sha2|chacha")
DEFINE = re.compile(r'^define .*?@("[^"]+"|[\w.$]+)\(.*?#(\d+)')


WORDS = {"ptr": 1, "i1": 1, "i8": 1, "i16": 1, "i32": 1, "i64": 2, "i128": 4}


def read_by(line):
    """The registers that a function may read of what it is called with, by its line in LLVM's module."""
    depth, start, words = 0, None, 0
    for at, sign in enumerate(line):
        if sign == "(":
            depth += 1
            # Attributes of what is given back may have some too.
            if depth == 1 and start is None and re.search(r'@("[^"]+"|[\w.$]+)$', line[:at]):
                start = at + 1
        elif sign in ")," and depth == 1 and start is not None:
            each = line[start:at].split()
            start = at + 1
            if each:
                if each[0] not in WORDS:
                    return assembly.ARGUMENTS
                # Two words begin at an even place.
                words += words % 2 * (WORDS[each[0]] > 1) + WORDS[each[0]]
            if sign == ")":
                break
        if sign == ")":
            depth -= 1
    return assembly.places(*range(4, 4 + words)) if words <= 4 else assembly.ARGUMENTS


def given_by(line):
    """The registers in which a function gives its value back."""
    kind = line.partition(" @")[0].split()[-1]
    return 0 if kind == "void" else assembly.places(2) if WORDS.get(kind) == 1 else assembly.VALUE


class Module:
    """The module as text, with what is to be MIPS32 in it."""

    def __init__(self, text, wide=None):
        self.lines = re.sub(r'"target-features"="[^"]*"', '"target-features"="%s"' % PLAIN, text).split("\n")
        self.wide = set()
        # Where each function has its value.
        self.value = {}
        function = None
        for line in self.lines:
            if line.startswith(("define", "declare")):
                assembly.READS[re.search(r'@("[^"]+"|[\w.$]+)\(', line)[1].strip('"')] = read_by(line)
            if line.startswith("define"):
                function = DEFINE.match(line)[1].strip('"')
                self.value[function] = given_by(line)
                if FAST_ONLY.search(function) or wide and re.search(wide, function):
                    self.wide.add(function)
            elif line.startswith("}"):
                function = None
            elif function and WIDE_ONLY.search(line):
                self.wide.add(function)

    def text(self):
        out = []
        for line in self.lines:
            define = DEFINE.match(line)
            if define and define[1].strip('"') not in self.wide:
                at = define.start(2)
                line = line[:at] + "9" + define[2].zfill(5) + line[define.end(2) :]
            out.append(line)
            group = re.match(r"attributes #(\d+) = (.*)", line)
            if group:
                out.append("attributes #9%s = %s" % (group[1].zfill(5), group[2].replace(PLAIN, PLAIN + ",+mips16")))
        return "\n".join(out)
