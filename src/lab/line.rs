//! One direction of the emulated line, as arithmetic: a FIFO in front of a serialiser, then a delay.
//!
//! It must not read a clock or touch a socket: time comes in, frames come out. What makes it exact on a noisy machine is that
//! the serialiser's time is computed from frame to frame; whoever calls late delivers late, but does not slow the line down.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How one direction of the line behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Direction {
    /// Bits per millisecond of Ethernet frames without frame check sequence, as `tc` counts them.
    pub rate_kbit: u32,
    /// From the end of serialisation to delivery.
    pub delay: Duration,
    /// Bytes that may wait, the frame in transmission included; a frame that does not fit is dropped.
    pub depth_bytes: usize,
}

/// What became of the frames so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Frames handed out at the far end.
    pub delivered_frames: u64,
    /// Their bytes.
    pub delivered_bytes: u64,
    /// Frames that found the FIFO full.
    pub dropped_frames: u64,
    /// The most bytes that waited at one time.
    pub deepest_bytes: usize,
    /// The bytes that wait now.
    pub waiting_bytes: usize,
}

#[derive(Debug)]
struct Flight {
    serialised: Instant,
    frame: Box<[u8]>,
}

/// One direction in operation.
#[derive(Debug)]
pub struct Line {
    direction: Direction,
    // In order of `serialised`; the first `left` of them have left the FIFO and are on their way.
    flights: VecDeque<Flight>,
    left: usize,
    free_at: Option<Instant>,
    tally: Tally,
}

impl Line {
    /// An idle line.
    #[must_use]
    pub fn new(direction: Direction) -> Self {
        Self {
            direction,
            flights: VecDeque::new(),
            left: 0,
            free_at: None,
            tally: Tally::default(),
        }
    }

    /// A frame arrives. Times must not go backwards by more than the caller's own lateness.
    pub fn push(&mut self, now: Instant, frame: &[u8]) {
        self.serialise_until(now);
        if self.tally.waiting_bytes + frame.len() > self.direction.depth_bytes {
            self.tally.dropped_frames += 1;
            return;
        }
        let start = self.free_at.map_or(now, |free| free.max(now));
        let serialised = start + self.time_on_wire(frame.len());
        self.free_at = Some(serialised);
        self.tally.waiting_bytes += frame.len();
        self.tally.deepest_bytes = self.tally.deepest_bytes.max(self.tally.waiting_bytes);
        self.flights.push_back(Flight {
            serialised,
            frame: frame.into(),
        });
    }

    /// The next frame that has arrived at the far end.
    pub fn pop(&mut self, now: Instant) -> Option<Box<[u8]>> {
        if self.next_delivery()? > now {
            return None;
        }
        self.serialise_until(now);
        let flight = self.flights.pop_front()?;
        self.left = self.left.saturating_sub(1);
        self.tally.delivered_frames += 1;
        self.tally.delivered_bytes += flight.frame.len() as u64;
        Some(flight.frame)
    }

    /// When `pop` will have something next.
    #[must_use]
    pub fn next_delivery(&self) -> Option<Instant> {
        self.flights
            .front()
            .map(|flight| flight.serialised + self.direction.delay)
    }

    /// What became of the frames so far.
    pub fn tally(&mut self, now: Instant) -> Tally {
        self.serialise_until(now);
        self.tally
    }

    fn serialise_until(&mut self, now: Instant) {
        while let Some(flight) = self.flights.get(self.left)
            && flight.serialised <= now
        {
            self.tally.waiting_bytes -= flight.frame.len();
            self.left += 1;
        }
    }

    fn time_on_wire(&self, bytes: usize) -> Duration {
        let bits = bytes as u64 * 8;
        // Bits per millisecond into nanoseconds.
        Duration::from_nanos(bits * 1_000_000 / u64::from(self.direction.rate_kbit.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOW: Direction = Direction {
        rate_kbit: 1000,
        delay: Duration::from_millis(10),
        depth_bytes: 3000,
    };

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn a_frame_takes_its_serialisation_and_the_delay() {
        let start = Instant::now();
        let mut line = Line::new(SLOW);
        line.push(start, &[0; 1000]);
        assert_eq!(line.next_delivery(), Some(start + ms(18)));
        assert!(line.pop(start + ms(17)).is_none());
        assert_eq!(
            line.pop(start + ms(18)).map(|frame| frame.len()),
            Some(1000)
        );
    }

    #[test]
    fn frames_follow_each_other_at_the_rate_even_when_nobody_looks() {
        let start = Instant::now();
        let mut line = Line::new(SLOW);
        line.push(start, &[1; 1000]);
        line.push(start, &[2; 1000]);
        let late = start + ms(500);
        assert_eq!(line.pop(late).map(|frame| frame[0]), Some(1));
        assert_eq!(line.pop(late).map(|frame| frame[0]), Some(2));
        line.push(start + ms(16), &[3; 1000]);
        assert_eq!(
            line.next_delivery(),
            Some(start + ms(34)),
            "the line was busy until 16 ms, not until the late look"
        );
    }

    #[test]
    fn a_full_fifo_drops_the_newcomer_and_frees_as_it_serialises() {
        let start = Instant::now();
        let mut line = Line::new(SLOW);
        for _ in 0..4 {
            line.push(start, &[0; 1000]);
        }
        assert_eq!(line.tally(start).dropped_frames, 1);
        line.push(start + ms(8), &[0; 1000]);
        assert_eq!(
            line.tally(start).dropped_frames,
            1,
            "the first has left the FIFO, though it is not delivered yet"
        );
        assert_eq!(line.tally(start).deepest_bytes, 3000);
    }
}
