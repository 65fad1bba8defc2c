"""Jumps lead where they end, what nothing leads to goes, and equal ends stand once."""

import unittest

import shorter

from .case import Case


class Straight(Case):
    def change(self, items, taken=()):
        return shorter.straighten(items, set(taken))

    def test_a_jump_to_a_jump_leads_where_that_does(self):
        for jump in ("beqz $2,", "bnez $2,", "bteqz", "btnez"):
            text = jump + " %s\nli $2, 5\njrc $ra\n%s$BB3:\nli $2, 6\nbnez $2, $BB3\n$BB2:\njrc $ra"
            self.becomes(text % ("$BB1", "$BB1:\nb $BB2\n"), text % ("$BB2", ""))
        self.becomes(
            "bnez $2, $BB3\nb $BB1\n$BB3:\nli $2, 6\nbnez $2, $BB3\n$BB1:\nb $BB2\n$BB4:\nli $2, 5\nbnez $2, $BB4\n$BB2:\njrc $ra",
            "beqz $2, $BB2\n$BB3:\nli $2, 6\nbnez $2, $BB3\nb $BB2\n$BB4:\nli $2, 5\nbnez $2, $BB4\n$BB2:\njrc $ra",
        )

    def test_a_jump_to_itself_stays(self):
        self.stays("$BB1:\nb $BB1")
        self.stays("bnez $2, $BB1\njrc $ra\n$BB1:\nb $BB1")

    def test_a_jump_to_an_instruction_that_is_none_stays(self):
        self.stays("bnez $2, $BB1\nli $2, 5\n$BB1:\njrc $ra")
        self.stays("bnez $2, $BB1\nli $2, 5\n$BB1:\njal f\nb $BB2\n$BB3:\nli $3, 5\nbnez $3, $BB3\n$BB2:\njrc $ra")
        # Not the one behind what stands there.
        self.stays("bnez $2, $BB1\nli $2, 5\n$BB1:\n.p2align 2\nb $BB2\n$BB3:\nli $3, 5\nbnez $3, $BB3\n$BB2:\njrc $ra")

    def test_a_jump_to_where_it_stands_goes(self):
        for jump in ("b $BB1", "bnez $2, $BB1", "bteqz $BB1"):
            self.becomes("li $2, 5\n%s\n$BB1:\njrc $ra" % jump, "li $2, 5\n$BB1:\njrc $ra")
            self.becomes("bnez $3, $BB2\n%s\n$BB2:\n$BB1:\njrc $ra" % jump, "bnez $3, $BB2\n$BB2:\n$BB1:\njrc $ra")

    def test_a_jump_over_something_stays(self):
        for between in ("li $2, 5", "nop", ".4byte 5"):
            self.stays("bnez $2, $BB1\n%s\n$BB1:\njrc $ra" % between)

    def test_what_nothing_leads_to_goes(self):
        self.becomes("b $BB2\nli $2, 5\n$BB1:\nli $2, 6\n$BB2:\njrc $ra\nli $2, 7", "b $BB2\n$BB2:\njrc $ra")
        self.becomes("jrc $2\nli $2, 5\n$BB1:\nli $2, 6\njrc $ra", "jrc $2")

    def test_what_something_leads_to_stays(self):
        self.stays("bnez $2, $BB1\njrc $ra\n$BB1:\nli $2, 6\njrc $ra")
        self.stays("jal f\nli $2, 5\nbreak 0\nli $2, 6\njrc $ra")

    def test_what_a_table_leads_to_stays(self):
        self.stays("jrc $2\n$BB1:\nli $2, 6\njrc $ra", taken=["$BB1"])

    def test_directives_data_and_labels_of_other_kinds_stay(self):
        self.stays("jrc $ra\n.p2align 2\n$PL0:\n.4byte 5\n$func_end0:")
        # Somebody may know such a label: what is behind it may be reached.
        self.stays("jrc $ra\n$tmp1:\nli $2, 5\njrc $ra")

    def test_a_label_that_nothing_names_goes_and_what_leads_past_it_goes_on(self):
        self.becomes("li $2, 5\n$BB1:\nli $3, 5\njrc $ra", "li $2, 5\nli $3, 5\njrc $ra")

    def test_a_branch_over_a_jump_is_the_opposite_branch(self):
        for first, opposite in [("beqz $2,", "bnez $2,"), ("bnez $2,", "beqz $2,"), ("bteqz", "btnez"), ("btnez", "bteqz")]:
            self.becomes(
                "%s $BB1\nb $BB2\n$BB1:\nli $2, 5\n$BB2:\njrc $ra" % first,
                "%s $BB2\n$BB1:\nli $2, 5\n$BB2:\njrc $ra" % opposite,
            )

    def test_not_over_more_than_a_jump_or_to_elsewhere(self):
        end = "$BB1:\nli $2, 5\n$BB2:\njrc $ra"
        self.stays("beqz $2, $BB1\nnop\nb $BB2\n" + end)
        self.stays("beqz $2, $BB1\nb $BB2\n$BB3:\nli $3, 5\nbnez $3, $BB3\n" + end)
        self.stays("beqz $2, $BB1\n$tmp1:\nb $BB2\n" + end)


