//! What a request's head is: every verdict, for whole heads and for their beginnings.

use lanemark::wire::http::{
    Content, FIELDS_MAX, HEAD_BYTES_MAX, Host, LINE_BYTES_MAX, Length, Method, Name,
    PATH_BYTES_MAX, Parsed, REPLY_BYTES_MAX, Reply, Status, cookie, parameter, path,
};

use crate::dice::roll;

/// What came of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Partial,
    /// Bytes of the head, and of the body behind it.
    Whole(usize, usize),
    Bad(Status),
    Foreign,
}

fn verdict(bytes: &[u8]) -> Verdict {
    match Parsed::of(bytes) {
        Parsed::Partial => Verdict::Partial,
        Parsed::Whole(head) => Verdict::Whole(head.len, head.body_len),
        Parsed::Bad(status) => Verdict::Bad(status),
        Parsed::Foreign => Verdict::Foreign,
    }
}

/// A request with these lines behind the first and `Host`.
fn with(lines: &str) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n").into_bytes()
}

fn first(line: &str) -> Vec<u8> {
    format!("{line}\r\nHost: a\r\n\r\n").into_bytes()
}

#[expect(clippy::too_many_lines, reason = "a table")]
/// Every way of being wrong that is known to have opened a server to somebody.
fn bad() -> Vec<(Vec<u8>, Status)> {
    let mut all: Vec<(Vec<u8>, Status)> = Vec::new();
    let mut add = |status, requests: &[&[u8]]| {
        all.extend(requests.iter().map(|request| (request.to_vec(), status)));
    };
    add(
        Status::BadRequest,
        &[
            b"GET / HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n",
            b"GET / HTTP/1.1\nHost: a\n\n",
            b"GET / HTTP/1.1\r\nHost: a\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\n\n",
        ],
    );
    for lines in [
        ": empty name\r\n",
        "X : space before the colon\r\n",
        "X[]: a\r\n",
        "X\u{e4}: a\r\n",
        "X: a\0b\r\n",
        "X: a\rb\r\n",
        "X: a\u{7f}b\r\n",
        "X: a\r\n folded\r\n",
        "X: a\r\n\tfolded\r\n",
        " X: a\r\n",
        "no colon\r\n",
        "Content-Length: 1\r\nContent-Length: 2\r\n",
        "Content-Length: 1\r\nContent-Length: 1\r\n",
        "Content-Length: 1, 1\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: +1\r\n",
        "Content-Length: 0x1\r\n",
        "Content-Length: 1 1\r\n",
        "Content-Length:\r\n",
        "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
        "Cookie: a=b\r\nCookie: a=c\r\n",
    ] {
        add(Status::BadRequest, &[&with(lines)]);
    }
    for line in [
        "GET /",
        "GET / HTTP/0.9",
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "GET /\tHTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET / http/1.1",
        "GET / HTTP/1.",
        "GET / HTTP/1.10",
        "GET / HTTX/1.1",
        "GET x HTTP/1.1",
        "GET * HTTP/1.1",
        "GET /a#b HTTP/1.1",
        "GET /\u{e4} HTTP/1.1",
        "GET /\u{1} HTTP/1.1",
        "G\u{e4}T / HTTP/1.1",
        "GET",
    ] {
        add(Status::BadRequest, &[&first(line)]);
    }
    for lines in [
        "Transfer-Encoding: chunked\r\n",
        "transfer-ENCODING: CHUNKED\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding:\r\n",
    ] {
        add(Status::NotImplemented, &[&with(lines)]);
    }
    for line in [
        "get / HTTP/1.1",
        "BREW / HTTP/1.1",
        "TRACE / HTTP/1.1",
        "CONNECT a:80 HTTP/1.1",
        "GETT / HTTP/1.1",
    ] {
        add(Status::NotImplemented, &[&first(line)]);
    }
    for line in [
        "GET / HTTP/2.0",
        "PRI * HTTP/2.0",
        "GET / HTTP/3.0",
        "GET / HTTP/1.2",
    ] {
        add(Status::VersionUnknown, &[&first(line)]);
    }
    for line in ["GET http://a/ HTTP/1.1", "GET https://b/ HTTP/1.1"] {
        add(Status::Misdirected, &[&first(line)]);
    }
    add(Status::NotAllowed, &[&first("OPTIONS * HTTP/1.1")]);
    for lines in ["Expect: 200-ok\r\n", "Expect:\r\n"] {
        add(Status::ExpectationFailed, &[&with(lines)]);
    }
    for number in ["18446744073709551617", "1000000000"] {
        let lines = format!("Content-Length: {number}\r\n");
        add(Status::TooLarge, &[&with(&lines)]);
    }
    let long = format!("X: {}\r\n", "x".repeat(HEAD_BYTES_MAX));
    add(Status::FieldsTooLarge, &[&with(&long)]);
    add(
        Status::FieldsTooLarge,
        &[&with(&"X: y\r\n".repeat(FIELDS_MAX))],
    );
    let line = format!("GET /{} HTTP/1.1", "x".repeat(LINE_BYTES_MAX));
    add(Status::UriTooLong, &[&first(&line)]);
    all
}

