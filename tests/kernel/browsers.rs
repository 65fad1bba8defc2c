//! The page process as it is, with a daemon that the test plays: sockets of the machine, judged by curl and by bytes.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use lanemark::sys::channel::Channel;
use lanemark::sys::file::Moved;
use lanemark::wire::channel::{Settings, Told};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, setsockopt, socket, sockopt,
};

use crate::program::under_test;
use crate::promise::{SOON, Tried, isolated, need, promises, until};

promises! {
    curl_logs_in_asks_changes_and_logs_out,
    hostile_names_stay_text,
    what_is_no_good_request_is_closed_and_the_next_honest_one_answered,
    a_thousand_slow_clients_of_one_address_do_not_keep_another_waiting,
    four_thousand_and_ninety_six_live_sockets_take_four_mebibytes_at_most,
    a_daemon_that_goes_takes_the_page_with_it,
}

/// The password that the played daemon knows.
const PASSWORD: &str = "correct horse";

/// A device of a hostile host.
const HOSTILE: &str = r#"<img src=x onerror=alert(1)></script>\u202e\u0000\u001b[31m"#;

const CHANGED: &str = r#"{"mac":"","name":"","flows_marked":3,"saved":false,"remark":""}"#;

/// The page process, and the daemon that the test plays.
struct Played {
    core: Arc<Channel>,
    page: Child,
    _listener: TcpListener,
    address: SocketAddr,
    /// Lines that were asked.
    asked: Arc<Mutex<Vec<String>>>,
    /// Counts up: each number is told to whoever watches.
    told: Arc<AtomicUsize>,
}

impl Played {
    fn new(connections: u16) -> Played {
        let up = Command::new("ip")
            .args(["link", "set", "lo", "up"])
            .status();
        assert!(up.expect("ip").success());
        let (core, theirs) = Channel::pair().expect("a channel");
        let input = theirs.as_fd().try_clone_to_owned().expect("a copy");
        drop(theirs);
        // The shell puts what it is given as standard input where the page process looks for it.
        let page = Command::new("sh")
            .args([
                "-c",
                "ulimit -n 8192; exec 3<&0 0</dev/null; exec \"$0\" page",
                under_test(),
            ])
            .stdin(Stdio::from(input))
            .spawn()
            .expect("the page process");
        // Any free port: trials may run side by side.
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a port");
        let port = listener.local_addr().expect("its address").port();
        listener.set_nonblocking(true).expect("no waiting");
        let played = Played {
            core: Arc::new(core),
            page,
            address: (Ipv4Addr::LOCALHOST, port).into(),
            asked: Arc::default(),
            told: Arc::default(),
            _listener: listener,
        };
        played.tell(
            &Told::Settings(Settings {
                has_password: true,
                names: "router.lan",
                connections,
                metrics: "",
            }),
            None,
        );
        played.tell(
            &Told::Listen,
            Some(
                played
                    ._listener
                    .as_fd()
                    .try_clone_to_owned()
                    .expect("a copy"),
            ),
        );
        for _ in 0..4 {
            played.give();
        }
        played
    }

    fn tell(&self, told: &Told<'_>, along: Option<OwnedFd>) {
        let message = told.emit().expect("a message");
        let along = along.as_ref().map(|file| file.as_fd());
        assert_eq!(self.core.tell(&message, along), Moved::Bytes(message.len()));
    }

    fn give(&self) {
        give(&self.core, &self.asked, &self.told);
    }

