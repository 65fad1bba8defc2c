use crate::control::{BadAnswer, FINDINGS_MAX, Finding};

use super::answer::Answer;
use super::screen::{Screen, Tone, clean, width};
use super::trouble::{Outcome, Trouble};

/// Prints what this kernel can do, a line each.
pub(super) fn print(screen: &mut Screen<'_>, answer: &mut Answer<'_>) -> Outcome {
    let mut findings = Vec::new();
    let mut finding = Finding::default();
    let mut columns = 0;
    while answer.element(&mut finding)? {
        // The daemon never has more; somebody else shall not fill the memory.
        if findings.len() == FINDINGS_MAX {
            return Err(Trouble::answer(BadAnswer::TooLong));
        }
        columns = columns.max(width(&clean(&finding.what)));
        findings.push(core::mem::take(&mut finding));
    }
    for finding in &findings {
        let (mark, tone) = if finding.good {
            ("ok", Tone::Good)
        } else {
            ("!!", Tone::Doubtful)
        };
        let what = clean(&finding.what);
        let padding = columns - width(&what) + 2;
        let lead = format_args!("{mark}  {what}{:padding$}", "");
        screen.prose(tone, &lead, &finding.found);
    }
    Ok(())
}
