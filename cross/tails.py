"""Shares what blocks of MIPS code end with, in LLVM's assembly: a part of `frames.py`.

Two blocks that end with the same instructions, the jump included, do the same from the first of these on, whatever their functions are. One of
them keeps them, the other jumps into it; what stood before the jump goes behind it, where it is carried out all the same:

        move  $16, $2                               j     $tail7
        addiu $4, $sp, 24                           move  $16, $2
        jal   free              becomes
        nop
        j     __leave_16_31
        addiu $sp, $sp, 48

Instructions that are equal as text are equal in what they read and write, so nothing about registers has to be known. Left alone are: an
instruction that is carried out behind a jump without that jump; half an address, whose other half the linker looks for in the same function
(R_MIPS_HI16, R_MIPS_LO16); and, between functions, places that branches lead to, since these reach 128 KiB only.
"""

import re

# Instructions behind which one more is carried out, and those of them after which nothing that follows is.
JUMP = re.compile(r"(b(?!reak)\w*|j|jal|jr|jalr)\s")
END = re.compile(r"(j|jr|b)\s")
LABEL = re.compile(r"([\w$.]+):")
HALF = re.compile(r"%(hi|lo)\((.*)\)")


class Block:
    """The lines from one jump that does not come back to the next: instructions as `words`, and where they are."""

    def __init__(self, function, opens):
        self.function = function
        self.opens = opens  # Whether the function begins here.
        self.words, self.places = [], []
        self.labels = []  # (instructions before it, line)
        self.parent, self.shared = None, 0

    def fits(self, count, other):
        """Whether the last `count` instructions may stand at the end of the other block only."""
        first = len(self.words) - count
        if self.opens and not first or self.is_behind(first) or other.is_behind(len(other.words) - count):
            return False
        # Each place that branches lead to goes to where its instruction is.
        if any(at >= first and other.holder(len(self.words) - at).function != self.function for at, _ in self.labels):
            return False
        halves, open_halves = set(), set()
        for half in map(HALF.search, self.words[first:]):
            if half and half[1] == "hi":
                halves.add(half[2])
                open_halves.add(half[2])
            elif half and half[2] not in halves:
                return False
            elif half:
                open_halves.discard(half[2])
        return not open_halves

    def is_behind(self, at):
        """Whether this instruction is carried out behind a jump."""
        return at > 0 and bool(JUMP.match(self.words[at - 1] + " "))

    def place(self, count):
        """The line of the first of the last `count` instructions."""
        return self.places[-count]

    def holder(self, count):
        """The block in which the last `count` instructions are in the end."""
        block = self
        while block.parent and count <= block.shared:
            block = block.parent
        return block


def blocks(lines, instruction):
    found, block, function, opens, closing = [], None, None, False, False
    for at, line in enumerate(lines):
        if line.startswith("\t.ent\t"):
            # Of those for unwinding the linker leaves out what nothing that stays jumps into.
            function = None if "personality" in line else line.split()[1]
            block, opens, closing = None, True, False
        if "#APP" in line or "#NO_APP" in line:
            # What somebody wrote himself; it goes on behind it.
            block, opens, closing = None, True, False
        if line.startswith("\t.end\t"):
            function = block = None
        label = LABEL.match(line)
        if label and function and line.startswith("$"):
            block = block or Block(function, opens)
            block.labels.append((len(block.words), at))
            opens = False
        word = instruction(line)
        if not word or not function:
            continue
        block = block or Block(function, opens)
        opens = False
        block.words.append(re.sub(r"\s+", " ", word))
        block.places.append(at)
        if closing:
            found.append(block)
            block, closing = None, False
        elif END.match(word + " "):
            closing = True
    return found


def common(one, other):
    count = 0
    for a, b in zip(reversed(one.words), reversed(other.words)):
        if a != b:
            break
        count += 1
    return count


def moves(block, first):
    """Whether the instruction before this one may be carried out behind the jump that comes in its place."""
    return first > 0 and not block.is_behind(first - 1) and not block.is_behind(first) and all(at != first for at, _ in block.labels)


def gain(block, count):
    """By how many instructions it is shorter without the last `count`."""
    first = len(block.words) - count
    return count if not first else count - (1 if moves(block, first) else 2)


