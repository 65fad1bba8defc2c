//! Nonsense is told in one line with its exit code, and changes nothing.

use std::fs;

use crate::bed::{Bed, Wish, text};
use crate::promise::{Tried, promises};
use crate::see;

promises! {
    nonsense_on_the_command_line_is_told_and_changes_nothing,
    a_nonsensical_configuration_is_told_and_changes_nothing,
    what_is_no_file_is_told_and_changes_nothing,
    noise_on_the_socket_disturbs_nobody,
}

/// Words, exit code, and what the line on standard error says.
type Case<'a> = (&'a [&'a str], i32, &'a [&'a str]);

/// That each case ends so, and that everything is as it was: kernel, file, process.
fn refused(cases: &[Case<'_>]) -> Tried {
    let bed = Bed::new()?;
    let mut lanemark = bed.start_settled(&Wish::workstation("premium"));
    let _open = bed.crowds("workstation", 3);
    let (kernel, flows, file) = (
        see::kernel(bed.router()),
        see::flows(bed.router()),
        fs::read(bed.config_file()).expect("the file"),
    );
    for (words, code, expected) in cases {
        let said = bed.lanemark(words);
        assert_eq!(said.code, Some(*code), "{words:?}: {said:?}");
        assert_eq!(
            (said.out.as_str(), said.err.lines().count()),
            ("", 1),
            "{words:?}: {said:?}"
        );
        let missing: Vec<_> = expected
            .iter()
            .filter(|word| !said.err.contains(**word))
            .collect();
        assert!(
            missing.is_empty(),
            "{words:?}: expected {missing:?} in {}",
            said.err
        );
        assert!(lanemark.ended().is_none(), "{words:?}: the daemon ended");
    }
    see::kernel(bed.router()).assert_is(&kernel, "after nonsense");
    see::assert_flows_are(bed.router(), &flows);
    assert_eq!(fs::read(bed.config_file()).expect("the file"), file);
    bed.await_state(&mut lanemark, "on");
    Ok(())
}

fn nonsense_on_the_command_line_is_told_and_changes_nothing() -> Tried {
    refused(&[
        (
            &["set", "192.168.77.10", "platinum"],
            2,
            &["expected", "premium", "found", "platinum"],
        ),
        (&["set", "192.168.77.10", "10"], 2, &["expected", "found"]),
        (
            &["set", "02:00:00:00:00:99", "bulk"],
            2,
            &["expected", "found", "02:00:00:00:00:99"],
        ),
        (
            &["set", "192.168.77.99", "bulk"],
            2,
            &["expected", "found", "192.168.77.99"],
        ),
        (
            &["set", "fd77::99", "bulk"],
            2,
            &["expected", "found", "fd77::99"],
        ),
        (
            &["set", "nobody", "bulk"],
            2,
            &["expected", "found", "nobody"],
        ),
        (
            &["set", "ff:ff:ff:ff:ff:ff", "bulk"],
            2,
            &["expected", "found"],
        ),
        (&["set", "", "bulk"], 2, &["expected", "found"]),
        (&["set", "192.168.77.10"], 2, &["expected"]),
        (&["set", "192.168.77.10", "bulk", "now"], 2, &["now"]),
        (&["unset", "nobody"], 2, &["expected", "found", "nobody"]),
        (
            &["flows", "--device", "nobody"],
            2,
            &["expected", "found", "nobody"],
        ),
        (
            &["flows", "--class", "platinum"],
            2,
            &["expected", "found", "platinum"],
        ),
        (&["reload"], 2, &["expected", "found", "reload"]),
        (&["config"], 2, &["expected"]),
        (&["config", "aply", "x"], 2, &["expected", "found", "aply"]),
        (&["status", "--jsn"], 2, &["--jsn"]),
        (&[], 2, &["expected"]),
    ])
}

/// What is replaced in a good configuration, by what, and what is said about it.
const REPLACED: [(&str, &str, &[&str]); 31] = [
    (
        "wan0",
        "wan7",
        &["wan.interface", "expected", "found", "wan7"],
    ),
    (
        "br-lan",
        "br-lan7",
        &["lan", "expected", "found", "br-lan7"],
    ),
    ("br-lan", "wan0", &["lan", "expected", "wan0"]),
    (
        "wan0",
        "wan0;reboot",
        &["wan.interface", "expected", "found"],
    ),
    (
        "\"version\"",
        "\"verison\": 1,\n  \"version\"",
        &["verison"],
    ),
    ("20000", "\"20000\"", &["wan.up_kbit", "expected", "found"]),
    ("true", "1", &["enabled", "expected", "found"]),
    (
        "20000",
        "0",
        &["wan.up_kbit", "expected", "64", "found", "0"],
    ),
    (
        "20000",
        "1000000000000",
        &[
            "wan.up_kbit",
            "expected",
            "10000000",
            "found",
            "1000000000000",
        ],
    ),
    (
        "20000",
        "1e12",
        &["wan.up_kbit", "expected", "found", "1e12"],
    ),
    ("20000", "-5", &["wan.up_kbit", "expected", "found", "-5"]),
    ("75", "76", &["shares", "100", "101"]),
    (
        "\"class\": \"bulk\"",
        "\"class\": \"gold\"",
        &["devices", "class", "expected", "found", "gold"],
    ),
    (
        "02:00:00:00:00:0a",
        "02:00:00:00:00:0",
        &["devices", "mac", "expected", "found"],
    ),
    (
        "\"version\": 1",
        "\"version\": 2",
        &["version", "expected", "found", "2"],
    ),
    (
        "\"enabled\"",
        "\"enabled\": false,\n  \"enabled\"",
        &["enabled"],
    ),
    // A bridge and its port: packets would wait twice.
    ("br-lan", "br-lan\", \"lan1", &["br-lan on top of lan1"]),
    ("75", "0", &["shares.premium", "expected", "1 to 100", "0"]),
    (
        "\"shares\": { \"premium\": 75",
        "\"shares\": { \"up\": { \"premium\": 80, \"express\": 15, \"standard\": 9, \"bulk\": 1 } }, \"xshares\": { \"premium\": 75",
        &["shares.up", "100", "105"],
    ),
    (
        "\"ceilings\": {}",
        "\"ceilings\": { \"premium\": 74 }",
        &["ceilings", "premium: ", "share of 75", "74"],
    ),
    (
        "\"class\": \"bulk\"",
        "\"class\": \"bulk\", \"up_max_kbit\": 20001",
        &[
            "devices[0].up_max_kbit",
            "at most the line's wan.up_kbit",
            "more",
        ],
    ),
    (
        "\"class\": \"bulk\"",
        "\"class\": \"bulk\", \"down_max_kbit\": 63",
        &["devices[0].down_max_kbit", "from 64", "63"],
    ),
    (
        "\"scheduler\": \"auto\"",
        "\"scheduler\": \"sfq\"",
        &["scheduler", "auto, htb, hfsc or cake", "sfq"],
    ),
    (
        "\"leaf\": \"auto\"",
        "\"leaf\": \"htb\"",
        &["leaf", "expected", "htb"],
    ),
    (
        "\"rules\": []",
        "\"rules\": [{ \"class\": \"bulk\" }]",
        &["rules[0]", "expected a condition", "none"],
    ),
    (
        "\"rules\": []",
        "\"rules\": [{ \"class\": \"bulk\", \"ports\": \"80-90,85\" }]",
        &["rules[0].ports", "do not overlap", "80-90,85"],
    ),
    (
        "\"rules\": []",
        "\"rules\": [{ \"class\": \"bulk\", \"proto\": \"tcp\" }, { \"class\": \"express\", \"proto\": \"tcp\", \"ports\": \"22\" }]",
        &["rules[1]", "a rule that can match", "rules[0]"],
    ),
    (
        "\"rules\": []",
        "\"rules\": [{ \"class\": \"bulk\", \"proto\": \"icmp\", \"ports\": \"7\" }]",
        &["rules[0].proto", "with ports", "another"],
    ),
    (
        "\"rules\": []",
        "\"rules\": [{ \"class\": \"bulk\", \"service\": \"ssh\", \"ports\": \"22\" }]",
        &["rules[0].service", "neither proto nor ports", "one"],
    ),
    (
        "\"rules\": []",
        "\"rules\": [{ \"class\": \"bulk\", \"cidr\": \"192.168.77.10\", \"remote\": \"2001:db8::1\" }]",
        &["rules[0].remote", "IP version of cidr", "other"],
    ),
    (
        "\"rules\": []",
        "\"rules\": [{ \"class\": \"bulk\", \"cidr\": \"192.168.77.10/24\" }]",
        &[
            "rules[0].cidr",
            "without bits behind its prefix",
            "192.168.77.10/24",
        ],
    ),
];

fn a_nonsensical_configuration_is_told_and_changes_nothing() -> Tried {
    let good = Wish::workstation("bulk").text();
    let mut texts: Vec<(String, &[&str])> = Vec::new();
    for (from, to, expected) in REPLACED {
        assert!(good.contains(from), "{from}");
        texts.push((good.replace(from, to), expected));
    }
    let (half, _) = good.split_at(good.len() / 2);
    texts.push((half.to_owned(), &["expected", "found"]));
    texts.push((String::new(), &["expected"]));
    texts.push((
        format!("{good}{}", " ".repeat(10_000_000)),
        &["expected at most", "bytes"],
    ));
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    texts.push((deep, &["expected", "found"]));
    let folder = tempfolder()?;
    let write =
        |(number, (text, _)): (usize, &(String, _))| folder.write(&number.to_string(), text);
    let paths: Vec<_> = texts.iter().enumerate().map(write).collect();
    let words: Vec<[&str; 3]> = paths
        .iter()
        .map(|path| ["config", "apply", text(path)])
        .collect();
    let cases: Vec<Case<'_>> = words
        .iter()
        .zip(&texts)
        .map(|(words, (_, expected))| (words.as_slice(), 2, *expected))
        .collect();
    refused(&cases)
}

fn what_is_no_file_is_told_and_changes_nothing() -> Tried {
    let folder = tempfolder()?;
    let binary = folder.0.path().join("binary");
    fs::write(&binary, [0xff, 0xfe, 0, 1]).expect("a file");
    let missing = folder.0.path().join("missing.json");
    refused(&[
        (&["config", "apply", text(&missing)], 2, &["missing.json"]),
        (
            &["config", "apply", text(folder.0.path())],
            2,
            &["directory"],
        ),
        (&["config", "apply", text(&binary)], 2, &["expected"]),
        (&["config", "check", text(&missing)], 2, &["missing.json"]),
        (&["config", "apply"], 2, &["expected"]),
    ])
}

/// Files for a test that has no bed yet.
struct Folder(lanemark::lab::scratch::Scratch);

fn tempfolder() -> Result<Folder, crate::promise::Skip> {
    crate::promise::isolated()?;
    let lab = std::path::Path::new(crate::program::lab());
    Ok(Folder(
        lanemark::lab::scratch::Scratch::new(lab).expect("a scratch directory"),
    ))
}

impl Folder {
    fn write(&self, name: &str, text: &str) -> std::path::PathBuf {
        let path = self.0.path().join(format!("{name}.json"));
        fs::write(&path, text).expect("a configuration");
        path
    }
}

fn noise_on_the_socket_disturbs_nobody() -> Tried {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;
    let bed = Bed::new()?;
    let mut lanemark = bed.start_settled(&Wish::workstation("premium"));
    let kernel = see::kernel(bed.router());
    let long = vec![b'a'; 300_000];
    for noise in [
        b"\n".as_slice(),
        b"{}\n",
        b"\0\xff\xfe\n",
        b"{\"verb\":\"stopp\"}\n",
        b"{\"verb\":\"config-apply\"}\n{\n",
        b"GET / HTTP/1.1\r\n\r\n",
        &long,
    ] {
        let mut stream = UnixStream::connect(bed.socket()).expect("the socket");
        stream
            .set_read_timeout(Some(crate::promise::patient(crate::promise::SOON)))
            .expect("a time limit");
        // The daemon may hang up before it has heard everything.
        let _ = stream.write_all(noise);
        let mut answer = [0; 4096];
        let heard = stream.read(&mut answer).unwrap_or(0);
        let answer = String::from_utf8_lossy(answer.get(..heard).unwrap_or_default()).into_owned();
        assert!(
            answer.is_empty() || answer.contains("\"error\""),
            "{answer}"
        );
        bed.await_state(&mut lanemark, "on");
    }
    see::kernel(bed.router()).assert_is(&kernel, "after noise");
    Ok(())
}
