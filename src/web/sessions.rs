//! Who is logged in.

use core::fmt;
use core::time::Duration;

use crate::value::{Instant, utf8};

/// Sessions at most: browsers of one household. A further one takes the place of the one that was used longest ago; only who knows the password makes any.
pub const SESSIONS_MAX: usize = 16;

/// A session that asks nothing for so long is over. What the live socket tells is no asking.
pub const IDLE_MAX: Duration = Duration::from_secs(30 * 60);

/// No session is older.
pub const AGE_MAX: Duration = Duration::from_secs(12 * 60 * 60);

/// Bytes of chance that a new session takes: 128 bits for its name, and 128 for its token.
pub const CHANCE_BYTES: usize = 32;

/// Bytes of a name or token.
const SECRET_BYTES: usize = 16;

/// A secret of 128 bits, as the 32 hex digits that it is shown as: whoever asks shows those.
#[derive(Clone, Copy)]
pub(super) struct Secret([u8; 2 * SECRET_BYTES]);

impl Secret {
    fn new(chance: [u8; SECRET_BYTES]) -> Secret {
        let mut digits = [0; 2 * SECRET_BYTES];
        for (digits, byte) in digits.chunks_mut(2).zip(chance) {
            for (digit, half) in digits.iter_mut().zip([byte >> 4, byte & 15]) {
                *digit = half + if half < 10 { b'0' } else { b'a' - 10 };
            }
        }
        Secret(digits)
    }

    /// Whether these are its digits. It takes the same time for all that have their number, whatever they are.
    fn is(&self, digits: &[u8]) -> bool {
        same(&self.0, digits)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(utf8(&self.0).unwrap_or_default())
    }
}

/// Whether what is shown is the secret. It takes the same time for all that have its length, whatever they are.
#[inline(never)]
pub(super) fn same(secret: &[u8], shown: &[u8]) -> bool {
    let unlike = secret.iter().zip(shown);
    let unlike = unlike.fold(0, |unlike, (ours, theirs)| unlike | (ours ^ theirs));
    secret.len() == shown.len() && unlike == 0
}

struct Session {
    name: Secret,
    token: Secret,
    number: u32,
    begun: Instant,
    used: Instant,
}

/// A session, for a connection to remember.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    place: u8,
    /// No two sessions have the same.
    number: u32,
}

#[derive(Default)]
pub(super) struct Sessions {
    all: [Option<Session>; SESSIONS_MAX],
    count: u32,
}

impl Sessions {
    /// Begins one.
    pub(super) fn begin(&mut self, now: Instant, chance: &[u8; CHANCE_BYTES]) -> Key {
        self.expire(now);
        // Free places first, then the one that was used longest ago.
        let used = |session: &Option<Session>| session.as_ref().map(|session| session.used);
        let mut oldest = 0;
        for (place, session) in self.all.iter().enumerate() {
            if used(session) < self.all.get(oldest).and_then(used) {
                oldest = place;
            }
        }
        let [name, token] = *chance.as_chunks().0 else {
            return Key {
                place: 0,
                number: 0,
            };
        };
        self.count = self.count.wrapping_add(1);
        let session = Session {
            name: Secret::new(name),
            token: Secret::new(token),
            number: self.count,
            begun: now,
            used: now,
        };
        if let Some(place) = self.all.get_mut(oldest) {
            *place = Some(session);
        }
        Key {
            place: u8::try_from(oldest).unwrap_or_default(),
            number: self.count,
        }
    }

    /// The session of that name, which is used now.
    pub(super) fn find(&mut self, now: Instant, name: &[u8]) -> Option<Key> {
        self.expire(now);
        for (place, session) in self.all.iter_mut().enumerate() {
            let Some(session) = session else { continue };
            if session.name.is(name) {
                session.used = now;
                return Some(Key {
                    place: u8::try_from(place).ok()?,
                    number: session.number,
                });
            }
        }
        None
    }

    fn get(&self, key: Key) -> Option<&Session> {
        let session = self.all.get(usize::from(key.place))?.as_ref();
        session.filter(|session| session.number == key.number)
    }

    /// Whether it is still one.
    pub(super) fn has(&self, key: Key) -> bool {
        self.get(key).is_some()
    }

    /// Its name, for the cookie, and its token.
    pub(super) fn secrets(&self, key: Key) -> Option<(Secret, Secret)> {
        self.get(key).map(|session| (session.name, session.token))
    }

    /// Whether that is its token.
    pub(super) fn is_token(&self, key: Key, token: &[u8]) -> bool {
        self.get(key).is_some_and(|session| session.token.is(token))
    }

    /// Ends one.
    pub(super) fn end(&mut self, key: Key) {
        if self.has(key)
            && let Some(place) = self.all.get_mut(usize::from(key.place))
        {
            *place = None;
        }
    }

    /// Ends all.
    pub(super) fn end_all(&mut self) {
        self.all.fill_with(|| None);
    }

    /// Ends those whose time is over. When the next one's will be.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Instant> {
        let mut next = None;
        for place in &mut self.all {
            let Some(session) = place else { continue };
            let end = session
                .used
                .after(IDLE_MAX)
                .min(session.begun.after(AGE_MAX));
            if end <= now {
                *place = None;
            } else if next.is_none_or(|next| end < next) {
                next = Some(end);
            }
        }
        next
    }
}
