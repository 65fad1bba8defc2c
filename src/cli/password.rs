use std::path::Path;
use std::time::Duration;

use crate::config::password::{PASSWORD_BYTES_MAX, Stored, check};
use crate::sys::client::Client;
use crate::sys::secret;

use super::trouble::{Exit, Outcome, Trouble};

/// What is told when it is stored.
pub(super) const SET: &str = "the admin password is set";

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