def shared(lines, instruction):
    """The lines with the ends shared, and how many instructions that spares."""
    found = sorted(blocks(lines, instruction), key=lambda block: block.words[::-1])
    spared = 0
    for before, block in zip(found, found[1:]):
        counts = [count for count in range(2, common(before, block) + 1) if block.fits(count, before.holder(count))]
        best = max(counts, key=lambda count: gain(block, count), default=0)
        if best and gain(block, best) > 0:
            block.parent, block.shared = before, best
            spared += gain(block, best)

    drop, labels, jumps = set(), {}, {}
    for block in found:
        if not block.parent:
            continue
        first = len(block.words) - block.shared
        for at, line in block.labels:
            if at >= first:
                labels.setdefault(block.holder(len(block.words) - at).place(len(block.words) - at), []).append(lines[line])
                drop.add(line)
        drop.update(block.places[first:])
        if first:
            there = block.holder(block.shared).place(block.shared)
            jump = [f"\tj\t$tail{there}\n"]
            label = f"$tail{there}:\n"
            if label not in labels.setdefault(there, []):
                labels[there].append(label)
            if moves(block, first):
                jumps[block.places[first - 1]] = jump
            else:
                jumps[block.places[first]] = jump + ["\tnop\n"]
    done = []
    for at, line in enumerate(lines):
        done += labels.get(at, []) + jumps.get(at, [])
        if at not in drop:
            done.append(line)
    return done, spared


def filled(lines, instruction):
    """The lines with the instruction before a jump put behind it, where LLVM found none to put there; and how many nops that spares."""
    done, before, spared = list(lines), [(None, 0)], 0
    for at, line in enumerate(lines):
        word = instruction(line)
        if not word:
            # Somebody may come here from elsewhere: what stands above is not before the jump then.
            if LABEL.match(line) or "APP" in line:
                before = [(None, at)]
            continue
        if word == "nop" and len(before) > 2 and before[-2][0]:
            (jump, jump_at), (last, last_at), (earlier, _) = before[-1], before[-2], before[-3]
            verb, target = (jump.split() + [""])[:2]
            # A call writes $ra before what stands behind it is carried out, and what is jumped to is read before that.
            free = verb in ("j", "jal") or verb in ("jr", "jalr") and target not in last
            if free and "$ra" not in last and not JUMP.match(last + " ") and not (earlier and JUMP.match(earlier + " ")):
                done[last_at], done[jump_at], done[at] = "", lines[jump_at], lines[last_at]
                spared += 1
                before = [(None, at)]
                continue
        before.append((word, at))
    return [line for line in done if line], spared


# How far two programs are held against each other from each place; behind it, other places begin.
WALK = 400


def carried_out(words, labels, at):
    """What is carried out from there on if no branch is taken, jumps to known places followed, in the order in which it takes effect."""
    done, steps = [], 0
    while len(done) < WALK and at < len(words) and steps < 3 * WALK:
        steps += 1
        word = words[at]
        if not JUMP.match(word + " "):
            done += [] if word == "nop" else [word]
            at += 1
            continue
        verb, target = (word.split() + [""])[:2]
        behind = [word for word in words[at + 1 : at + 2] if word != "nop"]
        if verb == "j" and target.startswith("$") and target in labels:
            done += behind
            at = labels[target]
            continue
        # A branch decides before what stands behind it is carried out, a call and a return lead away after it.
        done += [word, *behind] if verb.startswith("b") else [*behind, word]
        if END.match(word + " "):
            break
        at += 2
    return done[:WALK]


def differing(before, after, instruction):
    """The first place from which the two do not carry out the same, if there is one; and how many places there are."""
    programs = []
    for lines in before, after:
        words, labels = [], {}
        for line in lines:
            label = LABEL.match(line)
            if label:
                labels[label[1]] = len(words)
            word = instruction(line)
            if word:
                words.append(re.sub(r"\s+", " ", word))
        programs.append((words, labels))
    (words, labels), (_, others) = programs
    # Labels of data, and of functions' ends, name no instruction of their own.
    places = [label for label, at in labels.items() if at < len(words) and (label[0] != "$" or label.startswith("$BB"))]
    for label in places:
        if label not in others or carried_out(words, labels, labels[label]) != carried_out(*programs[1], others[label]):
            return label, len(places)
    return None, len(places)