#[test]
fn every_row_of_the_table_has_its_verdict() {
    for (request, status) in bad() {
        assert_eq!(
            verdict(&request),
            Verdict::Bad(status),
            "{}",
            String::from_utf8_lossy(&request)
        );
    }
}

#[test]
fn the_beginning_of_a_bad_request_is_never_taken_for_a_good_one() {
    for (request, status) in bad() {
        for end in 0..request.len() {
            let found = verdict(&request[..end]);
            let is_good = found == Verdict::Partial
                || found == Verdict::Bad(status)
                // A head that is too long is told of as soon as that is known, by another line's reason too.
                || matches!(found, Verdict::Bad(_));
            assert!(
                is_good,
                "{end} of {}: {found:?}",
                String::from_utf8_lossy(&request)
            );
        }
    }
}

#[test]
fn what_is_no_http_at_all_is_foreign() {
    let tls = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    for bytes in [
        &tls[..],
        b"\0",
        b"\xff\xfe",
        b"\r\n\r\n",
        b" GET / HTTP/1.1\r\n",
        b"\x80\x2e",
    ] {
        assert_eq!(verdict(bytes), Verdict::Foreign);
    }
}

#[test]
fn a_good_head_is_partial_up_to_its_last_byte_and_then_whole() {
    let request = b"PUT /api/v1/devices/02:00:00:00:00:0a?x=1 HTTP/1.1\r\nhost: 192.168.1.1:8080\r\nCONTENT-LENGTH:  5 \r\n\
Cookie: lanemark=ab\r\nX-Other: \xe4\t!\r\nExpect: 100-Continue\r\nConnection: keep-alive, Close\r\n\r\nhello";
    let len = request.len() - 5;
    for end in 0..len {
        assert_eq!(verdict(&request[..end]), Verdict::Partial, "{end}");
    }
    let Parsed::Whole(head) = Parsed::of(request) else {
        panic!("{:?}", verdict(request));
    };
    assert_eq!(
        (head.method, head.len, head.body_len),
        (Method::Put, len, 5)
    );
    assert_eq!(head.target, b"/api/v1/devices/02:00:00:00:00:0a?x=1");
    assert!(!head.persists && head.waits);
    assert_eq!(head.field(Name::Host), Some(&b"192.168.1.1:8080"[..]));
    assert_eq!(head.field(Name::Cookie), Some(&b"lanemark=ab"[..]));
    assert_eq!(head.field(Name::Origin), None);
}

#[test]
fn a_connection_persists_as_the_version_and_the_field_say() {
    for (request, persists) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true),
        ("GET / HTTP/1.0\r\nHost: a\r\n\r\n", false),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            false,
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n\r\n",
            true,
        ),
        (
            "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
            false,
        ),
    ] {
        let Parsed::Whole(head) = Parsed::of(request.as_bytes()) else {
            panic!("{request}");
        };
        assert_eq!(head.persists, persists, "{request}");
    }
}

