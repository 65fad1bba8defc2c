"""Random functions do the same behind the passes as before: they give back and keep the same registers, leave the same memory, and call the same.

LANEMARK_SEED=N begins with another function than the one whose number is printed; LANEMARK_FUNCTIONS=N says how many there are.
"""

import contextlib
import functools
import os
import random
import sys
import time
import types
import unittest

from .machine import Machine, Program, Stray
from .random_function import CALLED, Function

FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MODULES = ("assembly", "flow", "known", "shorter")
STATES = 4


def load(file=None, old="", new=""):
    """The passes, with one text in one of their files replaced, as modules of their own."""
    outside = {name: sys.modules.get(name) for name in MODULES}
    loaded = types.SimpleNamespace()
    try:
        for name in MODULES:
            with open(os.path.join(FOLDER, name + ".py")) as source:
                text = source.read()
            if name == file:
                assert text.count(old) == 1, "%s stands %d times in %s.py" % (old, text.count(old), name)
                text = text.replace(old, new)
            module = sys.modules[name] = types.ModuleType(name)
            exec(compiled(text, name), module.__dict__)
            setattr(loaded, name, module)
    finally:
        for name, module in outside.items():
            sys.modules.pop(name)
            if module is not None:
                sys.modules[name] = module
    loaded.assembly.READS.update((name, loaded.assembly.places(*reads)) for name, reads in CALLED.items())
    return loaded


@functools.cache
def compiled(text, name):
    return compile(text, name, "exec")


def shortened(passes, function, only=None):
    """The function behind all passes, or behind one."""
    value, whole = passes.assembly.places(*function.value), set()
    while True:
        items = passes.assembly.parse(function.lines, value)
        if only:
            changing = {"forward": passes.known.forward, "share_ends": passes.shorter.share_ends}
            change = changing.get(only) or (lambda items: getattr(passes.shorter, only)(items, function.taken))
            for _ in range(3):
                change(items)
            passes.shorter.pool(items)
            break
        try:
            passes.shorter.shorten(items, function.taken, whole)
            break
        except passes.shorter.HalfLeft as half:
            whole |= half.symbols
    return [str(item) for item in items]


def seen(program, function, state, strict=True, given=()):
    return Machine(program, state, CALLED, function.tables, function.hidden, strict, given).run(function.value)


def observed(function, states):
    """What can be seen of the function in each of the states; not of one in which it does what LLVM's do not."""
    program, out = Program(function.lines), {}
    for state in states:
        with contextlib.suppress(Stray):
            out[state] = seen(program, function, state)
    return out


def difference(function, before, lines):
    """What the lines do otherwise than the function did, in the first state in which they do; nothing when they do not."""
    try:
        program = Program(lines)
    except ValueError as wrong:
        return str(wrong)
    for state, was in before.items():
        try:
            after = seen(program, function, state, strict=False)
        except (Stray, KeyError, IndexError) as wrong:
            return "state %d: %r" % (state, wrong)
        if was != after:
            return "state %d: %s" % (state, ", ".join("%s: %s became %s" % (key, was[key], after[key]) for key in was if was[key] != after[key]))
    return None


def size(lines):
    return len(Program(lines).code)


class Model(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.passes = load()
        cls.first = int(os.environ.get("LANEMARK_SEED", time.time_ns() % 1000000000))
        cls.count = int(os.environ.get("LANEMARK_FUNCTIONS", 60))
        print("LANEMARK_SEED=%d" % cls.first, file=sys.stderr)

    def holds(self, seed, only=None):
        function = Function(random.Random(seed))
        lines = shortened(self.passes, function, only)
        wrong = difference(function, observed(function, range(seed, seed + STATES)), lines)
        if size(lines) > size(function.lines) - function.lines.count("\tnop"):
            wrong = wrong or "it is longer"
        said = "LANEMARK_SEED=%d, %s: %s\n\n%s\n\nbecame\n\n%s"
        self.assertIsNone(wrong, said % (seed, only or "all passes", wrong, "\n".join(function.lines), "\n".join(lines)))
        return size(lines) < size(function.lines) * 0.9

    def test_a_function_does_the_same_behind_all_passes(self):
        shorter = sum(self.holds(seed) for seed in range(self.first, self.first + self.count))
        self.assertGreater(shorter, self.count / 2)

    def test_a_function_does_the_same_behind_each_pass(self):
        for only in ("forward", "drop_dead", "write_in_place", "straighten", "share_ends"):
            for seed in range(self.first, self.first + self.count // 3):
                self.holds(seed, only)

    def test_a_function_does_not_depend_on_what_it_does_not_read(self):
        for seed in range(self.first, self.first + self.count // 3):
            function = Function(random.Random(seed))
            items = self.passes.assembly.parse(function.lines, self.passes.assembly.places(*function.value))
            reads = self.passes.flow.read_first(items, function.taken)
            program = Program(function.lines)
            for other in (0, 0x12345678):
                given = {place: other for place in range(2, 26) if not reads >> place & 1}
                with contextlib.suppress(Stray):
                    self.assertEqual(seen(program, function, seed), seen(program, function, seed, given=given), "LANEMARK_SEED=%d" % seed)


if __name__ == "__main__":
    unittest.main()
