use std::time::Duration;

use crate::control::{BadAnswer, FINDINGS_MAX, Finding, Request, Verb};

use super::answer::Answer;
use super::command::Command;
use super::screen::{Screen, Tone, clean, width};
use super::trouble::Trouble;

/// Prints what this kernel can do, a line each.
pub(super) fn show(
    screen: &mut Screen<'_>,
    command: &Command,
    wait: Duration,
) -> Result<(), Trouble> {
    let mut answer = Answer::to(&Request::plain(Verb::Doctor), None, command, wait)?;
    if answer.as_json(screen)? {
        return Ok(());
    }
    let mut findings = Vec::new();
    answer.elements(|finding: Finding| {
        findings.push(finding);
        // The daemon never has more; somebody else shall not fill the memory.
        if findings.len() > FINDINGS_MAX {
            Err(Trouble::Answer(BadAnswer::TooLong))
        } else {
            Ok(())
        }
    })?;
    let columns = findings
        .iter()
        .map(|finding| width(&clean(&finding.what)))
        .fold(0, usize::max);
    for finding in &findings {
        let (mark, tone) = if finding.good {
            ("ok", Tone::Good)
        } else {
            ("!!", Tone::Doubtful)
        };
        let what = clean(&finding.what);
        let padding = columns - width(&what) + 2;
        screen.prose(
            tone,
            &format!("{mark}  {what}{:padding$}", ""),
            &finding.found,
        )?;
    }
    Ok(())
}
