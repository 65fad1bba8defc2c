"""The parser: what an instruction reads and writes, which slots are sure, and that what it does not know is refused."""

import unittest

import assembly
from assembly import KEPT, LOHI, LOST, RA, SLOTS, SP, T8, VALUE, Instruction, Label, Text, Unknown, places

from .case import Case, lines_of, parse, shown

SLOT = SLOTS + 5

# An instruction, what it reads, what it writes.
PLACES = [
    ("lw $2, 4($3)", [3], [2]),
    ("lbu $2, 0($2)", [2], [2]),
    ("sw $2, 4($3)", [2, 3], []),
    ("sb $2, 5($sp)", [2, SP], []),
    ("lw $2, 20($sp)", [SP], [2]),
    ("lw $2, 20($sp) # reload", [SP, SLOT], [2]),
    ("sw $2, 20($sp) # spill", [2, SP], [SLOT]),
    ("lw $2, =x", [], [2]),
    ("lw $2, %lo(x)($3)", [3], [2]),
    ("lw $2, $CPI0_0", [], [2]),
    ("move $2, $3", [3], [2]),
    ("move $2, $24", [T8], [2]),
    ("move $2, $zero", [], [2]),
    ("move $fp, $2", [2], [30]),
    ("li $2, 5", [], [2]),
    ("li $2, %hi(x)", [], [2]),
    ("addiu $2, 5", [2], [2]),
    ("addiu $2, %lo(x)", [2], [2]),
    ("addiu $2, $3, 5", [3], [2]),
    ("addiu $2, $sp, 20", [SP], [2]),
    ("addiu $sp, -24", [SP], [SP]),
    ("addu $2, $3, $4", [3, 4], [2]),
    ("subu $2, $2, $4", [2, 4], [2]),
    ("sll $2, $3, 4", [3], [2]),
    ("srl $2, $3, 4", [3], [2]),
    ("sra $2, $3, 4", [3], [2]),
    ("not $2, $3", [3], [2]),
    ("neg $2, $3", [3], [2]),
    ("and $2, $3", [2, 3], [2]),
    ("or $2, $3", [2, 3], [2]),
    ("xor $2, $3", [2, 3], [2]),
    ("sllv $2, $3", [2, 3], [2]),
    ("srlv $2, $3", [2, 3], [2]),
    ("srav $2, $3", [2, 3], [2]),
    ("seb $2", [2], [2]),
    ("seh $2", [2], [2]),
    ("zeb $2", [2], [2]),
    ("zeh $2", [2], [2]),
    ("cmp $2, $3", [2, 3], [T8]),
    ("cmpi $2, 3", [2], [T8]),
    ("slt $2, $3", [2, 3], [T8]),
    ("slti $2, 3", [2], [T8]),
    ("sltu $2, $3", [2, 3], [T8]),
    ("sltiu $2, 3", [2], [T8]),
    ("mult $2, $3", [2, 3], [LOHI]),
    ("multu $2, $3", [2, 3], [LOHI]),
    ("div $zero, $2, $3", [2, 3], [LOHI]),
    ("divu $zero, $2, $3", [2, 3], [LOHI]),
    ("mflo $2", [LOHI], [2]),
    ("mfhi $2", [LOHI], [2]),
    ("save $16, $ra, 24", [16, RA, SP], [SP]),
    ("restore $16, $ra, 24", [SP], [16, RA, SP]),
    ("beqz $2, $BB1", [2], []),
    ("bnez $2, $BB1", [2], []),
    ("bteqz $BB1", [T8], []),
    ("btnez $BB1", [T8], []),
    ("b $BB1", [], []),
    ("jrc $2", [2], []),
    ("break 0", [], []),
    ("nop", [], []),
]

# What may go when nobody reads what it writes, and what may not: memory, traps, calls and jumps are more than their places.
PURE = "sw $2, 20($sp) # spill|lw $2, 20($sp) # reload|lw $2, =x|lw $2, $CPI0_0|move $2, $3|li $2, 5|addiu $2, 5|addu $2, $3, $4|sll $2, $3, 4"
PURE += "|not $2, $3|and $2, $3|sllv $2, $3|zeb $2|cmp $2, $3|slti $2, 3|mult $2, $3|mflo $2"
IMPURE = "sw $2, 20($sp)|lw $2, 20($sp)|lw $2, 0($3)|lbu $2, 0($3)|lhu $2, 0($3)|sw $2, 0($3)|sb $2, 0($3)|div $zero, $2, $3|divu $zero, $2, $3"
IMPURE += "|jal f|jalrc $2|save $ra, 8|restore $ra, 8|b $BB1|beqz $2, $BB1|bteqz $BB1|jrc $ra|break 0|nop"


