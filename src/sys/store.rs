use core::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::OFlag;

/// One document in a directory, and the version of it before.
///
/// A save goes: temporary file, its bytes to flash, current -> previous, temporary -> current, the directory to flash.
/// Whenever the process is killed or the power fails, there is a whole document under one of the two lasting names.
///
/// The old version is renamed, not linked: that works on every file system (vfat has no links), and takes one step
/// instead of two. The price is a moment in which only `previous` is there; [`Store::load`] then takes that.
///
/// There is no checksum: jffs2 and ubifs have their own, and a document that somebody edited by hand must stay welcome. What
/// is spoiled all the same is found by whoever reads the document, who can [set it aside](Store::set_aside) and take the
/// [previous](Store::previous) one.
#[derive(Clone, Debug)]
pub struct Store {
    dir: PathBuf,
    document: Document,
}

/// The names of a document's files, and its greatest size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Document {
    /// What is in force.
    pub current: &'static str,
    /// What was before; none where that is not kept.
    pub previous: Option<&'static str>,
    /// What is being written. Left over only by a save that was killed; the next save removes it.
    pub temporary: &'static str,
    /// A file with more bytes than this is refused, before it is read.
    pub bytes_max: usize,
}

/// What there was to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loaded {
    /// Nothing was ever saved.
    Missing,
    /// A document.
    Text {
        /// Its bytes; none when the current file is blank and there is no better one.
        bytes: Vec<u8>,
        /// Which of the two.
        from: Version,
    },
}

/// Which version was loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// The one that was saved last.
    Current,
    /// The one before: the current file is absent or blank. jffs2 was seen to leave the newest file empty after a power
    /// cut, in spite of fsync and rename.
    Previous,
}

/// Why a document was not loaded or not known to be saved. The one that was there before still is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreError {
    /// The file that it happened to.
    pub file: &'static str,
    /// What was being done.
    pub step: Step,
    /// What went wrong.
    pub cause: StoreCause,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreCause {
    /// The system refused.
    Errno(Errno),
    /// A directory, a symbolic link or a device stands in the file's place.
    NotAFile,
    /// The document has so many bytes.
    TooLong {
        /// How many.
        bytes: u64,
        /// How many there may be.
        bytes_max: usize,
    },
}

/// A step of a load or save.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Loading it, all of it.
    Read,
    /// Making or opening the directory.
    OpenDirectory,
    /// Making sure that nobody else saves at the same time.
    Lock,
    /// Making the temporary file, and before that removing what a killed save left.
    Create,
    /// Writing the temporary file.
    Write,
    /// Waiting until its bytes are on flash.
    Sync,
    /// Moving the current version to the previous one.
    Keep,
    /// Moving the temporary file to the current one.
    Replace,
    /// Waiting until the names are on flash. The new version is in place, but a power cut may bring the old one back.
    SyncDirectory,
}

