//! Kernels without ctnetlink, where nobody can change an open flow: its next packet from the home does.

use lanemark::lab::crowd::Crowd;
use lanemark::lab::house::Resident;

use crate::bed::{Bed, OURS, Wish, text};
use crate::program::{Along, tool};
use crate::promise::{Skip, Tried, promises};
use crate::see;
use crate::trace::{Injection, call_number};

promises! {
    an_open_flow_changes_its_class_with_its_next_packet_and_keeps_the_bits_of_others,
    what_a_rule_gives_to_a_flow_each_of_its_packets_gives_it,
    a_slot_comes_and_goes_with_the_next_packet,
}

/// Flows of a host over each of IPv4 and IPv6.
const EACH: usize = 20;

/// What somebody else has put into the marks.
const FOREIGN: u32 = 0x0a00_0000;

/// Where the slots of capped devices stand.
const SLOT: u32 = 0x7f00;

/// Starts a lanemark whose question after ctnetlink is refused.
fn start(bed: &Bed, wish: &Wish<'_>) -> Result<Along, Skip> {
    bed.write_config(wish);
    let probe = call_number(bed, "sendto", |line| line.contains("NFNL_SUBSYS_CTNETLINK"))?;
    let mut lanemark = Injection::new(bed, "sendto", "EINVAL", probe).spawn();
    bed.await_state(&mut lanemark, "on");
    Ok(lanemark)
}

fn apply(bed: &Bed, wish: &Wish<'_>) {
    let file = bed.scratch_file("next.json");
    std::fs::write(&file, wish.text()).expect("a configuration");
    bed.ask(&["config", "apply", text(&file)]);
}

/// The marks of the crowd of a host, each once.
fn marks(bed: &Bed, resident: &Resident, protocol: &str) -> Vec<u32> {
    let flows = see::flows(bed.router());
    let own = flows.iter().filter(|(key, flow)| {
        see::is_of_crowd(key) && flow.is_of(resident) && key.contains(protocol)
    });
    let mut marks: Vec<u32> = own.map(|(_, flow)| flow.mark).collect();
    assert!(marks.len() >= 2 * EACH, "{} flows", marks.len());
    marks.sort_unstable();
    marks.dedup();
    marks
}

fn speak(crowds: &[Crowd]) {
    for crowd in crowds {
        crowd.speak_again().expect("a datagram each");
    }
}

fn an_open_flow_changes_its_class_with_its_next_packet_and_keeps_the_bits_of_others() -> Tried {
    let bed = Bed::new()?;
    tool(bed.router(), "nft add table inet foreign");
    tool(
        bed.router(),
        "nft add chain inet foreign pre { type filter hook prerouting priority -160 ; }",
    );
    tool(
        bed.router(),
        &format!("nft add rule inet foreign pre ct mark 0 ct mark set {FOREIGN:#x}"),
    );
    let (own, others) = (
        bed.datagrams("workstation", EACH),
        bed.datagrams("tv", EACH),
    );
    tool(bed.router(), "nft delete table inet foreign");
    let _lanemark = start(&bed, &Wish::default())?;
    let doctor = bed.lanemark(&["doctor"]).out;
    assert!(doctor.contains("CONFIG_NF_CT_NETLINK"), "{doctor}");
    let flows = bed.lanemark(&["flows"]);
    assert_eq!(flows.code, Some(1), "{}", flows.err);
    assert!(flows.err.contains("CONFIG_NF_CT_NETLINK"), "{}", flows.err);
    let (workstation, tv) = (Resident::workstation(), Resident::tv());
    let mut class = 0;
    for (words, next) in [
        (["set", "192.168.77.10", "premium"].as_slice(), 10),
        (&["set", "fd77::10", "bulk"], 40),
        (&["unset", "02:00:00:00:00:0a"], 0),
        (&["set", "192.168.77.10", "exempt"], 100),
    ] {
        let said = bed.ask(words);
        assert!(said.contains("with their next packet"), "{said}");
        assert_eq!(marks(&bed, &workstation, "udp"), [FOREIGN | class]);
        speak(&own);
        speak(&others);
        assert_eq!(marks(&bed, &workstation, "udp"), [FOREIGN | next]);
        assert_eq!(marks(&bed, &tv, "udp"), [FOREIGN]);
        class = next;
    }
    Ok(())
}

fn what_a_rule_gives_to_a_flow_each_of_its_packets_gives_it() -> Tried {
    let bed = Bed::new()?;
    let ruled = Wish {
        rules: r#"{"class": "bulk", "proto": "udp"}, {"class": "express", "proto": "tcp", "ports": "1"}"#,
        ..Wish::workstation("premium")
    };
    let _lanemark = start(&bed, &ruled)?;
    let crowds = bed.crowds("workstation", EACH);
    let workstation = Resident::workstation();
    for _ in 0..3 {
        assert_eq!(marks(&bed, &workstation, "udp"), [40]);
        assert_eq!(marks(&bed, &workstation, "tcp"), [10]);
        speak(&crowds);
    }
    let other = Wish {
        rules: r#"{"class": "standard", "cidr": "192.168.77.0/24"}"#,
        ..Wish::workstation("premium")
    };
    apply(&bed, &other);
    speak(&crowds);
    // The rule is about IPv4 alone.
    assert_eq!(marks(&bed, &workstation, "udp"), [10, 30]);
    apply(&bed, &Wish::default());
    speak(&crowds);
    assert_eq!(marks(&bed, &workstation, "udp"), [0]);
    Ok(())
}

fn a_slot_comes_and_goes_with_the_next_packet() -> Tried {
    let bed = Bed::new()?;
    let (workstation, tv) = (Resident::workstation(), Resident::tv());
    let (own, others) = (
        bed.datagrams("workstation", EACH),
        bed.datagrams("tv", EACH),
    );
    let cap = [Some(2_000), None];
    let one = Wish::workstation("premium")
        .and(&tv, "bulk")
        .capped(tv.mac_text(), cap);
    let both = one.clone().capped(workstation.mac_text(), cap);
    let _lanemark = start(&bed, &both)?;
    for (wish, capped) in [(&both, true), (&one, false), (&both, true)] {
        apply(&bed, wish);
        speak(&own);
        speak(&others);
        let [found] = marks(&bed, &workstation, "udp")[..] else {
            panic!("expected one mark of all flows")
        };
        assert_eq!(found & OURS, 10);
        assert_eq!(found & SLOT != 0, capped, "{found:#x}");
        let [other] = marks(&bed, &tv, "udp")[..] else {
            panic!("expected one mark of all flows")
        };
        assert!(
            other & SLOT != 0 && other & OURS == 40 && other & SLOT != found & SLOT,
            "{other:#x}"
        );
    }
    Ok(())
}
