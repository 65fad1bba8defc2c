//! Reads the recordings of `tests/fixtures`.

use std::fs;
use std::path::{Path, PathBuf};

use lanemark::wire::Order;
use lanemark::wire::netlink::{Frame, Message, messages};

/// Both orders; every recording that is not marked as one of 32-bit MIPS exists in both.
pub const ORDERS: [Order; 2] = [Order::Little, Order::Big];

/// Recordings of one order at least. A folder that was not copied must not look like a pass.
const AT_LEAST: usize = 60;

/// A recording.
pub struct Fixture {
    /// Of which order.
    pub order: Order,
    /// Its name, without order and ending.
    pub name: String,
    /// The datagram; where a header says so, several.
    pub bytes: Vec<u8>,
}

/// The recording of this name.
pub fn fixture(order: Order, name: &str) -> Fixture {
    let path = folder(order).join(format!("{name}.hex"));
    let text =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let bytes = read(&text).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
    Fixture {
        order,
        name: name.to_owned(),
        bytes,
    }
}

/// All of an order, by name.
pub fn fixtures(order: Order) -> Vec<Fixture> {
    let folder = folder(order);
    let entries =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|name| {
            name.strip_suffix(".hex")
                .unwrap_or_else(|| panic!("{name} is no recording"))
                .to_owned()
        })
        .collect();
    names.sort();
    assert!(
        names.len() >= AT_LEAST,
        "only {} recordings in {}",
        names.len(),
        folder.display()
    );
    names.iter().map(|name| fixture(order, name)).collect()
}

impl Fixture {
    /// Its messages; anything else in it, or a malformed message, is a failure.
    pub fn messages(&self) -> Vec<Message<'_>> {
        let frames = self.frames().into_iter();
        let messages = frames.map(|frame| match frame {
            Frame::Message(message) => message,
            other => panic!("{}: {other:?}", self.name),
        });
        messages.collect()
    }

    /// The only message.
    pub fn message(&self) -> Message<'_> {
        let [message] = self.messages()[..] else {
            panic!("{} has more than one message", self.name)
        };
        message
    }

    /// Its frames; a malformed one is a failure.
    pub fn frames(&self) -> Vec<Frame<'_>> {
        let frames = messages(&self.bytes, self.order).collect::<Result<_, _>>();
        frames.unwrap_or_else(|malformed| panic!("{}: {malformed}", self.name))
    }
}

fn folder(order: Order) -> PathBuf {
    let name = match order {
        Order::Little => "le",
        Order::Big => "be",
    };
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// The header: which kernel, which command, which tool, what was cut. Then bytes in hex.
fn read(text: &str) -> Result<Vec<u8>, String> {
    for word in ["# kernel: ", "# command: ", "# tool: ", "# cut: "] {
        if !text.lines().any(|line| line.starts_with(word)) {
            return Err(format!("no line that begins with {word:?}"));
        }
    }
    let words = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(str::split_whitespace);
    let byte =
        |word: &str| match word.len() == 2 && word.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            true => Ok(u8::from_str_radix(word, 16).unwrap()),
            false => Err(format!("{word:?} is no byte")),
        };
    let bytes = words.map(byte).collect::<Result<Vec<u8>, String>>()?;
    if bytes.is_empty() {
        Err("no bytes".to_owned())
    } else {
        Ok(bytes)
    }
}

#[test]
fn a_recording_without_its_story_or_with_a_letter_too_many_is_refused() {
    const HEADER: &str = "# kernel: k\n# command: c\n#   more\n# tool: t\n# cut: nothing\n";
    assert_eq!(
        read(&format!("{HEADER}01 a0\nff\n")),
        Ok(vec![0x01, 0xa0, 0xff])
    );
    for bytes in ["", "01 0", "01 020", "01 0g", "01 +2", "0102", "0x01"] {
        assert!(read(&format!("{HEADER}{bytes}\n")).is_err(), "{bytes:?}");
    }
    for line in HEADER.lines().filter(|line| !line.starts_with("#  ")) {
        assert!(
            read(&format!("{}00\n", HEADER.replace(line, "#"))).is_err(),
            "without {line:?}"
        );
    }
}

#[test]
#[should_panic(expected = "nosuch.hex")]
fn a_missing_recording_is_a_failure() {
    fixture(Order::Little, "nosuch");
}

#[test]
fn every_set_up_was_recorded_in_both_orders() {
    let names = |order| {
        fixtures(order)
            .into_iter()
            .map(|fixture| fixture.name)
            .collect::<Vec<_>>()
    };
    let (mut little, big) = (names(Order::Little), names(Order::Big));
    little.retain(|name| !name.ends_with("-mips"));
    assert_eq!(little, big);
}
