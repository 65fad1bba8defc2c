//! Packs the files of the admin page: they go out as they are stored, so that the router spends neither flash nor time on it.

use std::env;
use std::fs;
use std::io::{Error, Write};
use std::path::PathBuf;

use flate2::{Compression, GzBuilder};

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
        let path = from.join(name);
        println!("cargo::rerun-if-changed={}", path.display());
        // Without name and time: the same file makes the same bytes.
        let mut packed = GzBuilder::new()
            .mtime(0)
            .write(Vec::new(), Compression::best());
        packed.write_all(stripped(&fs::read_to_string(&path)?).as_bytes())?;
        fs::write(to.join(format!("{name}.gz")), packed.finish()?)?;
    }
    Ok(())
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