impl Store {
    /// The document in `dir`, which need not exist.
    pub fn new(dir: impl Into<PathBuf>, document: Document) -> Store {
        Store {
            dir: dir.into(),
            document,
        }
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Reads the current version, or the previous one where the current is absent or blank (empty, or zeroes only).
    /// Changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] with [`Step::Read`]: a file that is too long, is no file, or cannot be read.
    pub fn load(&self) -> Result<Loaded, StoreError> {
        let current = self.read(self.document.current)?;
        let absent = current.is_none();
        if let Some(bytes) = current.filter(|bytes| !is_blank(bytes)) {
            return Ok(Loaded::Text {
                bytes,
                from: Version::Current,
            });
        }
        Ok(match self.previous()? {
            Some(bytes) if !is_blank(&bytes) => Loaded::Text {
                bytes,
                from: Version::Previous,
            },
            None if absent => Loaded::Missing,
            _ => Loaded::Text {
                bytes: Vec::new(),
                from: Version::Current,
            },
        })
    }

    /// The bytes of the previous version, whatever the current one is like; none when there is no such file.
    ///
    /// # Errors
    /// As of [`Store::load`].
    pub fn previous(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.document
            .previous
            .map_or(Ok(None), |name| self.read(name))
    }

    /// Moves the current file out of the way to another name in the directory, whatever it is; what had that name is replaced. A file that
    /// is absent or blank stays: there is nothing in it to keep. Returns whether anything was moved.
    ///
    /// # Errors
    /// The system's no.
    pub fn set_aside(&self, name: &str) -> Result<bool, StoreCause> {
        let empty = |bytes: Option<Vec<u8>>| bytes.is_none_or(|bytes| is_blank(&bytes));
        if self.read(self.document.current).is_ok_and(empty) {
            return Ok(false);
        }
        let aside = self.dir.join(name);
        // A directory cannot be renamed over a file. Where the file stays, the next step tells why.
        let _ = fs::remove_file(&aside);
        fs::rename(self.dir.join(self.document.current), aside)?;
        Ok(true)
    }

    /// Whether there is a file of that name in the directory.
    pub fn has(&self, name: &str) -> bool {
        self.dir.join(name).exists()
    }

    /// Makes `bytes` the current version and the current one the previous. Makes the directory where it is missing, for
    /// its owner only.
    ///
    /// # Errors
    /// [`StoreError`]; what was current still is, except after [`Step::SyncDirectory`].
    pub fn save(&self, bytes: &[u8]) -> Result<(), StoreError> {
        let Document {
            current, bytes_max, ..
        } = self.document;
        if bytes.len() > bytes_max {
            let cause = StoreCause::TooLong {
                bytes: bytes.len() as u64,
                bytes_max,
            };
            return Err(StoreError {
                file: current,
                step: Step::Write,
                cause,
            });
        }
        let fail = |step| {
            move |cause: io::Error| StoreError {
                file: current,
                step,
                cause: cause.into(),
            }
        };

        make_dir(&self.dir, 0o700).map_err(fail(Step::OpenDirectory))?;
        let dir = OpenOptions::new()
            .read(true)
            .custom_flags(OFlag::O_DIRECTORY.bits())
            .open(&self.dir);
        let dir = dir.map_err(fail(Step::OpenDirectory))?;
        // Two saves at once would rename each other's half of a file.
        match dir.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(fail(Step::Lock)(Errno::EAGAIN.into())),
            // A kernel may be built without file locks.
            Err(TryLockError::Error(cause)) if cause.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(cause)) => return Err(fail(Step::Lock)(cause)),
        }
        let saved = self
            .replace(bytes)
            .and_then(|()| dir.sync_all().map_err(fail(Step::SyncDirectory)));
        // Closing would not do: a child that is between fork and exec has the handle too, and with it the lock.
        let _ = dir.unlock();
        saved
    }

    /// All of a save that is done under the lock.
    fn replace(&self, bytes: &[u8]) -> Result<(), StoreError> {
        let Document {
            current: file,
            previous,
            temporary,
            ..
        } = self.document;
        let fail = |step| {
            move |cause: io::Error| StoreError {
                file,
                step,
                cause: cause.into(),
            }
        };
        let [current, temporary] = [file, temporary].map(|name| self.dir.join(name));
        let previous = previous.map(|name| self.dir.join(name));
        let saved = write_new(&temporary, bytes)
            .map_err(|(step, cause)| fail(step)(cause))
            .and_then(|()| match &previous {
                Some(previous) => self.keep(&current, previous),
                None => Ok(false),
            })
            .and_then(|kept| {
                fs::rename(&temporary, &current).map_err(|cause| {
                    if let Some(previous) = previous.filter(|_| kept) {
                        // Where this fails too, the old version is still found under the previous name.
                        let _ = fs::rename(previous, &current);
                    }
                    fail(Step::Replace)(cause)
                })
            });
        if saved.is_err() {
            // The first error is the one to tell; the next save removes what is left.
            let _ = fs::remove_file(&temporary);
        }
        saved
    }

    /// Moves the current version to the previous one, unless it is absent or blank: that must not replace a good one.
    fn keep(&self, current: &Path, previous: &Path) -> Result<bool, StoreError> {
        let fail = |cause| StoreError {
            file: self.document.current,
            step: Step::Keep,
            cause,
        };
        let good = match open(current).map_err(fail)? {
            Some(file) => has_text(file).map_err(|cause| fail(cause.into()))?,
            None => false,
        };
        if good {
            fs::rename(current, previous).map_err(|cause| fail(cause.into()))?;
        }
        Ok(good)
    }

    /// The bytes of a file; none when there is no such file.
    fn read(&self, name: &'static str) -> Result<Option<Vec<u8>>, StoreError> {
        let fail = |cause| StoreError {
            file: name,
            step: Step::Read,
            cause,
        };
        let Some(file) = open(&self.dir.join(name)).map_err(fail)? else {
            return Ok(None);
        };
        let bytes_max = self.document.bytes_max;
        let too_long = |bytes| fail(StoreCause::TooLong { bytes, bytes_max });
        let size = file.metadata().map_err(|cause| fail(cause.into()))?.len();
        if size > bytes_max as u64 {
            return Err(too_long(size));
        }
        // It may grow while it is read.
        let mut bytes = Vec::new();
        file.take(bytes_max as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|cause| fail(cause.into()))?;
        if bytes.len() > bytes_max {
            Err(too_long(bytes.len() as u64))
        } else {
            Ok(Some(bytes))
        }
    }
}

