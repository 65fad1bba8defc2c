"""What is still read behind each instruction: a place that is wrongly thought unread is a value lost."""

import unittest

import assembly
from assembly import KEPT, RA, SLOTS, SP, T8, VALUE, places
from flow import last_read, read_first

from .case import Case, parse

SLOT = SLOTS + 5


class Read(Case):
    def behind(self, text, taken=(), value=0):
        return last_read(parse(text, value), set(taken))

    def read(self, place, text, taken=()):
        """Whether the place may be read behind the first line."""
        return bool(self.behind(text, taken)[0] >> place & 1)

    def test_what_a_later_instruction_reads_is_read(self):
        self.assertTrue(self.read(2, "li $2, 5\nli $3, 5\nsw $2, 0($3)\njrc $ra"))

    def test_what_is_written_before_it_is_read_is_not(self):
        self.assertFalse(self.read(2, "li $2, 5\nli $2, 6\nsw $2, 0($3)\njrc $ra"))

    def test_what_is_read_by_what_writes_it_is_read(self):
        for text in ("addiu $2, 1", "lw $2, 0($2)", "and $2, $3", "addu $2, $2, $3", "zeb $2"):
            self.assertTrue(self.read(2, "li $2, 5\n%s\njrc $ra" % text), text)

    def test_what_is_read_only_where_a_branch_leads_is_read(self):
        self.assertTrue(self.read(2, "li $2, 5\nbeqz $3, $BB1\nli $2, 6\njrc $ra\n$BB1:\nsw $2, 0($3)\njrc $ra"))

    def test_what_is_read_only_where_a_branch_does_not_lead_is_read(self):
        self.assertTrue(self.read(2, "li $2, 5\nbteqz $BB1\nsw $2, 0($3)\n$BB1:\njrc $ra"))

    def test_what_is_read_on_no_way_is_not(self):
        self.assertFalse(self.read(2, "li $2, 5\nbnez $3, $BB1\nli $2, 6\njrc $ra\n$BB1:\nli $2, 7\nsw $2, 0($3)\njrc $ra"))

    def test_what_stands_behind_a_jump_is_not_reached_from_it(self):
        self.assertFalse(self.read(2, "li $2, 5\nb $BB1\nsw $2, 0($3)\n$BB1:\njrc $ra"))
        self.assertFalse(self.read(2, "li $2, 5\njrc $ra\nsw $2, 0($3)"))

    def test_what_the_next_round_of_a_loop_reads_is_read(self):
        text = "li $2, 5\n$BB1:\nsw $2, 0($3)\nli $2, 6\naddiu $4, -1\nbnez $4, $BB1\njrc $ra"
        self.assertTrue(self.behind(text)[3] >> 2 & 1)
        # Also round two jumps, each of which leads to one behind it in the order of the lines.
        text = "b $BB2\n$BB1:\nsw $2, 0($3)\njrc $ra\n$BB2:\nb $BB3\n$BB4:\nb $BB1\n$BB3:\nli $2, 5\nb $BB4"
        self.assertTrue(self.behind(text)[9] >> 2 & 1)

    def test_behind_a_label_is_what_its_first_instruction_reads(self):
        self.assertTrue(self.read(2, "$BB1:\nsw $2, 0($3)\njrc $ra"))

    def test_what_a_branch_reads_itself_is_read_before_it(self):
        self.assertTrue(self.read(2, "li $2, 5\nbeqz $2, $BB1\n$BB1:\njrc $ra"))
        self.assertTrue(self.read(T8, "cmpi $3, 5\nbteqz $BB1\n$BB1:\njrc $ra"))

    def test_a_jump_to_a_label_that_is_elsewhere_may_read_everything(self):
        text = "li $2, 5\nsw $4, 20($sp) # spill\nb elsewhere"
        self.assertEqual(self.behind(text)[2], places(2, 4, SP, SLOT))

    def test_behind_the_end_everything_may_be_read(self):
        self.assertTrue(self.read(2, "li $2, 5\nsw $3, 0($4)"))

    def test_a_jump_through_a_register_leads_to_any_label_whose_address_is_taken(self):
        text = "li $3, 5\nli $4, 6\nli $5, 7\njrc $2\n$BB1:\nsw $3, 0($6)\njrc $ra\n$BB2:\nsw $4, 0($6)\njrc $ra\n$BB3:\nsw $5, 0($6)\njrc $ra"
        behind = self.behind(text, ["$BB1", "$BB2", "$BB9"])[2]
        self.assertEqual(behind & places(3, 4, 5), places(3, 4))

    def test_a_jump_through_a_register_that_leads_nowhere_known_may_read_everything(self):
        text = "li $3, 5\nli $4, 6\njrc $2\n$BB1:\nsw $4, 0($6)\njrc $ra"
        for taken in ([], ["$BB9"]):
            self.assertEqual(self.behind(text, taken)[1] & places(3, 4), places(3, 4))

    def test_a_return_reads_the_value_and_what_is_kept_and_no_label(self):
        behind = self.behind("li $3, 5\njrc $ra\n$BB1:\nsw $3, 0($6)\njrc $ra", ["$BB1"])[0]
        self.assertEqual(behind, KEPT | places(RA))
        self.assertEqual(self.behind("li $3, 5\njrc $ra", value=VALUE)[0], VALUE | KEPT | places(RA))

    def test_a_call_reads_its_words_and_ends_what_is_not_kept(self):
        behind = self.behind("li $2, 5\njal f\nsw $2, 0($16)\nsw $4, 0($8)\nlw $6, 20($sp) # reload\nsw $6, 4($16)\njrc $ra")[0]
        self.assertEqual(behind & places(2, 4, 5, 6, 7, 8, 16, T8, SLOT), places(4, 5, 6, 7, 16, SLOT))
        assembly.READS["f"] = places(5)
        self.assertFalse(self.read(4, "li $4, 5\njal f\njrc $ra"))

    def test_a_slot_is_read_by_its_reload_alone(self):
        self.assertTrue(self.read(SLOT, "sw $2, 20($sp) # spill\njal f\nlw $2, 20($sp) # reload\njrc $ra"))
        self.assertFalse(self.read(SLOT, "sw $2, 20($sp) # spill\nlw $2, 24($sp) # reload\njrc $ra"))
        self.assertFalse(self.read(SLOT, "sw $2, 20($sp) # spill\nsw $3, 20($sp) # spill\nlw $2, 20($sp) # reload\njrc $ra"))


