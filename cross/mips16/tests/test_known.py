"""What is known already is not made again, and a copy is read where it came from; and when nothing is known any more."""

import unittest

from known import forward

from .case import Case

# What makes a label, a call, or a change of the stack pointer in between.
LABEL = "$BB1:"
CALL = "jal f"


class Known(Case):
    def change(self, items):
        return forward(items)

    def between(self, first, second, after, barriers, free=()):
        """`second` behind `first` becomes `after`, not when one of the barriers stands between them, and still when what is free does."""
        self.becomes("%s\n%s" % (first, second), "%s\n%s" % (first, after))
        for barrier in barriers:
            with self.subTest(barrier):
                self.stays("%s\n%s\n%s" % (first, barrier, second))
        for other in free:
            with self.subTest(other):
                self.becomes("%s\n%s\n%s" % (first, other, second), "%s\n%s\n%s" % (first, other, after))


class Copies(Known):
    def test_a_value_is_not_moved_to_where_it_is(self):
        self.between(
            "move $2, $3",
            "move $2, $3",
            "",
            [LABEL, CALL, "b $BB1", "addiu $sp, -8", "lw $3, 0($4)", "addiu $2, 100", "mflo $2", "restore $16, $ra, 24"],
            ["beqz $4, $BB1", "lw $4, 0($5)", "sw $4, 0($5)", "cmpi $4, 5", "li $6, 5"],
        )
        self.becomes("move $2, $3\nmove $3, $2", "move $2, $3")
        self.becomes("move $16, $17\njal f\nmove $16, $17", "move $16, $17\njal f")
        self.becomes("move $2, $zero\nmove $2, $zero\nli $2, 0", "move $2, $zero")

    def test_a_move_of_another_value_stays(self):
        self.stays("move $2, $3\nmove $2, $4")
        self.stays("move $2, $3\nlw $2, 0($4)\nmove $2, $3")

    def test_a_copy_is_read_where_it_came_from(self):
        for before, after in [
            ("addu $4, $2, $2", "addu $4, $3, $3"),
            ("subu $2, $4, $2", "subu $2, $4, $3"),
            ("sll $4, $2, 2", "sll $4, $3, 2"),
            ("not $4, $2", "not $4, $3"),
            ("and $4, $2", "and $4, $3"),
            ("cmp $4, $2", "cmp $4, $3"),
            ("sltiu $2, 5", "sltiu $3, 5"),
            ("bnez $2, $BB1", "bnez $3, $BB1"),
            ("mult $2, $4", "mult $3, $4"),
            ("sw $2, 0($4)", "sw $3, 0($4)"),
            ("sb $4, 3($2)", "sb $4, 3($3)"),
            ("sw $2, 20($sp)", "sw $3, 20($sp)"),
            ("sw $2, 20($sp) # spill", "sw $3, 20($sp)"),
            ("lhu $2, 6($2)", "lhu $2, 6($3)"),
            ("lw $4, %lo(x)($2)", "lw $4, %lo(x)($3)"),
            ("move $4, $2", "move $4, $3"),
        ]:
            with self.subTest(before):
                self.becomes("move $2, $3\n" + before, "move $2, $3\n" + after)

    def test_what_is_written_too_is_not_read_elsewhere(self):
        for text in ("and $2, $4", "xor $2, $4", "zeb $2", "sllv $4, $2", "seh $2", "addiu $2, 100", "jrc $2", "divu $zero, $2, $4"):
            with self.subTest(text):
                self.stays("move $2, $3\n" + text)

    def test_a_copy_is_read_itself_when_its_source_has_another_value(self):
        for between in ("li $3, 5", "lw $3, 0($4)", "addiu $3, 100", LABEL, CALL):
            with self.subTest(between):
                self.stays("move $2, $3\n%s\nsw $2, 0($4)" % between)

    def test_what_most_instructions_cannot_name_is_not_read(self):
        self.stays("move $2, $9\nsw $2, 0($4)")
        self.stays("move $2, $25\naddu $4, $2, $5")
        self.becomes("move $2, $24\nmove $3, $24\nsw $3, 0($4)", "move $2, $24\nmove $3, $24\nsw $2, 0($4)")

    def test_of_two_copies_the_first_is_read(self):
        self.becomes("lw $5, 0($4)\nmove $3, $5\nmove $2, $5\nli $5, 9\nsw $2, 0($4)", "lw $5, 0($4)\nmove $3, $5\nmove $2, $5\nli $5, 9\nsw $3, 0($4)")

    def test_the_stack_pointer_stays_the_base(self):
        self.stays("move $2, $sp\nsw $3, 16($sp)")
        self.stays("move $2, $sp\nsw $3, 16($2)")


