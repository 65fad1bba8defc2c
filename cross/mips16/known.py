"""What is known of the values of places within a run of instructions, and what that makes needless: a value is not made twice, and a copy is read where it
came from."""

from assembly import COMPARISONS, MEMORY, NEAR, SP, STORES, T8, THREE, Instruction, Label, register

ADDIU_THREE = range(-8, 8)


class Values:
    """What is known of places within a run of instructions: places with the same value hold the same."""

    def __init__(self):
        self.of = {}
        # Since which instruction a place holds what it holds.
        self.since = {}
        self.clock = 0
        # Values that are at most 255.
        self.bytes = set()

    def get(self, place):
        if place not in self.of:
            self.of[place] = ("before", place)
        return self.of[place]

    def put(self, place, value):
        if self.of.get(place) != value:
            self.clock += 1
            self.of[place] = value
            self.since[place] = self.clock

    def new(self, place):
        self.put(place, ("new", self.clock + 1))
        return self.of[place]

    def holder(self, value, but):
        """A register that instructions can name and that holds the value."""
        held = [place for place, each in self.of.items() if each == value and place in NEAR and place != but]
        return min(held, key=lambda place: self.since.get(place, 0), default=None)

    def oldest(self, place):
        """The register that has held this register's value for longest, if it is another one that instructions can name."""
        other = self.holder(self.get(place), place)
        return other if other is not None and self.since.get(other, 0) < self.since.get(place, 0) else None

    def is_byte(self, value):
        return value in self.bytes or value[0] == "number" and 0 <= value[1] <= 255


def name(number):
    return "$sp" if number == SP else "$%d" % number


def replace(item, new, operands):
    item.name = new
    item.operands = operands
    item.slot = None
    item.find_places()


def forward(items):
    """Uses what is known already: no value is made twice, and a copy is read where it came from."""
    changed = False
    values = Values()
    kept = []
    for item in items:
        if isinstance(item, Label):
            values = Values()
        if isinstance(item, Instruction):
            if simplify(item, values):
                changed = True
            if redundant(item, values):
                changed = True
                continue
            learn(item, values)
            # Behind a change of the stack pointer a slot is another place.
            if item.ends or item.writes >> SP & 1:
                values = Values()
        kept.append(item)
    items[:] = kept
    return changed


def redundant(item, values):
    """Whether the places that it writes hold already what it writes."""
    words = item.operands
    if item.name == "move":
        source = ("number", 0) if words[1] == "$zero" else values.get(register(words[1]))
        return values.get(register(words[0])) == source
    if item.name == "lw":
        if item.slot is not None:
            return values.get(register(words[0])) == values.get(item.slot)
        if words[1].startswith("="):
            return values.get(register(words[0])) == ("address", words[1])
    if item.name == "sw" and item.slot is not None:
        return values.get(register(words[0])) == values.get(item.slot)
    if item.name == "li" and number(words[1]) is not None:
        return values.get(register(words[0])) == ("number", number(words[1]))
    if item.name in COMPARISONS:
        return values.get(T8) == comparison(item, values)
    if item.name in ("zeb", "zeh"):
        return values.is_byte(values.get(register(words[0])))
    return False


def number(word):
    return int(word) if word.lstrip("-").isdigit() else None


def comparison(item, values):
    return (item.name,) + tuple(word if register(word) is None else values.get(register(word)) for word in item.operands)