class ReadFirst(Case):
    def first(self, text, taken=()):
        return read_first(parse(text, 0), set(taken)) & places(2, 3, 4, 5, 6, 7)

    def test_a_function_reads_what_it_has_not_written(self):
        self.assertEqual(self.first("f:\nsw $4, 0($5)\nli $6, 5\nsw $6, 4($5)\njrc $ra"), places(4, 5))

    def test_also_on_one_way_only(self):
        self.assertEqual(self.first("f:\nbeqz $4, $BB1\nli $5, 5\n$BB1:\nsw $5, 0($4)\njrc $ra"), places(4, 5))

    def test_also_in_a_call_that_it_makes(self):
        self.assertEqual(self.first("f:\nli $4, 5\njal g\njrc $ra"), places(5, 6, 7))

    def test_also_behind_a_jump_through_a_register(self):
        self.assertEqual(self.first("f:\njrc $4\n$BB1:\nsw $5, 0($6)\njrc $ra", ["$BB1"]), places(4, 5, 6))

    def test_a_function_that_reads_nothing_has_nothing(self):
        self.assertEqual(self.first("f:\nli $2, 5\nli $4, 6\njal g\njrc $ra"), places(5, 6, 7))
        assembly.READS["g"] = 0
        self.assertEqual(self.first("f:\nli $2, 5\njal g\njrc $ra"), 0)


if __name__ == "__main__":
    unittest.main()