#[test]
fn the_longest_head_is_one_and_a_byte_more_is_too_long() {
    let fill = |count: usize| with(&format!("X: {}\r\n", "x".repeat(count)));
    let others = fill(0).len();
    let longest = fill(HEAD_BYTES_MAX - others);
    assert_eq!(verdict(&longest), Verdict::Whole(HEAD_BYTES_MAX, 0));
    let longer = fill(HEAD_BYTES_MAX - others + 1);
    assert_eq!(verdict(&longer), Verdict::Bad(Status::FieldsTooLarge));
    let lines = "X: y\r\n".repeat(FIELDS_MAX - 1);
    assert!(matches!(verdict(&with(&lines)), Verdict::Whole(..)));
    let line = "x".repeat(LINE_BYTES_MAX - "GET / HTTP/1.1".len());
    assert!(matches!(
        verdict(&first(&format!("GET /{line} HTTP/1.1"))),
        Verdict::Whole(..)
    ));
    // Without an end it is known to be too long as soon as it is.
    let endless = format!("GET /{}", "x".repeat(LINE_BYTES_MAX));
    assert_eq!(
        verdict(endless.as_bytes()),
        Verdict::Bad(Status::UriTooLong)
    );
    let mut endless = with("");
    endless.truncate(endless.len() - 2);
    endless.resize(HEAD_BYTES_MAX, b'x');
    assert_eq!(verdict(&endless), Verdict::Bad(Status::FieldsTooLarge));
}

#[test]
fn a_path_is_decoded_once() {
    let mut room = [0; PATH_BYTES_MAX];
    for (target, wanted) in [
        ("/", Ok("/")),
        ("/api/v1/devices?class=x%ff", Ok("/api/v1/devices")),
        ("/%61pi", Ok("/api")),
        ("/a+b%20c", Ok("/a+b c")),
        ("/%2561", Ok("/%61")),
        ("/%2e%2e/x", Ok("/../x")),
        ("/%00", Err(Status::BadRequest)),
        ("/%0a", Err(Status::BadRequest)),
        ("/%", Err(Status::BadRequest)),
        ("/%1", Err(Status::BadRequest)),
        ("/%g1", Err(Status::BadRequest)),
        ("/%+1", Err(Status::BadRequest)),
        ("/%ff", Err(Status::BadRequest)),
        ("/%c3%a4", Ok("/ä")),
    ] {
        assert_eq!(path(target.as_bytes(), &mut room), wanted, "{target}");
    }
    let longest = format!("/{}", "x".repeat(PATH_BYTES_MAX - 1));
    assert_eq!(path(longest.as_bytes(), &mut room), Ok(longest.as_str()));
    let longer = longest + "x";
    assert_eq!(path(longer.as_bytes(), &mut room), Err(Status::NotFound));
}

#[test]
fn parameters_are_read_behind_the_question_mark_and_from_forms() {
    let mut room = [0; 8];
    for (pairs, wanted) in [
        ("/flows?device=a%20b", Some("a b")),
        ("/flows?class=x&device=a+b", Some("a b")),
        ("device=", Some("")),
        ("device=a&device=b", Some("a")),
        ("/flows?devices=a", None),
        ("/device=a?x", None),
        ("device=%f", None),
        ("device=%ff", None),
        ("device=123456789", None),
        ("", None),
    ] {
        assert_eq!(
            parameter(pairs.as_bytes(), "device", &mut room),
            wanted,
            "{pairs}"
        );
    }
}

#[test]
fn a_host_is_an_address_with_its_port_or_a_name() {
    let v4 = |port| Some(Host::Address([192, 168, 1, 1].into(), port));
    let v6 = "fd00::1".parse().unwrap();
    for (text, wanted) in [
        ("192.168.1.1", v4(None)),
        ("192.168.1.1:8080", v4(Some(8080))),
        ("[fd00::1]", Some(Host::Address(v6, None))),
        ("[fd00::1]:80", Some(Host::Address(v6, Some(80)))),
        ("router.lan:81", Some(Host::Name("router.lan"))),
        ("fd00::1", None),
        ("[192.168.1.1]", None),
        ("[fd00::1", None),
        ("[fd00::1]80", None),
        ("[]", None),
        ("", None),
        (":80", None),
        ("a:", None),
        ("a:x", None),
        ("a:+80", None),
        ("a:65536", None),
        ("a:80:80", None),
    ] {
        assert_eq!(Host::parse(text.as_bytes()), wanted, "{text}");
    }
    assert_eq!(Host::parse(b"\xff"), None);
}

