//! How often passwords may be tried.

use core::net::IpAddr;
use core::time::Duration;

use heapless::Vec;

use crate::value::Instant;

/// Passwords that are tried within [`TRIES_WITHIN`] from one address at most. One more is refused, and tells how long to wait.
pub const TRIES_AN_ADDRESS: usize = 10;

/// The same from all addresses together: guessing from many gains nothing, and six who guess leave nobody's processor without rest. Each
/// takes 32 bytes.
pub const TRIES_MAX: usize = 60;

/// See [`TRIES_AN_ADDRESS`].
pub const TRIES_WITHIN: Duration = Duration::from_secs(60);

/// The tries that count, the oldest first.
#[derive(Debug, Default)]
pub struct Tries {
    tries: Vec<(IpAddr, Instant), TRIES_MAX>,
}

impl Tries {
    /// Somebody at this address wants to try one.
    ///
    /// # Errors
    /// How many seconds to wait before the next.
    pub fn take(&mut self, now: Instant, from: IpAddr) -> Result<(), u64> {
        while self
            .tries
            .first()
            .is_some_and(|(_, at)| at.after(TRIES_WITHIN) <= now)
        {
            self.tries.remove(0);
        }
        let own = |(address, _): &&(IpAddr, Instant)| *address == from;
        let oldest = if self.tries.iter().filter(own).count() < TRIES_AN_ADDRESS {
            self.tries.first().filter(|_| self.tries.is_full())
        } else {
            self.tries.iter().find(own)
        };
        if let Some((_, at)) = oldest {
            return Err(at.after(TRIES_WITHIN).since(now).as_secs() + 1);
        }
        // There is room: else the oldest would be told of.
        let _ = self.tries.push((from, now));
        Ok(())
    }
}
