//! A house with room for one lanemark.

use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use lanemark::lab::crowd::{Crowd, Speech};
use lanemark::lab::error::Error;
use lanemark::lab::host::Host;
use lanemark::lab::house::{self, House, Options, Resident};
use lanemark::lab::scratch::Scratch;
use lanemark::value::Dialect;
use nix::errno::Errno;

use crate::program::{Along, Said, lab, run, under_test};
use crate::promise::{SOON, Skip, isolated, need, until, until_or_tell};
use crate::see;
use crate::xtables;

/// What the mark's bits of lanemark are, unless configured otherwise.
pub const OURS: u32 = 0x7f;

/// The server, over both families.
pub const SERVERS: [IpAddr; 2] = [IpAddr::V4(house::SERVER_V4), IpAddr::V6(house::SERVER_V6)];

/// A house with a direct cable, a directory, and the tools that judge.
pub struct Bed {
    house: House,
    scratch: Scratch,
    dialect: Dialect,
}

impl Bed {
    /// The workstation, the television, the router and the server.
    pub fn new() -> Result<Bed, Skip> {
        Bed::with_guests(0)
    }

    /// With so many guests besides.
    pub fn with_guests(count: u8) -> Result<Bed, Skip> {
        isolated()?;
        need(&["nft", "tc", "conntrack", "ip"])?;
        let mut options = Options::direct(lab());
        options.guests = (0..count).map(Resident::guest).collect();
        let house = match House::build(&options) {
            Ok(house) => house,
            Err(
                error @ Error::System {
                    errno: Errno::EPERM | Errno::EOPNOTSUPP,
                    ..
                },
            ) => return Err(Skip::Machine(error.to_string())),
            Err(error) => panic!("no house: {error}"),
        };
        let scratch = Scratch::new(Path::new(lab())).expect("a scratch directory");
        let dialect = xtables::spoken()?;
        let bed = Bed {
            house,
            scratch,
            dialect,
        };
        fs::create_dir(bed.dir()).expect("lanemark's directory");
        // Flows that say one word live for half a minute otherwise, and some tests take longer.
        bed.await_conntrack();
        for setting in [
            "net/netfilter/nf_conntrack_udp_timeout",
            "net/netfilter/nf_conntrack_udp_timeout_stream",
        ] {
            bed.router()
                .set_sysctl(setting, "600")
                .expect("a timeout of flows");
        }
        Ok(bed)
    }

    /// The settings are there once something uses conntrack, which the house's NAT does.
    fn await_conntrack(&self) {
        let path = Path::new("/proc/sys/net/netfilter/nf_conntrack_udp_timeout");
        until("conntrack's settings", SOON, || {
            self.router()
                .run(move || path.exists())
                .expect("the router")
                .then_some(())
        });
    }

    /// In which dialect lanemark makes its rules.
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub fn router(&self) -> &Host {
        self.house.router()
    }

    pub fn server(&self) -> &Host {
        self.house.server()
    }

    pub fn host(&self, name: &str) -> &Host {
        self.house.lan_host(name).expect("a host of that name")
    }

    pub fn workstation(&self) -> &Host {
        self.host("workstation")
    }

    pub fn tv(&self) -> &Host {
        self.host("tv")
    }

    /// So many silent flows of a host for each of TCP and UDP over IPv4 and IPv6.
    pub fn crowds(&self, name: &str, each: usize) -> Vec<Crowd> {
        let open =
            |server, speech| Crowd::open(self.host(name), server, speech, each).expect("a crowd");
        SERVERS
            .into_iter()
            .flat_map(|server| [open(server, Speech::Tcp), open(server, Speech::Udp)])
            .collect()
    }

    /// So many datagrams of a host over each of IPv4 and IPv6, each a flow; nobody answers.
    pub fn datagrams(&self, name: &str, each: usize) -> Vec<Crowd> {
        SERVERS
            .map(|server| Crowd::open(self.host(name), server, Speech::Udp, each).expect("a crowd"))
            .into()
    }

