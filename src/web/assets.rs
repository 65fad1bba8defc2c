//! The files of the page, as `build.rs` packed them.

/// A file.
pub(super) struct Asset {
    /// Its media type.
    pub(super) kind: &'static str,
    /// Packed with gzip.
    pub(super) packed: &'static [u8],
}

macro_rules! packed {
    ($name:literal) => {
        include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".gz"))
    };
}

/// `/`.
pub(super) static INDEX: Asset = Asset {
    kind: "text/html; charset=utf-8",
    packed: packed!("index.html"),
};

/// `/page.js`.
pub(super) static SCRIPT: Asset = Asset {
    kind: "text/javascript; charset=utf-8",
    packed: packed!("page.js"),
};

/// `/page.css`.
pub(super) static STYLE: Asset = Asset {
    kind: "text/css; charset=utf-8",
    packed: packed!("page.css"),
};

/// `/icon.svg`.
pub(super) static ICON: Asset = Asset {
    kind: "image/svg+xml",
    packed: packed!("icon.svg"),
};

impl Asset {
    /// CRC-32 of the file: gzip has it behind the data, before four bytes of length (RFC 1952, 2.3.1).
    pub(super) fn tag(&self) -> u32 {
        match self.packed {
            [.., a, b, c, d, _, _, _, _] => u32::from_le_bytes([*a, *b, *c, *d]),
            _ => 0,
        }
    }
}
