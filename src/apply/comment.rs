//! What the comments of our table and of its rules say, for whoever finds them.

use crate::value::{Before, CapRules, MarkLayout, RuleMark, Ruleset, TableNote, decimal, halves};

/// A comment of a rule or of the table.
pub(super) type Comment = heapless::String<56>;

/// Writes one.
pub(super) fn comment(words: core::fmt::Arguments<'_>) -> Comment {
    let mut text = heapless::String::new();
    // The longest is a table's: "mark 7f000000/24 7f000000/24; nf_conntrack_acct was 1".
    let _ = core::fmt::Write::write_fmt(&mut text, words);
    text
}

/// What a rule's comment says, if the rule is ours.
pub fn read_rule_comment(text: &str) -> Option<RuleMark> {
    let (fingerprint, count) = halves(text.strip_prefix("lanemark ")?, b' ')?;
    let (number, of) = halves(count, b'/')?;
    Some(RuleMark {
        fingerprint: u32::from_str_radix(fingerprint, 16).ok()?,
        number: u16::try_from(decimal(number)?).ok()?,
        of: u16::try_from(decimal(of)?).ok()?,
    })
}

/// What the table's comment says, if the table is ours.
pub fn read_table_comment(text: &str) -> Option<TableNote> {
    let (mark, acct) = halves(text.strip_prefix("mark ")?, b';')?;
    let acct = acct.strip_prefix(" nf_conntrack_acct was ")?;
    let (layout, caps) = match halves(mark, b' ') {
        Some((mark, caps)) => (read_layout(mark)?, Some(read_layout(caps)?)),
        None => (read_layout(mark)?, None),
    };
    let acct = match acct {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    };
    Some(TableNote {
        before: Before { acct },
        layout,
        caps,
    })
}

#[inline(never)]
fn read_layout(text: &str) -> Option<MarkLayout> {
    let (mask, shift) = halves(text, b'/')?;
    let mask = u32::from_str_radix(mask, 16).ok()?;
    MarkLayout::new(mask, u8::try_from(decimal(shift)?).ok()?).ok()
}

pub(super) fn table_comment(ruleset: &Ruleset) -> Comment {
    let acct = match ruleset.before.acct {
        Some(false) => "0",
        Some(true) => "1",
        None => "-",
    };
    let (mask, shift) = (ruleset.layout.mask(), ruleset.layout.shift());
    let mut caps = Comment::new();
    if let Some(CapRules { layout, .. }) = ruleset.caps {
        caps = comment(format_args!(" {:x}/{}", layout.mask(), layout.shift()));
    }
    comment(format_args!(
        "mark {mask:x}/{shift}{caps}; nf_conntrack_acct was {acct}"
    ))
}
