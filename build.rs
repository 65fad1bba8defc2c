//! Packs the files of the admin page: they go out as they are stored, so that the router spends neither flash nor time on it.

use std::env;
use std::fs;
use std::io::Error;
use std::path::{Path, PathBuf};

use zopfli::{Format, Options};

/// The parts of `page.js` in their order, one a line, beside them.
const PARTS: &str = "page/order.txt";

/// What `src/web/assets.rs` includes.
const FILES: [&str; 4] = ["index.html", "page.js", "page.css", "icon.svg"];

fn main() -> Result<(), Error> {
    let from = PathBuf::from("src/web/assets");
    #[expect(
        clippy::disallowed_methods,
        reason = "a build script is told its folder by its environment"
    )]
    let to = PathBuf::from(env::var_os("OUT_DIR").ok_or(Error::other("no OUT_DIR"))?);
    for name in FILES {
        let text = match name {
            "page.js" => read(&from, PARTS)?
                .lines()
                .map(|part| read(&from, &format!("page/{part}")))
                .collect::<Result<String, Error>>()?,
            name => read(&from, name)?,
        };
        // Without name and time: the same file makes the same bytes.
        let mut packed = Vec::new();
        zopfli::compress(
            Options::default(),
            Format::Gzip,
            stripped(&text).as_bytes(),
            &mut packed,
        )?;
        fs::write(to.join(format!("{name}.gz")), packed)?;
    }
    Ok(())
}

/// A file, which is packed anew when it changes.
fn read(from: &Path, name: &str) -> Result<String, Error> {
    let path = from.join(name);
    println!("cargo::rerun-if-changed={}", path.display());
    fs::read_to_string(path)
}

/// Without what only people read: the space before each line, empty lines, and lines that are a comment as a whole. No text of the page goes over several
/// lines.
fn stripped(text: &str) -> String {
    let mut short = String::new();
    for line in text.lines().map(str::trim_start) {
        let is_comment = line.starts_with("//") || (line.starts_with("/*") && line.ends_with("*/"));
        if !line.is_empty() && !is_comment {
            short += line;
            short.push('\n');
        }
    }
    short
}