class Places(Case):
    def test_an_instruction_reads_and_writes_what_the_architecture_says(self):
        for text, reads, writes in PLACES:
            with self.subTest(text):
                item = parse(text)[0]
                self.assertEqual((item.reads, item.writes), (places(*reads), places(*writes)))

    def test_a_call_reads_the_four_words_of_the_convention_and_loses_all_that_is_not_kept(self):
        item = parse("jal f")[0]
        self.assertEqual((item.reads, item.writes), (places(4, 5, 6, 7, SP), LOST))
        self.assertEqual(LOST & KEPT, 0)
        self.assertEqual(LOST | KEPT | places(0, 1, 26, 27), places(*range(33)))

    def test_a_call_of_a_known_function_reads_what_that_reads(self):
        assembly.READS["f"] = places(4, 8)
        self.assertEqual(parse("jal f")[0].reads, places(4, 8, SP))
        self.assertEqual(parse("jal g")[0].reads, places(4, 5, 6, 7, SP))

    def test_a_call_through_a_register_reads_that_and_the_words_of_the_convention(self):
        assembly.READS["$2"] = 0
        item = parse("jalrc $2")[0]
        self.assertEqual((item.reads, item.writes), (places(2, 4, 5, 6, 7, 25, SP), LOST))

    def test_a_return_reads_the_value_that_the_function_has_and_what_it_must_keep(self):
        for value in (0, places(2), VALUE):
            item = parse("jrc $ra", value)[0]
            self.assertEqual(item.reads, value | KEPT | places(RA))

    def test_only_jumps_lead_elsewhere_and_only_those_without_condition_end(self):
        for text, target, ends in [("b $BB1", "$BB1", True), ("jrc $ra", None, True), ("jrc $2", None, True), ("beqz $2, $BB1", "$BB1", False)]:
            item = parse(text)[0]
            self.assertEqual((item.target, item.ends, item.jumps), (target, ends, True), text)
        for text in ("jal f", "jalrc $2", "break 0", "move $2, $3"):
            item = parse(text)[0]
            self.assertEqual((item.target, item.ends, item.jumps), (None, False, False), text)

    def test_what_only_writes_its_places_may_go(self):
        for text in PURE.split("|"):
            self.assertTrue(parse(text)[0].pure, text)

    def test_what_touches_memory_or_traps_or_leads_on_may_not_go(self):
        for text in IMPURE.split("|"):
            self.assertFalse(parse(text)[0].pure, text)


class Refused(Case):
    def test_an_instruction_that_is_not_known_is_refused(self):
        for text in ("lwl $2, 0($3)", "movn $2, $3, $4", "sync", "jr $ra", "jalr $2", "mthi $2", "lui $2, 5", "teq $2, $zero, 7"):
            with self.subTest(text), self.assertRaises(Unknown):
                parse(text)

    def test_a_register_that_is_not_known_is_refused(self):
        for text in ("addiu $2, $pc, 8", "move $f2, $2", "lw $2, 0($pc)", "move $2, $k0", "li x, 5", "sw x, 0($2)"):
            with self.subTest(text), self.assertRaises(Unknown):
                parse(text)

    def test_only_words_come_from_a_pool(self):
        for text in ("lbu $2, $CPI0_0", "lh $2, x", "sw $2, x", "sb $2, x"):
            with self.subTest(text), self.assertRaises(Unknown):
                parse(text)