class Slots(Known):
    RELOAD = "lw $2, 20($sp) # reload"

    def test_what_is_in_a_register_still_is_not_reloaded(self):
        self.between(
            "sw $2, 20($sp) # spill",
            self.RELOAD,
            "",
            [LABEL, CALL, "b $BB1", "addiu $sp, -8", "addiu $2, 1", "lbu $2, 0($4)", "sw $9, 20($sp) # spill"],
            ["sw $3, 24($sp) # spill", "bteqz $BB1", "sw $3, 0($4)", "sb $3, 40($sp)", "move $3, $2"],
        )

    def test_what_is_in_another_register_is_moved_from_there(self):
        self.becomes("sw $3, 20($sp) # spill\n" + self.RELOAD, "sw $3, 20($sp)\nmove $2, $3")
        self.becomes("lw $3, 20($sp) # reload\n" + self.RELOAD, "lw $3, 20($sp)\nmove $2, $3")
        self.stays("sw $3, 20($sp) # spill\nli $3, 5\n" + self.RELOAD)
        self.stays("sw $9, 20($sp) # spill\n" + self.RELOAD)

    def test_a_slot_outlives_a_call(self):
        self.becomes("sw $16, 20($sp) # spill\njal f\n" + self.RELOAD, "sw $16, 20($sp)\njal f\nmove $2, $16")

    def test_what_a_slot_has_already_is_not_spilled(self):
        spill = "sw $2, 20($sp) # spill"
        self.between(self.RELOAD, spill, "", [LABEL, "addiu $2, 1", "addiu $sp, -8", "sw $3, 20($sp) # spill"], ["sw $3, 0($4)"])
        self.becomes("%s\nmove $16, $2\njal f\nsw $16, 20($sp) # spill" % spill, "sw $2, 20($sp)\nmove $16, $2\njal f")

    def test_a_slot_that_something_else_touches_is_reloaded_and_spilled(self):
        for other in ("lbu $4, 21($sp)", "addiu $4, $sp, 20", "lw $4, 20($sp)", "sh $4, 20($sp)"):
            self.stays("sw $2, 20($sp) # spill\n%s\n%s\nsw $2, 20($sp) # spill" % (other, self.RELOAD))

    def test_memory_is_read_anew(self):
        self.stays("lw $2, 0($4)\nlw $2, 0($4)")
        self.stays("sw $2, 0($4)\nlw $2, 0($4)")
        self.stays("sw $2, 20($sp)\nlw $2, 20($sp)")
        self.stays("lw $2, $CPI0_0\nlw $2, $CPI0_0")


