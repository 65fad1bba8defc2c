"""What nobody reads goes, a value is made where it is wanted, addresses come from the pool; and all of it together."""

import unittest

import assembly
import shorter
from assembly import VALUE, places

from .case import Case, plain, shown

SPILL, RELOAD = "sw $2, 20($sp) # spill", "lw $2, 20($sp) # reload"


class Dead(Case):
    def change(self, items, taken=()):
        return shorter.drop_dead(items, set(taken))

    def test_what_nobody_reads_goes(self):
        for text in ("li $2, 5", "lw $2, =x", "addu $2, $3, $4", "addiu $2, 4", "cmp $2, $3", "mult $2, $3", "mflo $2", RELOAD, SPILL, "addiu $2, $sp, 4"):
            with self.subTest(text):
                self.becomes(text + "\njrc $ra", "jrc $ra")

    def test_what_only_that_read_goes_the_next_time(self):
        self.becomes("li $2, 5\naddiu $2, 4\nmult $2, $2\nmflo $3\njrc $ra", "li $2, 5\naddiu $2, 4\nmult $2, $2\njrc $ra")

    def test_what_is_read_stays(self):
        self.stays("li $2, 5\nsw $2, 0($4)\njrc $ra")
        self.stays("%s\njal f\n%s\nsw $2, 0($16)\njrc $ra" % (SPILL, RELOAD))
        self.stays("slti $2, 5\nbteqz $BB1\nnop\n$BB1:\njrc $ra")

    def test_what_is_read_behind_a_branch_alone_stays(self):
        self.stays("li $2, 5\nbeqz $4, $BB1\nli $2, 6\n$BB1:\nsw $2, 0($4)\njrc $ra")
        self.stays("%s\nbteqz $BB1\njrc $ra\n$BB1:\n%s\nsw $2, 0($4)\njrc $ra" % (SPILL, RELOAD))

    def test_what_a_jump_table_may_lead_to_stays(self):
        text = "li $2, 5\nli $5, 6\njrc $3\n$BB1:\nsw $2, 0($4)\njrc $ra\n$BB2:\nsw $5, 0($4)\njrc $ra"
        self.stays(text, taken=["$BB1", "$BB2"])
        self.becomes(text, text.replace("li $5, 6\n", ""), taken=["$BB1"])

    def test_memory_traps_calls_and_the_stack_pointer_stay(self):
        for text in (
            "lw $2, 0($3)",
            "lbu $2, 0($3)",
            "sw $2, 0($3)",
            "sb $2, 20($sp)",
            "sw $2, 20($sp)",
            "divu $zero, $2, $3",
            "break 0",
            "jal f",
            "jalrc $2",
            "addiu $sp, -8",
            "save $ra, 8",
            "restore $ra, 8",
            "nop",
        ):
            with self.subTest(text):
                self.stays(text + "\njrc $ra")
        # Although nobody reads it in this loop.
        self.stays("addiu $sp, -8\n$BB1:\nb $BB1")

    def test_a_spill_to_a_slot_that_something_else_touches_stays(self):
        for other in ("lbu $4, 22($sp)", "addiu $4, $sp, 20\njal f", "lw $4, 20($sp)"):
            self.stays("%s\n%s\nsw $4, 0($16)\njrc $ra" % (SPILL, other))

    def test_what_must_be_kept_is_read_in_the_end(self):
        self.stays("move $16, $4\njrc $ra")
        self.stays("move $18, $4\njrc $ra")

    def test_the_value_is_read_in_the_end_as_far_as_there_is_one(self):
        text = "li $2, 5\nli $3, 6\njrc $ra"
        self.becomes(text, "jrc $ra")
        self.value = places(2)
        self.becomes(text, "li $2, 5\njrc $ra")
        self.value = VALUE
        self.stays(text)

    def test_a_word_that_a_call_does_not_read_goes_and_only_that(self):
        text = "li $4, 5\nli $5, 6\nli $8, 7\njal f\njrc $ra"
        self.becomes(text, text.replace("li $8, 7\n", ""))
        assembly.READS["f"] = places(5, 8)
        self.becomes(text, text.replace("li $4, 5\n", ""))