class Shared(Case):
    def change(self, items):
        return shorter.share_ends(items)

    def test_two_ways_to_a_label_share_their_equal_ends(self):
        self.becomes(
            "beqz $2, $BB1\nli $3, 1\nli $4, 5\njal f\nb $BB2\n$BB1:\nli $3, 2\nli $4, 5\njal f\nb $BB2\n$BB3:\nli $3, 3\n$BB2:\njrc $ra",
            "beqz $2, $BB1\nli $3, 1\n$BBS0:\nli $4, 5\njal f\nb $BB2\n$BB1:\nli $3, 2\nb $BBS0\n$BB3:\nli $3, 3\n$BB2:\njrc $ra",
        )

    def test_what_falls_into_the_label_keeps_its_own(self):
        self.becomes(
            "beqz $2, $BB1\nli $3, 1\nli $4, 5\nb $BB2\n$BB1:\nli $3, 2\nli $4, 5\n$BB2:\njrc $ra",
            "beqz $2, $BB1\nli $3, 1\nb $BBS0\n$BB1:\nli $3, 2\n$BBS0:\nli $4, 5\n$BB2:\njrc $ra",
        )
        self.becomes(
            "$BB2:\nli $3, 2\nli $4, 5\n$BB1:\nli $5, 6\nbeqz $2, $BB2\nli $3, 1\nli $4, 5\nb $BB1",
            "$BB2:\nli $3, 2\n$BBS0:\nli $4, 5\n$BB1:\nli $5, 6\nbeqz $2, $BB2\nli $3, 1\nb $BBS0",
        )

    def test_the_longest_equal_end_is_shared(self):
        self.becomes(
            "$BB1:\nli $4, 5\nb $BB9\n$BB2:\nli $3, 1\nli $4, 5\nb $BB9\n$BB3:\nli $3, 1\nli $4, 5\nb $BB9\n$BB9:\njrc $ra",
            "$BB1:\nli $4, 5\nb $BB9\n$BB2:\n$BBS0:\nli $3, 1\nli $4, 5\nb $BB9\n$BB3:\nb $BBS0\n$BB9:\njrc $ra",
        )

    def test_two_ends_of_the_function_are_shared_where_a_jump_is_shorter(self):
        end = "sw $3, 0($4)\nrestore $16, $ra, 24\njrc $ra"
        self.becomes(
            "beqz $2, $BB1\nli $3, 1\n%s\n$BB1:\nli $3, 2\n%s" % (end, end),
            "beqz $2, $BB1\nli $3, 1\nb $BBS0\n$BB1:\nli $3, 2\n$BBS0:\n%s" % end,
        )
        self.stays("beqz $2, $BB1\nli $3, 1\nrestore $16, $ra, 24\njrc $ra\n$BB1:\nli $3, 2\nrestore $16, $ra, 24\njrc $ra")

    def test_ends_that_lead_to_different_places_are_not_shared(self):
        self.stays("$BB1:\nli $3, 1\nli $4, 5\nb $BB8\n$BB2:\nli $3, 1\nli $4, 5\nb $BB9\n$BB8:\njrc $ra\n$BB9:\nbreak 0")
        self.stays("$BB1:\nli $3, 1\nli $4, 5\njrc $2\n$BB2:\nli $3, 1\nli $4, 5\njrc $2")
        self.stays("$BB1:\nli $3, 1\nli $4, 5\njrc $ra\n$BB2:\nli $3, 1\nli $4, 5\nb $BB9\n$BB9:\nbreak 0")

    def test_ends_that_differ_are_not_shared(self):
        for one, other in [("li $3, 1", "li $3, 2"), ("li $3, 1", "li $4, 1"), ("lw $3, 20($sp)", "lw $3, 24($sp)"), ("jal f", "jal g"), ("zeb $3", "zeh $3")]:
            self.stays("$BB1:\n%s\nb $BB9\n$BB2:\n%s\nb $BB9\n$BB9:\njrc $ra" % (one, other))

    def test_nothing_is_shared_past_a_label_or_a_branch(self):
        self.becomes(
            "$BB1:\nli $3, 1\n$BB5:\nli $4, 5\nb $BB9\n$BB2:\nli $3, 1\nli $4, 5\nb $BB9\n$BB9:\njrc $ra",
            "$BB1:\nli $3, 1\n$BB5:\n$BBS0:\nli $4, 5\nb $BB9\n$BB2:\nli $3, 1\nb $BBS0\n$BB9:\njrc $ra",
        )
        self.becomes(
            "$BB1:\nbnez $3, $BB1\nli $4, 5\nb $BB9\n$BB2:\nbnez $3, $BB1\nli $4, 5\nb $BB9\n$BB9:\njrc $ra",
            "$BB1:\nbnez $3, $BB1\n$BBS0:\nli $4, 5\nb $BB9\n$BB2:\nbnez $3, $BB1\nb $BBS0\n$BB9:\njrc $ra",
        )
        self.stays("$BB1:\nli $3, 1\nbnez $3, $BB9\n$BB8:\nli $3, 1\nbnez $3, $BB9\n$BB9:\njrc $ra")

    def test_nothing_is_shared_past_directives(self):
        self.stays("$BB1:\nli $3, 1\n.p2align 2\nb $BB9\n$BB2:\nli $3, 1\n.p2align 2\nb $BB9\n$BB9:\njrc $ra")

    def test_a_branch_that_comes_to_the_label_is_no_end(self):
        self.stays("$BB1:\nli $3, 1\nbnez $2, $BB9\nli $5, 1\n$BB2:\nli $3, 1\nb $BB9\n$BB9:\njrc $ra")

    def test_one_run_is_not_shared_with_itself(self):
        self.stays("$BB9:\nli $3, 1\nli $3, 1\nli $3, 1\nb $BB9")
        self.becomes(
            "$BB8:\nli $3, 1\nb $BB9\n$BB7:\nli $3, 1\nli $3, 1\nb $BB9\n$BB9:\njrc $ra",
            "$BB8:\n$BBS0:\nli $3, 1\nb $BB9\n$BB7:\nli $3, 1\nb $BBS0\n$BB9:\njrc $ra",
        )

    def test_a_sure_slot_and_memory_at_the_same_place_are_not_the_same(self):
        items = self.parse("$BB1:\nsw $3, 20($sp) # spill\nb $BB9\n$BB2:\nsw $3, 20($sp) # spill\nb $BB9\n$BB9:\njrc $ra")
        items[1].slot = None
        self.assertFalse(shorter.share_ends(items))


if __name__ == "__main__":
    unittest.main()