class Constants(Known):
    def test_a_number_is_not_loaded_to_where_it_is(self):
        self.between("li $2, 5", "li $2, 5", "", [LABEL, CALL, "addiu $2, 0", "b $BB1"], ["bnez $3, $BB1"])
        self.stays("li $2, 5\nli $2, 6")
        self.stays("li $2, %hi(x)\nli $2, %hi(x)")

    def test_a_large_number_comes_from_where_it_is_and_a_small_one_is_loaded(self):
        self.becomes("li $3, 256\nli $2, 256", "li $3, 256\nmove $2, $3")
        self.becomes("li $3, 65535\nli $2, 65535", "li $3, 65535\nmove $2, $3")
        self.stays("li $3, 255\nli $2, 255")
        self.stays("li $3, 256\nli $2, 257")
        self.stays("li $3, 256\nli $3, 5\nli $2, 256")
        self.stays("li $3, %hi(x)\nli $2, %hi(x)")

    def test_a_constant_of_the_pool_comes_from_where_it_is(self):
        self.between("lw $2, =x", "lw $2, =x", "", [LABEL, CALL, "addiu $2, 1"], ["sw $3, 0($4)"])
        self.becomes("lw $3, =x\nlw $2, =x", "lw $3, =x\nmove $2, $3")
        self.stays("lw $3, =x\nlw $2, =x+4")
        self.stays("lw $3, =x\nli $3, 5\nlw $2, =x")

    def test_a_mask_of_a_byte_or_a_half_is_an_instruction(self):
        self.becomes("li $3, 255\nand $2, $3", "li $3, 255\nzeb $2")
        self.becomes("li $3, 65535\nand $2, $3", "li $3, 65535\nzeh $2")
        for mask in (127, 254, 256, 65534):
            self.stays("li $3, %d\nand $2, $3" % mask)
        self.stays("li $3, 255\n$BB1:\nand $2, $3")
        self.stays("li $3, 255\nor $2, $3")
        # The mask is lost, and nothing is known of the other.
        self.stays("li $2, 255\nand $2, $3")
        self.stays("li $2, 65535\nlbu $3, 0($4)\nand $2, $3")

    def test_a_byte_is_not_masked(self):
        for byte in ("lbu $2, 0($4)", "zeb $2", "li $2, 255"):
            self.becomes("%s\nzeb $2" % byte, byte)
            self.becomes("%s\nzeh $2" % byte, byte)
        self.becomes("lbu $3, 0($4)\nmove $5, $3\nsw $5, 20($sp) # spill\nlw $2, 20($sp) # reload\nzeb $2", "lbu $3, 0($4)\nmove $5, $3\nsw $3, 20($sp)\nmove $2, $3")
        self.becomes("lbu $3, 0($4)\nli $2, 255\nand $2, $3", "lbu $3, 0($4)\nli $2, 255\nmove $2, $3")
        self.becomes("lbu $3, 0($4)\nand $2, $3\nzeb $2", "lbu $3, 0($4)\nand $2, $3")

    def test_what_may_be_more_than_a_byte_is_masked(self):
        for other in ("lb $2, 0($4)", "lhu $2, 0($4)", "lw $2, 0($4)", "li $2, 256", "seb $2", "zeh $2", "lbu $2, 0($4)\naddiu $2, 1", "lbu $2, 0($4)\nor $2, $3"):
            self.stays("%s\nzeb $2" % other)
        self.stays("lbu $2, 0($4)\n$BB1:\nzeb $2")
        self.stays("lhu $2, 0($4)\nzeh $2")
        self.stays("li $2, -1\nzeb $2")