class InPlace(Case):
    def change(self, items, taken=()):
        return shorter.write_in_place(items, set(taken))

    def test_a_value_is_made_where_it_is_moved_to(self):
        for made in ("li $2, 500", "lw $2, =x", "lbu $2, 0($4)", "addu $2, $4, $5", "mflo $2", RELOAD, "move $2, $24", "addiu $2, $sp, 4", "not $2, $4"):
            with self.subTest(made):
                after = made.replace("$2", "$3", 1)
                self.becomes(made + "\nmove $3, $2\nsw $3, 0($4)\njrc $ra", after + "\nsw $3, 0($4)\njrc $ra")

    def test_what_is_done_with_it_on_the_way_is_done_there(self):
        self.becomes(
            "lw $2, 0($4)\naddiu $2, 4\nsw $2, 0($2)\nzeb $2\ncmp $2, $5\nli $6, 5\nmove $3, $2\nsw $3, 4($6)\nbteqz $BB1\n$BB1:\njrc $ra",
            "lw $3, 0($4)\naddiu $3, 4\nsw $3, 0($3)\nzeb $3\ncmp $3, $5\nli $6, 5\nsw $3, 4($6)\nbteqz $BB1\n$BB1:\njrc $ra",
        )

    def test_not_when_it_is_read_behind_the_move(self):
        self.stays("li $2, 5\nmove $3, $2\nsw $3, 0($2)\njrc $ra")
        self.stays("li $2, 5\nmove $3, $2\nbeqz $3, $BB1\njrc $ra\n$BB1:\nsw $2, 0($4)\njrc $ra")
        self.value = places(2)
        self.stays("li $2, 5\nmove $3, $2\nsw $3, 0($4)\njrc $ra")

    def test_not_when_the_register_that_it_goes_to_is_used_on_the_way(self):
        for other in ("sw $3, 0($4)", "li $3, 6", "addiu $3, 1", "lbu $3, 0($3)", "beqz $3, $BB1"):
            self.stays("li $2, 5\n%s\nmove $3, $2\nsw $3, 4($4)\n$BB1:\njrc $ra" % other)
        self.stays("addu $2, $3, $4\nmove $3, $2\nsw $3, 0($4)\njrc $ra")

    def test_not_past_a_branch_that_leads_to_where_either_is_read(self):
        for read in ("$2", "$3"):
            self.stays("li $2, 5\nbteqz $BB1\nmove $3, $2\nsw $3, 0($4)\njrc $ra\n$BB1:\nsw %s, 0($4)\njrc $ra" % read)
        self.stays("li $2, 5\nbteqz elsewhere\nmove $3, $2\nsw $3, 0($4)\njrc $ra")

    def test_past_a_branch_that_leads_to_where_neither_is_read(self):
        text = "li $2, 5\nbteqz $BB1\n%ssw $3, 0($4)\njrc $ra\n$BB1:\nli $3, 7\nsw $3, 0($4)\njrc $ra"
        self.becomes(text % "move $3, $2\n", text.replace("$2, 5", "$3, 5") % "")

    def test_not_past_a_label_a_call_or_the_frame(self):
        for other in ("$BB1:", "jal f", "jalrc $5", "save $16, 8", "restore $16, 8", ".p2align 2", "b $BB1\n$BB1:"):
            self.stays("li $2, 5\n%s\nmove $3, $2\nsw $3, 0($16)\njrc $ra" % other)

    def test_not_what_a_call_gives_or_the_function_gets(self):
        self.stays("jal f\nmove $4, $2\nsw $4, 0($16)\njrc $ra")
        self.stays("move $3, $4\nsw $3, 0($5)\njrc $ra")

    def test_not_in_registers_that_most_instructions_cannot_name(self):
        self.stays("lw $2, 0($4)\nmove $9, $2\nmove $5, $9\nsw $5, 0($4)\njrc $ra")
        self.stays("addu $2, $4, $5\nmove $25, $2\njalrc $25\njrc $ra")
        self.stays("move $2, $zero\nsw $2, 0($4)\njrc $ra")

    def test_two_moves_in_a_row_go_both(self):
        self.becomes("li $2, 5\nmove $3, $2\nmove $5, $3\nsw $5, 0($4)\njrc $ra", "li $5, 5\nsw $5, 0($4)\njrc $ra")


