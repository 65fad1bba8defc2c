"""Random functions of the forms that LLVM writes: what the passes look for stands in them often, and often almost."""

import re

# What is called, and which registers it reads.
CALLED = {"none": (), "one": (4,), "five": (4, 5, 6, 7, 3), "usual": (4, 5, 6, 7)}
SYMBOLS = ["x", "y", "x+4"]
FRAME = 512
# Words of the stack: for calls, only spilled to, spilled to but touched otherwise too, the loops' counters, and objects and witnesses far from them.
SURE, DOUBTFUL, COUNTERS, OBJECTS, WITNESSES = range(16, 24, 4), range(28, 40, 4), range(40, 52, 4), range(256, 288, 4), range(320, 480, 4)
SPILL, RELOAD = "# 4-byte Folded Spill", "# 4-byte Folded Reload"
# Jumps, their empty slots, constants past a jump, and lower halves, which LLVM adds to their upper halves alone.
AGAIN_NOT = re.compile(r"\t(b|b[a-z]+z|jal|jalrc|nop|\..*)\t|\tnop|.*1f$|\taddiu.*%lo")
NUMBERS = [0, 1, 2, 5, 255, 255, 256, 1000, 65535]


class Function:
    """`lines` of a function, the registers of its `value`, its jump `tables`, and the `hidden` bytes of the stack, which are slots only."""

    def __init__(self, random):
        self.random = random
        self.lines = []
        self.tables = {}
        self.labels = 0
        self.loops = self.witnesses = 0
        self.lately, self.twice = None, False
        # Few registers have a value that is read again soon, and die often.
        self.near = random.sample([2, 3, 4, 5, 6, 7, 16, 17], random.randint(3, 6))
        self.value = random.choice([(), (2,), (2, 3, 4, 5)])
        self.moved = random.random() < 0.2
        self.touched = set()
        self.whole()
        self.hidden = [place + each for words in (SURE, DOUBTFUL, COUNTERS) for place in set(words) - self.touched for each in range(4)]

    @property
    def taken(self):
        return {label for labels in self.tables.values() for label in labels}

    def write(self, text, *words):
        self.lines.append("\t" + text.format(*words).replace(" ", "\t", 1))

    def label(self):
        self.labels += 1
        return "$BB0_%d" % self.labels

    def place(self, label):
        self.lines.append(label + ":")

    def reg(self):
        return "$%d" % self.random.choice(self.near)

    def two(self):
        return ("$%d" % each for each in self.random.sample(self.near, 2))

    def whole(self):
        self.place("f")
        early = self.label() if self.random.random() < 0.2 else None
        if early:
            self.write("beqz {}, {}", self.reg(), early)
        self.write("save $16, $17, $ra, {}", FRAME // 2 if self.moved else FRAME)
        if self.moved:
            self.write("addiu $sp, {}", -FRAME // 2)
        self.block(2)
        self.end()
        if early:
            self.place(early)
            self.write("jrc $ra")
        self.write(".end f")

    def end(self):
        if self.moved:
            self.write("addiu $sp, {}", FRAME // 2)
        self.write("restore $16, $17, $ra, {}", FRAME // 2 if self.moved else FRAME)
        self.write("jrc $ra")

    def block(self, depth):
        for _ in range(self.random.randint(1, 2)):
            self.run()
            if depth:
                self.random.choice([self.fork, self.fork, self.skip, self.loop, self.switch, self.leave, self.wander])(depth - 1)
        self.run()

    def run(self):
        pieces = [self.number, self.copy, self.copy, self.calculate, self.calculate, self.compare, self.flag, self.address, self.spill, self.spill]
        pieces += [self.reload, self.reload, self.doubtful, self.object, self.memory, self.memory, self.call, self.product, self.byte, self.chain]
        pieces += [self.slots, self.chain, self.witness, self.witness, self.witness]
        start = len(self.lines)
        for _ in range(self.random.randint(1, 5)):
            # What was done just now is often not to be done again.
            again = [line for line in self.lines[start:][-8:] if line[0] == "\t" and not AGAIN_NOT.match(line)]
            if again and self.random.random() < 0.3:
                self.lines.append(self.random.choice(again))
            else:
                self.random.choice(pieces)()

    # Without jumps.

    def number(self):
        if self.random.random() < 0.2:
            self.write("lw {}, 1f", self.reg())
            self.lines += ["\tb\t2f", "\t.align\t2", "1: \t.word\t%d" % self.random.choice([2147483647, -2147483648]), "2:"]
        else:
            self.write("li {}, {}", self.reg(), self.random.choice(NUMBERS))

    def copy(self):
        to, source = self.random.choice([(self.reg(), self.reg())] * 6 + [(self.reg(), "$zero"), (self.reg(), "$9"), ("$9", self.reg()), (self.reg(), "$24")])
        self.write("move {}, {}", to, source)

    def calculate(self):
        kind = self.random.choice(["addu", "subu", "sll", "srl", "sra", "and", "or", "xor", "sllv", "addiu", "addiu", "not", "neg", "zeb", "zeh", "seb", "and"])
        if kind in ("addu", "subu"):
            self.write("{} {}, {}, {}", kind, self.reg(), self.reg(), self.reg())
        elif kind in ("sll", "srl", "sra"):
            self.write("{} {}, {}, {}", kind, self.reg(), self.reg(), self.random.choice([1, 2, 16, 24]))
        elif kind == "addiu":
            self.write("addiu {}, {}", self.reg(), self.random.choice([-9, -8, -1, 1, 4, 7, 8, 100]))
        elif kind in ("zeb", "zeh", "seb"):
            self.write("{} {}", kind, self.reg())
        else:
            self.write("{} {}, {}", kind, self.reg(), self.reg())

    def byte(self):
        """Something that is a byte, or almost, is masked."""
        to, mask = self.two()
        kind = self.random.choice(["lbu {}, 0({})", "lhu {}, 0({})", "zeb {}", "li {}, 256", "li {}, 255", "srl {}, {}, 24"])
        self.write(kind, to, self.reg())
        if self.random.random() < 0.3:
            self.write("zeb {}", to)
        else:
            self.write("li {}, {}", mask, self.random.choice([255, 255, 65535, 127]))
            to, mask = self.random.sample([to, mask], 2)
            self.write("and {}, {}", to, mask)
        self.witness(to)

    def compare(self):
        """A comparison, perhaps two of the same."""
        kinds, other = self.random.choice([(("cmp", "slt", "sltu"), self.reg()), (("cmpi", "slti", "sltiu"), self.random.choice([0, 1, 2, 5]))])
        first = self.reg()
        for _ in range(self.random.choice([1, 1, 2])):
            self.write("{} {}, {}", self.random.choice(kinds), first, other)

    def flag(self):
        """A comparison as a value, perhaps its opposite."""
        self.compare()
        to, one = self.two()
        self.write("move {}, $24", to)
        if self.random.random() < 0.5:
            self.write("li {}, {}", one, self.random.choice([1, 1, 2]))
            self.write("xor {}, {}", to, one)
        if self.random.random() < 0.3:
            self.write(self.random.choice(["move {0}, $24", "li {0}, 1", "xor {0}, {1}"]), to, one)
        return to

    def address(self):
        symbol, half, to = self.random.choice(SYMBOLS), self.reg(), self.reg()
        self.write("li {}, %hi({})", half, symbol)
        self.write("sll {}, {}, 16", to, half)
        end = self.random.random()
        if end < 0.95:
            self.write("addiu {}, %lo({})", to, symbol)
        if end > 0.8:
            self.write("lw {}, %lo({})({})", self.reg(), symbol, to)

    def spill(self):
        self.write("sw {}, {}($sp) {}", self.reg(), self.random.choice(SURE), SPILL)

    def reload(self):
        self.write("lw {}, {}($sp) {}", self.reg(), self.random.choice(SURE), RELOAD)

    def slots(self):
        """A slot is read and written, all at once."""
        place = self.random.choice(SURE)
        for kind in self.random.choices(["sw {}, {}($sp) " + SPILL, "lw {}, {}($sp) " + RELOAD], k=4):
            self.write(kind, self.reg(), place)

    def doubtful(self):
        """Slots that are no slots: a remark is missing, or their address is known."""
        place = self.random.choice(DOUBTFUL)
        self.write(self.random.choice(["sw {}, {}($sp) " + SPILL, "lw {}, {}($sp) " + RELOAD]), self.reg(), place)
        kind = self.random.choice(["sw {}, {}($sp)", "lw {}, {}($sp)", "addiu {}, $sp, {}", "addiu {}, $sp, {}", ""])
        if kind:
            self.touched.add(place)
            at = self.reg()
            self.write(kind, at, place)
            if "addiu" in kind:
                self.write(self.random.choice(["lw {}, 0({})", "sw {}, 0({})", "lbu {}, 3({})", "sh {}, 2({})"]), self.reg(), at)
            self.witness(at)

    def object(self):
        at, place = self.reg(), self.random.choice(OBJECTS)
        if self.random.random() < 0.5:
            self.write("addiu {}, $sp, {}", at, place)
        else:
            self.write("move {}, $sp", at)
            self.write("addiu {}, {}", at, place)
        if self.random.random() < 0.3:
            self.write("addiu {}, {}", at, self.random.choice([-8, 8, 5]))
        self.write(self.random.choice(["sw {}, 0({})", "lw {}, 4({})", "sb {}, 1({})"]), self.reg(), at)

    def witness(self, register=None):
        """A value is written where it stays to be seen."""
        self.witnesses += 1
        self.write("sw {}, {}($sp)", register or self.reg(), WITNESSES[self.witnesses % len(WITNESSES)])

    def memory(self):
        kind = self.random.choice(["lw", "lw", "lbu", "lhu", "lb", "sw", "sw", "sb", "sh"])
        self.write("{} {}, {}({})", kind, self.reg(), self.random.choice([0, 4, 8]), self.reg())

    def call(self):
        copy = "\tmove\t%s, %s" % tuple(self.two())
        if self.random.random() < 0.3:
            self.lines.append(copy)
            self.calling()
            self.lines.append(copy)
            self.witness()
        else:
            self.calling()

    def calling(self):
        if self.random.random() < 0.4:
            self.write("move $25, {}", self.reg())
            self.write("jalrc {}", self.reg())
        else:
            for word in self.random.sample([4, 5, 6, 7], self.random.randint(0, 2)):
                self.write("move ${}, {}", word, self.reg())
            self.write("jal {}", self.random.choice(list(CALLED)))
            self.write("nop")
        for place in set(self.near):
            if self.random.random() < 0.5:
                self.write("move ${}, {}", place, self.random.choice(["$2", "$2", "$16", "$17"]))

    def product(self):
        self.write(self.random.choice(["mult {}, {}", "multu {}, {}", "divu $zero, {}, {}"]), self.reg(), self.reg())
        self.write(self.random.choice(["mflo {}", "mfhi {}"]), self.reg())

    def chain(self):
        """Made in one register and moved to another, perhaps with a way out between."""
        one, other = self.two()
        label = self.random.random() < 0.6 and not self.twice and self.label()
        self.write(self.random.choice(["lw {}, 0({})", "not {}, {}", "sll {}, {}, 2"]), one, self.reg())
        if self.random.random() < 0.5:
            self.write("addiu {}, {}", one, self.random.choice([1, 100]))
        if label:
            self.branch(label)
        if self.random.random() < 0.4:
            self.write(self.random.choice(["lbu {}, 0({})", "sw {}, 0({})"]), other, one)
        self.write("move {}, {}", other, one)
        if self.random.random() < 0.8:
            self.write("li {}, 0", one)
        self.witness(other)
        if label:
            self.place(label)

    # With jumps.

    def branch(self, label):
        tested = self.random.choice([self.compare, self.flag, self.flag, self.reg])() or "$24"
        if tested == "$24":
            self.write("{} {}", self.random.choice(["bteqz", "btnez"]), label)
        else:
            self.write("{} {}, {}", self.random.choice(["beqz", "bnez"]), tested, label)

    def tail(self):
        """Lines that stand at two places."""
        at, self.twice = len(self.lines), True
        self.run()
        lines, self.twice = self.lines[at:], False
        del self.lines[at:]
        if self.random.random() < 0.3:
            lines = self.lately or lines
        self.lately = lines
        return lines

    def fork(self, depth):
        """Two ways, whose ends may be the same, perhaps by a jump to a jump."""
        other, join = self.label(), self.label()
        tail = self.tail()
        near = self.random.random() < 0.3
        if near:
            first = self.label()
            self.branch(first)
            self.write("b {}", other)
            self.place(first)
        else:
            self.branch(other)
        self.block(depth) if self.random.random() < 0.5 else self.run()
        self.lines += tail
        self.write("b {}", join)
        self.place(other)
        self.run()
        self.lines += tail
        if self.random.random() < 0.3:
            self.write("b {}", join)
        self.place(join)

    def skip(self, depth):
        label = self.label()
        self.branch(label)
        self.block(depth) if self.random.random() < 0.5 else self.run()
        self.place(label)

    def loop(self, depth):
        """Up to three rounds: the counter is a slot of its own."""
        if self.loops == len(COUNTERS):
            return
        counter = COUNTERS[self.loops]
        self.loops += 1
        head, end, at = self.label(), self.label(), self.reg()
        self.write("li {}, {}", at, self.random.randint(1, 3))
        self.write("sw {}, {}($sp) {}", at, counter, SPILL)
        self.place(head)
        self.run()
        if self.random.random() < 0.5:
            self.branch(end)
            self.block(depth) if self.random.random() < 0.3 else self.run()
        self.write("lw {}, {}($sp) {}", at, counter, RELOAD)
        self.write("addiu {}, -1", at)
        self.write("sw {}, {}($sp) {}", at, counter, SPILL)
        self.write("bnez {}, {}", at, head)
        self.place(end)

    def switch(self, depth):
        """A jump through a table."""
        end, table = self.label(), "$JTI0_%d" % len(self.tables)
        cases = [self.label() for _ in range(self.random.randint(2, 3))]
        self.tables[table] = [self.random.choice(cases) for _ in range(4)]
        index, base = (("$%d" % each) for each in self.random.sample([2, 3, 4, 5], 2))
        self.write("li {}, 3", base)
        self.write("and {}, {}", index, base)
        self.write("sll {}, {}, 2", index, index)
        self.write("li {}, %hi({})", base, table)
        self.write("sll {}, {}, 16", base, base)
        self.write("addu {}, {}, {}", index, index, base)
        self.write("lw {}, %lo({})({})", index, table, index)
        self.write("jrc {}", index)
        for case in cases:
            self.place(case)
            self.run()
            if self.random.random() < 0.7:
                self.write("b {}", end)
        self.place(end)

    def leave(self, depth):
        """An end of the function in its middle."""
        label = self.label()
        self.branch(label)
        self.run()
        for _ in range(self.random.randint(0, 2)):
            self.write("sw $16, 8($17)")
        if self.random.random() < 0.1:
            self.write("break 0")
        self.end()
        self.place(label)

    def wander(self, depth):
        """Jumps to jumps, and branches before jumps."""
        first, second, third = self.label(), self.label(), self.label()
        if self.random.random() < 0.5:
            self.branch(third)
        self.branch(first)
        if self.random.random() < 0.5:
            self.run()
        self.write("b {}", self.random.choice([second, third]))
        self.place(third)
        self.run()
        if self.random.random() < 0.5:
            self.write("b {}", second)
        self.place(first)
        if self.random.random() < 0.5:
            self.run()
        self.write("b {}", second)
        if self.random.random() < 0.5:
            self.run()
        self.place(second)
