//! The page without JavaScript: log in, see the devices, give one a class.

use core::fmt::{self, Write};
use std::rc::Rc;

use super::connection::{Exchange, Source, Text};
use super::{Place, Web};
use crate::control::{self, Device, Elements, Piece};
use crate::value::Class;
use crate::wire::http::{Content, Length, Reply, Status};

// A browser says where a form comes from only if it may say so at all, which the headers of all answers forbid: here it may, to us.
const BEGIN: &str = "<!doctype html><html lang=en><meta charset=utf-8><meta name=referrer content=same-origin>\
<meta name=viewport content=\"width=device-width\"><title>lanemark</title>\
<link rel=stylesheet href=/page.css><main class=card><h1>lanemark</h1>";

const LOGIN: &str = "<form method=post action=/plain/login><label>Password \
<input type=password name=password autocomplete=current-password required></label> \
<button>Log in</button></form></main>";

const FIRST: &str = "<p>There is no password yet. Set one with <code>lanemark password</code> on the router, \
or on <a href=/>the page</a>.</main>";

const TABLE: &str = "<table><caption>Devices and their lanes</caption><thead><tr><th scope=col>Device<th scope=col class=wide>Address\
<th scope=col class=rate>Down<br>kbit/s<th scope=col class=rate>Up<br>kbit/s<th scope=col>Lane<tbody>";

/// A text that may be anything, as text of a page: what means something there is escaped, and control characters show that they were there.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                letter if letter.is_control() => f.write_char(char::REPLACEMENT_CHARACTER)?,
                letter => f.write_char(letter)?,
            }
        }
        Ok(())
    }
}

impl Web {
    /// Whoever is not logged in, or whose wish failed.
    pub(super) fn plain_login(
        &mut self,
        exchange: &mut Exchange,
        place: Place,
        status: Status,
        trouble: &str,
    ) -> Source {
        let mut page = String::from(BEGIN);
        // A string takes whatever is written to it.
        let _ = match trouble {
            "" => Ok(()),
            trouble => write!(page, "<p role=alert>{}", Escaped(trouble)),
        };
        let is_known = self
            .connections
            .get(place)
            .is_some_and(|connection| connection.session.is_some());
        page += match (is_known, self.has_password) {
            (true, _) => "<p><a href=/plain>Back</a></main>",
            (false, true) => LOGIN,
            (false, false) => FIRST,
        };
        exchange.head(&Reply {
            content: Content::Html,
            length: Length::Bytes(page.len()),
            persists: self.persists(place),
            ..Reply::plain(status)
        });
        exchange.output.extend_from_slice(page.as_bytes());
        Source::Nothing
    }

    /// The devices of an answer, each with a form.
    pub(super) fn plain_devices(
        &mut self,
        exchange: &mut Exchange,
        place: Place,
        mut answer: &[u8],
    ) -> Source {
        let session = self.connections.get(place).and_then(|each| each.session);
        let token = session.and_then(|key| self.sessions.secrets(key));
        let Some((_, token)) = token else {
            return self.plain_login(exchange, place, Status::Done, "");
        };
        let mut page = Vec::new();
        page.extend_from_slice(BEGIN.as_bytes());
        page.extend_from_slice(TABLE.as_bytes());
        let mut elements = Elements::new();
        while let Ok(Some(piece)) = elements.next(&mut answer) {
            if let Piece::Element(element) = piece
                && let Ok(device) = control::read::<Device>(element)
            {
                // A vector takes whatever is written to it.
                let _ = row(&mut Text(&mut page), &device, &token);
            }
        }
        page.extend_from_slice(b"</table></main>");
        exchange.head(&Reply {
            content: Content::Html,
            length: Length::Bytes(page.len()),
            persists: self.persists(place),
            ..Reply::plain(Status::Done)
        });
        Source::Shared(Rc::new(page))
    }
}

fn row(page: &mut dyn Write, device: &Device, token: &dyn fmt::Display) -> fmt::Result {
    let name = match device.name.as_str() {
        "" => &device.mac,
        name => name,
    };
    let (name, mac) = (Escaped(name), Escaped(&device.mac));
    let address = device.addresses.first().map_or("", |first| first);
    write!(
        page,
        "<tr><th scope=row><bdi>{name}</bdi><td class=wide>{}",
        Escaped(address)
    )?;
    for kbit in [device.down_kbit, device.up_kbit] {
        match kbit {
            Some(kbit) => write!(page, "<td class=rate>{kbit}")?,
            None => page.write_str("<td class=rate>–")?,
        }
    }
    write!(
        page,
        "<td><form method=post action=/plain/set>\
<input type=hidden name=token value={token}><input type=hidden name=device value={mac}>\
<select name=class aria-label=\"lane of {name}\"><option value=\"\">default"
    )?;
    for class in Class::ALL {
        let class = class.name();
        let mark = if device.class.as_deref() == Some(class) {
            " selected"
        } else {
            ""
        };
        write!(page, "<option{mark}>{class}")?;
    }
    page.write_str("</select> <button>Set</button></form>")
}
