"""What LLVM's module says of a function: what it is called with, what it gives back, and whether MIPS16 can have it."""

import unittest

import assembly
from assembly import ARGUMENTS, VALUE, places
from module import PLAIN, Module, given_by, read_by

MODULE = """define internal fastcc i32 @f(ptr %0, i32 %1) #0 {
start:
  %2 = call i32 @g(i32 1)
  ret i32 %2
}

define void @"a b"(ptr %0) #1 {
start:
  %1 = atomicrmw add ptr %0, i32 1 seq_cst, align 4
  ret void
}

declare i32 @g(i32) #0

define i64 @h(i64 %0, i64 %1, i32 %2) #1 {
start:
  ret i64 %0
}

attributes #0 = { minsize "target-cpu"="mips32r2" "target-features"="+mips32r2,+soft-float" }
attributes #1 = { nounwind "target-features"="" }"""


def wide(body):
    """Which functions of a module become MIPS32 when one has this in it."""
    return Module("define void @f() #0 {\n  %s\n}\ndefine void @g() #0 {\n  ret void\n}" % body).wide


class Read(unittest.TestCase):
    def test_a_function_reads_a_register_for_each_word(self):
        for words, reads in [("", 0), ("ptr %0", places(4)), ("i1 %0, i8 %1, i16 %2, i32 %3", places(4, 5, 6, 7)), ("i64 %0", places(4, 5)), ("i128 %0", places(4, 5, 6, 7))]:
            self.assertEqual(read_by("define void @f(%s) #0 {" % words), reads, words)

    def test_two_words_begin_at_an_even_place(self):
        self.assertEqual(read_by("define void @f(i32 %0, i64 %1) {"), places(4, 5, 6, 7))
        self.assertEqual(read_by("define void @f(i64 %0, i32 %1) {"), places(4, 5, 6))

    def test_beyond_four_words_it_may_read_all_that_words_are_given_in(self):
        for words in ("i32 %0, i32 %1, i32 %2, i32 %3, i32 %4", "i64 %0, i32 %1, i64 %2", "i32 %0, i128 %1"):
            self.assertEqual(read_by("define void @f(%s) {" % words), ARGUMENTS, words)

    def test_also_of_what_is_not_a_word_or_not_told(self):
        for words in ("ptr %0, ...", "...", "[2 x i32] %0", "{ i32, i32 } %0", "float %0", "i33 %0"):
            self.assertEqual(read_by("declare void @f(%s)" % words), ARGUMENTS, words)

    def test_attributes_are_no_words(self):
        line = "define noundef range(i8 0, 3) i8 @f(ptr noalias captures(none) dereferenceable(8) %0, i1 noundef zeroext %1, i32 range(i32 0, 5) %2) #0 {"
        self.assertEqual(read_by(line), places(4, 5, 6))
        self.assertEqual(read_by('define void @"f(g, h)"(ptr %0) #0 {'), places(4))

    def test_the_value_is_where_its_type_is_given_back(self):
        for kind, value in [("void", 0), ("i1", places(2)), ("ptr", places(2)), ("i64", VALUE), ("{ i32, i32 }", VALUE), ("[2 x i32]", VALUE), ("float", VALUE)]:
            self.assertEqual(given_by("define internal fastcc %s @f(ptr %%0) #0 {" % kind), value, kind)
        self.assertEqual(given_by("define noundef range(i32 0, 5) i32 @f() #0 {"), places(2))


class Wide(unittest.TestCase):
    def setUp(self):
        assembly.READS.clear()

    def test_a_function_that_mips16_has_no_instructions_for_is_mips32(self):
        for body in (
            "%0 = atomicrmw add ptr %1, i32 1 seq_cst, align 4",
            "%0 = cmpxchg ptr %1, i32 0, i32 1 seq_cst seq_cst, align 4",
            "fence acquire",
            "%0 = load atomic i32, ptr %1 monotonic, align 4",
            "store atomic i32 0, ptr %1 release, align 4",
            'call void asm sideeffect "", "r"(ptr %1)',
            'tail call i32 asm "", "=r"()',
        ):
            self.assertEqual(wide(body), {"f"}, body)

    def test_any_other_is_not(self):
        for body in ("ret void", "%0 = load i32, ptr %1, align 4", "call void @asmodeus()", "call void @fenced()", "store volatile i32 0, ptr %1, align 4"):
            self.assertEqual(wide(body), set(), body)

    def test_a_function_that_calculates_long_is_mips32(self):
        self.assertEqual(Module("define void @_R6scrypt4core() #0 {\n  ret void\n}").wide, {"_R6scrypt4core"})

    def test_so_is_one_whose_name_was_asked_for(self):
        self.assertEqual(Module(MODULE, "^f$").wide, {"f", "a b"})

    def test_only_functions_of_mips16_have_its_attributes(self):
        text = Module(MODULE).text()
        self.assertIn("@f(ptr %0, i32 %1) #900000 {", text)
        self.assertIn('@"a b"(ptr %0) #1 {', text)
        self.assertIn("@h(i64 %0, i64 %1, i32 %2) #900001 {", text)
        self.assertIn("declare i32 @g(i32) #0", text)
        self.assertIn('attributes #0 = { minsize "target-cpu"="mips32r2" "target-features"="%s" }' % PLAIN, text)
        self.assertIn('attributes #900000 = { minsize "target-cpu"="mips32r2" "target-features"="%s,+mips16" }' % PLAIN, text)
        self.assertIn('attributes #900001 = { nounwind "target-features"="%s,+mips16" }' % PLAIN, text)

    def test_each_function_is_known_with_what_it_reads_and_gives(self):
        module = Module(MODULE)
        self.assertEqual(module.value, {"f": places(2), "a b": 0, "h": VALUE})
        self.assertEqual(assembly.READS, {"f": places(4, 5), "a b": places(4), "g": places(4), "h": ARGUMENTS})


if __name__ == "__main__":
    unittest.main()
