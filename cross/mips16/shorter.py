"""Makes a MIPS16 function shorter, without a change of what it does.

LLVM writes MIPS16 without most of what it does for other instruction sets behind register allocation. Each function here does one of these things to
a function's items and says whether something changed; `shorten` does them until nothing changes.
"""

import itertools
import re

from assembly import MEMORY, NEAR, SP, Instruction, Label, Text, register
from flow import last_read
from known import forward, replace

# Rounds at most; each makes the function shorter, so that this is a guard against a fault here only.
ROUNDS_MAX = 40

OPPOSITE = {"beqz": "bnez", "bnez": "beqz", "bteqz": "btnez", "btnez": "bteqz"}


class HalfLeft(Exception):
    """Of the addresses of these symbols half is still wanted: they have to stay as they are."""

    def __init__(self, symbols):
        self.symbols = symbols


def shorten(items, taken, whole):
    """All of it, for a function of whose labels `taken` are known elsewhere. Addresses of the symbols `whole` stay as they are."""
    pool_addresses(items, whole)
    for _ in range(ROUNDS_MAX):
        changed = forward(items)
        changed |= drop_dead(items, taken)
        changed |= write_in_place(items, taken)
        changed |= straighten(items, taken)
        while share_ends(items):
            changed = True
        if not changed:
            break
    halves = [set(), set()]
    for item in items:
        if isinstance(item, Instruction):
            for half, found in zip(halves, (r"%hi\((.*)\)", r"%lo\((.*?)\)")):
                half.update(re.findall(found, item.text))
    # What stays whole had its own lower half, which may be dead.
    left = halves[0] - halves[1] - whole
    if left:
        raise HalfLeft(left)
    pool(items)


def pool_addresses(items, whole):
    """The halves of an address, which LLVM puts together with three instructions of four bytes each, come from a pool like other large constants. What is
    left of them then is dead."""
    for item in items:
        if isinstance(item, Instruction) and item.name == "addiu" and len(item.operands) == 2 and item.operands[1].startswith("%lo(") and item.operands[1][4:-1] not in whole:
            item.name = "lw"
            item.operands[1] = "=" + item.operands[1][4:-1]
            item.find_places()


def pool(items):
    """Writes the constants that are loaded behind the function's last instruction."""
    places = {}
    for item in items:
        if isinstance(item, Instruction) and item.name == "lw" and item.operands[1].startswith("="):
            value = item.operands[1][1:]
            if value not in places:
                places[value] = "$PL%d" % next(pool.numbers)
            item.operands[1] = places[value]
            item.find_places()
    if places:
        at = next(index for index, item in enumerate(items) if isinstance(item, Text) and item.line.startswith("\t.end\t"))
        items[at:at] = [Text("\t.p2align\t2")] + [each for value, name in places.items() for each in (Label(name), Text("\t.4byte\t" + value))]


pool.numbers = itertools.count()


def drop_dead(items, taken):
    """What only writes places that nobody reads goes."""
    behind = last_read(items, taken)
    kept = [
        item
        for item, read in zip(items, behind)
        if not (isinstance(item, Instruction) and item.pure and item.writes and not item.writes & read and not item.writes >> SP & 1)
    ]
    changed = len(kept) != len(items)
    items[:] = kept
    return changed


def write_in_place(items, taken):
    """A value that is made in one register and moved to another, where the first is dead then, is made in the other."""
    changed = False
    behind = last_read(items, taken)
    index = 0
    while index < len(items):
        item = items[index]
        if isinstance(item, Instruction) and item.name == "move" and item.operands[1] not in ("$zero", "$sp"):
            to, source = register(item.operands[0]), register(item.operands[1])
            if to in NEAR and source in NEAR and to != source and not behind[index] >> source & 1:
                first = maker(items, behind, index, to, source)
                if first is not None:
                    for each in range(first, index):
                        if isinstance(items[each], Instruction):
                            rename(items[each], source, to)
                        behind[each] = behind[each] & ~(1 << source) | 1 << to
                    del items[index], behind[index]
                    changed = True
                    continue
        index += 1
    return changed


def maker(items, behind, index, to, source):
    """Where the value of `source` is made that is moved to `to` at the index, if all on the way can have `to` in its place."""
    at = index
    while at > 0:
        at -= 1
        item = items[at]
        if not isinstance(item, Instruction) or item.ends or item.name in ("jal", "jalrc", "save", "restore"):
            return None
        if (item.reads | item.writes) >> to & 1:
            return None
        if item.target is not None and behind_target(items, item.target, behind) & (1 << to | 1 << source):
            return None
        if item.writes >> source & 1 and not item.reads >> source & 1:
            return at
    return None


