//! How much the engine holds. Each table has a rule for being full, and a test of that rule.

use core::time::Duration;

/// Devices, configured ones and others: all that can be configured, and 256 more (a full /24 of guests).
/// Each takes some 220 bytes. When full, the device without configuration that was silent longest makes room; when all are configured, a
/// new one is counted and not kept: its flows still get the default lane.
pub const DEVICES_MAX: usize = 768;

/// Addresses of devices; a power of two, as the map wants it. IPv6 gives a device several: temporary addresses change daily.
/// Each takes some 40 bytes. When full, the address that was silent longest makes room.
pub const ADDRESSES_MAX: usize = 2048;

/// Interfaces; a router has a dozen, one with many VLANs two. When full, a further one is counted and treated as not there, until another
/// goes.
pub const LINKS_MAX: usize = 48;

/// Devices of other programs' flowtables: a router's ports and radios. When full, a further one is left out: what arrives there and is taken
/// by a flowtable waits in the default lane.
pub const ARRIVALS_MAX: usize = 16;

/// Root qdiscs that are remembered: one an interface.
pub const ROOTS_MAX: usize = LINKS_MAX;

/// Events kept for whoever asks what happened. When full, the oldest goes; its counter stays.
pub const JOURNAL_MAX: usize = 64;

/// Clients whose question or change waits: as many as the daemon has connections for, eight of the control socket and four of the page. A
/// further one is told to come again.
pub const WAITING_CLIENTS_MAX: usize = 12;

/// Between two looks at the counters while something of ours is in the kernel. The daemon wakes for nothing else when nothing happens.
pub const HEALTH_EVERY: Duration = Duration::from_secs(5);

/// Between two counts of the flows' bytes, for the rates of devices.
pub const RATE_WINDOW: Duration = Duration::from_secs(1);

/// After the kernel refused: first this long, then twice as long each time, up to [`RETRY_MAX`].
pub const RETRY_MIN: Duration = Duration::from_secs(RETRY_MIN_S as u64);

/// [`RETRY_MIN`] in seconds.
pub(super) const RETRY_MIN_S: u16 = 2;

/// See [`RETRY_MIN`].
pub const RETRY_MAX: Duration = Duration::from_secs(60);

/// Lists in a row that changes may overtake before that counts as a refusal: interfaces that come and go by the dozen at boot.
pub const BUSY_LOOKS_MAX: u8 = 8;

/// Between two looks at everything (or at the neighbours) because events were lost. A LAN host that floods ARP makes them go lost without
/// end; a look at everything takes a small router some 50 ms.
pub const RESYNC_EVERY: Duration = Duration::from_secs(5);

/// Addresses of one device at most: one that takes another each second must not push the others' out. Beyond, its own address that was silent
/// longest makes room.
pub const DEVICE_ADDRESSES_MAX: usize = 32;

/// Between two walks through the flows that a device's new address has caused. A LAN host can cause them at will; a walk through a
/// full table of a small router takes some 100 ms.
pub const REMARK_EVERY: Duration = Duration::from_secs(5);

/// Walks through the flows for one change: the first marks, the second looks for flows that were on their way, the third is for good
/// measure. What a fourth would find gets its lane with the next change.
pub const REMARK_PASSES_MAX: u8 = 3;

/// Between two writes to flash. The first change is written at once.
pub const SAVE_EVERY: Duration = Duration::from_secs(30);

/// How often in [`FIGHT_WINDOW`] what another program removed is put back before we stop and name it.
pub const FIGHTS_MAX: u8 = 5;

/// See [`FIGHTS_MAX`].
pub const FIGHT_WINDOW: Duration = Duration::from_secs(60);

/// Bytes that the WAN device must have carried in an interval before a share of it says anything: below, ARP and the like weigh too much.
pub const PROOF_BYTES_MIN: u64 = 20_000;

/// How long new queues are slower than the line, and by how much. What stood in the modem before we came leaves only as fast as
/// we stay below the line: at 97 % of it, a full modem of 128 kB behind 1 Mbit/s takes half a minute, in which no lane
/// helps. So for three seconds room is left, in which 150 kB leave at 1 Mbit/s and 900 kB at 8 Mbit/s (tried in the house with queues made by hand, two runs each: 50 to 75 % and 2 to 3 s do
/// as well). Queues that are adopted, or only changed, are never slowed.
pub const DRAIN: Duration = Duration::from_secs(3);

/// See [`DRAIN`]: percent of the uplink that is used.
pub const DRAIN_UP_PERCENT: u8 = 60;

/// See [`DRAIN`]: percent of the downlink that is used.
pub const DRAIN_DOWN_PERCENT: u8 = 70;

/// Between two lines to a watcher, unless something changed that cannot wait.
pub const WATCH_EVERY: Duration = Duration::from_secs(1);

/// A walk through the flows may take a twentieth of the time: after one that took so long, so many times as long passes before the next. A full
/// table of a small router then is counted every two seconds.
pub const WATCH_WALK_REST: u32 = 19;

/// Echo requests in a row without an answer before the latency counts as unknown, and the other address has its turn.
pub const ECHO_LOST_MAX: u8 = 4;

/// The least latency of the last hour is kept for each of so many periods of [`ECHO_PERIOD_S`]: what is told is the least of 55 to 60
/// minutes. A lower one than before counts at once, one that is over five minutes late.
pub const ECHO_PERIODS: u32 = 12;

/// Seconds of a period; see [`ECHO_PERIODS`].
pub const ECHO_PERIOD_S: u32 = 300;

/// How long `doctor` looks for the largest packet that the path takes: less than anybody waits for an answer. A line with more than a second
/// there and back is not known then.
pub const SOUNDING: Duration = Duration::from_secs(2);

/// Packets for that at most. The largest three times, a small one and four between them twice; and again some, where routers tell of one
/// narrow link after another.
pub const SOUNDINGS_MAX: usize = 18;
