"""A whole file: only functions of MIPS16 change, those that are not known stay, and what a function does not read its callers do not make."""

import contextlib
import io
import os
import tempfile
import unittest

import assembly
import link
from assembly import places

FILE = """\t.text
\t.set\tnomicromips
\t.set\tnomips16
\t.ent\twide
wide:
\tmovn\t$16, $zero, $1
\tmove\t$2, $2
\t.end\twide
$func_end0:
\t.set\tmips16
\t.ent\tcaller
caller: # @caller
\tsave\t$ra, 24 # 16 bit inst

\tli\t$4, 5
\tli\t$5, 6
\tjal\tcalled
\tnop
\trestore\t$ra, 24
\tjrc\t$ra
\t.end\tcaller
$func_end1:
\t.ent\tcalled
called:
\tsw\t$4, 0($4)
\tmove\t$2, $2
\tjrc\t$ra
\t.end\tcalled
\t.ent\tstrange
strange:
\tsync
\tmove\t$2, $2
\tjrc\t$ra
\t.end\tstrange
\t.ent\tlast
last:
\tli\t$2, 7
\tjrc\t$2
\t.end\tlast
$BB9_1:
\t.section\t.rodata
$JTI0_0:
\t.4byte\t$BB9_1
"""


def rewritten(text, **value):
    said = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(said):
        source, to = os.path.join(folder, "a.s"), os.path.join(folder, "b.s")
        with open(source, "w") as file:
            file.write(text)
        link.rewrite(source, to, value)
        with open(to) as file:
            return file.read(), said.getvalue()


class Rewrite(unittest.TestCase):
    def setUp(self):
        assembly.READS.clear()
        assembly.READS.update(caller=0, called=places(4, 5), strange=places(4), last=0, f=places(4))

    def rewritten(self):
        return rewritten(FILE, caller=0, called=0, strange=0, last=0)

    def test_the_functions_of_a_file_are_those_of_mips16(self):
        lines = FILE.split("\n")
        found = list(link.functions(lines))
        self.assertEqual([name for name, _, _ in found], ["caller", "called", "strange", "last"])
        for name, first, end in found:
            self.assertEqual((lines[first].partition(":")[0], lines[end - 1]), (name, "\t.end\t" + name))

    def test_what_is_not_mips16_stays(self):
        text, _ = self.rewritten()
        head = FILE[: FILE.index("caller:")]
        self.assertEqual(text[: len(head)], head)
        tail = FILE[FILE.index("$BB9_1:") :]
        self.assertEqual(text[-len(tail) :], tail)

    def test_a_function_with_an_instruction_that_is_not_known_stays_and_is_named(self):
        text, said = self.rewritten()
        self.assertIn("strange:\n\tsync\n\tmove\t$2, $2\n\tjrc\t$ra\n\t.end\tstrange\n", text)
        self.assertIn("left as LLVM wrote it: strange: sync", said)
        self.assertEqual(said.count("\n"), 1)

    def test_a_caller_does_not_make_what_the_called_function_does_not_read(self):
        text, _ = self.rewritten()
        self.assertIn("caller:\n\tsave\t$ra, 24\n\tli\t$4, 5\n\tjal\tcalled\n\trestore", text)
        self.assertEqual(assembly.READS["called"], places(4))

    def test_of_a_function_that_is_not_known_it_makes_all_that_the_module_says(self):
        text, _ = rewritten(FILE.replace("\tsw\t$4, 0($4)", "\tlwl\t$4, 0($4)"), caller=0, called=0, strange=0, last=0)
        self.assertIn("\tli\t$4, 5\n\tli\t$5, 6\n\tjal\tcalled\n", text)

    def test_a_symbol_of_which_half_an_address_is_wanted_stays_whole(self):
        text = "\t.set\tmips16\n\t.ent\tf\nf:\n\tli\t$2, %hi(x)\n\tsll\t$2, $2, 16\n\tsw\t$2, 0($4)\n\taddiu\t$2, %lo(x)\n"
        text += "\tli\t$3, %hi(y)\n\tsll\t$3, $3, 16\n\taddiu\t$3, %lo(y)\n\tsw\t$3, 0($2)\n\tjrc\t$ra\n\t.end\tf\n"
        out, _ = rewritten(text, f=0)
        self.assertIn("\tli\t$2, %hi(x)\n\tsll\t$2, $2, 16\n\tsw\t$2, 0($4)\n\taddiu\t$2, %lo(x)\n\tlw\t$3, $PL", out)
        self.assertNotIn("(y)", out)

    def test_half_an_address_alone_ends(self):
        text = "\t.set\tmips16\n\t.ent\tf\nf:\n\tli\t$2, %hi(x)\n\tsw\t$2, 0($4)\n\tjrc\t$ra\n\t.end\tf\n"
        self.assertEqual(rewritten(text, f=0)[0], text)


class Words(unittest.TestCase):
    def test_the_words_for_gnus_linker_are_those_that_it_knows(self):
        words = "--error-limit=0 -mllvm -mcpu=x --image-base=4 --eh-frame-hdr -L/ -L/lib -m elf32ltsmip -z noexecstack -z stack-size=4 -o out crt1.o a.o b.rlib c.a"
        expected = "-L/lib -m elf32ltsmip -z noexecstack -o out crt1.o a.o --start-group b.rlib c.a --end-group"
        self.assertEqual(link.gnu_words(words.split()), expected.split())

    def test_an_object_without_a_module_stays(self):
        with tempfile.TemporaryDirectory() as folder:
            wide = os.path.join(folder, "a.1.rcgu.o")
            self.assertEqual(link.narrow(wide, *link.TOOLS["le"]), wide)


if __name__ == "__main__":
    unittest.main()