def behind_target(items, target, behind):
    """What may be read at a label; of one that is elsewhere, everything."""
    for index, item in enumerate(items):
        if isinstance(item, Label) and item.name == target:
            return behind[index]
    return -1


def rename(item, old, new):
    words = []
    for word in item.operands:
        memory = MEMORY.match(word)
        if memory and memory[2] == str(old):
            word = "%s($%d)" % (memory[1], new)
        elif word == "$%d" % old:
            word = "$%d" % new
        words.append(word)
    item.operands = words
    item.find_places()


def following(items, index):
    """The first instruction at or behind the index, past labels."""
    while index < len(items) and isinstance(items[index], Label):
        index += 1
    return items[index] if index < len(items) and isinstance(items[index], Instruction) else None


def straighten(items, taken):
    """Jumps that lead to where they stand, or to other jumps; labels and instructions that nothing leads to."""
    changed = False
    at = {item.name: index for index, item in enumerate(items) if isinstance(item, Label)}
    for item in items:
        if isinstance(item, Instruction) and item.target in at:
            there = following(items, at[item.target])
            if there is not None and there.name == "b" and there.target != item.target and there is not item:
                item.operands[-1] = there.target
                item.find_places()
                changed = True
    kept = []
    reached = True
    wanted = taken | {item.target for item in items if isinstance(item, Instruction) and item.target}
    for index, item in enumerate(items):
        if isinstance(item, Label):
            if item.name not in wanted and item.name.startswith("$BB"):
                changed = True
                continue
            reached = True
        elif isinstance(item, Instruction):
            if not reached:
                changed = True
                continue
            if item.target is not None and leads_on(items, index + 1, item.target):
                changed = True
                continue
            reached = not item.ends
        kept.append(item)
    items[:] = kept
    for index in range(len(items) - 2):
        first, second = items[index], items[index + 1]
        if (
            isinstance(first, Instruction)
            and isinstance(second, Instruction)
            and first.name in OPPOSITE
            and second.name == "b"
            and leads_on(items, index + 2, first.target)
        ):
            replace(first, OPPOSITE[first.name], first.operands[:-1] + [second.target])
            del items[index + 1]
            return True
    return changed


def leads_on(items, index, target):
    """Whether the label is one of those that stand at the index."""
    while index < len(items) and isinstance(items[index], Label):
        if items[index].name == target:
            return True
        index += 1
    return False


def share_ends(items):
    """Ways that come to one label, or to the function's end, by the same last instructions have these once."""
    groups = {}
    for index, item in enumerate(items):
        if isinstance(item, Instruction) and item.name == "b":
            groups.setdefault(item.target, []).append(index)
        elif isinstance(item, Instruction) and item.name == "jrc" and item.operands[0] == "$ra":
            groups.setdefault(None, []).append(index + 1)
        elif isinstance(item, Label) and index and isinstance(items[index - 1], Instruction) and not items[index - 1].ends:
            groups.setdefault(item.name, []).append(index)
    for target, ends in groups.items():
        best = None
        alike = {}
        for end in ends:
            if end and isinstance(items[end - 1], Instruction):
                alike.setdefault(items[end - 1].text, []).append(end)
        for ends in alike.values():
            for first, second in itertools.combinations(ends, 2):
                length = same_end(items, first, second)
                if length and (best is None or length > best[0]):
                    best = (length, first, second)
        # For the function's end a jump has to be written, of two bytes or four.
        if best is None or target is None and best[0] < 3:
            continue
        share(items, *best)
        return True
    return False


def same_end(items, first, second):
    """How many instructions before the two places are the same."""
    length = 0
    while True:
        one, other = first - length - 1, second - length - 1
        if one < 0 or other < 0 or one == second or other == first or not isinstance(items[one], Instruction) or not isinstance(items[other], Instruction):
            return length
        if items[one].text != items[other].text or items[one].slot != items[other].slot or items[one].target is not None:
            return length
        length += 1


def share(items, length, first, second):
    """The instructions before `second` go, and a jump leads to those before `first`."""
    # What falls into its label, or ends the function, keeps its own.
    if isinstance(items[second], Label) or not isinstance(items[second], Instruction):
        first, second = second, first
    label = Label("$BBS%d" % next(share.numbers))
    jump = Instruction("b", [label.name])
    ends_here = isinstance(items[second - 1], Instruction) and items[second - 1].name == "jrc"
    stop = second if ends_here or isinstance(items[second], Label) else second + 1
    start = second - length
    if start > first:
        items[start:stop] = [jump]
        items.insert(first - length, label)
    else:
        items.insert(first - length, label)
        items[start:stop] = [jump]


share.numbers = itertools.count()