class Pool(Case):
    def change(self, items, whole=()):
        return shorter.pool_addresses(items, set(whole))

    def test_an_address_comes_from_the_pool(self):
        before = "li $2, %hi(x)\nsll $2, $2, 16\nmove $3, $2\naddiu $2, %lo(x)\naddiu $3, %lo(x+4)\nlw $4, %lo(y)($5)"
        self.becomes(before, before.replace("addiu $2, %lo(x)", "lw $2, =x").replace("addiu $3, %lo(x+4)", "lw $3, =x+4"))

    def test_what_is_no_address_or_has_to_stay_stays(self):
        self.stays("addiu $2, 4\naddiu $2, $3, 4\naddiu $2, $sp, 4\nlw $2, %lo(x)($3)\nlbu $2, %lo(x)($3)\nsw $2, %lo(x)($3)\nli $2, %hi(x)")
        self.stays("addiu $2, %lo(x)", whole=["x"])
        self.becomes("addiu $2, %lo(x)\naddiu $2, %lo(xy)", "addiu $2, %lo(x)\nlw $2, =xy", whole=["x"])

    def test_each_constant_stands_once_behind_the_function(self):
        items = self.parse("lw $2, =x\nlw $3, =-5\nlw $4, =x\nlw $5, 0($4)\nlw $6, 20($sp)\nlw $7, $CPI0_0\njrc $ra")
        shorter.pool(items)
        self.assertEqual(
            shown(items),
            plain(
                """lw $2, $PL0\nlw $3, $PL1\nlw $4, $PL0\nlw $5, 0($4)\nlw $6, 20($sp)\nlw $7, $CPI0_0\njrc $ra
                .p2align 2\n$PL0:\n.4byte x\n$PL1:\n.4byte -5"""
            ),
        )
        self.assertEqual(str(items[-1]), "\t.end\tf")

    def test_the_constants_of_two_functions_have_names_of_their_own(self):
        first, second = self.parse("lw $2, =x\njrc $ra"), self.parse("lw $2, =x\njrc $ra")
        shorter.pool(first)
        shorter.pool(second)
        self.assertIn("lw $2, $PL0", shown(first))
        self.assertIn("lw $2, $PL1", shown(second))

    def test_a_function_without_constants_has_no_pool(self):
        items = self.parse("li $2, 5\njrc $ra")
        shorter.pool(items)
        self.assertEqual(shown(items), "li $2, 5\njrc $ra")


class Whole(Case):
    def shorten(self, text, value=VALUE, taken=(), whole=()):
        self.value = value
        items = self.parse(text)
        shorter.shorten(items, set(taken), set(whole))
        return shown(items)

    def test_an_address_of_three_instructions_is_one_load(self):
        self.assertEqual(
            self.shorten("li $2, %hi(x)\nsll $4, $2, 16\naddiu $4, %lo(x)\njal f\nnop\njrc $ra"),
            plain("lw $4, $PL0\njal f\njrc $ra\n.p2align 2\n$PL0:\n.4byte x"),
        )

    def test_an_upper_half_that_is_read_with_a_load_is_left(self):
        text = "li $2, %hi(x)\nsll $2, $2, 16\nlw $3, %lo(x)($2)\njrc $ra"
        self.assertEqual(self.shorten(text), text)
        text = text.replace("jrc", "addiu $2, %lo(x)\njrc")
        self.assertEqual(self.shorten(text), text.replace("addiu $2, %lo(x)", "lw $2, $PL0") + "\n.p2align 2\n$PL0:\n.4byte x")

    def test_an_upper_half_that_is_wanted_alone_is_said(self):
        text = "li $2, %hi(x)\nsll $2, $2, 16\nsw $2, 0($4)\naddiu $2, %lo(x)\njrc $ra"
        with self.assertRaises(shorter.HalfLeft) as half:
            self.shorten(text)
        self.assertEqual(half.exception.symbols, {"x"})
        self.assertEqual(self.shorten(text, whole=["x"]), text)

    def test_an_upper_half_whose_symbol_stays_whole_is_not_said_again(self):
        text = "li $2, %hi(x)\nsll $2, $2, 16\nsw $2, 0($4)\njrc $ra"
        with self.assertRaises(shorter.HalfLeft):
            self.shorten(text)
        self.assertEqual(self.shorten(text, whole=["x"]), text)

    def test_what_one_pass_leaves_the_next_takes(self):
        self.assertEqual(
            self.shorten(
                """save $16, $ra, 24\nmove $16, $4\nlw $2, 0($16)\nsltiu $2, 2\nmove $2, $24\nli $3, 1\nxor $2, $3\nbnez $2, $BB1\nb $BB2
                $BB1:\nlw $5, 8($16)\nlw $3, 4($16)\nmove $4, $3\njal g\nnop\nb $BB3\n$BB2:\nlw $5, 12($16)\nlw $4, 4($16)\njal g\nnop
                $BB3:\nrestore $16, $ra, 24\njrc $ra""",
                value=0,
            ),
            plain(
                """save $16, $ra, 24\nmove $16, $4\nlw $2, 0($4)\nsltiu $2, 2\nbtnez $BB2
                lw $5, 8($4)\nb $BBS0\n$BB2:\nlw $5, 12($16)\n$BBS0:\nlw $4, 4($16)\njal g\nrestore $16, $ra, 24\njrc $ra"""
            ),
        )

    def test_what_is_short_stays(self):
        for text in (
            "save $16, $ra, 24\nmove $16, $4\njal f\nsw $2, 0($16)\nrestore $16, $ra, 24\njrc $ra",
            "$BB1:\nlbu $2, 0($4)\naddiu $4, 1\nbnez $2, $BB1\nmove $2, $4\njrc $ra",
            "$BB1:\nb $BB1",
        ):
            self.assertEqual(self.shorten(text), text)


if __name__ == "__main__":
    unittest.main()
