//! The real `lanemark` on the router of the house, and its command line.
//!
//! Nothing of lanemark is imitated here: the daemon is the program that a router would run, started as its init script would
//! start it, and everything that is asked of it goes through the command line that a person would use.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::Builder;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::error::Error;
use super::host::Host;
use super::interrupt::Interrupt;
use super::scratch::Scratch;
use super::{house, link};

/// From its start until the daemon says that it shapes.
const READY_WITHIN: Duration = Duration::from_secs(15);
/// Between two questions whether it does; each starts a program, so not more often.
const ASK_EVERY: Duration = Duration::from_millis(100);
/// The root qdisc of an interface that nobody shapes.
const UNSHAPED: &str = "noqueue";
/// For one command of the command line.
const COMMAND_WITHIN: Duration = Duration::from_secs(15);
/// From the request to end until the end.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// A daemon under way. Dropping it ends it.
#[derive(Debug)]
pub struct Daemon {
    // Gone only while it is being dropped.
    child: Option<Child>,
    program: PathBuf,
    socket: PathBuf,
    log: PathBuf,
}

impl Daemon {
    /// Starts `program` on the router with `config` as its configuration, files and socket in `scratch`. Without a configuration
    /// it goes on with the files that an earlier one left there.
    ///
    /// # Errors
    /// `Io` when it cannot be started.
    pub fn start(
        router: &Host,
        program: &Path,
        scratch: &Scratch,
        config: Option<&str>,
    ) -> Result<Self, Error> {
        if !program.is_file() {
            return Err(Error::NoProgram(program.to_owned()));
        }
        let directory = scratch.path().join("lanemark");
        fs::create_dir_all(&directory).map_err(Error::io("make the daemon's directory"))?;
        if let Some(config) = config {
            let file = directory.join("config.json");
            fs::write(file, config).map_err(Error::io("write the daemon's configuration"))?;
        }
        let (socket, log) = (
            directory.join("lanemark.sock"),
            scratch.path().join("lanemark.log"),
        );
        // A daemon that is started again goes on where the last one stopped.
        let output = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .map_err(Error::io("make the daemon's log"))?;
        let errors = output
            .try_clone()
            .map_err(Error::io("make the daemon's log"))?;
        let child = router
            .command(program)
            .arg("run")
            .arg("--dir")
            .arg(&directory)
            .arg("--socket")
            .arg(&socket)
            .stdout(output)
            .stderr(errors)
            .spawn()?;
        Ok(Self {
            child: Some(child),
            program: program.to_owned(),
            socket,
            log,
        })
    }

    /// Where its control socket is.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// What it wrote to its standard outputs.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// How it ended, if it did.
    ///
    /// # Errors
    /// `Io`, which no known kernel returns for a child that nobody else waits for.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>, Error> {
        let ended = self
            .child
            .as_mut()
            .map_or(Ok(None), Child::try_wait)
            .map_err(Error::io("look after the daemon"))?;
        if ended.is_some() {
            // Its number may belong to somebody else from now on.
            self.child = None;
        }
        Ok(ended)
    }

    /// Waits until its status says that it is on and the kernel says that somebody shapes the WAN.
    ///
    /// # Errors
    /// `Program` with its last words when it ended, or with its status when it lives and does not shape.
    pub fn await_shaping(&mut self, router: &Host, interrupt: &Interrupt) -> Result<(), Error> {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            if let Some(status) = self.ended()? {
                return Err(Error::Program {
                    call: "lanemark run".into(),
                    code: status.code(),
                    said: last_line(&self.log()),
                });
            }
            let status = self
                .call(router, interrupt, &["status", "--json"])
                .map(|output| output.stdout);
            let kind = router.run(|| link::qdisc::root_kind(house::WAN))??;
            if status.as_ref().is_ok_and(|status| is_on(status))
                && kind.is_some_and(|kind| kind != UNSHAPED)
            {
                return Ok(());
            }
            if Instant::now() > deadline {
                // The status that it did give says more than that time has passed.
                let said =
                    status.map(|status| String::from_utf8_lossy(&status).trim().to_owned())?;
                return Err(Error::Program {
                    call: "lanemark status --json".into(),
                    code: Some(0),
                    said,
                });
            }
            interrupt.pause(ASK_EVERY)?;
        }
    }

    /// Runs a verb of the command line on the router; its exit code must be 0.
    ///
    /// # Errors
    /// `Program` with the exit code and the last line of its errors otherwise.
    pub fn call(
        &self,
        router: &Host,
        interrupt: &Interrupt,
        words: &[&str],
    ) -> Result<Output, Error> {
        let output = self.ask(router, interrupt, words)?;
        if output.status.success() {
            return Ok(output);
        }
        let said = last_line(&String::from_utf8_lossy(&output.stderr));
        Err(Error::Program {
            call: format!("lanemark {}", words.join(" ")),
            code: output.status.code(),
            said,
        })
    }

    /// Runs a verb of the command line on the router, whatever comes of it.
    ///
    /// # Errors
    /// `Io` when it cannot be started, `Late` when it does not end.
    pub fn ask(
        &self,
        router: &Host,
        interrupt: &Interrupt,
        words: &[&str],
    ) -> Result<Output, Error> {
        let child = router
            .command(&self.program)
            .arg("--socket")
            .arg(&self.socket)
            .args(words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        finish(child, interrupt)
    }

    /// Kills it without a word, as a router that runs out of memory would.
    ///
    /// # Errors
    /// `Io` when it cannot be killed.
    pub fn kill(mut self) -> Result<(), Error> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        child
            .kill()
            .and_then(|()| child.wait())
            .map(drop)
            .map_err(Error::io("kill the daemon"))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        let id = pid(&child);
        // It may have ended by itself; then there is nothing to end.
        let _: Result<(), Errno> = kill(id, Signal::SIGTERM);
        let (done, end) = channel();
        let waiting = Builder::new().name("daemon".into()).spawn(move || {
            let _ = child.wait();
            let _ = done.send(());
        });
        if end.recv_timeout(STOP_WITHIN).is_err() {
            let _: Result<(), Errno> = kill(id, Signal::SIGKILL);
        }
        if let Ok(waiting) = waiting {
            let _ = waiting.join();
        }
    }
}

