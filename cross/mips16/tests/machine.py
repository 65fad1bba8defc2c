"""A small machine that does what a MIPS16 function says, so that two forms of one can be compared. It reads the lines itself: what the passes' own
parser gets wrong shall not be wrong here too."""

import re
import zlib

MASK = 0xFFFFFFFF
SP, RA, T8 = 29, 31, 24
NAMES = {"zero": 0, "sp": SP, "ra": RA, "fp": 30, "gp": 28}
STACK = 0x7FFF0000
STEPS_MAX = 4000
KEPT = [16, 17, 18, 19, 20, 21, 22, 23, 28, SP, 30, RA]
NEAR = [2, 3, 4, 5, 6, 7, 16, 17]
LOST = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, T8, 25, RA]
WIDTH = {"lw": 4, "lh": 2, "lhu": 2, "lb": 1, "lbu": 1, "sw": 4, "sh": 2, "sb": 1}


class Stray(Exception):
    """The function does what LLVM's do not: it touches a slot by another way, or runs on."""


def mixed(*words):
    """A number that depends on these alone, and is often a small one."""
    number = zlib.crc32(repr(words).encode())
    return (0, 1, 2, 5, 255, 256, 65535, 0xFFFFFFFF)[number >> 8 & 7] if number & 1 else number


def address(symbol):
    """Where a symbol or a label is; half of the lower halves are negative."""
    name, _, more = symbol.partition("+")
    return 0x10000000 + (zlib.crc32(name.encode()) & 0x0FFFFFF0) + int(more or 0)


def signed(number):
    return (number & MASK ^ 0x80000000) - 0x80000000


def narrow(number, bits):
    return (number & (1 << bits) - 1 ^ 1 << bits - 1) - (1 << bits - 1)


def number(word):
    half = re.match(r"%(hi|lo)\((.*)\)$", word)
    if not half:
        return int(word) if re.match(r"-?\d+$", word) else address(word)
    whole = address(half[2])
    return whole + 0x8000 >> 16 if half[1] == "hi" else narrow(whole, 16)


def register(word):
    return int(word[1:]) if word[1:].isdigit() else NAMES[word[1:]]


def short(name, words):
    """Whether the instruction exists: all name eight registers, but for a few forms."""
    others = {"move": 1, "save": 9, "restore": 9, "jrc": 1}.get(name, 0)
    others += name in ("div", "divu") or name == "addiu" and "$sp" in words[:2] or words[-1:] == ["$zero"]
    others += name in ("lw", "sw") and words[1].endswith("($sp)")
    named = [re.search(r"(?:^|(?<!%lo)(?<!%hi)\()\$(\d+|sp|ra|fp|gp|zero)\)?$", word) for word in words]
    return sum(register("$" + each[1]) not in NEAR for each in named if each) <= others


class Program:
    """The lines of a function, read: instructions, where its labels are, and the constants behind it."""

    def __init__(self, lines):
        self.code, self.labels, self.pool = [], {}, {}
        lines = iter(lines)
        label = None
        for line in lines:
            line, _, remark = line.partition("#")
            words = line.replace(",", " ").split()
            if not words:
                continue
            if line[0] != "\t" and words[0].endswith(":"):
                label = words[0][:-1]
                self.labels[label] = len(self.code)
            elif words[0] == ".4byte":
                self.pool[label] = number(words[1])
            elif words[0][0] != ".":
                if words[-1] == "1f":
                    words[-1] = "=" + [next(lines) for _ in range(4)][2].split()[-1]
                if not short(words[0], words[1:]):
                    raise ValueError("there is no " + line)
                self.code.append((words[0], words[1:], "Folded" in remark))


