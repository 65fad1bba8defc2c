//! What the kernel answers to a request, also when it has no room for all of it.

use lanemark::sys::netlink::{Asker, Protocol, RECEIVE_BYTES};
use lanemark::value::Cause;
use lanemark::wire::nft::{Batch, Guard, Table};
use lanemark::wire::{Order, Writer};

use crate::promise::{Tried, isolated, promises};

promises! {
    of_more_refusals_than_there_is_room_for_the_first_is_told_and_the_next_request_is_answered,
}

const ABSENT: Table<'static> = Table { name: "absent" };
const PRESENT: Table<'static> = Table { name: "present" };

/// Each refused with an answer of its own: what the kernel keeps for a socket is some 200,000 bytes, and an answer takes several hundred.
const REFUSALS: usize = 2_000;

fn of_more_refusals_than_there_is_room_for_the_first_is_told_and_the_next_request_is_answered()
-> Tried {
    isolated()?;
    let mut asker = Asker::open(Protocol::Netfilter).expect("a socket");
    let mut ask = |what: &dyn Fn(&mut Batch<'_, '_>)| {
        let (mut request, mut room) = (vec![0; REFUSALS * 64], vec![0; RECEIVE_BYTES]);
        let mut w = Writer::new(&mut request, Order::HOST);
        let mut batch = Batch::begin(&mut w, asker.next_seq());
        what(&mut batch);
        let last_seq = batch.end();
        let request = w.finish().expect("room for the request");
        asker.ask(request, last_seq, &mut room, &mut |_| {})
    };
    for _ in 0..3 {
        let refused = ask(&|batch| {
            for _ in 0..REFUSALS {
                batch.chain(ABSENT, "chain");
            }
        });
        let cause = refused.expect_err("there is no such table").cause();
        assert_eq!(cause, Cause::Gone);
        let made = ask(&|batch| {
            batch.new_table(PRESENT, Guard::Open, "");
            batch.chain(PRESENT, "chain");
            batch.delete_table(PRESENT);
        });
        assert_eq!(made, Ok(()));
    }
    Ok(())
}
