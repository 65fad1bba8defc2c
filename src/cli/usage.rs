//! What is wrong with the words of a command: always that something was expected at a place, and what was found there.

use std::ffi::OsStr;
use std::fmt;

use crate::sys::file::shown;

use super::screen::cut;
use super::trouble::{Exit, Trouble};

/// Columns of what is quoted of the user's words: they are on the screen already.
const FOUND_COLUMNS: usize = 60;

/// What stands in the place of what was expected.
#[derive(Clone, Copy)]
pub(super) enum Found<'a> {
    Nothing,
    /// A word of the user's: in quotes, and without what could play tricks.
    Word(&'a OsStr),
    /// A word of ours.
    Own(&'static str),
}

impl<'a> Found<'a> {
    /// That word, or nothing.
    pub(super) fn maybe(word: Option<&'a OsStr>) -> Found<'a> {
        word.map_or(Found::Nothing, Found::Word)
    }
}

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Found::Nothing => f.write_str("nothing"),
            Found::Word(word) => write!(f, "'{}'", cut(&shown(word), FOUND_COLUMNS)),
            Found::Own(word) => f.write_str(word),
        }
    }
}

/// The words make no sense. `place` is the verb or option whose part is wrong; empty for the line as a whole.
#[cold]
#[inline(never)]
pub(super) fn usage(place: &str, expected: &dyn fmt::Display, found: Found<'_>) -> Box<Trouble> {
    let colon = if place.is_empty() { "" } else { ": " };
    Trouble::new(
        Exit::Input,
        format_args!("{place}{colon}expected {expected}, found {found}"),
    )
}

/// `a, b or c`, without neighbours that are the same.
#[derive(Default)]
pub(super) struct Choice {
    names: Vec<&'static str>,
}

impl Choice {
    pub(super) fn add(&mut self, name: &'static str) {
        if self.names.last() != Some(&name) {
            self.names.push(name);
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.names.iter().enumerate() {
            f.write_str(match index {
                0 => "",
                index if index + 1 == self.names.len() => " or ",
                _ => ", ",
            })?;
            f.write_str(name)?;
        }
        Ok(())
    }
}
