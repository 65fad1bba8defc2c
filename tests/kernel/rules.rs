//! The rules in the kernel are the same for one device and for 512; only the map is longer.

use std::collections::BTreeMap;

use lanemark::lab::house::Resident;
use serde_json::Value;

use crate::bed::{Bed, Wish};
use crate::program::tool;
use crate::promise::{Tried, promises};
use crate::see;

promises! {
    the_rules_for_512_devices_are_those_for_one,
    a_device_of_512_is_found_by_its_flows,
}

const DEVICES: usize = 512;

fn many() -> Wish<'static> {
    let mut wish = Wish::workstation("premium");
    let classes = ["exempt", "premium", "express", "standard", "bulk"];
    while wish.devices.len() < DEVICES {
        let number = wish.devices.len();
        let class = classes.into_iter().cycle().nth(number).expect("a class");
        wish.devices.push((
            format!("06:00:00:00:{:02x}:{:02x}", number / 256, number % 256),
            class,
        ));
    }
    wish
}

/// The rules of our table as JSON, a line each, the elements of the devices' map taken out; and those elements.
fn split(bed: &Bed) -> (Vec<String>, BTreeMap<String, String>) {
    let listed = tool(bed.router(), "nft -j -a list table inet lanemark");
    let mut listed: Value = serde_json::from_str(&listed).expect("JSON of nft");
    let mut elements = BTreeMap::new();
    let (mut lines, mut maps) = (Vec::new(), 0);
    for object in listed["nftables"].as_array_mut().expect("a list") {
        if let Some(map) = object
            .get_mut("map")
            .filter(|map| map["name"] == "device_class")
        {
            maps += 1;
            assert_eq!(
                (&map["type"], &map["map"]),
                (&Value::from("ether_addr"), &Value::from("verdict"))
            );
            let found = map
                .as_object_mut()
                .and_then(|map| map.remove("elem"))
                .unwrap_or_default();
            for pair in found.as_array().expect("elements") {
                let class = pair[1]["goto"]["target"].as_str().expect("a chain");
                elements.insert(
                    pair[0].as_str().expect("a MAC address").to_owned(),
                    class.to_owned(),
                );
            }
        }
        lines.push(object.to_string());
    }
    assert_eq!(maps, 1, "one map of devices");
    (lines, elements)
}

fn the_rules_for_512_devices_are_those_for_one() -> Tried {
    let one = Wish::workstation("premium");
    let [(few, few_elements), (many_lines, many_elements)] = {
        let mut found = Vec::new();
        for wish in [&one, &many()] {
            let bed = Bed::new()?;
            let _lanemark = bed.start(wish);
            found.push(split(&bed));
        }
        <[_; 2]>::try_from(found).expect("two")
    };
    assert_eq!(few, many_lines, "all but the map's elements");
    let configured = |wish: &Wish<'_>| {
        wish.devices
            .iter()
            .map(|(mac, class)| (mac.clone(), (*class).to_owned()))
            .collect::<BTreeMap<_, _>>()
    };
    assert_eq!(few_elements, configured(&one));
    assert_eq!(many_elements, configured(&many()));
    let with = |needle: &str| few.iter().filter(|line| line.contains(needle)).count();
    // Both lookups go through a map, and no rule names a device.
    assert_eq!(
        with(r#""vmap""#),
        1,
        "one lookup of the source MAC address: {few:#?}"
    );
    assert!(
        few.iter().any(|line| line.contains(r#""vmap""#)
            && line.contains("@device_class")
            && line.contains("saddr")),
        "{few:#?}"
    );
    assert_eq!(
        few.iter()
            .filter(|line| line.contains(r#"{"rule""#) && line.contains("@lane"))
            .count(),
        1,
        "one lookup of the mark: {few:#?}"
    );
    assert_eq!(with("02:00:00"), 0, "no rule names a device");
    Ok(())
}

fn a_device_of_512_is_found_by_its_flows() -> Tried {
    let bed = Bed::new()?;
    let mut wish = many();
    // The last one of all.
    wish.devices.pop();
    let wish = wish.and(&Resident::tv(), "bulk");
    let _lanemark = bed.start(&wish);
    let _open = [bed.crowds("workstation", 3), bed.crowds("tv", 3)];
    assert_eq!(see::marks(bed.router(), &Resident::tv()), [40]);
    // The house tried the path before lanemark was there; those flows were marked by the walk.
    assert_eq!(see::marks(bed.router(), &Resident::workstation()), [10]);
    Ok(())
}
