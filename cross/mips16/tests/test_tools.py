"""What the passes write is what the assembler takes, and what they read is what LLVM writes. Needs llc and GNU's assembler: without them these are
skipped, and with CI=true they fail."""

import contextlib
import io
import os
import random
import re
import shutil
import subprocess
import tempfile
import unittest

import assembly
import link
from module import Module

from .random_function import Function
from .test_model import load, shortened

# What has spills, comparisons, a table, constants past a jump, addresses, and calls.
IR = """
@text = internal constant [4 x i8] c"text"
@table = internal global [64 x i32] zeroinitializer
declare i32 @outside(ptr, i32, i32, i32, i32)

define internal fastcc i32 @many(i32 %a, i32 %b, i32 %c, i32 %d, i32 %e, i32 %f) #0 {
  %1 = mul i32 %a, %b
  %2 = add i32 %1, 2147483647
  %3 = call i32 @outside(ptr @text, i32 %2, i32 %c, i32 %d, i32 %e)
  %4 = call i32 @outside(ptr @text, i32 %3, i32 %f, i32 %a, i32 %b)
  %5 = xor i32 %4, %2
  %6 = udiv i32 %5, %e
  ret i32 %6
}

define i64 @looped(ptr %p, i64 %n) #0 {
entry:
  br label %again
again:
  %i = phi i64 [ 0, %entry ], [ %next, %again ]
  %sum = phi i64 [ 0, %entry ], [ %more, %again ]
  %at = getelementptr i8, ptr %p, i64 %i
  %byte = load i8, ptr %at
  %wide = zext i8 %byte to i64
  %more = add i64 %sum, %wide
  %next = add i64 %i, 1
  %done = icmp uge i64 %next, %n
  br i1 %done, label %end, label %again
end:
  ret i64 %more
}

define i32 @chosen(i32 %x, i8 %y) #0 {
entry:
  %room = alloca [8 x i32]
  switch i32 %x, label %other [ CASES ]
BLOCKS
other:
  %c = icmp slt i32 %x, 40
  %s = select i1 %c, i32 65536, i32 -5
  %r = call fastcc i32 @many(i32 %x, i32 %s, i32 3, i32 4, i32 5, i32 6)
  store i32 %r, ptr %room
  %q = call i32 @outside(ptr %room, i32 %s, i32 %r, i32 %x, i32 7)
  ret i32 %q
}

define i1 @shared(ptr %p) #0 {
  %v = atomicrmw add ptr %p, i32 1 seq_cst, align 4
  %c = icmp eq i32 %v, 5
  ret i1 %c
}

attributes #0 = { nounwind minsize optsize "target-features"="" }
"""
CASE = """l%d:
  %%p%d = getelementptr i32, ptr @table, i32 %d
  %%v%d = load i32, ptr %%p%d
  ret i32 %%v%d
"""
IR = IR.replace("CASES", " ".join("i32 %d, label %%l%d" % (case, case % 12) for case in range(24)))
IR = IR.replace("BLOCKS", "".join(CASE % (case, case, case * 5, case, case, case) for case in range(12)))


class Tools(unittest.TestCase):
    def setUp(self):
        assembly.READS.clear()
        for tool in ("llc-22", "mipsel-linux-gnu-as"):
            if shutil.which(tool) is None:
                (self.fail if os.environ.get("CI") == "true" else self.skipTest)("needs " + tool)

    def assembled(self, source, to):
        triple, gnu, endian = link.TOOLS["le"]
        words = [gnu + "as", endian, "-march=mips32r2", "-msoft-float", "-mabi=32", source, "-o", to]
        return subprocess.run(words, capture_output=True, text=True).stderr

    def test_the_assembler_takes_what_the_passes_write(self):
        lines = ["\t.text", "\t.set\tmips16"]
        passes = load()
        for seed in range(40):
            function = Function(random.Random(seed))
            short = "\n".join(shortened(passes, function))
            for symbol, labels in function.tables.items():
                short += "\n".join(["\n%s:" % symbol, *("\t.4byte\t" + label for label in labels)])
            short = re.sub(r"\$(BB|JTI)0_", r"$\g<1>%d_" % seed, short)
            lines += ["\t.ent\tf%d" % seed, re.sub(r"\bf(:|$)", r"f%d\1" % seed, short, flags=re.M)]
        with tempfile.TemporaryDirectory() as folder:
            source = os.path.join(folder, "a.s")
            with open(source, "w") as file:
                file.write("\n".join(lines) + "\n")
            self.assertEqual(self.assembled(source, os.path.join(folder, "a.o")), "")

    def test_what_llvm_writes_is_known_and_becomes_shorter(self):
        module = Module(IR)
        self.assertEqual(module.wide, {"shared"})
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()) as said:
            base = os.path.join(folder, "a")
            link.compile(module, link.TOOLS["le"][0], base)
            link.rewrite(base + ".s", base + ".short.s", module.value)
            self.assertEqual(said.getvalue(), "")
            self.assertEqual(self.assembled(base + ".short.s", base + ".o"), "")
            with open(base + ".s") as long, open(base + ".short.s") as short:
                long, short = long.read(), short.read()
        # Each of these is read in the one and not wanted in the other.
        for sign in ("Folded Spill", "Folded Reload", ", 1f", ", $CPI", "%lo($JTI", "%lo(text)", "\tnop"):
            self.assertIn(sign, long)
        for sign in ("%lo(text)", "%hi(text)", ", 1f"):
            self.assertNotIn(sign, short)
        count = [len(re.findall(r"^\t[a-z]", text, re.M)) for text in (long, short)]
        self.assertLess(count[1], count[0] * 0.9)


if __name__ == "__main__":
    unittest.main()