class Comparisons(Known):
    def test_what_was_compared_is_not_compared_again(self):
        self.between(
            "cmpi $2, 5",
            "cmpi $2, 5",
            "",
            [LABEL, CALL, "addiu $2, 1", "slti $2, 5", "cmpi $2, 6", "cmpi $3, 5", "b $BB1"],
            ["bteqz $BB1", "sw $2, 0($3)", "move $3, $24", "mflo $3"],
        )
        self.becomes("sltu $2, $3\nmove $4, $2\nsltu $4, $3", "sltu $2, $3\nmove $4, $2")
        self.stays("sltu $2, $3\nsltu $3, $2")
        self.stays("slt $2, $3\nsltu $2, $3")

    def test_a_branch_on_a_comparison_needs_no_copy_of_it(self):
        flag = "slti $2, 5\nmove $3, $24"
        self.between(flag, "bnez $3, $BB1", "btnez $BB1", [LABEL, CALL, "cmpi $2, 5", "addiu $3, 1"], ["li $2, 5", "sw $2, 0($4)"])
        self.becomes(flag + "\nbeqz $3, $BB1", flag + "\nbteqz $BB1")
        self.becomes("cmp $2, $4\nmove $3, $24\nbnez $3, $BB1", "cmp $2, $4\nmove $3, $24\nbtnez $BB1")
        self.stays("slti $2, 5\nbnez $2, $BB1")

    def test_also_when_the_comparison_stands_before_again(self):
        self.becomes("slti $2, 5\nmove $3, $24\nslti $2, 6\nslti $2, 5\nbnez $3, $BB1", "slti $2, 5\nmove $3, $24\nslti $2, 6\nslti $2, 5\nbtnez $BB1")

    def test_the_opposite_of_a_comparison_is_the_other_branch(self):
        for name in ("slt $2, $4", "slti $2, 5", "sltu $2, $4", "sltiu $2, 5"):
            flag = "%s\nmove $3, $24\nli $5, 1\nxor $3, $5\n" % name
            self.becomes(flag + "bnez $3, $BB1", flag + "bteqz $BB1")
            self.becomes(flag + "beqz $3, $BB1", flag + "btnez $BB1")

    def test_what_is_not_its_opposite_stays_a_branch_on_a_register(self):
        for flag in (
            # What is compared for being equal is not 0 or 1.
            "cmp $2, $4\nmove $3, $24\nli $5, 1\nxor $3, $5",
            "slti $2, 5\nmove $3, $24\nli $5, 2\nxor $3, $5",
            "slti $2, 5\nmove $3, $24\nxor $3, $5",
            "slti $2, 5\nmove $3, $24\nli $5, 1\nor $3, $5",
            "slti $2, 5\nmove $3, $24\nli $5, 1\nxor $3, $5\nxor $3, $5",
            "slti $2, 5\nmove $3, $24\nli $5, 1\nxor $3, $5\nslti $2, 6",
        ):
            with self.subTest(flag):
                self.stays(flag + "\nbnez $3, $BB1")


class Sums(Known):
    def test_what_is_added_to_a_copy_is_added_to_the_original(self):
        for number in (-8, -1, 0, 7):
            self.becomes("move $2, $3\naddiu $2, %d" % number, "move $2, $3\naddiu $2, $3, %d" % number)

    def test_a_number_that_the_short_form_cannot_have_is_added_to_the_copy(self):
        for number in ("-9", "8", "100", "%lo(x)"):
            self.stays("move $2, $3\naddiu $2, " + number)

    def test_so_it_is_when_the_original_is_gone_or_cannot_be_named(self):
        self.stays("move $2, $3\nli $3, 100\naddiu $2, 4")
        self.stays("move $2, $3\n$BB1:\naddiu $2, 4")
        self.stays("move $2, $9\naddiu $2, 4")
        self.stays("move $2, $3\naddiu $sp, -8")

    def test_an_address_in_the_stack_is_made_at_once(self):
        for number in (0, 4, 1020):
            self.becomes("move $2, $sp\naddiu $2, %d" % number, "move $2, $sp\naddiu $2, $sp, %d" % number)
        self.becomes("addiu $2, $sp, 40\naddiu $2, -8", "addiu $2, $sp, 40\naddiu $2, $sp, 32")
        self.becomes("addiu $3, $sp, 40\nmove $2, $3\naddiu $2, 100", "addiu $3, $sp, 40\nmove $2, $3\naddiu $2, $sp, 140")

    def test_not_one_that_the_short_form_cannot_have(self):
        for number in (-16, 10, 1024, 1018):
            self.stays("move $2, $sp\naddiu $2, %d" % number)
        self.stays("addiu $2, $sp, 1020\naddiu $2, 4")

    def test_not_where_the_stack_pointer_is_another(self):
        self.stays("move $2, $sp\naddiu $sp, -8\naddiu $2, 16")
        self.stays("addiu $2, $sp, 8\nrestore $ra, 24\naddiu $2, 16")
        self.stays("addiu $2, $sp, 8\n$BB1:\naddiu $2, 16")


if __name__ == "__main__":
    unittest.main()
