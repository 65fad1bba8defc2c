//! The verb `type`: a typist for a house that somebody else has built, over whatever program carries the letters.
//!
//! What it is told comes in lines on the standard input, and what it found goes out in one line of JSON a phase: the script
//! that tells the story in an emulated router keeps one SSH session open through all of it.

use std::io::BufRead as _;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use super::error::Error;
use super::keystroke::Keystrokes;
use super::options::Type;
use super::sample::Summary;
use super::stdout;

/// Types until the standard input ends: `begin` begins a phase anew, any other word ends one of that name and begins the next.
///
/// # Errors
/// `Io` when the program cannot be started, `Late` when it ended.
pub fn run(options: &Type) -> Result<(), Error> {
    let Some((program, words)) = options.program.split_first() else {
        return Err(Error::Usage("type: expected a program".into()));
    };
    let keystrokes = Keystrokes::into_program(Command::new(program).args(words))?;
    let mut mark = keystrokes.mark();
    for line in std::io::stdin().lock().lines() {
        let phase = line.map_err(Error::io("read the name of a phase"))?;
        if phase != "begin" {
            stdout::print(&format!("{}\n", told(&phase, &keystrokes.summary(mark)?)))?;
        }
        mark = keystrokes.mark();
    }
    Ok(())
}

fn told(phase: &str, found: &Summary) -> serde_json::Value {
    json!({
        "phase": phase,
        "p50_ms": ms(found.p50),
        "p99_ms": ms(found.p99),
        "max_ms": ms(found.max),
        "keystrokes": found.count,
        "unanswered": found.unanswered,
    })
}

/// Milliseconds with one digit behind the point: more is noise.
fn ms(wait: Duration) -> f64 {
    (wait.as_secs_f64() * 10_000.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_is_told_in_milliseconds_with_one_digit() {
        let found = Summary::of(vec![Duration::from_micros(12_345)], 0);
        assert_eq!(
            told("idle", &found).to_string(),
            r#"{"keystrokes":1,"max_ms":12.3,"p50_ms":12.3,"p99_ms":12.3,"phase":"idle","unanswered":0}"#
        );
    }
}
