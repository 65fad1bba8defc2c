//! The admin password, which clients bring as a hash and nobody gets to see again.

use std::path::Path;

use super::Daemon;
use crate::config::password::{STORED_BYTES_MAX, Stored};
use crate::control::{Changed, Failure};
use crate::engine::Answer;
use crate::sys::clock::now;
use crate::sys::log::{Level, tell};
use crate::sys::store::{Document, Store};

/// The file of the hash. No version before is kept: it would make an old password valid again. A hash that is lost, as jffs2 was
/// seen to lose the newest file in a power cut, lets nobody in until there is another.
const PASSWORD: Document = Document {
    current: "password",
    previous: None,
    temporary: "password.new",
    bytes_max: STORED_BYTES_MAX,
};

/// Whether there is one, be it spoiled: then nobody gets in, and nobody may make himself one without the router's command line.
pub(super) fn is_there(dir: &Path) -> bool {
    Store::new(dir, PASSWORD).has(PASSWORD.current)
}

impl Daemon {
    /// Stores a hash that a client brought, and tells the client. Returns whether there was one.
    pub(super) fn store_password(&mut self) -> bool {
        let Some((client, line)) = self.clients.take_password() else {
            return false;
        };
        let answer = match self.save_password(&line) {
            Ok(()) => {
                tell(Level::Info, format_args!("the admin password was set"));
                self.page.password_changed(now());
                Answer::Changed(Box::new(Changed {
                    saved: true,
                    ..Changed::default()
                }))
            }
            Err(failure) => Answer::Failure(failure),
        };
        self.clients
            .answer(client, answer, &mut self.engine, &self.poller);
        true
    }

    fn save_password(&self, line: &[u8]) -> Result<(), Box<Failure>> {
        let text = line
            .strip_prefix(b"\"")
            .and_then(|line| line.strip_suffix(b"\""))
            .filter(|text| Stored::parse(text).is_some());
        // What was found may be a password.
        let Some(text) = text else {
            return Err(Box::new(Failure::input(format_args!(
                "expected the hash of a password, found something else"
            ))));
        };
        let store = Store::new(self.store.dir(), PASSWORD);
        store.save(text).map_err(|error| {
            tell(Level::Warn, format_args!("{error}"));
            Box::new(Failure::refused(format_args!("{error}")))
        })
    }
}