    fn curl(&self, more: &[&str], path: &str) -> String {
        let url = format!("http://{}{path}", self.address);
        let output = Command::new("curl")
            .args(["-s", "-i", "--max-time", "10", "--compressed"])
            .args(more)
            .arg(url)
            .output()
            .expect("curl");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn origin(&self) -> String {
        format!("Origin: http://{}", self.address)
    }

    /// The cookie and the token of a new session.
    fn log_in(&self) -> (String, String) {
        let body = format!("{{\"password\":\"{PASSWORD}\"}}");
        let words = [
            "-H",
            &self.origin(),
            "-H",
            "Content-Type: application/json",
            "-d",
            &body,
        ];
        let answer = self.curl(&words, "/api/v1/session");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        (
            between(&answer, "Set-Cookie: lanemark=", ";"),
            between(&answer, "\"token\":\"", "\""),
        )
    }

    /// An address of the machine connects.
    fn visit(&self, from: Ipv4Addr) -> TcpStream {
        let flags = SockFlag::SOCK_CLOEXEC;
        let own = socket(AddressFamily::Inet, SockType::Stream, flags, None).expect("a socket");
        // Many connections from one address must not run out of ports before they are connected.
        setsockopt(&own, sockopt::ReuseAddr, &true).expect("an option");
        let raw = std::os::fd::AsRawFd::as_raw_fd(&own);
        let [a, b, c, d] = from.octets();
        bind(raw, &SockaddrIn::new(a, b, c, d, 0)).expect("an address");
        connect(raw, &SockaddrIn::new(127, 0, 0, 1, self.address.port())).expect("the page");
        let stream = TcpStream::from(own);
        stream.set_read_timeout(Some(SOON)).expect("a limit");
        stream
    }

    fn is_alive(&mut self) -> bool {
        self.page.try_wait().expect("to look").is_none()
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        let _ = self.page.kill();
        let _ = self.page.wait();
    }
}

/// Gives the page process a link, and answers on it. One that is closed is replaced.
fn give(core: &Arc<Channel>, asked: &Arc<Mutex<Vec<String>>>, told: &Arc<AtomicUsize>) {
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    theirs.set_nonblocking(true).expect("no waiting");
    let message = Told::Control.emit().expect("a message");
    if core.tell(&message, Some(theirs.as_fd())) == Moved::Broken {
        return;
    }
    // The channel ends with the daemon, whoever else waits for something.
    let (core, asked, told) = (Arc::downgrade(core), asked.clone(), told.clone());
    thread::spawn(move || {
        answer(ours, &asked, &told);
        if let Some(core) = core.upgrade() {
            give(&core, &asked, &told);
        }
    });
}

/// Answers until the link is closed.
fn answer(mut link: UnixStream, asked: &Mutex<Vec<String>>, told: &AtomicUsize) {
    let mut lines = BufReader::new(link.try_clone().expect("a copy")).lines();
    while let Some(Ok(line)) = lines.next() {
        let verb = between(&line, "\"verb\":\"", "\"");
        asked.lock().expect("the list").push(line);
        let answer = match verb.as_str() {
            "login" => match lines.next() {
                Some(Ok(password)) if password == format!("\"{PASSWORD}\"") => CHANGED.to_owned(),
                _ => r#"{"error":{"fault":"input","message":"wrong password"}}"#.to_owned(),
            },
            "status" => r#"{"state":"on","classes":[]}"#.to_owned(),
            "devices" => format!(
                r#"{{"devices":[{{"name":"{HOSTILE}","mac":"02:00:00:00:00:0a","addresses":[],"class":null,"flows":0,"up_kbit":null,"down_kbit":null,"seen_s":null}}]}}"#
            ),
            "watch" => return watch(link, told),
            _ => CHANGED.to_owned(),
        };
        if link.write_all(format!("{answer}\n").as_bytes()).is_err() {
            return;
        }
    }
}

/// Tells everything, and then each number, until the link is closed.
fn watch(mut link: UnixStream, told: &AtomicUsize) {
    link.set_nonblocking(true).expect("no waiting");
    let mut last = told.load(Ordering::SeqCst);
    let mut line = format!("{{\"g\":1,\"m\":[],\"n\":{last}}}\n");
    loop {
        if link.write_all(line.as_bytes()).is_err() {
            return;
        }
        while told.load(Ordering::SeqCst) == last {
            match link.read(&mut [0]) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                _ => return,
            }
            thread::sleep(Duration::from_millis(5));
        }
        last += 1;
        line = format!("{{\"n\":{last}}}\n");
    }
}

fn between(text: &str, before: &str, after: &str) -> String {
    let (_, rest) = text
        .split_once(before)
        .unwrap_or_else(|| panic!("no {before:?} in {text}"));
    rest.split_once(after).expect(after).0.to_owned()
}