/// Waits for the end of a program, but neither for ever nor against the user's wish.
fn finish(child: Child, interrupt: &Interrupt) -> Result<Output, Error> {
    /// Between two looks at the interrupt.
    const SLICE: Duration = Duration::from_millis(50);
    let id = pid(&child);
    let (done, result) = channel();
    let wait = move || {
        let _ = done.send(child.wait_with_output());
    };
    Builder::new()
        .name("command".into())
        .spawn(wait)
        .map_err(Error::io("wait for a program"))?;
    let deadline = Instant::now() + COMMAND_WITHIN;
    loop {
        match result.recv_timeout(SLICE) {
            Ok(output) => return output.map_err(Error::io("wait for a program")),
            Err(RecvTimeoutError::Disconnected) => return Err(Error::Late("the end of a program")),
            Err(RecvTimeoutError::Timeout) => {}
        }
        let verdict = interrupt
            .check()
            .and_then(|()| match Instant::now() < deadline {
                true => Ok(()),
                false => Err(Error::Late("the end of a command of lanemark")),
            });
        if let Err(error) = verdict {
            // Its thread still waits for it, so the number cannot belong to somebody else yet.
            let _: Result<(), Errno> = kill(id, Signal::SIGKILL);
            return Err(error);
        }
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX))
}

/// Whether a status says that everything of lanemark is in the kernel.
fn is_on(status: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(status).is_ok_and(|status| status["state"] == "on")
}

fn last_line(text: &str) -> String {
    text.lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("(it said nothing)")
        .to_owned()
}

/// The router's program: the one that was asked for, else the one beside the lab's, built anew if cargo started us.
///
/// # Errors
/// `NoProgram` when it is not there, `Program` when the build fails.
pub fn program(asked: Option<&Path>, lab: &Path) -> Result<PathBuf, Error> {
    let program = match asked {
        Some(path) => path.to_owned(),
        None => {
            build_if_cargo_runs_us(lab)?;
            lab.with_file_name("lanemark")
        }
    };
    if program.is_file() {
        Ok(program)
    } else {
        Err(Error::NoProgram(program))
    }
}

/// Builds `lanemark` beside this program if cargo started us, so that no stale router program is ever demonstrated.
///
/// Must run before the process leaves the machine's network: cargo may want to fetch packages.
///
/// # Errors
/// `Program` when the build fails.
fn build_if_cargo_runs_us(lab: &Path) -> Result<(), Error> {
    let (Some(cargo), Some(package)) = (
        std::env::var_os("CARGO"),
        std::env::var_os("CARGO_MANIFEST_DIR"),
    ) else {
        return Ok(());
    };
    // Cargo's layout: TARGET/PROFILE/lanemark-lab. The profile `dev` builds into `debug`.
    let Some((directory, target)) = lab
        .parent()
        .and_then(|directory| Some((directory, directory.parent()?)))
    else {
        return Ok(());
    };
    let profile = match directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let mut command = Command::new(cargo);
    command.current_dir(package).args([
        "build",
        "--quiet",
        "--bin",
        "lanemark",
        "--profile",
        profile,
        "--target-dir",
    ]);
    let status = command
        .arg(target)
        .status()
        .map_err(Error::io("build lanemark"))?;
    if status.success() {
        return Ok(());
    }
    Err(Error::Program {
        call: "cargo build --bin lanemark".into(),
        code: status.code(),
        said: "see above".into(),
    })
}
