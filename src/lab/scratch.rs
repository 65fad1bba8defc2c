//! A directory for the length of a run, gone afterwards even if the lab is killed.
//!
//! A second process waits for the lab's end of a pipe to close, which the kernel does whatever ends the lab, and then removes
//! the directory. It stands in a process group of its own, so Ctrl-C does not reach it before the lab is done.

use std::ffi::OsString;
use std::fs;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::unistd::mkdtemp;

use super::error::Error;

/// The hidden verb of the sweeper.
pub const VERB: &str = "sweep";

/// Every scratch directory's name begins with this; the sweeper removes nothing else.
const PREFIX: &str = "lanemark-lab-";

/// A directory that only its owner can enter.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    sweeper: Child,
}

impl Scratch {
    /// Makes one below the system's directory for temporary files. `lab` is the `lanemark-lab` program.
    ///
    /// # Errors
    /// `System` or `Io` when the directory or its sweeper cannot be made.
    pub fn new(lab: &Path) -> Result<Self, Error> {
        let template = std::env::temp_dir().join(format!("{PREFIX}XXXXXX"));
        let path = mkdtemp(&template).map_err(Error::system("make a directory for the run"))?;
        let sweeper = Command::new(lab)
            .arg(VERB)
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        match sweeper {
            Ok(sweeper) => Ok(Self { path, sweeper }),
            Err(source) => {
                let _ = fs::remove_dir(&path);
                Err(Error::Io {
                    step: "start the sweeper of the run's directory",
                    source,
                })
            }
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // The sweeper does the work, so there is one way in which it is done.
        drop(self.sweeper.stdin.take());
        let _ = self.sweeper.wait();
    }
}

/// The sweeper: waits for the end of its input and removes the directory.
///
/// # Errors
/// `Usage` for a path that is no scratch directory of the lab, `Io` when it cannot be removed.
pub fn sweep(mut arguments: impl Iterator<Item = OsString>) -> Result<(), Error> {
    let path = arguments.next().map(PathBuf::from).unwrap_or_default();
    let ours = path
        .file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.starts_with(PREFIX));
    if !ours || path.parent() != Some(&std::env::temp_dir()) {
        return Err(Error::Usage(
            "sweep: expected a directory of the lab".into(),
        ));
    }
    // An error ends the wait like an end of input: there is nobody left to wait for.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    fs::remove_dir_all(&path).map_err(Error::io("remove the run's directory"))
}
