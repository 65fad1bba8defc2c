use std::path::Path;
use std::time::Duration;

use crate::config::password::{PASSWORD_BYTES_MAX, STORED_BYTES_MAX, Stored, check};
use crate::sys::client::{Client, read_file};
use crate::sys::secret;

use super::screen::Screen;
use super::trouble::{Exit, Outcome, Trouble};

/// What is told when it is stored.
pub(super) const SET: &str = "the admin password is set";

/// What is told when it is removed.
pub(super) const REMOVED: &str = "there is no admin password any more, and nobody is logged in; set one on the page before others do";

/// The hash of a new password, as one line. It is asked for and hashed here: neither the daemon nor anybody who listens to it gets to know it.
pub(super) fn line(socket: &Path, wait: Duration) -> Outcome<String> {
    // Nobody types a password in vain.
    Client::connect(socket, wait).map_err(|bad| Trouble::line(socket, bad))?;
    let questions = ["New admin password: ", "Once more: "];
    let good = |line: &[u8]| check(line).is_ok();
    let refused = |refused| Trouble::new(Exit::Refused, format_args!("password: {refused}"));
    let password = secret::ask(questions, PASSWORD_BYTES_MAX, good).map_err(refused)?;
    let Some(password) = password else {
        return Err(Trouble::new(
            Exit::Input,
            format_args!("password: expected the same one twice, found two"),
        ));
    };
    let salt = secret::random().map_err(refused)?;
    let stored = Stored::new(&password, salt)
        .map_err(|bad| Trouble::new(Exit::Input, format_args!("password: {bad}")))?;
    Ok(format!("\"{stored}\""))
}

/// What is to be judged at most: a hash, two passwords and line breaks.
const JUDGED_BYTES_MAX: usize = STORED_BYTES_MAX + 2 * PASSWORD_BYTES_MAX + 2;

/// Judges what stands on standard input, for the daemon: a hash, a password, and a new password, a line each. Where there is a hash, it must be
/// the password's; where there is a new one, its hash is said. The exit code is 0 when all is well, 1 for the wrong password, 3 when that
/// cannot be told.
pub(super) fn judge(screen: &mut Screen<'_>) -> Exit {
    let Ok(text) = read_file(None, JUDGED_BYTES_MAX) else {
        return Exit::NotRunning;
    };
    let mut lines = text.split(|byte| *byte == b'\n');
    let [stored, current, new] = [(); 3].map(|()| lines.next().unwrap_or_default());
    let is_right = |stored: Stored| stored.is_of(current);
    if !stored.is_empty() && !Stored::parse(stored).is_some_and(is_right) {
        return Exit::Refused;
    }
    if new.is_empty() {
        return Exit::Done;
    }
    let salt = secret::random().ok();
    match salt.and_then(|salt| Stored::new(new, salt).ok()) {
        Some(hash) => screen.text(&hash.to_string()),
        None => return Exit::NotRunning,
    }
    Exit::Done
}
