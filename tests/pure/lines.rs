//! Files of lines that others write: leases, modules.

use std::fs;
use std::path::PathBuf;

use lanemark::sys::proc::{LINE_BYTES_MAX, lines};

const BYTES_MAX: usize = 10_000;

/// A file that is gone afterwards.
struct File(PathBuf);

impl File {
    fn new(name: &str, bytes: &[u8]) -> File {
        let path = std::env::temp_dir().join(format!("lanemark-{}-{name}", std::process::id()));
        fs::write(&path, bytes).unwrap();
        File(path)
    }

    fn read(&self, bytes_max: usize) -> Vec<String> {
        let mut all = Vec::new();
        assert!(lines(&self.0, bytes_max, &mut |line| all.push(line.to_owned())));
        all
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn every_whole_line_in_utf8_is_read_in_its_order() {
    let file = File::new("order", b"one\n\ntwo\xff\nthree\nnot yet over");
    assert_eq!(file.read(BYTES_MAX), ["one", "", "three"]);
    let file = File::new("no-end", b"not yet over");
    assert_eq!(file.read(BYTES_MAX), [""; 0]);
}

#[test]
fn a_file_is_longer_than_the_room_for_a_line() {
    let wanted: Vec<String> = (0..1_000).map(|number| format!("line {number}")).collect();
    let text = wanted.join("\n") + "\n";
    assert!(text.len() > 4 * LINE_BYTES_MAX);
    assert_eq!(File::new("long", text.as_bytes()).read(text.len()), wanted);
}

#[test]
fn a_line_that_is_too_long_is_passed_over_and_the_next_is_read() {
    for length in [
        LINE_BYTES_MAX - 1,
        LINE_BYTES_MAX,
        LINE_BYTES_MAX + 1,
        LINE_BYTES_MAX + 2,
        3 * LINE_BYTES_MAX,
    ] {
        let line = "x".repeat(length);
        let text = format!("before\n{line}\nafter\n{line}\nlast\n");
        let read = File::new(&format!("length-{length}"), text.as_bytes()).read(text.len());
        let wanted: Vec<&str> = ["before", &line, "after", &line, "last"]
            .into_iter()
            .filter(|line| line.len() <= LINE_BYTES_MAX)
            .collect();
        assert_eq!(read, wanted, "{length}");
    }
}

#[test]
fn what_is_beyond_the_limit_is_not_read() {
    let file = File::new("limit", b"one\ntwo\nthree\n");
    for (limit, wanted) in [(0, 0), (3, 0), (4, 1), (7, 1), (8, 2), (13, 2), (14, 3)] {
        assert_eq!(file.read(limit).len(), wanted, "{limit}");
    }
}

#[test]
fn a_file_that_is_not_there_is_told() {
    let path = std::env::temp_dir().join("lanemark-no-such-file");
    assert!(!lines(&path, BYTES_MAX, &mut |line| panic!("{line}")));
}
