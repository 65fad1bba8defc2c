"""MIPS16 functions as LLVM 22 writes them, as values: what each instruction reads and writes, and where it may go on.

Read before editing: MIPS32 Architecture for Programmers, volume IV-a (the MIPS16e extension), and the o32 convention (System V ABI, MIPS supplement,
chapter 3).

A place is what an instruction reads or writes, by its number: a register (`T8` is what comparisons write), `LOHI`, or from `SLOTS` on a slot of the
stack that only LLVM's register allocator uses (`SLOTS` + 5 is 20($sp)). A set of places is a number with these bits. Memory is no place: nothing here moves or
drops what touches it, but for such slots.
"""

import re

T8 = 24
LOHI = 32
SLOTS = 33
SP = 29
RA = 31


def places(*numbers):
    """The set of these."""
    return sum(1 << number for number in set(numbers))


# What a call reads at most by the convention, and what is lost with it.
CONVENTIONAL = places(4, 5, 6, 7)
LOST = places(2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, T8, 25, RA, LOHI)
# A function whose callers are all known gets the arguments that go beyond four words in some of the registers behind (LLVM's `fastcc`).
ARGUMENTS = places(4, 5, 6, 7, 3, 8, 9, 10, 11, 12, 13, 14, 15, T8, 25)
# What a call of a function may read, by its name: filled by whoever reads LLVM's module, where it is not as the convention says.
READS = {}
# What a function gives back, and that it must not change.
VALUE = places(2, 3, 4, 5)
KEPT = places(16, 17, 18, 19, 20, 21, 22, 23, 28, SP, 30)
# Registers that most instructions can name.
NEAR = frozenset([2, 3, 4, 5, 6, 7, 16, 17])

REGISTERS = {"zero": 0, "sp": SP, "ra": RA, "fp": 30, "gp": 28}
MEMORY = re.compile(r"(.+)\(\$(\w+)\)$")
LABEL = re.compile(r"([\w$.]+):")
# b 2f; .align 2; 1: .word N; 2:
FAR = re.compile(r"b 2f \.align 2 1: \.word (\S+) 2:$")

LOADS = ("lw", "lh", "lhu", "lb", "lbu")
STORES = ("sw", "sh", "sb")
COMPARISONS = ("cmp", "cmpi", "slt", "slti", "sltu", "sltiu")
# First operand written; of the others each is read.
THREE = ("addu", "subu", "sll", "srl", "sra", "not", "neg")
# First operand read and written.
TWO = ("and", "or", "xor", "sllv", "srlv", "srav")
ONE = ("seb", "seh", "zeb", "zeh")
CALCULATIONS = ("move", "li", "addiu", "mflo", "mfhi", "mult", "multu") + THREE + TWO + ONE + COMPARISONS
BRANCHES = ("beqz", "bnez", "bteqz", "btnez")
ENDS = ("b", "jrc")


class Unknown(Exception):
    """An instruction that is not known here: the function that has it stays as it is."""


def register(word):
    """The number of a register, or None."""
    if not word.startswith("$"):
        return None
    name = word[1:]
    return int(name) if name.isdigit() else REGISTERS.get(name)


