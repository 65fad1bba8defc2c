//! The marks of the router's flows, as somebody over SSH on the router would look them up.

use std::fs;
use std::io::ErrorKind;
use std::net::IpAddr;

use nix::sys::socket::SockProtocol;

use super::error::Error;
use super::host::Host;
use super::house::Resident;
use super::netlink::Socket;
use crate::value;
use crate::wire::netlink::{Frame, messages};
use crate::wire::{Order, Writer, conntrack};

/// The kernel's table of flows, as text. It belongs to root of the namespace; some kernels are built without it.
const TABLE: &str = "/proc/thread-self/net/nf_conntrack";

/// A flow of the router: who opened it, its mark, and the line that shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// The source address of its first packet.
    pub from: IpAddr,
    /// The conntrack mark.
    pub mark: u32,
    /// The line of `/proc/net/nf_conntrack`, or one like it.
    pub line: String,
}

impl Flow {
    /// Whether this host opened it.
    #[must_use]
    pub fn is_of(&self, resident: &Resident) -> bool {
        self.from == resident.v4 || self.from == resident.v6
    }
}

/// All flows that the router knows: as the kernel prints them where it lets us read that, else from a dump.
///
/// # Errors
/// `Io` when the table cannot be read, `System` when the kernel refuses the dump, too.
pub fn flows(router: &Host) -> Result<Vec<Flow>, Error> {
    match router.run(|| fs::read_to_string(TABLE))? {
        Ok(text) => text
            .lines()
            .map(|line| read(line).ok_or(Error::Nonsense("a line of nf_conntrack")))
            .collect(),
        // Kernels without the file (it is an option) and users without the right to read it.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::PermissionDenied | ErrorKind::NotFound
            ) =>
        {
            dumped(router)
        }
        Err(source) => Err(Error::Io {
            step: "read the router's table of flows",
            source,
        }),
    }
}

/// All flows that the router knows, from a dump: what [`flows`] falls back on.
///
/// # Errors
/// `System` when the kernel refuses the dump.
pub fn dumped(router: &Host) -> Result<Vec<Flow>, Error> {
    router.run(dump)?
}

/// All flows of the namespace of the calling thread, over ctnetlink.
fn dump() -> Result<Vec<Flow>, Error> {
    const STEP: &str = "list the router's flows";
    /// Bytes: a header and `struct nfgenmsg` are 20.
    const REQUEST_BYTES_MAX: usize = 64;
    let mut buffer = [0; REQUEST_BYTES_MAX];
    let mut writer = Writer::new(&mut buffer, Order::HOST);
    conntrack::emit_dump(&mut writer, 0, conntrack::Wanted::All);
    let request = writer.finish().map_err(|_| Error::Nonsense(STEP))?;
    let socket = Socket::open(SockProtocol::NetlinkNetFilter).map_err(Error::system(STEP))?;
    let mut flows = Vec::new();
    for answer in socket.ask(request, 1).map_err(Error::system(STEP))? {
        for frame in messages(&answer, Order::HOST) {
            let Frame::Message(message) = frame.map_err(|_| Error::Nonsense(STEP))? else {
                continue;
            };
            if let Some(change) = conntrack::parse(message).map_err(|_| Error::Nonsense(STEP))? {
                flows.push(told(change.flow()));
            }
        }
    }
    Ok(flows)
}

/// A flow of a dump, in the manner of the kernel's own lines.
fn told(flow: &value::Flow) -> Flow {
    let tuple = |t: &value::Tuple| {
        format!(
            "src={} dst={} sport={} dport={}",
            t.src, t.dst, t.sport, t.dport
        )
    };
    let family = if flow.out.src.is_ipv4() {
        "ipv4"
    } else {
        "ipv6"
    };
    let proto = match flow.out.proto {
        6 => "tcp".to_owned(),
        17 => "udp".to_owned(),
        number => format!("proto {number}"),
    };
    let line = format!(
        "{family} {proto} {} {} mark={}",
        tuple(&flow.out),
        tuple(&flow.back),
        flow.mark
    );
    Flow {
        from: flow.out.src,
        mark: flow.mark,
        line,
    }
}

/// The distinct marks of a host's flows, in order.
#[must_use]
pub fn distinct(flows: &[Flow], resident: &Resident) -> Vec<u32> {
    let mut marks: Vec<_> = flows
        .iter()
        .filter(|flow| flow.is_of(resident))
        .map(|flow| flow.mark)
        .collect();
    marks.sort_unstable();
    marks.dedup();
    marks
}

/// Reads a line: the first `src=` is the opener's; `mark=` is missing on kernels without marks.
fn read(line: &str) -> Option<Flow> {
    let value = |key: &str| {
        line.split_ascii_whitespace()
            .find_map(|word| word.strip_prefix(key))
    };
    let from = value("src=")?.parse().ok()?;
    let mark = value("mark=").map_or(Some(0), |mark| mark.parse().ok())?;
    Some(Flow {
        from,
        mark,
        line: line.trim_end().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_table_gives_the_opener_and_the_mark() {
        let line = "ipv4     2 tcp      6 431999 ESTABLISHED src=192.168.77.10 dst=203.0.113.1 sport=40000 dport=22 \
                    src=203.0.113.1 dst=203.0.113.2 sport=22 dport=40000 [ASSURED] mark=10 zone=0 use=2";
        let flow = read(line).unwrap();
        assert!(flow.is_of(&Resident::workstation()));
        assert!(!flow.is_of(&Resident::tv()));
        assert_eq!(flow.mark, 10);
        assert_eq!(distinct(&[flow], &Resident::workstation()), [10]);
    }

    #[test]
    fn an_address_written_out_is_the_same_address() {
        let line = "ipv6     10 udp      17 29 src=fd77:0000:0000:0000:0000:0000:0000:0010 \
                    dst=2001:0db8:0077:0000:0000:0000:0000:0001 sport=1 dport=2 [UNREPLIED] mark=0 zone=0 use=2";
        assert!(read(line).unwrap().is_of(&Resident::workstation()));
    }
}