class Machine:
    """`seed` says what is in registers and memory first, and what calls give back; `reads` which registers a called function reads, by its name.
    With `strict` only what LLVM has remarked on may touch the slots: the passes lose the remarks."""

    def __init__(self, program, seed, reads, tables, hidden, strict, given=()):
        self.program, self.seed, self.reads, self.strict = program, seed, reads, strict
        self.of = {place: mixed(seed, place) for place in range(1, 32)}
        self.of.update({0: 0, SP: STACK, **dict(given)})
        self.low = self.high = 0
        self.memory = {}
        # The bytes of the slots, as distances from the stack pointer behind the frame's making.
        self.hidden = {STACK - 512 + each for each in hidden}
        for symbol, labels in tables.items():
            for at, label in enumerate(labels):
                self.store(address(symbol) + 4 * at, 4, address(label))
        self.places = {address(label): at for label, at in program.labels.items()}
        self.calls = []

    def load(self, at, width):
        return sum(self.memory.get(at + each & MASK, mixed(self.seed, "byte", at + each & MASK) & 255) << 8 * each for each in range(width))

    def store(self, at, width, value):
        for each in range(width):
            self.memory[at + each & MASK] = value >> 8 * each & 255

    def run(self, value):
        """What can be seen of it: how it ends, with which registers, memory and calls."""
        at = 0
        for _ in range(STEPS_MAX):
            name, words, folded = self.program.code[at]
            at = self.step(name, words, folded, at + 1)
            if isinstance(at, str):
                break
        else:
            raise Stray("it runs on")
        live = [*value, *KEPT] if at == "returned" else []
        memory = {place: byte for place, byte in self.memory.items() if place not in self.hidden}
        return {"end": at, "registers": {each: self.of[each] for each in live}, "memory": memory, "calls": self.calls}

    def step(self, name, words, folded, after):
        """Does one instruction. Where it goes on, or how the function ends."""
        of = self.of
        if name in WIDTH:
            return self.move_memory(name, words, folded) or after
        if name in ("jal", "jalrc"):
            return self.call(name, words[0]) or after
        if name in ("save", "restore"):
            return self.frame(name, words) or after
        if name == "b":
            return self.program.labels[words[0]]
        if name in ("beqz", "bnez", "bteqz", "btnez"):
            tested = of[T8] if name[1] == "t" else of[register(words[0])]
            return self.program.labels[words[-1]] if (tested == 0) == name.endswith("eqz") else after
        if name == "jrc":
            return "returned" if words[0] == "$ra" else self.places[of[register(words[0])]]
        if name in ("nop", "break"):
            return after if name == "nop" else "broken"
        regs = [register(word) if word[0] == "$" else None for word in words]
        values = [number(word) if place is None else of[place] for place, word in zip(regs, words)]
        self.calculate(name, regs[0], values)
        return after

    def calculate(self, name, to, values):
        of, last = self.of, values[-1]
        if name in ("cmp", "cmpi", "slt", "slti", "sltu", "sltiu"):
            first, second = values
            less = signed(first) < signed(second) if name in ("slt", "slti") else first < second & MASK
            of[T8] = first ^ second & MASK if name[0] == "c" else int(less)
        elif name in ("mult", "multu"):
            product = signed(values[0]) * signed(last) if name == "mult" else values[0] * last
            self.low, self.high = product & MASK, product >> 32 & MASK
        elif name == "divu":
            self.low, self.high = divmod(values[1], last) if last else (0, 0)
        else:
            shift = last & 31
            of[to] = MASK & {
                "move": lambda: last,
                "li": lambda: last,
                "addiu": lambda: values[-2] + last,
                "addu": lambda: values[1] + last,
                "subu": lambda: values[1] - last,
                "sll": lambda: values[1] << shift,
                "srl": lambda: values[1] >> shift,
                "sra": lambda: signed(values[1]) >> shift,
                "sllv": lambda: values[0] << shift,
                "srlv": lambda: values[0] >> shift,
                "srav": lambda: signed(values[0]) >> shift,
                "and": lambda: values[0] & last,
                "or": lambda: values[0] | last,
                "xor": lambda: values[0] ^ last,
                "not": lambda: ~last,
                "neg": lambda: -last,
                "seb": lambda: narrow(last, 8),
                "seh": lambda: narrow(last, 16),
                "zeb": lambda: last & 255,
                "zeh": lambda: last & 65535,
                "mflo": lambda: self.low,
                "mfhi": lambda: self.high,
            }[name]()

    def move_memory(self, name, words, folded):
        place = register(words[0])
        if words[1][0] in "=$":
            self.of[place] = number(words[1][1:]) & MASK if words[1][0] == "=" else self.program.pool[words[1]] & MASK
            return
        offset, base = re.match(r"(.*)\((\$\w+)\)$", words[1]).groups()
        at, width = self.of[register(base)] + number(offset) & MASK, WIDTH[name]
        if self.strict and not folded and any(at + each in self.hidden for each in range(width)):
            raise Stray("it touches a slot")
        if name[0] == "s":
            self.store(at, width, self.of[place])
        else:
            value = self.load(at, width)
            self.of[place] = value if name[-1] in "uw" else narrow(value, 8 * width) & MASK

    def call(self, name, word):
        """A call sees the registers that it reads and the memory at the first word, changes that, and leaves nothing that it need not."""
        reads = self.reads.get(word, (4, 5, 6, 7)) if name == "jal" else (4, 5, 6, 7, 25)
        said = word if name == "jal" else self.of[register(word)]
        seen = [self.of[each] for each in sorted(reads)]
        if 4 in reads:
            at = self.of[4]
            if self.strict and any(at + each in self.hidden for each in range(4)):
                raise Stray("it hands out a slot")
            seen.append(self.load(at, 4))
            self.store(at, 4, mixed(self.seed, len(self.calls), "memory"))
        self.calls.append((said, seen))
        for each in LOST:
            self.of[each] = mixed(self.seed, len(self.calls), each)
        self.low = self.high = mixed(self.seed, len(self.calls), "product")

    def frame(self, name, words):
        """The registers stand at the frame's upper end."""
        size, registers = int(words[-1]), [register(word) for word in words[:-1]]
        top = self.of[SP] + (size if name == "restore" else 0)
        for at, each in enumerate(registers):
            if name == "save":
                self.store(top - 4 - 4 * at, 4, self.of[each])
            else:
                self.of[each] = self.load(top - 4 - 4 * at, 4)
        self.of[SP] = top - (size if name == "save" else 0)
