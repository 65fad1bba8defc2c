//! The channel between the daemon and its page process.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;

use lanemark::sys::channel::{Channel, Heard};
use lanemark::sys::file::Moved;
use lanemark::wire::channel::MESSAGE_BYTES_MAX;

/// The message that is heard next, and what came along.
fn hear(channel: &Channel) -> (Vec<u8>, Option<OwnedFd>) {
    let mut room = [0; MESSAGE_BYTES_MAX];
    match channel.hear(&mut room) {
        Heard::Message(count, along) => (room[..count].to_vec(), along),
        other => panic!("{other:?}"),
    }
}

#[test]
fn messages_keep_their_bounds_and_their_order() {
    let (core, page) = Channel::pair().unwrap();
    assert_eq!(core.tell(b"Sp=1", None), Moved::Bytes(4));
    assert_eq!(core.tell(b"F", None), Moved::Bytes(1));
    assert_eq!(hear(&page).0, b"Sp=1");
    assert_eq!(hear(&page).0, b"F");
    assert!(matches!(page.hear(&mut [0; 8]), Heard::Nothing));
}

#[test]
fn a_descriptor_that_comes_along_is_the_same_file() {
    let (core, page) = Channel::pair().unwrap();
    let (mut here, there) = UnixStream::pair().unwrap();
    core.tell(b"C", Some(there.as_fd()));
    drop(there);
    let (message, along) = hear(&page);
    assert_eq!(message, b"C");
    File::from(along.unwrap()).write_all(b"through").unwrap();
    let mut said = [0; 7];
    here.read_exact(&mut said).unwrap();
    assert_eq!(&said, b"through");
    // The copy was the last end: the other side is over.
    assert_eq!(here.read(&mut said).unwrap(), 0);
}

#[test]
fn the_end_of_the_other_side_is_heard_after_what_it_told() {
    let (core, page) = Channel::pair().unwrap();
    core.tell(b"F", None);
    drop(core);
    assert_eq!(hear(&page).0, b"F");
    assert!(matches!(page.hear(&mut [0; 8]), Heard::Over));
    assert_eq!(page.tell(b"F", None), Moved::Broken);
}

#[test]
fn a_side_that_does_not_listen_makes_the_other_not_wait() {
    let (core, _page) = Channel::pair().unwrap();
    let told = (0..100_000).find(|_| core.tell(b"F", None) != Moved::Bytes(1));
    assert!(told.is_some());
    assert_eq!(core.tell(b"F", None), Moved::Nothing);
}
