//! The web with browsers and a daemon that are played by the test, and a clock that is turned by hand.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use lanemark::value::Instant;
use lanemark::web::{CHANCE_BYTES, LINKS_MAX, Place, Web, Wish};
use lanemark::wire::channel::Settings;

/// Where the page is.
pub const LOCAL: &str = "192.168.1.1:8080";

/// Who visits it, mostly.
pub const VISITOR: &str = "192.168.1.5";

/// The answer of a daemon that was told a right password.
pub const CHANGED: &str = r#"{"mac":"","name":"","flows_marked":0,"saved":true,"remark":""}"#;

pub struct World {
    pub web: Web,
    pub now: Instant,
    /// What each connection was sent and nobody has looked at.
    sent: BTreeMap<Place, Vec<u8>>,
    /// Connections whose socket is open.
    pub open: Vec<Place>,
    /// Those of them of which the other side takes nothing.
    pub deaf: Vec<Place>,
    /// The same for links.
    pub links: Vec<Place>,
    /// What the daemon was asked and has not answered, and on which link.
    asked: Vec<(Place, String)>,
    /// Links whose lines are not complete.
    begun: BTreeMap<Place, Vec<u8>>,
    chance: u8,
}

impl World {
    /// A page with a password, room for so many connections and four links.
    pub fn new(connections: u16) -> World {
        let mut world = World {
            web: Web::new(connections),
            now: Instant::from_ms(1_000_000),
            sent: BTreeMap::new(),
            open: Vec::new(),
            deaf: Vec::new(),
            links: Vec::new(),
            asked: Vec::new(),
            begun: BTreeMap::new(),
            chance: 0,
        };
        world.configure(true, "router.lan,gateway");
        for _ in 0..4 {
            world.link();
        }
        world
    }

    pub fn configure(&mut self, has_password: bool, names: &str) {
        self.web.settings(&Settings {
            has_password,
            names,
            connections: 64,
            metrics: "",
        });
        self.settle();
    }

    /// The daemon tells the token of the metrics.
    pub fn tell_metrics_to(&mut self, token: &str) {
        self.web.settings(&Settings {
            has_password: true,
            names: "router.lan,gateway",
            connections: 64,
            metrics: token,
        });
    }

    /// The daemon gives a link.
    pub fn link(&mut self) -> Option<Place> {
        let place = self.web.link_opened(self.now)?;
        self.links.push(place);
        self.settle();
        Some(place)
    }

    /// The daemon closes a link.
    pub fn unlink(&mut self, place: Place) {
        self.links.retain(|&other| other != place);
        self.asked.retain(|(other, _)| *other != place);
        self.begun.remove(&place);
        self.web.link_closed(place, self.now);
        self.settle();
    }

    pub fn visit(&mut self) -> Place {
        self.visit_from(VISITOR)
    }

    pub fn visit_from(&mut self, visitor: &str) -> Place {
        let visitor: IpAddr = visitor.parse().unwrap();
        let local: SocketAddr = LOCAL.parse().unwrap();
        let place = self.web.opened(self.now, visitor, local);
        // Whoever was there is closed without a word.
        self.open.retain(|&other| other != place);
        self.deaf.retain(|&other| other != place);
        self.sent.remove(&place);
        self.open.push(place);
        self.settle();
        place
    }

    /// A browser says bytes, as far as there is room; how many.
    pub fn say(&mut self, place: Place, bytes: &[u8]) -> usize {
        let mut said = 0;
        while said < bytes.len() && self.open.contains(&place) {
            let wish = self.web.wish(place);
            let room = self.web.room(place).min(bytes.len() - said);
            if room == 0 || !matches!(wish, Wish::Read | Wish::Drain) {
                break;
            }
            self.web
                .received(self.now, place, &bytes[said..said + room]);
            said += room;
            self.settle();
        }
        said
    }

    /// The other side closes.
    pub fn hang_up(&mut self, place: Place) {
        self.web.ended(place);
        self.settle();
    }

    /// What a connection was sent since this was asked.
    pub fn heard(&mut self, place: Place) -> Vec<u8> {
        self.sent.remove(&place).unwrap_or_default()
    }

    /// The same as text.
    pub fn text(&mut self, place: Place) -> String {
        String::from_utf8(self.heard(place)).unwrap()
    }

    /// The status of what it was sent.
    pub fn status(&mut self, place: Place) -> u16 {
        status(&self.text(place))
    }

    /// Says a request on a new connection; what comes back.
    pub fn ask(&mut self, request: &str) -> String {
        let place = self.visit();
        self.say(place, request.as_bytes());
        // A file of the page is no text: it is packed.
        String::from_utf8_lossy(&self.heard(place)).into_owned()
    }

    pub fn is_open(&self, place: Place) -> bool {
        self.open.contains(&place)
    }

