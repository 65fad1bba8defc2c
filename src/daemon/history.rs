//! The configurations that were in force before.

use super::Daemon;
use super::errand::{Errand, Wanted};
use super::password::{Outcome, Visitor};
use crate::config::{self, Config};
use crate::control::{self, Failure, History, Verb, Version};
use crate::engine::Input;
use crate::sys::Kept;
use crate::sys::clock::now;

/// A clock that shows less was never set: the start of 2020.
const SET_UNIX_S: u32 = 1_577_836_800;

impl Daemon {
    /// Tells what is kept, shows one, or puts it in force again.
    pub(super) fn look_back(&mut self, visitor: Visitor, errand: &Errand) -> Outcome {
        let versions = self.store.versions();
        // While what is in force is not on flash yet, what is there is the one before.
        let in_force = usize::from(!self.engine.save_due());
        let mut line = Vec::new();
        match errand.verb {
            Verb::History => {
                let mut history = History::default();
                for (place, kept) in versions.iter().enumerate() {
                    // There are as many as are kept, or a user has put more there.
                    let _ = history.versions.push(Version {
                        number: kept.number,
                        time: Some(kept.unix_s).filter(|time| *time >= SET_UNIX_S),
                        bytes: kept.bytes,
                        current: place < in_force,
                    });
                }
                control::write(&mut history, &mut line);
            }
            verb => {
                let place = match errand.version {
                    Wanted::Before => versions.get(in_force),
                    Wanted::Number(number) => versions.iter().find(|kept| kept.number == number),
                    Wanted::Nonsense => None,
                };
                let config = self.read_version(place)?;
                if verb == Verb::Rollback {
                    self.engine
                        .handle(now(), Input::Apply(visitor.client, config));
                    return Ok(());
                }
                let mut text = String::new();
                // A string takes whatever is written to it.
                let _ = config::write_compact(&config, &mut text);
                line = text.into_bytes();
            }
        }
        self.clients
            .tell_errand(visitor, &line, &mut self.engine, &self.poller);
        Ok(())
    }

    fn read_version(&self, kept: Option<&Kept>) -> Result<Box<Config>, Box<Failure>> {
        let kept = kept.ok_or_else(|| {
            Box::new(Failure::input(format_args!(
                "expected the number of a configuration that 'lanemark config history' shows, found no such one"
            )))
        })?;
        let spoiled = |why: &dyn core::fmt::Display| {
            let number = kept.number;
            Box::new(Failure::refused(format_args!(
                "configuration {number} cannot be used: {why}"
            )))
        };
        let text = self.store.version(kept).map_err(|error| spoiled(&error))?;
        config::parse(&text)
            .map(Box::new)
            .map_err(|problem| spoiled(&problem))
    }
}