fn curl_logs_in_asks_changes_and_logs_out() -> Tried {
    isolated()?;
    need(&["curl", "ip"])?;
    let mut played = Played::new(64);
    let index = played.curl(&[], "/");
    assert!(
        index.starts_with("HTTP/1.1 200") && index.contains("<title>"),
        "{index}"
    );
    assert!(index.contains("frame-ancestors 'none'"), "{index}");
    assert!(
        played
            .curl(&[], "/api/v1/status")
            .starts_with("HTTP/1.1 401")
    );
    let rebound = played.curl(&["-H", "Host: evil.example"], "/");
    assert!(rebound.starts_with("HTTP/1.1 421"), "{rebound}");
    let (cookie, token) = played.log_in();
    let cookie = format!("lanemark={cookie}");
    let status = played.curl(&["-b", &cookie], "/api/v1/status");
    assert!(
        status.ends_with(r#"{"state":"on","classes":[]}"#),
        "{status}"
    );
    let (origin, token) = (played.origin(), format!("X-Lanemark-Token: {token}"));
    let change = [
        "-b",
        &cookie,
        "-H",
        &origin,
        "-H",
        &token,
        "-H",
        "Content-Type: application/json",
    ];
    let set = [&change[..], &["-X", "PUT", "-d", "{\"class\":\"premium\"}"]].concat();
    let answer = played.curl(&set, "/api/v1/devices/02:00:00:00:00:0a");
    assert!(answer.ends_with(CHANGED), "{answer}");
    let last = played.asked.lock().expect("the list").pop();
    let wanted = r#"{"verb":"set","device":"02:00:00:00:00:0a","class":"premium"}"#;
    assert_eq!(last.as_deref(), Some(wanted));
    // Another site's page, with the cookie that the browser sends along.
    let foreign = [
        &set[..2],
        &[
            "-H",
            "Origin: http://evil.example",
            "-H",
            "Content-Type: application/json",
        ],
        &set[8..],
    ]
    .concat();
    let answer = played.curl(&foreign, "/api/v1/devices/02:00:00:00:00:0a");
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    let out = [&change[..], &["-X", "DELETE"]].concat();
    assert!(
        played
            .curl(&out, "/api/v1/session")
            .starts_with("HTTP/1.1 204")
    );
    assert!(
        played
            .curl(&["-b", &cookie], "/api/v1/status")
            .starts_with("HTTP/1.1 401")
    );
    assert!(played.is_alive());
    Ok(())
}

fn hostile_names_stay_text() -> Tried {
    isolated()?;
    need(&["curl", "ip"])?;
    let played = Played::new(64);
    let (cookie, _) = played.log_in();
    let page = played.curl(&["-b", &format!("lanemark={cookie}")], "/plain");
    let wanted =
        "<bdi>&lt;img src=x onerror=alert(1)&gt;&lt;/script&gt;\u{202e}\u{fffd}\u{fffd}[31m</bdi>";
    assert!(page.contains(wanted), "{page}");
    assert!(!page.contains("<img") && !page.contains("<script") && !page.contains('\u{1b}'));
    Ok(())
}

/// Everything that comes back until the other side closes.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A connection that is reset has said what it had to say.
    let _ = stream.read_to_end(&mut bytes);
    bytes
}

fn what_is_no_good_request_is_closed_and_the_next_honest_one_answered() -> Tried {
    isolated()?;
    need(&["curl", "ip"])?;
    let mut played = Played::new(64);
    let host = format!("Host: {}\r\n", played.address);
    let long = "x".repeat(100_000);
    for (request, wanted) in [
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), "HTTP/1.1 400"),
        (format!("GET / HTTP/1.1\n{host}\n"), "HTTP/1.1 400"),
        (
            format!("GET / HTTP/1.1\r\n{host}X : y\r\n\r\n"),
            "HTTP/1.1 400",
        ),
        (
            format!("GET /{long} HTTP/1.1\r\n{host}\r\n"),
            "HTTP/1.1 414",
        ),
        (
            format!("GET / HTTP/1.1\r\n{host}X: {long}\r\n\r\n"),
            "HTTP/1.1 431",
        ),
        (
            format!(
                "POST /api/v1/session HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            ),
            "HTTP/1.1 501",
        ),
        (
            format!(
                "POST /api/v1/session HTTP/1.1\r\n{host}Content-Length: 99999999\r\n\r\n{long}"
            ),
            "HTTP/1.1 4",
        ),
        (format!("GET / HTTP/2.0\r\n{host}\r\n"), "HTTP/1.1 505"),
        ("\u{16}\u{3}\u{1}\u{2}".to_owned(), ""),
    ] {
        let mut stream = played.visit(Ipv4Addr::LOCALHOST);
        // What it does not want to hear it does not take.
        let _ = stream.write_all(request.as_bytes());
        let answer = rest(&mut stream);
        assert!(
            answer.starts_with(wanted.as_bytes()) && answer.is_empty() == wanted.is_empty(),
            "{}: {}",
            &request[..40.min(request.len())],
            String::from_utf8_lossy(&answer)
        );
        let begun = Instant::now();
        assert!(played.curl(&[], "/").starts_with("HTTP/1.1 200"));
        assert!(begun.elapsed() < SOON);
    }
    assert!(played.is_alive());
    assert!(played.asked.lock().expect("the list").is_empty());
    Ok(())
}

