use core::fmt::{self, Write};

use heapless::String;
use serde::{Deserialize, Serialize};

use super::record::{Fields, Record};

/// Bytes of the longest message; a longer one is cut at a character and ends in `...`.
pub const FAILURE_BYTES_MAX: usize = 240;

/// Whose fault a failure is; the command line turns it into its exit code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The system refused: exit code 1.
    #[default]
    Refused,
    /// What was asked makes no sense: exit code 2.
    Input,
    /// The configuration in force is another than the one that was to be replaced: exit code 1.
    Stale,
}

/// Why a request was not carried out. Nothing was changed, except where the message says what was: a change can be in force and not stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Whose fault.
    pub fault: Fault,
    /// What was expected and what was found, one line.
    pub message: String<FAILURE_BYTES_MAX>,
}

impl Failure {
    /// What was asked makes no sense.
    pub fn input(message: fmt::Arguments<'_>) -> Failure {
        Failure {
            fault: Fault::Input,
            message: cut(message),
        }
    }

    /// Somebody else was quicker.
    pub fn stale(message: fmt::Arguments<'_>) -> Failure {
        Failure {
            fault: Fault::Stale,
            message: cut(message),
        }
    }

    /// The system refused.
    pub fn refused(message: fmt::Arguments<'_>) -> Failure {
        Failure {
            fault: Fault::Refused,
            message: cut(message),
        }
    }
}

impl Record for Failure {
    fn fields(&mut self, with: &mut dyn Fields) {
        let mut place = self.fault as usize;
        with.word("fault", &["refused", "input", "stale"], &mut place);
        self.fault = match place {
            0 => Fault::Refused,
            1 => Fault::Input,
            _ => Fault::Stale,
        };
        with.text("message", &mut self.message);
    }
}

/// A failure as it is answered: the only field, `error`, of an object.
pub struct Refusal<'a>(pub &'a mut Failure);

impl Record for Refusal<'_> {
    fn fields(&mut self, with: &mut dyn Fields) {
        with.record("error", self.0);
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Writes what fits; line breaks and other control characters become spaces, since a message is one line.
fn cut(message: fmt::Arguments<'_>) -> String<FAILURE_BYTES_MAX> {
    struct Fit {
        text: String<FAILURE_BYTES_MAX>,
        full: bool,
    }
    impl Write for Fit {
        fn write_str(&mut self, piece: &str) -> fmt::Result {
            for letter in piece.chars() {
                let letter = if letter.is_control() { ' ' } else { letter };
                if self.full || self.text.len() + letter.len_utf8() > FAILURE_BYTES_MAX - CUT.len()
                {
                    self.full = true;
                    break;
                }
                // The room was checked above.
                let _ = self.text.push(letter);
            }
            Ok(())
        }
    }
    const CUT: &str = "...";
    let mut fit = Fit {
        text: String::new(),
        full: false,
    };
    let _ = fit.write_fmt(message);
    if fit.full {
        let _ = fit.text.push_str(CUT);
    }
    fit.text
}