#[test]
fn a_cookie_is_found_among_others_and_two_of_a_name_are_none() {
    for (field, wanted) in [
        ("lanemark=ab", Some("ab")),
        ("a=b; lanemark=ab; c=d", Some("ab")),
        ("a=b;lanemark=", Some("")),
        ("xlanemark=ab", None),
        ("lanemarkx=ab", None),
        ("Lanemark=ab", None),
        ("lanemark=ab; lanemark=cd", None),
        ("", None),
    ] {
        let found = cookie(field.as_bytes(), "lanemark");
        assert_eq!(found, wanted.map(str::as_bytes), "{field}");
    }
}

/// A head as it is sent.
fn emitted(reply: &Reply<'_>) -> String {
    let mut text = String::new();
    reply.emit(&mut text).unwrap();
    text
}

#[test]
fn every_answer_has_the_fields_that_protect_and_none_that_opens() {
    for &status in Status::ALL {
        let head = emitted(&Reply::plain(status));
        for line in [
            "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'\r\n",
            "X-Content-Type-Options: nosniff\r\n",
            "Referrer-Policy: no-referrer\r\n",
            "Cache-Control: no-store\r\n",
        ] {
            assert!(head.contains(line), "{head}");
        }
        assert!(
            !head.contains("Access-Control") && !head.contains("Server"),
            "{head}"
        );
        assert!(head.starts_with("HTTP/1.1 ") && head.ends_with("\r\n\r\n"));
        let code = &status.words()[..3];
        assert!(
            code.parse::<u16>().is_ok_and(|code| code == status as u16),
            "{code}"
        );
    }
}

#[test]
fn the_longest_head_of_an_answer_fits_its_room() {
    let cookie = format!(
        "Set-Cookie: lanemark={}; HttpOnly; SameSite=Strict; Path=/\r\n",
        "a".repeat(32)
    );
    let longest = emitted(&Reply {
        status: Status::FieldsTooLarge,
        content: Content::Packed("text/javascript; charset=utf-8"),
        length: Length::Bytes(usize::MAX),
        tag: Some(u32::MAX),
        persists: false,
        more: &[&cookie],
    });
    assert!(longest.len() <= REPLY_BYTES_MAX, "{}", longest.len());
}

#[test]
fn no_bytes_make_the_parsers_panic_and_a_head_is_within_what_came() {
    let good = [
        with("Cookie: a=b\r\nContent-Length: 3\r\n"),
        first("GET /%61?a=%20&b=c HTTP/1.1"),
    ];
    let seeds: Vec<Vec<u8>> = bad()
        .into_iter()
        .map(|(bytes, _)| bytes)
        .chain(good)
        .collect();
    let whole = roll(3_000, |mut dice| {
        let good = dice.below(2) * (seeds.len() - 2);
        let mut bytes = seeds[good + dice.below(seeds.len() - good)].clone();
        for _ in 0..dice.below(4) {
            let place = dice.below(bytes.len());
            match dice.below(3) {
                0 => bytes[place] = dice.byte(),
                1 => drop(bytes.remove(place)),
                _ => bytes.insert(place, b"\r\n :%\0/"[dice.below(7)]),
            }
        }
        let found = Parsed::of(&bytes);
        let Parsed::Whole(head) = found else {
            return false;
        };
        assert!(head.len <= bytes.len());
        assert!(bytes[..head.len].ends_with(b"\r\n\r\n"));
        let _ = path(head.target, &mut [0; PATH_BYTES_MAX]);
        let _ = parameter(head.target, "a", &mut [0; 16]);
        let _ = head.field(Name::Host).and_then(Host::parse);
        true
    });
    assert!(whole > 100, "{whole}");
}