    /// A file of the run.
    pub fn scratch_file(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// Where lanemark's configuration is.
    pub fn dir(&self) -> PathBuf {
        self.scratch_file("etc")
    }

    pub fn config_file(&self) -> PathBuf {
        self.dir().join("config.json")
    }

    pub fn socket(&self) -> PathBuf {
        self.scratch_file("lanemark.sock")
    }

    pub fn write_config(&self, wish: &Wish<'_>) {
        fs::write(self.config_file(), wish.text()).expect("lanemark's configuration");
    }

    /// Starts lanemark with what is configured.
    pub fn spawn(&self) -> Along {
        self.spawn_under(&[])
    }

    /// Starts lanemark so that it logs its decisions too.
    pub fn spawn_verbose(&self) -> Along {
        self.spawn_as(&[], &["--verbose"])
    }

    /// Starts lanemark in a mount namespace of its own, where this was done first.
    pub fn spawn_behind(&self, mount: &str) -> Result<Along, Skip> {
        need(&["unshare", "mount", "sh"])?;
        let tried = run(self.router(), &["unshare", "-m", "true"]);
        if tried.code != Some(0) {
            return Err(Skip::Machine(format!(
                "no mount namespace: {}",
                tried.err.trim()
            )));
        }
        let script = format!("{mount} && exec \"$@\"");
        Ok(self.spawn_under(&["unshare", "-m", "sh", "-c", &script, "sh"]))
    }

    /// Starts lanemark as the last words of this command.
    pub fn spawn_under(&self, words: &[&str]) -> Along {
        self.spawn_as(words, &[])
    }

    fn spawn_as(&self, words: &[&str], options: &[&str]) -> Along {
        let (dir, socket) = (self.dir(), self.socket());
        let own = [
            under_test(),
            "run",
            "--dir",
            text(&dir),
            "--socket",
            text(&socket),
        ];
        let (before, behind) = xtables::words(self.dialect);
        let words = before.iter().chain(words).copied().chain(own);
        let words = words.chain(options.iter().chain(behind).copied());
        let words: Vec<&str> = words.collect();
        Along::start(self.router(), &words, &self.scratch_file("lanemark.log"))
    }

    /// Starts lanemark so configured, and waits until it is on.
    pub fn start(&self, wish: &Wish<'_>) -> Along {
        self.write_config(wish);
        self.start_again()
    }

    /// Starts lanemark so configured, and waits until its queues have the whole line: for the first seconds a queue in the modem drains.
    pub fn start_settled(&self, wish: &Wish<'_>) -> Along {
        let lanemark = self.start(wish);
        self.await_rates(wish);
        lanemark
    }

    /// Waits until the queues have the whole line.
    pub fn await_rates(&self, wish: &Wish<'_>) {
        let wished = [(house::WAN, wish.up_kbit), (house::LAN, wish.down_kbit)];
        until("the whole line", SOON, || {
            wished
                .iter()
                .all(|(dev, kbit)| see::line_kbit(self.router(), dev) == Some(*kbit))
                .then_some(())
        });
    }

    /// Starts lanemark with what is configured, and waits until it is on.
    pub fn start_again(&self) -> Along {
        let mut lanemark = self.spawn();
        self.await_state(&mut lanemark, "on");
        lanemark
    }

    /// Waits until lanemark says that it is in this state.
    pub fn await_state(&self, lanemark: &mut Along, state: &str) {
        let wanted = format!("\"state\":\"{state}\"");
        let look = || {
            assert!(
                lanemark.ended().is_none(),
                "lanemark ended: {}",
                lanemark.said()
            );
            let said = self.lanemark(&["status", "--json"]);
            (said.code == Some(0) && said.out.contains(&wanted)).then_some(())
        };
        until_or_tell(&format!("the state {state}"), SOON, look, || {
            format!(", and found {}", self.lanemark(&["status"]).out)
        });
    }

    /// Runs a verb on the router.
    pub fn lanemark(&self, words: &[&str]) -> Said {
        let socket = self.socket();
        let own = [under_test(), "--socket", text(&socket)];
        // The only verb that may touch rules itself.
        let before = match words {
            ["stop", ..] => xtables::words(self.dialect).0,
            _ => &[],
        };
        let words = before.iter().chain(&own).chain(words);
        run(self.router(), &words.copied().collect::<Vec<_>>())
    }

    /// Runs a verb that must succeed.
    pub fn ask(&self, words: &[&str]) -> String {
        let said = self.lanemark(words);
        assert_eq!(
            said.code,
            Some(0),
            "lanemark {words:?}: {}{}",
            said.out,
            said.err
        );
        said.out
    }
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// What lanemark shall do.
#[derive(Clone, Debug)]
pub struct Wish<'a> {
    pub enabled: bool,
    pub wan: &'a str,
    pub lans: Vec<&'a str>,
    pub link: &'a str,
    pub up_kbit: u32,
    pub down_kbit: u32,
    pub default_class: &'a str,
    /// Percent for Premium, Express, Standard and Bulk.
    pub shares: [u8; 4],
    pub scheduler: &'a str,
    pub leaf: &'a str,
    /// As they stand in the text.
    pub ceilings: &'a str,
    /// MAC address and class.
    pub devices: Vec<(String, &'a str)>,
    /// Caps of some of them, up and down, in kbit/s.
    pub caps: Vec<(String, [Option<u32>; 2])>,
    /// The rules, as they stand between the brackets.
    pub rules: &'a str,
    /// What else is said of the WAN, with a comma before it.
    pub wan_more: &'a str,
    /// The kinds of packets that go ahead, likewise.
    pub prioritize: &'a str,
}

impl Default for Wish<'_> {
    fn default() -> Self {
        Wish {
            enabled: true,
            wan: house::WAN,
            lans: vec![house::LAN],
            link: "none",
            up_kbit: 20_000,
            down_kbit: 50_000,
            default_class: "standard",
            shares: [75, 15, 9, 1],
            scheduler: "auto",
            leaf: "auto",
            ceilings: "{}",
            devices: Vec::new(),
            caps: Vec::new(),
            rules: "",
            wan_more: "",
            prioritize: r#""ack", "syn", "fin", "rst", "icmp", "dns""#,
        }
    }
}

impl<'a> Wish<'a> {
    /// The workstation in a class, everybody else in none.
    pub fn workstation(class: &'a str) -> Wish<'a> {
        Wish::default().and(&Resident::workstation(), class)
    }

    /// And this device in that class.
    pub fn and(mut self, device: &Resident, class: &'a str) -> Wish<'a> {
        self.devices.push((device.mac_text(), class));
        self
    }

    /// And what it has is held to so much, up and down.
    pub fn capped(mut self, mac: String, cap: [Option<u32>; 2]) -> Wish<'a> {
        self.caps.push((mac, cap));
        self
    }

    /// As the text of a configuration.
    pub fn text(&self) -> String {
        let Wish {
            enabled,
            wan,
            lans,
            link,
            up_kbit,
            down_kbit,
            default_class,
            shares,
            scheduler,
            leaf,
            ceilings,
            devices,
            caps,
            rules,
            prioritize,
            wan_more,
        } = self;
        let [premium, express, standard, bulk] = shares;
        let mut list = String::new();
        for (number, (mac, class)) in devices.iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            write!(
                list,
                "{comma}\n    {{ \"mac\": \"{mac}\", \"class\": \"{class}\""
            )
            .expect("a string takes all");
            let cap = caps.iter().find(|(capped, _)| capped == mac);
            let cap = cap.map_or([None; 2], |(_, cap)| *cap);
            for (name, most) in ["up_max_kbit", "down_max_kbit"].iter().zip(cap) {
                if let Some(most) = most {
                    write!(list, ", \"{name}\": {most}").expect("a string takes all");
                }
            }
            list.push_str(" }");
        }
        format!(
            "{{\n  \"version\": 1,\n  \"enabled\": {enabled},\n  \
             \"wan\": {{ \"interface\": \"{wan}\", \"up_kbit\": {up_kbit}, \"down_kbit\": {down_kbit}, \"link\": \"{link}\"{wan_more} }},\n  \
             \"lan\": {lans:?},\n  \"default_class\": \"{default_class}\",\n  \
             \"shares\": {{ \"premium\": {premium}, \"express\": {express}, \"standard\": {standard}, \"bulk\": {bulk} }},\n  \
             \"scheduler\": \"{scheduler}\",\n  \"leaf\": \"{leaf}\",\n  \"ceilings\": {ceilings},\n  \
             \"devices\": [{list}],\n  \"rules\": [{rules}],\n  \"prioritize\": [{prioritize}]\n}}\n",
        )
    }
}