fn a_thousand_slow_clients_of_one_address_do_not_keep_another_waiting() -> Tried {
    isolated()?;
    need(&["curl", "ip"])?;
    more_files();
    let played = Played::new(64);
    let host = format!("Host: {}\r\n", played.address);
    let slow = Ipv4Addr::new(127, 0, 0, 2);
    let mut held = Vec::new();
    let mut longest = Duration::ZERO;
    for number in 0..1000 {
        let mut stream = played.visit(slow);
        let begin = match number % 3 {
            0 => "GET / HT".to_owned(),
            1 => format!(
                "POST /api/v1/session HTTP/1.1\r\n{host}Origin: http://{}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{",
                played.address
            ),
            // Asks and does not read.
            _ => format!("GET /page.js HTTP/1.1\r\n{host}\r\n").repeat(50),
        };
        let _ = stream.write_all(begin.as_bytes());
        held.push(stream);
        if number % 100 == 99 {
            let begun = Instant::now();
            let page = played.curl(&["--interface", "127.0.0.3"], "/");
            longest = longest.max(begun.elapsed());
            assert!(page.starts_with("HTTP/1.1 200"), "{page}");
        }
    }
    assert!(longest < Duration::from_secs(1), "{longest:?}");
    println!("longest load of the page: {longest:?}");
    Ok(())
}

/// Room for the sockets of both ends.
fn more_files() {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("the limit");
    setrlimit(Resource::RLIMIT_NOFILE, most.min(16_384), most).expect("a higher limit");
}

/// Memory that nobody else has, in kB, without what is only mapped from the program.
fn dirty_kb(pid: u32) -> usize {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("the file");
    let line = text.lines().find(|line| line.starts_with("Private_Dirty:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.expect("the line").parse().expect("a number")
}

/// The text of the next frame.
fn frame(stream: &mut TcpStream) -> String {
    let mut head = [0; 2];
    stream.read_exact(&mut head).expect("a frame");
    // On a slow machine it is asked meanwhile whether it is there.
    while head == [0x89, 0] {
        stream
            .write_all(&[0x8a, 0x80, 0, 0, 0, 0])
            .expect("to say so");
        stream.read_exact(&mut head).expect("a frame");
    }
    assert_eq!(head[0], 0x81);
    let mut text = vec![0; usize::from(head[1])];
    stream.read_exact(&mut text).expect("its text");
    String::from_utf8(text).expect("text")
}

fn four_thousand_and_ninety_six_live_sockets_take_four_mebibytes_at_most() -> Tried {
    const COUNT: u16 = 4096;
    isolated()?;
    need(&["curl", "ip"])?;
    more_files();
    let played = Played::new(COUNT);
    let (cookie, _) = played.log_in();
    let address = played.address;
    let request = format!(
        "GET /api/v1/live HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nCookie: lanemark={cookie}\r\n\
Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let mut live: Vec<TcpStream> = Vec::new();
    for number in 0..COUNT {
        let [high, low] = number.to_be_bytes();
        let mut stream = played.visit(Ipv4Addr::new(127, 1, high, low.max(1)));
        stream.write_all(request.as_bytes()).expect("to ask");
        live.push(stream);
    }
    for stream in &mut live {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).expect("an answer");
            head.push(byte[0]);
        }
        assert!(
            head.starts_with(b"HTTP/1.1 101"),
            "{}",
            String::from_utf8_lossy(&head)
        );
        assert!(frame(stream).starts_with("{\"g\":1,"));
    }
    let kb = dirty_kb(played.page.id());
    println!("{COUNT} live sockets: {kb} kB private");
    assert!(kb <= 4096, "{kb} kB");
    // Each is told each change.
    let told = played.told.fetch_add(1, Ordering::SeqCst) + 1;
    for stream in &mut live {
        assert_eq!(frame(stream), format!("{{\"n\":{told}}}"));
    }
    let kb = dirty_kb(played.page.id());
    println!("after a change was told to all: {kb} kB private");
    assert!(kb <= 4096, "{kb} kB");
    Ok(())
}

fn a_daemon_that_goes_takes_the_page_with_it() -> Tried {
    isolated()?;
    need(&["curl", "ip"])?;
    let mut played = Played::new(64);
    assert!(played.curl(&[], "/").starts_with("HTTP/1.1 200"));
    let (core, _) = Channel::pair().expect("a channel");
    played.core = Arc::new(core);
    until("the end of the page process", SOON, || {
        (!played.is_alive()).then_some(())
    });
    Ok(())
}