class Instruction:
    """One instruction: its name, its operands as text, and what it reads and writes."""

    __slots__ = ("name", "operands", "reads", "writes", "slot", "text", "target", "ends", "jumps", "pure")

    def __init__(self, name, operands, slot=None):
        self.name = name
        self.operands = operands
        # The place of the stack that it spills to or reloads from.
        self.slot = slot
        self.find_places()

    def find_places(self):
        name, words = self.name, self.operands
        numbers = [register(word) for word in words]
        reads, writes = set(), set()
        more_reads = more_writes = 0
        if name in LOADS or name in STORES:
            memory = MEMORY.match(words[1])
            if memory:
                reads.add(register("$" + memory[2]))
            elif name != "lw":
                raise Unknown("%s %s" % (name, words))
            (writes if name in LOADS else reads).add(numbers[0])
            if self.slot is not None:
                (reads if name in LOADS else writes).add(self.slot)
        elif name == "move":
            writes.add(numbers[0])
            reads.add(numbers[1])
        elif name == "li":
            writes.add(numbers[0])
        elif name == "addiu":
            writes.add(numbers[0])
            reads.add(numbers[1] if len(words) == 3 else numbers[0])
        elif name in THREE:
            writes.add(numbers[0])
            reads.update(number for number in numbers[1:] if number is not None)
        elif name in TWO:
            writes.add(numbers[0])
            reads.update(numbers)
        elif name in ONE:
            writes.add(numbers[0])
            reads.add(numbers[0])
        elif name in COMPARISONS:
            writes.add(T8)
            reads.update(number for number in numbers if number is not None)
        elif name in ("mult", "multu", "div", "divu"):
            writes.add(LOHI)
            reads.update(numbers)
        elif name in ("mflo", "mfhi"):
            writes.add(numbers[0])
            reads.add(LOHI)
        elif name == "jal":
            reads.add(SP)
            more_reads, more_writes = READS.get(words[0], CONVENTIONAL), LOST
        elif name == "jalrc":
            reads.update([SP, 25, numbers[0]])
            more_reads, more_writes = CONVENTIONAL, LOST
        elif name == "save":
            reads.update(number for number in numbers if number is not None)
            reads.add(SP)
            writes.add(SP)
        elif name == "restore":
            writes.update(number for number in numbers if number is not None)
            writes.add(SP)
            reads.add(SP)
        elif name in ("beqz", "bnez"):
            reads.add(numbers[0])
        elif name in ("bteqz", "btnez"):
            reads.add(T8)
        elif name == "jrc":
            reads.add(numbers[0])
            if numbers[0] == RA:
                more_reads = VALUE | KEPT
        elif name in ("b", "nop", "break"):
            pass
        else:
            raise Unknown("%s %s" % (name, words))
        reads.discard(0)
        if None in reads or None in writes:
            raise Unknown("%s %s" % (name, words))
        self.reads, self.writes = places(*reads) | more_reads, places(*writes) | more_writes
        # The label that it may go on at, and whether what stands behind it is not reached from it.
        self.target = words[-1] if name in BRANCHES or name == "b" else None
        self.ends = name in ENDS
        self.jumps = self.ends or self.target is not None
        # Whether nothing but its places changes, so that it may go when nobody reads them.
        if name in ("lw", "sw"):
            self.pure = self.slot is not None or name == "lw" and not MEMORY.match(words[1])
        else:
            self.pure = name in CALCULATIONS
        self.text = "\t%s\t%s" % (name, ", ".join(words)) if words else "\t" + name

    def __str__(self):
        return self.text


class Label:
    """A place that may be jumped to."""

    __slots__ = ("name",)

    def __init__(self, name):
        self.name = name

    def __str__(self):
        return self.name + ":"


class Text:
    """A line that stays as it is: a directive, or data."""

    __slots__ = ("line",)

    def __init__(self, line):
        self.line = line

    def __str__(self):
        return self.line


def parse(lines, value):
    """The lines of a function as instructions, labels and text, without remarks; `value` are the registers in which its value is given back. A constant that is loaded past a jump is taken out of there:
    `lw R, =N`, for which `shorter.pool` makes a place at the end. So is the jump's empty slot: the assembler fills it."""
    items = []
    at = 0
    while at < len(lines):
        code, _, remark = lines[at].partition("#")
        code = code.rstrip()
        at += 1
        if not code.strip():
            continue
        label = LABEL.match(code)
        if label:
            items.append(Label(label[1]))
        elif not code.startswith("\t") or code.startswith("\t."):
            items.append(Text(code))
        else:
            name, rest = (code.split(None, 1) + [""])[:2]
            operands = [word.strip() for word in rest.split(",")] if rest else []
            if operands[1:] == ["1f"]:
                block = " ".join(" ".join(lines[at : at + 4]).split())
                far = FAR.match(block)
                if name != "lw" or not far:
                    raise Unknown(code + " " + block)
                operands[1] = "=" + far[1]
                at += 4
            if name == "nop" and items and isinstance(items[-1], Instruction) and items[-1].name == "jal":
                continue
            item = Instruction(name, operands, slot_of(name, operands, remark))
            if name == "jrc" and item.reads >> RA & 1:
                item.reads = value | KEPT | places(RA)
            items.append(item)
    keep_sure_slots(items)
    return items


def slot_of(name, operands, remark):
    """The slot that LLVM says this spills to or reloads from."""
    memory = MEMORY.match(operands[1]) if name in ("lw", "sw") else None
    return SLOTS + int(memory[1]) // 4 if memory and memory[2] == "sp" and re.search(r"4-byte Folded (Spill|Reload)", remark) else None


def keep_sure_slots(items):
    """Forgets slots that anything else touches too, or whose address is taken: a remark may be missing."""
    doubtful = set()
    for item in items:
        if isinstance(item, Instruction) and item.slot is None:
            for word in item.operands[1:]:
                memory = MEMORY.match(word)
                if memory and memory[2] == "sp":
                    doubtful.add(SLOTS + int(memory[1]) // 4)
            if item.name == "addiu" and item.operands[1:2] == ["$sp"]:
                doubtful.add(SLOTS + int(item.operands[2]) // 4)
    for item in items:
        if isinstance(item, Instruction) and item.slot in doubtful:
            item.slot = None
            item.find_places()