def simplify(item, values):
    """Another instruction, or other registers, for the same. Whether something changed."""
    words = list(item.operands)
    kind = item.name
    if kind in ("bnez", "beqz"):
        held = values.get(register(words[0]))
        compared = values.of.get(T8)
        if compared is not None and held == compared:
            replace(item, "btnez" if kind == "bnez" else "bteqz", words[1:])
            return True
        if compared is not None and held == ("not", compared):
            replace(item, "bteqz" if kind == "bnez" else "btnez", words[1:])
            return True
    if kind == "lw" and item.slot is not None or kind == "lw" and words[1].startswith("="):
        value = values.get(item.slot) if item.slot is not None else ("address", words[1])
        other = values.holder(value, register(words[0]))
        if other is not None and values.get(register(words[0])) != value:
            replace(item, "move", [words[0], name(other)])
            return True
    if kind == "li" and number(words[1]) is not None and not 0 <= number(words[1]) <= 255:
        other = values.holder(("number", number(words[1])), register(words[0]))
        if other is not None and values.get(register(words[0])) != ("number", number(words[1])):
            replace(item, "move", [words[0], name(other)])
            return True
    if kind == "and":
        first, second = (values.get(register(word)) for word in words)
        if second == ("number", 255):
            replace(item, "zeb", words[:1])
            return True
        if second == ("number", 65535):
            replace(item, "zeh", words[:1])
            return True
        if first == ("number", 255) and values.is_byte(second) and words[0] != words[1]:
            replace(item, "move", words)
            return True
    if kind == "addiu" and len(words) == 2 and number(words[1]) is not None and words[0] != "$sp":
        held = values.get(register(words[0]))
        total = held[1] + number(words[1]) if held[0] == "stack" else None
        if total is not None and 0 <= total <= 1020 and total % 4 == 0:
            replace(item, "addiu", [words[0], "$sp", str(total)])
            return True
        if number(words[1]) in ADDIU_THREE:
            other = values.holder(held, register(words[0]))
            if other is not None:
                replace(item, "addiu", [words[0], name(other), words[1]])
                return True
    return read_elsewhere(item, values)


# Which operands are only read, by name: of these another register may be read.
READ_ONLY = {"cmp": (0, 1), "cmpi": (0,), "slt": (0, 1), "slti": (0,), "sltu": (0, 1), "sltiu": (0,), "move": (1,), "beqz": (0,), "bnez": (0,), "mult": (0, 1), "multu": (0, 1)}
READ_ONLY.update({each: (1, 2) for each in THREE})
READ_ONLY.update({each: (1,) for each in ("and", "or", "xor")})
READ_ONLY.update({each: (0,) for each in STORES})


def read_elsewhere(item, values):
    """Reads the register that a copy was made of, which has had the value for longer."""
    changed = False
    words = list(item.operands)
    for place in READ_ONLY.get(item.name, ()):
        if place < len(words) and register(words[place]) is not None and words[place] not in ("$zero", "$sp"):
            other = values.oldest(register(words[place]))
            if other is not None:
                words[place] = name(other)
                changed = True
    if item.name in ("lw", "lh", "lhu", "lb", "lbu") + STORES:
        memory = MEMORY.match(words[1])
        if memory and memory[2] != "sp":
            other = values.oldest(register("$" + memory[2]))
            if other is not None:
                words[1] = "%s(%s)" % (memory[1], name(other))
                changed = True
    if changed:
        item.operands = words
        item.find_places()
    return changed



def learn(item, values):
    """What is known behind it."""
    words = item.operands
    to = register(words[0]) if words else None
    if item.name == "move":
        source = register(words[1])
        values.put(to, ("number", 0) if source == 0 else ("stack", 0) if source == SP else values.get(source))
    elif item.name == "li":
        values.put(to, ("number", number(words[1])) if number(words[1]) is not None else ("text", words[1]))
    elif item.name == "lw" and item.slot is not None:
        values.put(to, values.get(item.slot))
    elif item.name == "sw" and item.slot is not None:
        values.put(item.slot, values.get(to))
    elif item.name == "lw" and words[1].startswith("="):
        values.put(to, ("address", words[1]))
    elif item.name == "addiu" and words[1] == "$sp":
        values.put(to, ("stack", int(words[2])))
    elif item.name in COMPARISONS:
        values.put(T8, comparison(item, values))
    elif item.name == "xor" and values.get(register(words[1])) == ("number", 1) and values.get(to) == values.get(T8) and values.get(T8)[0].startswith("slt"):
        values.put(to, ("not", values.get(T8)))
    elif item.name in ("lbu", "zeb"):
        values.bytes.add(values.new(to))
    elif item.name == "and":
        byte = any(values.is_byte(values.get(register(word))) for word in words)
        value = values.new(to)
        if byte:
            values.bytes.add(value)
    else:
        for place in range(item.writes.bit_length()):
            if item.writes >> place & 1:
                values.new(place)
