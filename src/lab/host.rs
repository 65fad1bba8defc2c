//! One host of the house: a network namespace, and the thread that lives in it.
//!
//! A network namespace belongs to a thread in Linux, so a host is a thread that has moved out and then serves closures.
//! Sockets made by a closure stay in the namespace wherever they are carried afterwards, and programs started by it inherit
//! the namespace. When the thread ends and the last socket is closed, the kernel takes the namespace apart: there is
//! nothing to clean up and nothing to forget.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Pid, gettid};

use super::error::Error;

type Job = Box<dyn FnOnce() + Send>;

/// The namespace of one host, as a file that keeps it alive and that moves interfaces into it.
#[derive(Clone, Debug)]
pub struct Namespace(Arc<File>);

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A host of the house.
#[derive(Debug)]
pub struct Host {
    name: String,
    lab: PathBuf,
    namespace: Namespace,
    thread_id: Pid,
    // Dropped before the thread is joined: its end is what ends the thread.
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Host {
    /// Makes a namespace with a thread in it. `lab` is the path of the `lanemark-lab` program, for tethering.
    ///
    /// # Errors
    /// `System` when the kernel refuses the namespace.
    pub fn new(name: &str, lab: &Path) -> Result<Self, Error> {
        let (jobs, todo) = channel::<Job>();
        let (answer, ready) = channel();
        let thread = Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let entered = enter();
                let good = entered.is_ok();
                if answer.send(entered).is_ok() && good {
                    serve(&todo);
                }
            })
            .map_err(Error::io("start the thread of a host"))?;
        let (namespace, thread_id) = ready
            .recv()
            .map_err(|_| Error::HostGone(name.to_owned()))??;
        let host = Self {
            name: name.to_owned(),
            lab: lab.to_owned(),
            namespace,
            thread_id,
            jobs: Some(jobs),
            thread: Some(thread),
        };
        Ok(host)
    }

    /// The name that the house calls it by.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The namespace, for moving interfaces into it.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Where others find the namespace while the lab lives.
    #[must_use]
    pub fn namespace_path(&self) -> PathBuf {
        PathBuf::from(format!(
            "/proc/{}/task/{}/ns/net",
            Pid::this(),
            self.thread_id
        ))
    }

    /// Executes `work` in the namespace and waits for its result. One closure at a time: work that blocks, blocks the host,
    /// so long waits belong into a thread that was handed a socket.
    ///
    /// A panic inside (a failed assertion of a test) continues in the caller and leaves the host usable.
    ///
    /// # Errors
    /// `HostGone` when the thread has ended.
    pub fn run<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let gone = || Error::HostGone(self.name.clone());
        let (answer, result) = channel();
        let job: Job = Box::new(move || {
            // The receiver waits below; if it is gone, nobody wants the result.
            let _ = answer.send(catch_unwind(AssertUnwindSafe(work)));
        });
        self.jobs
            .as_ref()
            .ok_or_else(gone)?
            .send(job)
            .map_err(|_| gone())?;
        match result.recv().map_err(|_| gone())? {
            Ok(value) => Ok(value),
            Err(panic) => resume_unwind(panic),
        }
    }

    /// A program to be started in the namespace, tethered to the lab.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Program<'_> {
        Program {
            host: self,
            program: program.as_ref().to_owned(),
            command: Command::new(&self.lab),
            arguments: Vec::new(),
        }
    }

    /// Writes a setting below `/proc/sys`, as this namespace sees it.
    ///
    /// # Errors
    /// `Io` when the kernel has no such setting or refuses the value.
    pub fn set_sysctl(&self, setting: &'static str, value: &'static str) -> Result<(), Error> {
        self.run(move || std::fs::write(Path::new("/proc/sys").join(setting), value))?
            .map_err(Error::io(setting))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic in it was handed to the caller of `run` already.
            let _ = thread.join();
        }
    }
}

fn enter() -> Result<(Namespace, Pid), Error> {
    unshare(CloneFlags::CLONE_NEWNET).map_err(Error::system("new network namespace"))?;
    let file =
        File::open("/proc/thread-self/ns/net").map_err(Error::io("open the network namespace"))?;
    Ok((Namespace(Arc::new(file)), gettid()))
}

fn serve(todo: &Receiver<Job>) {
    while let Ok(job) = todo.recv() {
        job();
    }
}

/// A program that will run on a host. Like `std::process::Command`, but it cannot be started anywhere else by mistake.
#[derive(Debug)]
pub struct Program<'host> {
    host: &'host Host,
    program: OsString,
    command: Command,
    arguments: Vec<OsString>,
}

impl Program<'_> {
    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(mut self, arguments: I) -> Self {
        self.arguments.extend(
            arguments
                .into_iter()
                .map(|argument| argument.as_ref().to_owned()),
        );
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Where its standard output goes.
    #[must_use]
    pub fn stdout(mut self, to: impl Into<Stdio>) -> Self {
        self.command.stdout(to);
        self
    }

    /// Where its error output goes.
    #[must_use]
    pub fn stderr(mut self, to: impl Into<Stdio>) -> Self {
        self.command.stderr(to);
        self
    }

    /// Starts it, with no input.
    ///
    /// # Errors
    /// `Io` when it cannot be started, `HostGone` when the host has ended.
    pub fn spawn(mut self) -> Result<Child, Error> {
        self.command
            .args(super::tether::arguments(std::process::id(), self.program))
            .args(self.arguments)
            .stdin(Stdio::null());
        let mut command = self.command;
        self.host
            .run(move || command.spawn())?
            .map_err(Error::io("start a program"))
    }

    /// Starts it and waits for its end and all that it wrote.
    ///
    /// # Errors
    /// As [`Program::spawn`].
    pub fn output(self) -> Result<Output, Error> {
        let child = self.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        child
            .wait_with_output()
            .map_err(Error::io("wait for a program"))
    }
}