class Lines(Case):
    def test_remarks_and_empty_lines_go_and_directives_and_labels_stay(self):
        lines = ["f: # @f", "\t.frame\t$sp,8,$ra", "# %bb.0:   # %start", "", "\tli\t$2, 5 \t# 16 bit inst", "$BB0_1:   # %next", "\tseb\t $2", "\t.end\tf"]
        items = assembly.parse(lines, VALUE)
        self.assertEqual([type(item) for item in items], [Label, Text, Instruction, Label, Instruction, Text])
        self.assertEqual([str(item) for item in items], ["f:", "\t.frame\t$sp,8,$ra", "\tli\t$2, 5", "$BB0_1:", "\tseb\t$2", "\t.end\tf"])

    def test_what_is_written_reads_back_as_the_same(self):
        for text, _, _ in PLACES:
            first = parse(text.partition(" # ")[0])[0]
            again = assembly.parse([str(first)], VALUE)[0]
            self.assertEqual((again.name, again.operands, again.reads, again.writes), (first.name, first.operands, first.reads, first.writes), text)

    def test_the_empty_slot_of_a_call_goes_and_no_other_nop(self):
        self.assertEqual(shown(parse("jal f\nnop\nmove $2, $3")), "jal f\nmove $2, $3")
        for text in ("jalrc $2\nnop", "jal f\n$BB1:\nnop", "li $2, 5\nnop", "nop\njal f"):
            self.assertEqual(shown(parse(text)), text)
        self.assertEqual(shown(parse("jal f\nnop\nnop")), "jal f")

    def test_a_constant_that_is_loaded_past_a_jump_is_taken_out(self):
        lines = ["\tlw\t$3, 1f", "\tb\t2f", "\t.align\t2", "1: \t.word\t-2147483648", "2:", "\tmove\t$2, $3"]
        items = assembly.parse(lines, VALUE)
        self.assertEqual(shown(items), "lw $3, =-2147483648\nmove $2, $3")
        self.assertEqual(items[0].reads, 0)

    def test_a_constant_in_another_form_is_refused(self):
        whole = ["\tlw\t$3, 1f", "\tb\t2f", "\t.align\t2", "1: \t.word\t5", "2:"]
        for at, line in [(0, "\tlh\t$3, 1f"), (1, "\tb\t3f"), (2, "\t.align\t3"), (3, "1: \t.half\t5"), (4, "3:"), (3, "\tli\t$3, 5")]:
            with self.subTest(line), self.assertRaises(Unknown):
                assembly.parse(whole[:at] + [line] + whole[at + 1 :], VALUE)
        with self.assertRaises(Unknown):
            assembly.parse(whole[:3], VALUE)


class Slots(Case):
    def slots(self, text):
        return [item.slot for item in parse(text) if isinstance(item, Instruction)]

    def test_what_llvm_says_it_spills_to_and_reloads_from_is_a_slot(self):
        self.assertEqual(self.slots("sw $2, 20($sp) # spill\nlw $3, 20($sp) # reload\nlw $4, 24($sp) # reload"), [SLOT, SLOT, SLOT + 1])

    def test_nothing_else_is_a_slot(self):
        for text in ("sw $2, 20($sp)", "sw $2, 20($sp) # 16 bit inst", "sw $2, 20($3) # spill", "sb $2, 20($sp) # spill", "lw $2, =x # reload"):
            self.assertEqual(self.slots(text), [None], text)

    def test_a_slot_that_something_else_touches_is_none(self):
        spilled = "sw $2, 20($sp) # spill\nlw $3, 20($sp) # reload\n"
        for other in ("lw $4, 20($sp)", "sw $4, 20($sp)", "lbu $4, 21($sp)", "sh $4, 22($sp)", "lb $4, 23($sp)"):
            self.assertEqual(self.slots(spilled + other), [None, None, None], other)
            self.assertEqual(self.slots(other + "\n" + spilled), [None, None, None], other)

    def test_a_slot_whose_address_is_taken_is_none(self):
        self.assertEqual(self.slots("sw $2, 20($sp) # spill\naddiu $4, $sp, 20\nlw $3, 20($sp) # reload"), [None, None, None])

    def test_a_slot_that_is_none_is_memory_and_may_not_go(self):
        item = parse("sw $2, 20($sp) # spill\naddiu $4, $sp, 20")[0]
        self.assertEqual((item.reads, item.writes, item.pure), (places(2, SP), 0, False))

    def test_its_neighbours_stay_slots(self):
        for other in ("lw $4, 16($sp)", "lbu $4, 19($sp)", "sb $4, 24($sp)", "addiu $4, $sp, 24", "addiu $sp, -20", "addiu $4, 20", "lw $4, 20($3)"):
            self.assertEqual(self.slots("sw $2, 20($sp) # spill\n" + other), [SLOT, None], other)

    def test_no_place_of_the_stack_is_a_register_too(self):
        self.assertGreater(self.slots("sw $2, 0($sp) # spill")[0], max(LOHI, T8, RA))


class Short(Case):
    def test_a_function_in_the_short_form_is_what_llvm_writes(self):
        self.assertEqual(lines_of("$BB1:\n  sw $2, 20($sp) # spill\n  nop"), ["$BB1:", "\tsw\t$2, 20($sp) # 4-byte Folded Spill", "\tnop", "\t.end\tf"])


if __name__ == "__main__":
    unittest.main()
