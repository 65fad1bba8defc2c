use core::fmt;
use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};

use super::file;

/// One document in a directory, and the version of it before.
///
/// A save goes: temporary file, its bytes to flash, previous -> shelf, current -> previous, temporary -> current, the directory to flash.
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
    /// Versions before that one that are kept at most, each in a file with its number.
    pub older: usize,
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

    /// Its names.
    pub(super) const fn document(&self) -> &Document {
        &self.document
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
        let _ = file::remove(&aside);
        let current = self.dir.join(self.document.current);
        match file::rename(&current, &aside) {
            // As in `keep`: it can be copied and removed where it cannot be renamed.
            Err(Errno::EINVAL | Errno::EXDEV) => {
                self.copy(&aside)?;
                file::remove(&current)?;
            }
            renamed => renamed?,
        }
        Ok(true)
    }

    /// Whether there is a file of that name in the directory.
    pub fn has(&self, name: &str) -> bool {
        !matches!(open(&self.dir.join(name)), Ok(None))
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
            move |cause: Errno| StoreError {
                file: current,
                step,
                cause: cause.into(),
            }
        };

        make_dir(&self.dir, Mode::S_IRWXU).map_err(fail(Step::OpenDirectory))?;
        let dir = file::open(&self.dir, OFlag::O_RDONLY | OFlag::O_DIRECTORY)
            .map_err(fail(Step::OpenDirectory))?;
        let save = |dir: &OwnedFd| {
            self.replace(bytes)
                .and_then(|()| file::sync(dir).map_err(fail(Step::SyncDirectory)))
        };
        // Two saves at once would rename each other's half of a file.
        match Flock::lock(dir, FlockArg::LockExclusiveNonblock) {
            Ok(dir) => {
                let saved = save(&dir);
                // Closing would not do: a child that is between fork and exec has the handle too, and with it the lock.
                let _ = dir.unlock();
                saved
            }
            // A kernel may be built without file locks.
            Err((dir, Errno::ENOSYS | Errno::EOPNOTSUPP)) => save(&dir),
            Err((_, cause)) => Err(fail(Step::Lock)(cause)),
        }
    }

    /// Removes the current version, and what a killed save left; of a document without a previous version nothing stays. That there is none is no
    /// error.
    ///
    /// # Errors
    /// The system's no.
    pub fn remove(&self) -> Result<(), StoreCause> {
        for name in [self.document.temporary, self.document.current] {
            match file::remove(&self.dir.join(name)) {
                Err(Errno::ENOENT) => {}
                removed => removed?,
            }
        }
        match file::open(&self.dir, OFlag::O_RDONLY | OFlag::O_DIRECTORY) {
            Err(Errno::ENOENT) => Ok(()),
            dir => Ok(file::sync(&dir?)?),
        }
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
            move |cause: Errno| StoreError {
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
                file::rename(&temporary, &current).map_err(|cause| {
                    if let Some(previous) = previous.filter(|_| kept) {
                        // Where this fails too, the old version is still found under the previous name.
                        let _ = file::rename(&previous, &current);
                    }
                    fail(Step::Replace)(cause)
                })
            });
        if saved.is_err() {
            // The first error is the one to tell; the next save removes what is left.
            let _ = file::remove(&temporary);
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
            Some((file, _)) => has_text(&file).map_err(|cause| fail(cause.into()))?,
            None => false,
        };
        if !good {
            return Ok(false);
        }
        self.shelve(previous);
        match file::rename(current, previous) {
            Ok(()) => Ok(true),
            // An overlay whose upper half is a jffs2 without whiteouts: what came with the firmware cannot be renamed there, only
            // replaced. The current version stays in its place until then.
            Err(Errno::EINVAL | Errno::EXDEV) => self.copy(previous).map(|()| false).map_err(fail),
            Err(cause) => Err(fail(cause.into())),
        }
    }

    /// Copies the current version.
    fn copy(&self, to: &Path) -> Result<(), StoreCause> {
        let bytes = self.read(self.document.current);
        let bytes = bytes.map_err(|error| error.cause)?.unwrap_or_default();
        write_new(to, &bytes).map_err(|(_, cause)| cause.into())
    }

    /// The bytes of a file; none when there is no such file.
    fn read(&self, name: &'static str) -> Result<Option<Vec<u8>>, StoreError> {
        self.read_path(&self.dir.join(name), name)
    }

    /// The same, of a file that is told of by this name.
    pub(super) fn read_path(
        &self,
        path: &Path,
        name: &'static str,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let fail = |cause| StoreError {
            file: name,
            step: Step::Read,
            cause,
        };
        let Some((file, stat)) = open(path).map_err(fail)? else {
            return Ok(None);
        };
        let bytes_max = self.document.bytes_max;
        let too_long = |bytes| fail(StoreCause::TooLong { bytes, bytes_max });
        let size = u64::try_from(stat.st_size).unwrap_or_default();
        if size > bytes_max as u64 {
            return Err(too_long(size));
        }
        // It may grow while it is read.
        let bytes =
            file::read_up_to(file.as_fd(), bytes_max + 1).map_err(|cause| fail(cause.into()))?;
        if bytes.len() > bytes_max {
            Err(too_long(bytes.len() as u64))
        } else {
            Ok(Some(bytes))
        }
    }
}

