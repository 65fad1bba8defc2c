"""Functions in short: a line is an instruction, a label or a directive; `# spill` and `# reload` are LLVM's remarks of that."""

import itertools
import unittest

import assembly
import shorter

REMARKS = {"spill": "# 4-byte Folded Spill", "reload": "# 4-byte Folded Reload"}


def lines_of(text):
    """The lines as LLVM writes them, up to the function's end, which the passes need."""
    lines = []
    for line in text.split("\n"):
        code, _, remark = line.strip().partition(" # ")
        if not code:
            continue
        if not code.endswith(":"):
            name, _, operands = code.partition(" ")
            code = "\t" + "\t".join(word for word in (name, operands.strip()) if word)
        lines.append(code + (" " + REMARKS.get(remark, "# " + remark) if remark else ""))
    return lines + ["\t.end\tf"]


def parse(text, value=assembly.VALUE):
    return assembly.parse(lines_of(text), value)


def shown(items):
    """The items in the short form, without the end."""
    lines = [" ".join(str(item).replace("\t", " ").split()) for item in items]
    return "\n".join(line for line in lines if line != ".end f")


def plain(text):
    """The short form without remarks, as `shown` has it."""
    return "\n".join(line.partition(" # ")[0].strip() for line in text.split("\n") if line.strip())


class Case(unittest.TestCase):
    """Tests of one pass, `change`: what it does to items, and whether it says that it did."""

    maxDiff = None
    # What a function gives back: nothing, so that a test says itself what is read in the end.
    value = 0

    def setUp(self):
        assembly.READS.clear()

    def parse(self, text):
        """The items; labels that are made are counted anew."""
        shorter.pool.numbers = itertools.count()
        shorter.share.numbers = itertools.count()
        return parse(text, self.value)

    def becomes(self, before, after, **more):
        items = self.parse(before)
        changed = self.change(items, **more)
        self.assertEqual(shown(items), plain(after))
        self.assertIn(changed, (True, None))

    def stays(self, text, **more):
        items = self.parse(text)
        changed = self.change(items, **more)
        self.assertEqual(shown(items), plain(text))
        self.assertIn(changed, (False, None))
