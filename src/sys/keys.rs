//! Keys of the terminal that standard input is, each as it is pressed.

use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd;

/// What Ctrl-C sends while it is a key like any other.
const INTERRUPT: u8 = 3;

/// A terminal that shows no keys and gives each at once, Ctrl-C too. Dropped, it is as before.
#[derive(Debug)]
pub struct Keys {
    input: io::Stdin,
    before: Termios,
}

impl Keys {
    /// None when standard input is no terminal, or one that cannot do that.
    pub fn begin() -> Option<Keys> {
        let input = io::stdin();
        if !input.is_terminal() {
            return None;
        }
        let before = tcgetattr(input.as_fd()).ok()?;
        let mut plain = before.clone();
        plain
            .local_flags
            .remove(LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG);
        tcsetattr(input.as_fd(), SetArg::TCSANOW, &plain).ok()?;
        Some(Keys { input, before })
    }

    /// Whether the key that was pressed means the end: q, Ctrl-C, or that the terminal is gone.
    pub fn end(&self) -> bool {
        let mut key = [0];
        match unistd::read(self.input.as_fd(), &mut key) {
            Ok(1) => matches!(key, [b'q' | b'Q' | INTERRUPT]),
            _ => true,
        }
    }
}

impl AsFd for Keys {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.input.as_fd()
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // A terminal that is gone needs none of it.
        let _ = tcsetattr(self.input.as_fd(), SetArg::TCSAFLUSH, &self.before);
    }
}
