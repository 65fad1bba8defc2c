/// The words in which a kernel is told our rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `nf_tables`, over netlink.
    Nftables,
    /// `xtables`, through `iptables-restore` and `ip6tables-restore`.
    Xtables,
}

impl Dialect {
    /// Both, the better one first.
    pub const ALL: [Dialect; 2] = [Dialect::Nftables, Dialect::Xtables];

    /// The name that the user says.
    pub const fn name(self) -> &'static str {
        match self {
            Dialect::Nftables => "nftables",
            Dialect::Xtables => "xtables",
        }
    }
}

/// What `xtables` can do here. IPv4 it can, where this is said at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Xtables {
    /// IPv6 too.
    pub v6: bool,
    /// A rule can ask what a flow was opened to, and in which of its directions a packet goes (Linux 2.6.38).
    pub origin: bool,
    /// There are `nf_tables` too: somebody wants this dialect instead.
    pub wanted: bool,
}
