//! What is said of a text that is no configuration: each row is a text, with `⏎` for a line break, and the line about it.

use super::{CONFIG_BYTES_MAX, DEVICES_MAX, FULL, compact, crowd, full, parse, refusal};

/// Each text of the table is refused with exactly the line below it.
fn refused(table: &str) {
    let rows: Vec<&str> = table.lines().skip(1).collect();
    assert!(rows.len() >= 2 && rows.len().is_multiple_of(2));
    for row in rows.chunks(2) {
        assert_eq!(
            refusal(row[0].replace('⏎', "\n")),
            row[1].trim_start(),
            "for the text {}",
            row[0]
        );
    }
}

#[test]
fn text_that_is_not_json_is_refused_where_it_goes_wrong() {
    refused(
        r##"
x
    line 1: expected an object, found x
[]
    line 1: expected an object, found [
"version"
    line 1: expected an object, found "version"
{"version": 1
    line 1: expected ',' or '}', found the end of the text
{"version": 1,
    line 1: expected a field name in quotes, found the end of the text
{"version": 1,}
    line 1: expected a field name in quotes, found }
{"version" 1}
    line 1: version: expected ':', found 1
{"version"
    line 1: version: expected ':', found the end of the text
{"version":
    line 1: version: expected 1, the only version that this program knows, found the end of the text
{"version":}
    line 1: version: expected 1, the only version that this program knows, found }
{"version": 1 "enabled": true}
    line 1: expected ',' or '}', found "enabled"
{version: 1}
    line 1: expected a field name in quotes, found version
{"version: 1}
    line 1: expected a closing '"', found "version: 1}
{"version": 1}}
    line 1: expected the end of the text, found }
{"version": 1}⏎{"version": 1}
    line 2: expected the end of the text, found {
{"version": 1} // mine
    line 1: expected the end of the text, found //
{// mine⏎"version": 1}
    line 1: expected a field name in quotes, found //
{"version": 1,⏎"lan": ["br-lan"}
    line 2: expected ',' or ']', found }
{"version": 1,⏎"lan": ["br-lan",}
    line 2: lan[1]: expected an interface name of 1 to 15 letters, digits, '.', '_' or '-', found }
{"version": 1,⏎"lan": ["br-lan",]}
    line 2: expected a value, found ]
{"version": 1,⏎"lan": ["a" "b"]}
    line 2: expected ',' or ']', found "b"
{"version": 1,⏎"lan": ["br-lan}}
    line 2: expected a closing '"', found "br-lan}}
{"version": 1,⏎"devices": [{"mac": "02:00:00:00:00:0a", "name": "tv}⏎]}
    line 2: expected a closing '"', found "tv}
{"version": 1,⏎'enabled': true}
    line 2: expected a field name in quotes, found 'enabled'
{"version": 1,⏎"enabled": True}
    line 2: enabled: expected true or false, found True
{"version": 1, "devices": [⏎{"mac": "02:00:00:00:00:0a", "name": "tv,⏎"class": "bulk"}⏎]}
    line 2: devices[0].name: expected a string that ends on its line and has no raw control characters, found "tv,
{"version": 1,⏎"wan": {"up_kbit": 64,}
    line 2: expected a field name in quotes, found }
{"version": 1,⏎"devices": [{"mac": "02:00:00:00:00:0a", "name": "tv"},⏎]}
    line 3: expected a value, found ]"##,
    );
}

#[test]
fn what_lax_readers_of_json_let_pass_is_refused() {
    refused(
        r##"
{"version": 1,⏎"lan": [,"a"]}
    line 2: lan: expected a value or ']', found ,
{"version": 1,⏎"lan": [,"a" "b"]}
    line 2: lan: expected a value or ']', found ,
{"version": 1,⏎"devices": [,{}]}
    line 2: devices: expected a value or ']', found ,
{,"version": 1}
    line 1: expected a field name in quotes, found ,
{"version": 01}
    line 1: version: expected 1, the only version that this program knows, found 01
{"version": 1.0}
    line 1: version: expected 1, the only version that this program knows, found 1.0
{"version": 1e0}
    line 1: version: expected 1, the only version that this program knows, found 1e0
{"version": -1}
    line 1: version: expected 1, the only version that this program knows, found -1
{"version": +1}
    line 1: version: expected 1, the only version that this program knows, found +1
{"version": 1,⏎"wan": {"up_kbit": 0123}}
    line 2: wan.up_kbit: expected a whole number from 64 to 10000000, found 0123
{"version": 1,⏎"wan": {"up_kbit": 1000.5}}
    line 2: wan.up_kbit: expected a whole number from 64 to 10000000, found 1000.5
{"version": 1,⏎"wan": {"up_kbit": 4294968296}}
    line 2: wan.up_kbit: expected a whole number from 64 to 10000000, found 4294968296
{"version": 1,⏎"enabled": truest}
    line 2: enabled: expected true or false, found truest
{"version": 1,⏎"wan": {"up_kbit": nullify}}
    line 2: wan.up_kbit: expected a whole number from 64 to 10000000, found nullify
{"version": 1, "devices": [⏎{"mac": "02:00:00:00:00:0a", "name": "\u+123"}⏎]}
    line 2: devices[0].name: expected an escape of JSON (\" \\ \/ \b \f \n \r \t \u0000), found "\u+123"
{"version": 1, "devices": [⏎{"mac": "02:00:00:00:00:0a", "name": "\x"}⏎]}
    line 2: devices[0].name: expected an escape of JSON (\" \\ \/ \b \f \n \r \t \u0000), found "\x"
{"version": 1, "devices": [⏎{"mac": "02:00:00:00:00:0a", "name": "\ud83d"}⏎]}
    line 2: devices[0].name: expected an escape of JSON (\" \\ \/ \b \f \n \r \t \u0000), found "\ud83d"
{"version": 1, "devices": [⏎{"mac": "02:00:00:00:00:0a", "name": "\ud83d\u0041"}⏎]}
    line 2: devices[0].name: expected an escape of JSON (\" \\ \/ \b \f \n \r \t \u0000), found "\ud83d\u0041"
{"version": 1, "devices": [⏎{"mac": "02:00:00:00:00:0a", "name": "\udcf1"}⏎]}
    line 2: devices[0].name: expected an escape of JSON (\" \\ \/ \b \f \n \r \t \u0000), found "\udcf1"
{"version": 1, "devices": [⏎{"mac": "02:00:00:00:00:0a", "name": "\u12"}⏎]}
    line 2: devices[0].name: expected an escape of JSON (\" \\ \/ \b \f \n \r \t \u0000), found "\u12""##,
    );
}

#[test]
fn a_field_that_is_unknown_or_there_twice_is_refused() {
    refused(
        r##"
{"version": 1,⏎"upkbit": 5}
    line 2: expected one of the fields version, enabled, wan, lan, default_class, scheduler, leaf, shares, ceilings, devices, rules, prioritize, mark, cap_mark, time_zone, schedules, admin, found "upkbit"
{"version": 1,⏎"wan": {"upkbit": 5}}
    line 2: wan: expected one of the fields interface, up_kbit, down_kbit, link, overhead, mpu, mss, lower_mss, probe, found "upkbit"
{"version": 1,⏎"wan": {"WAN": 5}}
    line 2: wan: expected one of the fields interface, up_kbit, down_kbit, link, overhead, mpu, mss, lower_mss, probe, found "WAN"
{"version": 1,⏎"shares": {"exempt": 5}}
    line 2: shares: expected one of the fields premium, express, standard, bulk, up, down, found "exempt"
{"version": 1,⏎"mark": {"bits": 5}}
    line 2: mark: expected one of the fields mask, shift, found "bits"
{"version": 1, "devices": [⏎{"mac": "02:00:00:00:00:0a", "ip": "10.0.0.1"}⏎]}
    line 2: devices[0]: expected one of the fields mac, name, class, up_max_kbit, down_max_kbit, found "ip"
{"version": 1,⏎"": 5}
    line 2: expected one of the fields version, enabled, wan, lan, default_class, scheduler, leaf, shares, ceilings, devices, rules, prioritize, mark, cap_mark, time_zone, schedules, admin, found ""
{"version": 1,⏎"enabled": false,⏎"enabled": true}
    line 3: enabled: expected this field once, found it again
{"version": 1,⏎"wan": {}, "wan": {}}
    line 2: wan: expected this field once, found it again
{"version": 1,⏎"wan": {"up_kbit": 64,⏎"up_kbit": 64}}
    line 3: wan.up_kbit: expected this field once, found it again
{"version": 1, "\u0076ersion": 1}
    line 1: version: expected this field once, found it again
{"version": 1, "devices": [⏎{"mac": "02:00:00:00:00:0a", "name": "a", "name": "b"}⏎]}
    line 2: devices[0].name: expected this field once, found it again"##,
    );
}

#[test]
fn another_version_is_refused_with_the_one_that_is_known() {
    refused(
        r##"
{}
    version: expected 1, the only version that this program knows, found nothing
{"enabled": false}
    version: expected 1, the only version that this program knows, found nothing
{"version": 2}
    line 1: version: expected 1, the only version that this program knows, found 2
{"version": 0}
    line 1: version: expected 1, the only version that this program knows, found 0
{"version": "1"}
    line 1: version: expected 1, the only version that this program knows, found "1"
{"version": null}
    line 1: version: expected 1, the only version that this program knows, found null
{⏎⏎"version": 99999999999}
    line 3: version: expected 1, the only version that this program knows, found 99999999999"##,
    );
}

#[test]
fn an_enabled_configuration_needs_both_rates() {
    refused(
        r##"
{"version": 1,⏎"enabled": true}
    wan.up_kbit: expected a whole number from 64 to 10000000 when enabled is true, found nothing
{"version": 1,⏎"enabled": true, "wan": {"up_kbit": 1000}}
    wan.down_kbit: expected a whole number from 64 to 10000000 when enabled is true, found nothing
{"version": 1,⏎"wan": {"down_kbit": 1000}, "enabled": true}
    wan.up_kbit: expected a whole number from 64 to 10000000 when enabled is true, found nothing
{"version": 1,⏎"enabled": true, "wan": {"up_kbit": null, "down_kbit": 1000}}
    wan.up_kbit: expected a whole number from 64 to 10000000 when enabled is true, found nothing"##,
    );
}

#[test]
fn a_value_of_the_wrong_kind_or_range_is_refused_with_what_is_allowed() {
    refused(
        r##"
{⏎  "version": 1,⏎  "enabled": true,⏎  "wan": {⏎    "up_kbit": "fast"⏎  }⏎}
    line 5: wan.up_kbit: expected a whole number from 64 to 10000000, found "fast"
{"version": 1,⏎"enabled": 1}
    line 2: enabled: expected true or false, found 1
{"version": 1,⏎"enabled": "true"}
    line 2: enabled: expected true or false, found "true"
{"version": 1,⏎"enabled": null}
    line 2: enabled: expected true or false, found null
{"version": 1,⏎"wan": []}
    line 2: wan: expected an object, found [
{"version": 1,⏎"wan": "eth0"}
    line 2: wan: expected an object, found "eth0"
{"version": 1,⏎"wan": null}
    line 2: wan: expected an object, found null
{"version": 1,⏎"wan": {"up_kbit": 63}}
    line 2: wan.up_kbit: expected a whole number from 64 to 10000000, found 63
{"version": 1,⏎"wan": {"down_kbit": 10000001}}
    line 2: wan.down_kbit: expected a whole number from 64 to 10000000, found 10000001
{"version": 1,⏎"wan": {"down_kbit": true}}
    line 2: wan.down_kbit: expected a whole number from 64 to 10000000, found true
{"version": 1,⏎"wan": {"down_kbit": {}}}
    line 2: wan.down_kbit: expected a whole number from 64 to 10000000, found {
{"version": 1,⏎"wan": {"overhead": 129}}
    line 2: wan.overhead: expected a whole number from 0 to 128, found 129
{"version": 1,⏎"wan": {"overhead": "22"}}
    line 2: wan.overhead: expected a whole number from 0 to 128, found "22"
{"version": 1,⏎"wan": {"mpu": 129}}
    line 2: wan.mpu: expected a whole number from 0 to 128, found 129
{"version": 1,⏎"wan": {"link": "vdsl"}}
    line 2: wan.link: expected none, ethernet, docsis, ptm, pppoe-ptm, or adsl-pppoa, adsl-bridged or adsl-pppoe with -vc or -llc, found "vdsl"
{"version": 1,⏎"wan": {"link": null}}
    line 2: wan.link: expected none, ethernet, docsis, ptm, pppoe-ptm, or adsl-pppoa, adsl-bridged or adsl-pppoe with -vc or -llc, found null
{"version": 1,⏎"wan": {"interface": ""}}
    line 2: wan.interface: expected an interface name of 1 to 15 letters, digits, '.', '_' or '-', or "auto", found ""
{"version": 1,⏎"wan": {"interface": "eth 0"}}
    line 2: wan.interface: expected an interface name of 1 to 15 letters, digits, '.', '_' or '-', or "auto", found "eth 0"
{"version": 1,⏎"wan": {"interface": "abcdefghijklmnop"}}
    line 2: wan.interface: expected an interface name of 1 to 15 letters, digits, '.', '_' or '-', or "auto", found "abcdefghijklmnop"
{"version": 1,⏎"wan": {"interface": ["eth0"]}}
    line 2: wan.interface: expected an interface name of 1 to 15 letters, digits, '.', '_' or '-', or "auto", found [
{"version": 1,⏎"wan": {"interface": null}}
    line 2: wan.interface: expected an interface name of 1 to 15 letters, digits, '.', '_' or '-', or "auto", found null"##,
    );
}

#[test]
fn a_list_or_class_of_the_wrong_kind_or_range_is_refused_with_what_is_allowed() {
    refused(
        r##"
{"version": 1,⏎"lan": "br-lan"}
    line 2: lan: expected "auto" or an array of 1 to 4 interface names, found "br-lan"
{"version": 1,⏎"lan": []}
    line 2: lan: expected "auto" or an array of 1 to 4 interface names, found ]
{"version": 1,⏎"lan": {}}
    line 2: lan: expected "auto" or an array of 1 to 4 interface names, found {
{"version": 1,⏎"lan": 5}
    line 2: lan: expected "auto" or an array of 1 to 4 interface names, found 5
{"version": 1,⏎"lan": ["br-lan", 5]}
    line 2: lan[1]: expected an interface name of 1 to 15 letters, digits, '.', '_' or '-', found 5
{"version": 1,⏎"lan": ["br/lan"]}
    line 2: lan[0]: expected an interface name of 1 to 15 letters, digits, '.', '_' or '-', found "br/lan"
{"version": 1,⏎"lan": ["auto"]}
    line 2: lan[0]: expected "auto" or an array of 1 to 4 interface names, found "auto"
{"version": 1,⏎"lan": ["a", "b", "c", "d",⏎"e"]}
    line 3: lan[4]: expected "auto" or an array of 1 to 4 interface names, found "e"
{"version": 1,⏎"default_class": "first"}
    line 2: default_class: expected premium, express, standard or bulk (by default exempt, nothing would be managed), found "first"
{"version": 1,⏎"default_class": 10}
    line 2: default_class: expected premium, express, standard or bulk (by default exempt, nothing would be managed), found 10
{"version": 1,⏎"shares": 5}
    line 2: shares: expected an object, found 5
{"version": 1,⏎"shares": {"premium": 0}}
    line 2: shares.premium: expected a whole number from 1 to 100, found 0
{"version": 1,⏎"shares": {"bulk": 101}}
    line 2: shares.bulk: expected a whole number from 1 to 100, found 101
{"version": 1,⏎"shares": {"bulk": 1.5}}
    line 2: shares.bulk: expected a whole number from 1 to 100, found 1.5
{"version": 1,⏎"devices": {}}
    line 2: devices: expected an array of devices, found {
{"version": 1,⏎"devices": "all"}
    line 2: devices: expected an array of devices, found "all"
{"version": 1,⏎"devices": [5]}
    line 2: devices[0]: expected an object, found 5"##,
    );
}

#[test]
fn an_interface_is_on_one_side_only() {
    refused(
        r##"
{"version": 1,⏎"wan": {"interface": "eth0"},⏎"lan": ["br-lan",⏎"eth0"]}
    line 4: lan[1]: expected an interface other than the WAN's, found "eth0"
{"version": 1,⏎"lan": ["eth0"],⏎"wan": {"interface": "eth0"}}
    line 3: wan.interface: expected an interface other than the LAN's, found "eth0"
{"version": 1,⏎"lan": ["a", "a"]}
    line 2: lan[1]: expected each interface once, found "a""##,
    );
}

#[test]
fn the_two_forms_of_shares_and_ceilings_do_not_mix() {
    refused(
        r##"
{"version": 1,⏎"shares": {"premium": 5, "up": {}}}
    line 2: shares: expected one of the fields premium, express, standard, bulk, found "up"
{"version": 1,⏎"ceilings": {"up": {}, "bulk": 50}}
    line 2: ceilings: expected one of the fields up, down, found "bulk"
{"version": 1,⏎"ceilings": {"up": {}, "up": {}}}
    line 2: ceilings.up: expected this field once, found it again
{"version": 1,⏎"ceilings": {"up": 5}}
    line 2: ceilings.up: expected an object, found 5
{"version": 1,⏎"shares": {"down": {"exempt": 5}}}
    line 2: shares.down: expected one of the fields premium, express, standard, bulk, found "exempt""##,
    );
}

#[test]
fn schedulers_and_leaves_are_known_by_the_kernels_names() {
    refused(
        r##"
{"version": 1,⏎"scheduler": "fq_codel"}
    line 2: scheduler: expected auto, htb, hfsc or cake, found "fq_codel"
{"version": 1,⏎"scheduler": null}
    line 2: scheduler: expected auto, htb, hfsc or cake, found null
{"version": 1,⏎"leaf": "HTB"}
    line 2: leaf: expected auto, fq_codel, cake, codel, sfq, pie, pfifo or bfifo, found "HTB""##,
    );
}

#[test]
fn ceilings_below_a_share_are_refused_with_the_share() {
    refused(
        r##"
{"version": 1,⏎"ceilings": {"premium": 74}}
    ceilings.premium: expected at least its share of 75, found 74
{"version": 1,⏎"ceilings": {"up": {"premium": 74}}}
    ceilings.up.premium: expected at least its share of 75, found 74
{"version": 1,⏎"shares": {"down": {"premium": 50}},⏎"ceilings": {"premium": 74}}
    ceilings.up.premium: expected at least its share of 75, found 74
{"version": 1,⏎"ceilings": {"down": {"bulk": 1, "standard": 8}}}
    ceilings.down.standard: expected at least its share of 9, found 8
{"version": 1,⏎"ceilings": {"bulk": 0}}
    line 2: ceilings.bulk: expected a whole number from 1 to 100, found 0
{"version": 1,⏎"ceilings": {"up": {"bulk": 101}}}
    line 2: ceilings.up.bulk: expected a whole number from 1 to 100, found 101"##,
    );
}

#[test]
fn shares_above_the_sum_of_100_are_refused_with_the_sum() {
    refused(
        r##"
{"version": 1,⏎"shares": {"premium": 76}}
    line 2: shares: expected a sum of at most 100, found 101: premium 76, express 15, standard 9, bulk 1
{"version": 1,⏎"shares": {"premium": 100, "express": 100, "standard": 100, "bulk": 100}}
    line 2: shares: expected a sum of at most 100, found 400: premium 100, express 100, standard 100, bulk 100
{"version": 1,⏎"shares": {"down": {"bulk": 2}}}
    line 2: shares.down: expected a sum of at most 100, found 101: premium 75, express 15, standard 9, bulk 2"##,
    );
}

#[test]
fn a_mask_that_cannot_hold_the_classes_is_refused() {
    refused(
        r##"
{"version": 1,⏎"mark": {"mask": "7f"}}
    line 2: mark.mask: expected a mask of up to 32 bits like "0x7f", found "7f"
{"version": 1,⏎"mark": {"mask": "0x"}}
    line 2: mark.mask: expected a mask of up to 32 bits like "0x7f", found "0x"
{"version": 1,⏎"mark": {"mask": "0x+7f"}}
    line 2: mark.mask: expected a mask of up to 32 bits like "0x7f", found "0x+7f"
{"version": 1,⏎"mark": {"mask": "0x1ffffffff"}}
    line 2: mark.mask: expected a mask of up to 32 bits like "0x7f", found "0x1ffffffff"
{"version": 1,⏎"mark": {"mask": -1}}
    line 2: mark.mask: expected a mask of up to 32 bits like "0x7f", found -1
{"version": 1,⏎"mark": {"mask": null}}
    line 2: mark.mask: expected a mask of up to 32 bits like "0x7f", found null
{"version": 1,⏎"mark": {"mask": 4294967296}}
    line 2: mark.mask: expected a mask of up to 32 bits like "0x7f", found 4294967296
{"version": 1,⏎"mark": {"mask": "0x3f"}}
    line 2: mark: expected a mask that covers the seven bits above the shift, found 0x3f and shift 0
{"version": 1,⏎"mark": {⏎"shift": 8}}
    line 2: mark: expected a mask that covers the seven bits above the shift, found 0x7f and shift 8
{"version": 1,⏎"mark": {"shift": 26}}
    line 2: mark.shift: expected a whole number from 0 to 25, found 26
{"version": 1,⏎"mark": {"mask": 0}}
    line 2: mark: expected a mask that covers the seven bits above the shift, found 0x0 and shift 0"##,
    );
}

#[test]
fn exempt_cannot_be_everybodys_class() {
    refused(
        r##"
{"version": 1,⏎"default_class": "exempt"}
    line 2: default_class: expected premium, express, standard or bulk (by default exempt, nothing would be managed), found "exempt""##,
    );
}

#[test]
fn a_device_has_one_address_and_a_name_or_a_class() {
    refused(
        r##"
{"version": 1, "devices": [⏎{"name": "tv"}⏎]}
    line 2: devices[0].mac: expected a MAC address like 02:00:00:00:00:0a, found nothing
{"version": 1, "devices": [⏎{}⏎]}
    line 2: devices[0].mac: expected a MAC address like 02:00:00:00:00:0a, found nothing
{"version": 1, "devices": [⏎{"mac": "02:00:00:00:00:0a"}⏎]}
    line 2: devices[0]: expected a name, a class or a cap, found nothing
{"version": 1, "devices": [⏎{"mac": "02:00:00:00:00:0a", "name": null, "class": null}⏎]}
    line 2: devices[0]: expected a name, a class or a cap, found nothing
{"version": 1, "devices": [⏎{"mac": "02:00:00:00:00"}⏎]}
    line 2: devices[0].mac: expected a MAC address like 02:00:00:00:00:0a, found "02:00:00:00:00"
{"version": 1, "devices": [⏎{"mac": null}⏎]}
    line 2: devices[0].mac: expected a MAC address like 02:00:00:00:00:0a, found null
{"version": 1, "devices": [⏎{"mac": 5}⏎]}
    line 2: devices[0].mac: expected a MAC address like 02:00:00:00:00:0a, found 5
{"version": 1, "devices": [⏎{"mac": "01:00:5e:00:00:01"}⏎]}
    line 2: devices[0].mac: expected the MAC address of one device, not a multicast or zero address, found "01:00:5e:00:00:01"
{"version": 1, "devices": [⏎{"mac": "00:00:00:00:00:00"}⏎]}
    line 2: devices[0].mac: expected the MAC address of one device, not a multicast or zero address, found "00:00:00:00:00:00"
{"version": 1, "devices": [⏎{"mac": "02:00:00:00:00:0a", "class": "premium"},⏎{"mac": "02-00-00-00-00-0A", "class": "bulk"}⏎]}
    line 3: devices[1].mac: expected each MAC address once, found "02-00-00-00-00-0A"
{"version": 1, "devices": [⏎{"mac": "02:00:00:00:00:0a", "class": "fast"}⏎]}
    line 2: devices[0].class: expected exempt, premium, express, standard or bulk, found "fast"
{"version": 1, "devices": [⏎{"mac": "02:00:00:00:00:0a", "class": 10}⏎]}
    line 2: devices[0].class: expected exempt, premium, express, standard or bulk, found 10
{"version": 1, "devices": [⏎{"mac": "02:00:00:00:00:0a", "name": "TV"},⏎{"mac": "02:00:00:00:00:0b", "name": "tv"}⏎]}
    line 3: devices[1].name: expected each name once, in any case, found "tv""##,
    );
}

#[test]
fn a_name_is_short_visible_and_no_address() {
    refused(
        r##"
{"version": 1, "devices": [⏎{"mac": "02:00:00:00:00:0a", "name": ""}⏎]}
    line 2: devices[0].name: expected a name of 1 to 63 bytes without control characters, found ""
{"version": 1, "devices": [⏎{"mac": "02:00:00:00:00:0a", "name": 5}⏎]}
    line 2: devices[0].name: expected a name of 1 to 63 bytes without control characters, found 5
{"version": 1, "devices": [⏎{"mac": "02:00:00:00:00:0a", "name": "a\nb"}⏎]}
    line 2: devices[0].name: expected a name of 1 to 63 bytes without control characters, found "a\nb"
{"version": 1, "devices": [⏎{"mac": "02:00:00:00:00:0a", "name": "\u007f"}⏎]}
    line 2: devices[0].name: expected a name of 1 to 63 bytes without control characters, found "\u007f"
{"version": 1, "devices": [⏎{"mac": "02:00:00:00:00:0a", "name": "\u0085"}⏎]}
    line 2: devices[0].name: expected a name of 1 to 63 bytes without control characters, found "\u0085"
{"version": 1, "devices": [⏎{"mac": "02:00:00:00:00:0a", "name": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}⏎]}
    line 2: devices[0].name: expected a name of 1 to 63 bytes without control characters, found "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...
{"version": 1, "devices": [⏎{"mac": "02:00:00:00:00:0a", "name": "éééééééééééééééééééééééééééééééé"}⏎]}
    line 2: devices[0].name: expected a name of 1 to 63 bytes without control characters, found "ééééééééééééééé...
{"version": 1, "devices": [⏎{"mac": "02:00:00:00:00:0a", "name": "02:00:00:00:00:0b"}⏎]}
    line 2: devices[0].name: expected a name that is no MAC or IP address, found "02:00:00:00:00:0b"
{"version": 1, "devices": [⏎{"mac": "02:00:00:00:00:0a", "name": "02-00-00-00-00-0B"}⏎]}
    line 2: devices[0].name: expected a name that is no MAC or IP address, found "02-00-00-00-00-0B"
{"version": 1, "devices": [⏎{"mac": "02:00:00:00:00:0a", "name": "ff:ff:ff:ff:ff:ff"}⏎]}
    line 2: devices[0].name: expected a name that is no MAC or IP address, found "ff:ff:ff:ff:ff:ff"
{"version": 1, "devices": [⏎{"mac": "02:00:00:00:00:0a", "name": "10.0.0.1"}⏎]}
    line 2: devices[0].name: expected a name that is no MAC or IP address, found "10.0.0.1"
{"version": 1, "devices": [⏎{"mac": "02:00:00:00:00:0a", "name": "fe80::1"}⏎]}
    line 2: devices[0].name: expected a name that is no MAC or IP address, found "fe80::1"
{"version": 1, "devices": [⏎{"mac": "02:00:00:00:00:0a", "name": "::"}⏎]}
    line 2: devices[0].name: expected a name that is no MAC or IP address, found "::""##,
    );
}

#[test]
fn what_was_found_is_cut_at_32_bytes_between_characters() {
    refused(
        r##"
{"version": 11111111111111111111111111111111}
    line 1: version: expected 1, the only version that this program knows, found 11111111111111111111111111111111
{"version": 111111111111111111111111111111111}
    line 1: version: expected 1, the only version that this program knows, found 11111111111111111111111111111111...
{"version": "éééééééééééééééééééééééééééééééééééééééé"}
    line 1: version: expected 1, the only version that this program knows, found "ééééééééééééééé...
{"version": "aéééééééééééééééééééééééééééééééééééééééé"}
    line 1: version: expected 1, the only version that this program knows, found "aééééééééééééééé..."##,
    );
}

#[test]
fn what_cannot_be_seen_is_refused_visibly() {
    for (text, line) in [
        (
            "\u{feff}{\"version\": 1}",
            r#"line 1: expected an object, found \u{feff}"#,
        ),
        (
            "{\"version\": 1, \"devices\": [\n{\"mac\": \"02:00:00:00:00:0a\", \"name\": \"a\u{9}b\"}\n]}",
            r#"line 2: devices[0].name: expected a string that ends on its line and has no raw control characters, found "a\u{9}b""#,
        ),
        (
            "{\"version\": \"\u{1b}[2J\"}",
            r#"line 1: version: expected 1, the only version that this program knows, found "\u{1b}[2J""#,
        ),
        (
            "{\"\u{7f}\u{85}\u{202e}\": 1}",
            r#"line 1: expected one of the fields version, enabled, wan, lan, default_class, scheduler, leaf, shares, ceilings, devices, rules, prioritize, mark, cap_mark, time_zone, schedules, admin, found "\u{7f}\u{85}\u{202e}""#,
        ),
        (
            "{\"version\": \u{0}}",
            r#"line 1: version: expected 1, the only version that this program knows, found \u{0}"#,
        ),
        (
            "{\"version\": 1\u{c}}",
            r"line 1: version: expected 1, the only version that this program knows, found 1\u{c}",
        ),
    ] {
        assert_eq!(refusal(text), line);
    }
    let text = "{\"version\": \u{1b}]0;x\u{7}}";
    assert!(refusal(text).chars().all(|letter| !letter.is_control()));
}

#[test]
fn a_text_over_the_limit_is_refused_whatever_is_in_it() {
    let mut text = FULL.to_owned() + &" ".repeat(CONFIG_BYTES_MAX - FULL.len());
    assert_eq!(parse(text.as_bytes()), Ok(full()));
    text.push(' ');
    assert_eq!(
        refusal(&text),
        "expected at most 229376 bytes, found 229377"
    );
}

#[test]
fn the_513th_device_is_refused() {
    assert_eq!(
        refusal(crowd(DEVICES_MAX + 1)),
        "line 514: devices: expected at most 512, found one more"
    );
}

#[test]
fn an_empty_text_has_its_own_message() {
    for text in ["", " \r\n\t"] {
        assert_eq!(
            refusal(text),
            r#"expected a configuration like {"version": 1}, found an empty text"#
        );
    }
}

#[test]
fn text_that_is_not_utf_8_is_refused_with_the_byte() {
    assert_eq!(
        refusal(b"{\n\"version\": 1, \"\xff\"}"),
        "line 2: expected UTF-8 text, found the byte 0xff"
    );
    assert_eq!(
        refusal(b"{\"version\": 1} \xc3"),
        "line 1: expected UTF-8 text, found the byte 0xc3"
    );
}

#[test]
fn every_prefix_of_a_good_text_is_refused() {
    for text in [
        FULL.trim_end().to_owned(),
        compact(&full()),
        "{\"version\": 1}".to_owned(),
    ] {
        for end in 0..text.len() {
            let line = refusal(&text.as_bytes()[..end]);
            assert!(
                line.contains("expected") && line.contains("found") && !line.contains('\n'),
                "{end}: {line}"
            );
        }
        assert!(parse(text.as_bytes()).is_ok());
    }
}

#[test]
fn a_schedule_needs_a_window_and_one_thing_to_do() {
    refused(
        r##"
{"version": 1, "time_zone": "Europe/Berlin"}
    line 1: time_zone: expected a time zone like "CET-1CEST,M3.5.0,M10.5.0/3" (as in /etc/TZ), or "auto", found "Europe/Berlin"
{"version": 1, "time_zone": null}
    line 1: time_zone: expected a time zone like "CET-1CEST,M3.5.0,M10.5.0/3" (as in /etc/TZ), or "auto", found null
{"version": 1, "schedules": {}}
    line 1: schedules: expected an array of schedules, found {
{"version": 1, "schedules": [{}]}
    line 1: schedules[0].from: expected a time of day from "00:00" to "24:00", found nothing
{"version": 1, "schedules": [{"from": "24:00"}]}
    line 1: schedules[0].from: expected a time of day from "00:00" to "24:00", found "24:00"
{"version": 1, "schedules": [{"from": "7:00"}]}
    line 1: schedules[0].from: expected a time of day from "00:00" to "24:00", found "7:00"
{"version": 1, "schedules": [{"from": "07:60"}]}
    line 1: schedules[0].from: expected a time of day from "00:00" to "24:00", found "07:60"
{"version": 1, "schedules": [{"from": "07:00", "until": "24:01"}]}
    line 1: schedules[0].until: expected a time of day from "00:00" to "24:00", found "24:01"
{"version": 1, "schedules": [{"from": "07:00", "until": "07:00", "enabled": false}]}
    line 1: schedules[0].until: expected an end other than the beginning ("00:00" to "24:00" is all day), found nothing
{"version": 1, "schedules": [{"days": "monday"}]}
    line 1: schedules[0].days: expected days like "mon-fri" or "sat,sun", found "monday"
{"version": 1, "schedules": [{"days": ""}]}
    line 1: schedules[0].days: expected days like "mon-fri" or "sat,sun", found ""
{"version": 1, "schedules": [{"from": "07:00", "until": "08:00"}]}
    line 1: schedules[0]: expected a mac and a class, or "enabled": false, found nothing
{"version": 1, "schedules": [{"from": "07:00", "until": "08:00", "class": "bulk"}]}
    line 1: schedules[0]: expected a mac and a class, or "enabled": false, found nothing
{"version": 1, "schedules": [{"from": "07:00", "until": "08:00", "enabled": true}]}
    line 1: schedules[0].enabled: expected a mac and a class, or "enabled": false, found true
{"version": 1, "schedules": [{"mac": "x"}]}
    line 1: schedules[0].mac: expected a MAC address like 02:00:00:00:00:0a, found "x"
{"version": 1, "schedules": [{"class": "gold"}]}
    line 1: schedules[0].class: expected exempt, premium, express, standard or bulk, found "gold"
{"version": 1, "schedules": [{"name": "x"}]}
    line 1: schedules[0]: expected one of the fields days, from, until, mac, class, enabled, found "name"
"##,
    );
}

#[test]
fn the_admin_page_is_at_addresses_and_names_that_a_browser_can_ask_for() {
    refused(
        r##"
{"version": 1, "admin": true}
    line 1: admin: expected an object, found true
{"version": 1, "admin": {"enabled": 1}}
    line 1: admin.enabled: expected true or false, found 1
{"version": 1, "admin": {"port": 0}}
    line 1: admin.port: expected a whole number from 1 to 65535, found 0
{"version": 1, "admin": {"port": 65536}}
    line 1: admin.port: expected a whole number from 1 to 65535, found 65536
{"version": 1, "admin": {"connections": 7}}
    line 1: admin.connections: expected a whole number from 8 to 4096, found 7
{"version": 1, "admin": {"connections": 4097}}
    line 1: admin.connections: expected a whole number from 8 to 4096, found 4097
{"version": 1, "admin": {"metrics_token": "0123456789abcde"}}
    line 1: admin.metrics_token: expected 16 to 64 visible ASCII characters but quotation marks and backslashes, or null, found "0123456789abcde"
{"version": 1, "admin": {"metrics_token": "0123456789 abcdef"}}
    line 1: admin.metrics_token: expected 16 to 64 visible ASCII characters but quotation marks and backslashes, or null, found "0123456789 abcdef"
{"version": 1, "admin": {"metrics_token": "0123456789abcdef\u0041"}}
    line 1: admin.metrics_token: expected 16 to 64 visible ASCII characters but quotation marks and backslashes, or null, found "0123456789abcdef\u0041"
{"version": 1, "admin": {"metrics_token": 1234567890123456}}
    line 1: admin.metrics_token: expected 16 to 64 visible ASCII characters but quotation marks and backslashes, or null, found 1234567890123456
{"version": 1, "admin": {"addresses": "all"}}
    line 1: admin.addresses: expected "auto" or an array of 1 to 8 addresses, found "all"
{"version": 1, "admin": {"addresses": []}}
    line 1: admin.addresses: expected "auto" or an array of 1 to 8 addresses, found ]
{"version": 1, "admin": {"addresses": ["router.lan"]}}
    line 1: admin.addresses[0]: expected the address of a LAN interface, each once, found "router.lan"
{"version": 1, "admin": {"addresses": ["0.0.0.0"]}}
    line 1: admin.addresses[0]: expected the address of a LAN interface, each once, found "0.0.0.0"
{"version": 1, "admin": {"addresses": ["fd00::1", "fd00:0::1"]}}
    line 1: admin.addresses[1]: expected the address of a LAN interface, each once, found "fd00:0::1"
{"version": 1, "admin": {"addresses": ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.8",⏎"10.0.0.9"]}}
    line 2: admin.addresses: expected at most 8, found one more
{"version": 1, "admin": {"names": "router.lan"}}
    line 1: admin.names: expected an array of host names, found "router.lan"
{"version": 1, "admin": {"names": ["a,b"]}}
    line 1: admin.names[0]: expected a host name of 1 to 63 letters, digits, dots and hyphens, each once, found "a,b"
{"version": 1, "admin": {"names": ["a", "A"]}}
    line 1: admin.names[1]: expected a host name of 1 to 63 letters, digits, dots and hyphens, each once, found "A"
{"version": 1, "admin": {"names": ["1", "2", "3", "4", "5", "6", "7", "8",⏎"9"]}}
    line 2: admin.names: expected at most 8, found one more"##,
    );
}
