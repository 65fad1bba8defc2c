//! The versions of a document before the previous one, each in a file with its number. Keeping one costs no bytes of flash: the previous version is renamed. Numbers count up by one with each save and follow from the names:
//! the previous version has the number behind the greatest on the shelf, the current one the number behind that.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;

use super::file;
use super::store::{Store, StoreError, open, write_new};
use crate::value::{decimal, halves, utf8};

/// A version that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its number.
    pub number: u32,
    /// When it was written, by the clock on the wall as it was then.
    pub unix_s: u32,
    /// How long it is.
    pub bytes: u32,
    path: PathBuf,
}

impl Store {
    /// All versions that are there, the newest first. One without a byte, as a power cut leaves it, is none.
    pub fn versions(&self) -> Vec<Kept> {
        let mut versions = Vec::new();
        let document = self.document();
        let mut numbers = self.shelf();
        let mut number = numbers.last().map_or(1, |last| last + 1);
        if let Some(previous) = document.previous.filter(|name| self.has(name)) {
            self.see(number, self.dir().join(previous), &mut versions);
            number += 1;
        }
        self.see(number, self.dir().join(document.current), &mut versions);
        versions.reverse();
        numbers.reverse();
        for number in numbers {
            self.see(number, self.place(number), &mut versions);
        }
        versions
    }

    /// The text of a version.
    ///
    /// # Errors
    /// As of [`Store::load`].
    pub fn version(&self, kept: &Kept) -> Result<Vec<u8>, StoreError> {
        let text = self.read_path(&kept.path, self.document().current)?;
        Ok(text.unwrap_or_default())
    }

    fn see(&self, number: u32, path: PathBuf, versions: &mut Vec<Kept>) {
        if let Ok(Some((_, stat))) = open(&path)
            && stat.st_size > 0
        {
            versions.push(Kept {
                number,
                unix_s: u32::try_from(stat.st_mtime).unwrap_or_default(),
                bytes: u32::try_from(stat.st_size).unwrap_or(u32::MAX),
                path,
            });
        }
    }

    /// Puts the previous version on the shelf, and takes from it what is too much. What cannot be put there is no reason not to save.
    pub(super) fn shelve(&self, previous: &Path) {
        let most = self.document().older;
        if most == 0 || !matches!(open(previous), Ok(Some(_))) {
            return;
        }
        let mut numbers = self.shelf();
        let number = numbers.last().map_or(1, |last| last + 1);
        let place = self.place(number);
        match file::rename(previous, &place) {
            Ok(()) => {}
            // As in `keep`: it can be copied where it cannot be renamed.
            Err(Errno::EINVAL | Errno::EXDEV) => {
                let text = self.read_path(previous, self.document().current);
                let copied = text.map(|text| write_new(&place, &text.unwrap_or_default()));
                if !matches!(copied, Ok(Ok(()))) {
                    let _ = file::remove(&place);
                    return;
                }
            }
            Err(_) => return,
        }
        numbers.push(number);
        for number in numbers.iter().rev().skip(most) {
            // The next save removes what stays.
            let _ = file::remove(&self.place(*number));
        }
    }

    /// `config.12.json` for the current `config.json`.
    fn place(&self, number: u32) -> PathBuf {
        let (stem, ending) = halves(self.document().current, b'.').unwrap_or_default();
        self.dir().join(format!("{stem}.{number}.{ending}"))
    }

    /// The numbers on the shelf, the least first.
    fn shelf(&self) -> Vec<u32> {
        let mut numbers = Vec::new();
        let Some((stem, ending)) = halves(self.document().current, b'.') else {
            return numbers;
        };
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let Ok(mut dir) = Dir::open(self.dir().as_os_str().as_bytes(), flags, Mode::empty()) else {
            return numbers;
        };
        for entry in dir.iter().flatten() {
            let name = utf8(entry.file_name().to_bytes()).unwrap_or_default();
            let number = halves(name, b'.')
                .filter(|(first, _)| *first == stem)
                .and_then(|(_, rest)| halves(rest, b'.'))
                .filter(|(_, last)| *last == ending)
                .and_then(|(number, _)| decimal(number));
            // The last number has none behind it.
            numbers.extend(number.filter(|number| *number < u32::MAX - 1));
        }
        numbers.sort_unstable();
        numbers
    }
}