/// Opens a file for reading, and says what it is; none when there is no such file.
pub(super) fn open(path: &Path) -> Result<Option<(OwnedFd, FileStat)>, StoreCause> {
    // Without O_NONBLOCK a FIFO would stop us until somebody writes to it.
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = match file::open(path, flags) {
        Ok(file) => file,
        Err(Errno::ENOENT) => return Ok(None),
        // ELOOP is O_NOFOLLOW's word for a link, ENXIO that of a socket.
        Err(Errno::ELOOP | Errno::ENXIO) => return Err(StoreCause::NotAFile),
        Err(cause) => return Err(cause.into()),
    };
    let stat = fstat(&file)?;
    if SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFREG {
        Ok(Some((file, stat)))
    } else {
        Err(StoreCause::NotAFile)
    }
}

/// Writes a new file and waits until its bytes are on flash.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), (Step, Errno)> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW;
    let file = match file::open(path, flags) {
        // A save was killed. Nobody else is writing it: we hold the lock.
        Err(Errno::EEXIST) => file::remove(path).and_then(|()| file::open(path, flags)),
        other => other,
    }
    .map_err(|cause| (Step::Create, cause))?;
    file::write(file.as_fd(), bytes).map_err(|cause| (Step::Write, cause))?;
    file::sync(&file).map_err(|cause| (Step::Sync, cause))
}

/// Makes a directory and those above it, each durably. Those above get the usual mode.
fn make_dir(dir: &Path, mode: Mode) -> Result<(), Errno> {
    let parent = parent(dir);
    let made = match file::make_dir(dir, mode) {
        Err(Errno::ENOENT) if parent.as_os_str() != dir.as_os_str() => {
            make_dir(parent, Mode::from_bits_truncate(0o755))?;
            file::make_dir(dir, mode)
        }
        other => other,
    };
    match made {
        Ok(()) => file::sync(&file::open(parent, OFlag::O_RDONLY)?),
        // Whether that is a directory is found out when it is opened.
        Err(Errno::EEXIST) => Ok(()),
        Err(cause) => Err(cause),
    }
}

/// The directory that a directory is in. The standard library's way takes paths apart into their components, which is 4 kB of code.
fn parent(dir: &Path) -> &Path {
    let is_name = |byte: &u8| *byte != b'/';
    let bytes = dir.as_os_str().as_bytes();
    let end = bytes.iter().rposition(is_name).map_or(0, |last| last + 1);
    let name = bytes.get(..end).unwrap_or_default();
    let Some(slash) = name.iter().rposition(|byte| !is_name(byte)) else {
        return Path::new(if end == 0 && !bytes.is_empty() {
            "/"
        } else {
            "."
        });
    };
    Path::new(OsStr::from_bytes(
        bytes.get(..slash.max(1)).unwrap_or_default(),
    ))
}

/// Whether there is anything but zeroes in a file. One read, most of the time.
fn has_text(file: &OwnedFd) -> Result<bool, Errno> {
    let mut chunk = [0; 512];
    loop {
        match file::read(file.as_fd(), &mut chunk)? {
            0 => return Ok(false),
            len if is_blank(chunk.get(..len).unwrap_or_default()) => {}
            _ => return Ok(true),
        }
    }
}

/// What a power cut leaves: no bytes, or only zeroes.
fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

impl From<Errno> for StoreCause {
    fn from(cause: Errno) -> StoreCause {
        StoreCause::Errno(cause)
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
