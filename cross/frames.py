#!/usr/bin/env python3
"""Shares what MIPS functions begin and end with: frames.py FROM.s TO.s, both in LLVM's assembly for the o32 convention.

A function that calls others begins with a store for each register that it must give back, and ends with a load for each: a sixth of
all code, since MIPS32 has no instruction for several registers. Here the stores and loads of one set of registers stand once, for all
functions of the program, whatever the sizes of their frames:

        addiu $sp, $sp, -M                          addiu $sp, $sp, -M
        sw    $ra, M-4($sp)                         sw    $ra, M-4($sp)
        sw    $17, M-8($sp)       becomes           jal   __enter_16_17_31
        sw    $16, M-12($sp)                        addiu $1, $sp, M-12

        lw    $16, M-12($sp)                        j     __leave_16_17_31
        lw    $17, M-8($sp)       becomes           addiu $sp, $sp, M-12
        lw    $ra, M-4($sp)
        jr    $ra
        addiu $sp, $sp, M

`jal` overwrites $ra, which is saved by then; and $1 carries nothing into a function (System V ABI, MIPS supplement, chapter 3). Nothing below
the stack pointer is used, so a signal may come at any time. What does not look exactly so stays as it is.
"""

import collections
import re
import sys

import tails

RA = 31
NAMES = {"fp": 30, "ra": RA}
REGISTER = r"\$(\d+|fp|ra)"
ADJUST = re.compile(r"addiu\s+\$sp, \$sp, (-?\d+)$")
STORE = re.compile(r"sw\s+" + REGISTER + r", (\d+)\(\$sp\)$")
LOAD = re.compile(r"lw\s+" + REGISTER + r", (\d+)\(\$sp\)$")
RETURN = re.compile(r"jr\s+\$ra$")
# Instructions behind which one more is carried out before the jump.
JUMP = re.compile(r"(b\w*|j|jal|jr|jalr)\s")
# A label at the start of a line; an instruction behind one tab, a directive too.
LABEL = re.compile(r"[\w$.]+:")


def instruction(line):
    """The instruction of a line without its remark, or None for anything else."""
    if not line.startswith("\t"):
        return None
    text = line.split("#")[0].strip()
    return text if text and not text.startswith(".") else None


def moves(lines, pattern):
    """The registers and places of the stores or loads that the lines are, up to the first that is neither."""
    found = []
    for line in lines:
        match = pattern.match(instruction(line) or "")
        if not match:
            break
        found.append((NAMES.get(match[1]) or int(match[1]), int(match[2])))
    return found


def side_by_side(saved, frame):
    """Whether they take the frame's upper end without a gap, the last one $ra."""
    return bool(saved) and saved[-1] == (RA, frame - 4) and all(
        after[1] == before[1] + 4 and after[0] > before[0] for before, after in zip(saved, saved[1:])
    )


def entry(lines, at):
    """The registers and the frame of the function's beginning at this line, if it is one."""
    match = ADJUST.match(instruction(lines[at]) or "")
    if not match or int(match[1]) >= 0:
        return None
    frame = -int(match[1])
    saved = moves(lines[at + 1 : at + 12], STORE)
    # Behind them may stand a store that is none of theirs.
    while saved and saved[-1][1] < frame - 4 * len(saved):
        saved.pop()
    # Up to three stores are no more than what would stand in their place.
    if len(saved) < 4 or not side_by_side(saved[::-1], frame) or any(register == 1 for register, _ in saved):
        return None
    return tuple(register for register, _ in saved[::-1]), frame


def exit(lines, at):
    """The registers and the frame of the function's end at this line, if it is one."""
    saved = moves(lines[at : at + 11], LOAD)
    end = at + len(saved)
    if not saved or end + 1 >= len(lines) or not RETURN.match(instruction(lines[end]) or ""):
        return None
    match = ADJUST.match(instruction(lines[end + 1]) or "")
    if not match or not side_by_side(saved, int(match[1])):
        return None
    return tuple(register for register, _ in saved), int(match[1])


def name(kind, registers):
    return "__" + kind + "_" + "_".join(map(str, registers))


def shared(lines):
    """The lines with the beginnings and ends shared, and how often each set of registers is used for both."""
    enters, leaves = collections.Counter(), collections.Counter()
    done, at, before, begins = [], 0, "", False
    while at < len(lines):
        line = lines[at]
        text = instruction(line)
        if LABEL.match(line):
            # A function's name, not a place in it.
            begins = not line.startswith("$")
            before = ""
        if text and not JUMP.match(before + " "):
            here = entry(lines, at) if begins else None
            if here:
                registers, frame = here
                enters[registers] += 1
                done += lines[at : at + 2]
                done += [f"\tjal\t{name('enter', registers)}\n", f"\taddiu\t$1, $sp, {frame - 4 * len(registers)}\n"]
                at += 1 + len(registers)
                before, begins = "", False
                continue
            here = exit(lines, at)
            if here:
                registers, frame = here
                leaves[registers] += 1
                done += [f"\tj\t{name('leave', registers)}\n", f"\taddiu\t$sp, $sp, {frame - 4 * len(registers)}\n"]
                at += len(registers) + 2
                before = ""
                continue
        if text:
            before, begins = text, False
        done.append(line)
        at += 1
    return done, enters, leaves


def routine(label, body):
    return [f"\t.section\t.text.{label},\"ax\",@progbits\n\t.p2align\t2\n\t.type\t{label},@function\n\t.set\tnoreorder\n\t.set\tnoat\n{label}:\n"] + [
        f"\t{line}\n" for line in body
    ]


def main(source, to):
    with open(source) as file:
        lines = file.readlines()
    done, enters, leaves = shared(lines)
    alone = done
    done, ends = tails.shared(done, instruction)
    done, nops = tails.filled(done, instruction)
    # Not trusted, but looked at, each time.
    differs, places = tails.differing(alone, done, instruction)
    if differs:
        sys.exit(f"{source}: behind {differs} something else would be carried out")
    for registers in sorted(enters):
        stores = [f"sw\t${register}, {4 * index}($1)" for index, register in enumerate(registers[:-1])]
        done += routine(name("enter", registers), stores[:-1] + ["jr\t$ra", stores[-1]])
    for registers in sorted(leaves):
        loads = [f"lw\t${register}, {4 * index}($sp)" for index, register in enumerate(registers)]
        done += routine(name("leave", registers), loads + ["jr\t$ra", f"addiu\t$sp, $sp, {4 * len(registers)}"])
    with open(to, "w") as file:
        file.writelines(done)
    print(
        f"frames: {sum(enters.values())} enter by {len(enters)}, {sum(leaves.values())} leave by {len(leaves)}; "
        f"{ends} instructions fewer by shared ends, {nops} by no nop; the same from {places} places",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
