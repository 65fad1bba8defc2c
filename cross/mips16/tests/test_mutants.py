"""The model is worth something: it finds each of these faults, a change of one line of a pass."""

import random
import unittest

from .random_function import Function
from .test_model import difference, load, observed, shortened

FUNCTIONS_MAX = 300

# File, what stands there, and the fault.
FAULTS = [
    # What an instruction reads and writes.
    ("assembly", "READS.get(words[0], CONVENTIONAL), LOST", "READS.get(words[0], CONVENTIONAL), places(2, 3)"),
    ("assembly", "READS.get(words[0], CONVENTIONAL), LOST", "0, LOST"),
    ("assembly", "more_reads, more_writes = CONVENTIONAL, LOST", "more_reads, more_writes = 0, LOST"),
    ("assembly", "item.reads = value | KEPT | places(RA)", "item.reads = KEPT | places(RA)"),
    ("assembly", "reads.update(numbers)\n        elif name in ONE", "reads.update(numbers[1:])\n        elif name in ONE"),
    ("assembly", "            reads.add(T8)", "            pass"),
    ("assembly", "            reads.add(LOHI)", "            pass"),
    ("assembly", "reads.add(numbers[1] if len(words) == 3 else numbers[0])", "reads.add(numbers[1] if len(words) == 3 else 0)"),
    # Which slots are sure.
    ("assembly", "doubtful.add(SLOTS + int(memory[1]) // 4)", "pass"),
    ("assembly", "doubtful.add(SLOTS + int(item.operands[2]) // 4)", "pass"),
    # Where it leads.
    ("flow", "live |= before[at[item.target]] if item.target in at else everything", "pass"),
    ("flow", "live |= before[label]", "pass"),
    ("flow", "live = live & ~item.writes | item.reads", "live = live & ~item.writes"),
    ("flow", "before[index] = live\n                changed = True", "before[index] = live"),
    # What is known.
    ("known", "if isinstance(item, Label):", "if False:"),
    ("known", "                values.new(place)", "                pass"),
    ("known", "place in NEAR and place != but", "place < 32 and place != but"),
    ("known", "values.put(item.slot, values.get(to))", "pass"),
    ("known", "values.put(to, values.get(item.slot))", "values.put(to, ('slot', 0))"),
    ("known", 'replace(item, "btnez" if kind == "bnez" else "bteqz", words[1:])', 'replace(item, "bteqz", words[1:])'),
    ("known", 'replace(item, "bteqz" if kind == "bnez" else "btnez", words[1:])', 'replace(item, "btnez", words[1:])'),
    ("known", 'and values.get(T8)[0].startswith("slt")', ""),
    ("known", 'values.get(register(words[1])) == ("number", 1) and values', "values"),
    ("known", 'if second == ("number", 255)', 'if second[0] == "number"'),
    ("known", 'first == ("number", 255) and values.is_byte(second)', 'first == ("number", 255)'),
    ("known", 'item.name in ("lbu", "zeb")', 'item.name in ("lbu", "zeb", "lhu")'),
    ("known", "0 <= value[1] <= 255", "0 <= value[1] <= 256"),
    ("known", "(item.name,) + tuple(", '("cmp",) + tuple('),
    ("known", "total = held[1] + number(words[1])", "total = number(words[1])"),
    # The passes.
    ("shorter", "not item.writes & read and", ""),
    ("shorter", "and not behind[index] >> source & 1", ""),
    ("shorter", "if (item.reads | item.writes) >> to & 1", "if item.writes >> to & 1"),
    ("shorter", "if (item.reads | item.writes) >> to & 1", "if item.reads >> to & 1"),
    ("shorter", "behind) & (1 << to | 1 << source)", "behind) & 1 << to"),
    ("shorter", "behind) & (1 << to | 1 << source)", "behind) & 1 << source"),
    ("shorter", 'item.name in ("jal", "jalrc", "save", "restore")', "False"),
    ("shorter", "if item.target is not None and leads_on", "if item.target is not None or leads_on"),
    ("shorter", "reached = not item.ends", "reached = not item.jumps"),
    ("shorter", "wanted = taken | {", "wanted = {"),
    ("shorter", "    if start > first:", "    if True:"),
    ("shorter", '"=" + item.operands[1][4:-1]', '"=" + item.operands[1][4:5]'),
]


class Mutants(unittest.TestCase):
    def test_the_model_finds_a_fault_in_any_pass(self):
        functions, right = Functions(), load()
        for fault in FAULTS:
            with self.subTest(fault):
                wrong = load(*fault)
                seed = next((seed for seed in range(FUNCTIONS_MAX) if found(wrong, functions[seed])), None)
                self.assertIsNotNone(seed)
                self.assertFalse(found(right, functions[seed]))


class Functions(dict):
    """A function and what can be seen of it, by its number."""

    def __missing__(self, seed):
        function = Function(random.Random(seed))
        self[seed] = function, observed(function, (seed, seed + 1))
        return self[seed]


def found(passes, function):
    function, before = function
    try:
        lines = shortened(passes, function)
    except (KeyError, IndexError, TypeError, AttributeError):
        return True
    return difference(function, before, lines) is not None


if __name__ == "__main__":
    unittest.main()