    /// Time passes, and everything that is due in it happens at its time.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now.after(time);
        while let Some(due) = self.web.deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.web.tick(self.now);
            self.settle();
        }
        self.now = end;
    }

    /// What the daemon was asked, all lines of it, and on which link.
    pub fn asked(&mut self) -> Option<(Place, String)> {
        if self.asked.is_empty() {
            return None;
        }
        Some(self.asked.remove(0))
    }

    /// The daemon says bytes on a link.
    pub fn tell(&mut self, link: Place, bytes: &[u8]) {
        self.web.link_received(self.now, link, bytes);
        self.settle();
    }

    /// The daemon is asked these lines, and answers with a line.
    pub fn answers(&mut self, lines: &str, answer: &str) {
        let (link, asked) = self.asked().expect(lines);
        assert_eq!(asked, lines);
        self.tell(link, format!("{answer}\n").as_bytes());
    }

    /// Logs in; the cookie and the token.
    pub fn log_in(&mut self) -> (String, String) {
        let place = self.visit();
        self.say(place, login("secret word").as_bytes());
        let lines = "{\"verb\":\"login\",\"device\":\"192.168.1.5\"}\n\"secret word\"\n";
        self.answers(lines, CHANGED);
        let text = self.text(place);
        assert_eq!(status(&text), 200, "{text}");
        let cookie = between(&text, "Set-Cookie: lanemark=", ";");
        let token = between(&text, "\"token\":\"", "\"");
        self.hang_up(place);
        (cookie, token)
    }

    /// A live socket of that session, which was told nothing yet.
    pub fn live(&mut self, cookie: &str) -> Place {
        let place = self.visit();
        self.say(place, upgrade(cookie, "http://192.168.1.1:8080").as_bytes());
        assert_eq!(self.status(place), 101);
        place
    }

    /// Carries out what the web wishes, as the page process does it.
    fn settle(&mut self) {
        loop {
            if self.web.needs_chance() {
                self.chance += 1;
                let mut chance = [0xa0 + self.chance; CHANCE_BYTES];
                chance[CHANCE_BYTES / 2..].fill(!self.chance);
                self.web.stock(chance);
            }
            self.settle_links();
            let Some(place) = self.web.noted(self.now) else {
                return;
            };
            if !self.open.contains(&place) {
                continue;
            }
            while !self.deaf.contains(&place) {
                // In pieces, as a socket takes it.
                let piece = self.web.output(place);
                let piece = piece[..piece.len().min(1000)].to_vec();
                if piece.is_empty() {
                    break;
                }
                self.sent.entry(place).or_default().extend(&piece);
                self.web.sent(self.now, place, piece.len());
            }
            if self.web.wish(place) == Wish::Close {
                self.open.retain(|&other| other != place);
                self.web.closed(place, self.now);
            }
        }
    }

    fn settle_links(&mut self) {
        for link in 0..LINKS_MAX {
            if !self.links.contains(&link) {
                continue;
            }
            match self.web.link_wish(link) {
                Wish::Close => {
                    self.links.retain(|&other| other != link);
                    self.asked.retain(|(other, _)| *other != link);
                    self.web.link_closed(link, self.now);
                }
                Wish::Write => {
                    let bytes = self.web.link_output(link).to_vec();
                    self.web.link_sent(link, bytes.len());
                    let lines = String::from_utf8(bytes).unwrap();
                    assert!(lines.ends_with('\n'), "{lines}");
                    self.asked.push((link, lines));
                }
                _ => {}
            }
        }
    }
}

pub fn status(answer: &str) -> u16 {
    assert!(answer.starts_with("HTTP/1.1 "), "no answer: {answer:?}");
    answer[9..12].parse().unwrap()
}

/// What stands behind the head.
pub fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

pub fn between(text: &str, before: &str, after: &str) -> String {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("{text}"));
    rest.split_once(after).unwrap().0.to_owned()
}

/// A request without a body.
pub fn get(path: &str, cookie: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: 192.168.1.1:8080\r\nCookie: lanemark={cookie}\r\n\r\n")
}

/// A change as our page sends it.
pub fn change(line: &str, (cookie, token): (&str, &str), more: &str, body: &str) -> String {
    format!(
        "{line} HTTP/1.1\r\nHost: 192.168.1.1:8080\r\nOrigin: http://192.168.1.1:8080\r\nContent-Type: application/json\r\n\
Cookie: lanemark={cookie}\r\nX-Lanemark-Token: {token}\r\n{more}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub fn login(password: &str) -> String {
    change(
        "POST /api/v1/session",
        ("", ""),
        "",
        &format!("{{\"password\":\"{password}\"}}"),
    )
}

pub fn upgrade(cookie: &str, origin: &str) -> String {
    format!(
        "GET /api/v1/live HTTP/1.1\r\nHost: 192.168.1.1:8080\r\nOrigin: {origin}\r\nCookie: lanemark={cookie}\r\n\
Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n\
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}