/// Opens a file for reading; none when there is no such file.
fn open(path: &Path) -> Result<Option<File>, StoreCause> {
    // Without O_NONBLOCK a FIFO would stop us until somebody writes to it.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    match OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits())
        .open(path)
    {
        Ok(file) if file.metadata()?.is_file() => Ok(Some(file)),
        Ok(_) => Err(StoreCause::NotAFile),
        // ELOOP is O_NOFOLLOW's word for a link, ENXIO that of a socket.
        Err(cause) => match StoreCause::from(cause) {
            StoreCause::Errno(Errno::ENOENT) => Ok(None),
            StoreCause::Errno(Errno::ELOOP | Errno::ENXIO) => Err(StoreCause::NotAFile),
            other => Err(other),
        },
    }
}

/// Writes a new file and waits until its bytes are on flash.
fn write_new(path: &Path, bytes: &[u8]) -> Result<(), (Step, io::Error)> {
    let mut options = OpenOptions::new();
    options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(OFlag::O_NOFOLLOW.bits());
    let mut file = match options.open(path) {
        // A save was killed. Nobody else is writing it: we hold the lock.
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(path).and_then(|()| options.open(path))
        }
        other => other,
    }
    .map_err(|cause| (Step::Create, cause))?;
    // Short writes and interrupted ones are carried on in there.
    file.write_all(bytes)
        .map_err(|cause| (Step::Write, cause))?;
    file.sync_all().map_err(|cause| (Step::Sync, cause))
}

/// Makes a directory and those above it, each durably. Those above get the usual mode.
fn make_dir(dir: &Path, mode: u32) -> io::Result<()> {
    let make = || DirBuilder::new().mode(mode).create(dir);
    let parent = dir
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let made = match make() {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound && parent != dir => {
            make_dir(parent, 0o755)?;
            make()
        }
        other => other,
    };
    match made {
        Ok(()) => File::open(parent)?.sync_all(),
        // Whether that is a directory is found out when it is opened.
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(cause) => Err(cause),
    }
}

/// Whether there is anything but zeroes in a file. One read, most of the time.
fn has_text(mut file: File) -> io::Result<bool> {
    let mut chunk = [0; 512];
    loop {
        match file.read(&mut chunk) {
            Ok(0) => return Ok(false),
            Ok(len) if is_blank(chunk.get(..len).unwrap_or_default()) => {}
            Ok(_) => return Ok(true),
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
}

/// What a power cut leaves: no bytes, or only zeroes.
fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

impl From<io::Error> for StoreCause {
    fn from(cause: io::Error) -> StoreCause {
        // The one error without a number is "wrote zero bytes": the device took nothing.
        StoreCause::Errno(cause.raw_os_error().map_or(Errno::ENOSPC, Errno::from_raw))
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.step == Step::Read {
            "read"
        } else {
            "saved"
        };
        write!(f, "{} not {verb}: {}", self.file, self.cause)?;
        if self.step == Step::Read {
            Ok(())
        } else {
            write!(f, " (while {})", self.step)
        }
    }
}

impl core::error::Error for StoreError {}

impl fmt::Display for StoreCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreCause::Errno(errno) => f.write_str(super::errno::words(*errno)),
            StoreCause::NotAFile => f.write_str("expected a regular file, found something else"),
            StoreCause::TooLong { bytes, bytes_max } => {
                write!(f, "expected at most {bytes_max} bytes, found {bytes}")
            }
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::Read => "reading",
            Step::OpenDirectory => "opening the directory",
            Step::Lock => "another program saves",
            Step::Create => "creating",
            Step::Write => "writing",
            Step::Sync => "syncing",
            Step::Keep => "keeping the previous version",
            Step::Replace => "replacing",
            Step::SyncDirectory => "syncing the directory",
        })
    }
}
