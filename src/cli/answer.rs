use std::path::Path;
use std::time::Duration;

use crate::config::CONFIG_BYTES_MAX;
use crate::control::{BadAnswer, Elements, Failure, Piece, Record, Request, fill, read};
use crate::sys::client::{BadLine, Client};

use super::screen::Screen;
use super::trouble::{Outcome, Trouble};

/// Bytes of the longest answer that is held as a whole: a configuration. Lists are read element by element.
const ANSWER_BYTES_MAX: usize = CONFIG_BYTES_MAX;

/// Bytes that are read at once: chosen, one page.
const CHUNK_BYTES: usize = 4096;

/// An answer on its way.
pub(super) struct Answer<'a> {
    socket: &'a Path,
    client: Client,
    elements: Elements,
    chunk: Box<[u8]>,
    /// The part of the chunk that is not read yet.
    from: usize,
    to: usize,
}

impl<'a> Answer<'a> {
    /// Asks. `second` is the line that some requests have behind them.
    pub(super) fn to(
        request: &Request<'_>,
        second: Option<&str>,
        socket: &'a Path,
        wait: Duration,
    ) -> Outcome<Box<Answer<'a>>> {
        let lost = |bad| Trouble::line(socket, bad);
        let mut client = Client::connect(socket, wait).map_err(lost)?;
        let first = request.line();
        for line in [Some(first.as_slice()), second.map(str::as_bytes)] {
            match line.map_or(Ok(()), |line| client.send(line)) {
                // A daemon that refuses early closes early; its answer still tells why.
                Ok(()) | Err(BadLine::Closed) => {}
                Err(bad) => return Err(lost(bad)),
            }
        }
        Ok(Box::new(Answer {
            socket,
            client,
            elements: Elements::new(),
            chunk: vec![0; CHUNK_BYTES].into_boxed_slice(),
            from: 0,
            to: 0,
        }))
    }

    /// Who answers.
    pub(super) const fn client(&self) -> &Client {
        &self.client
    }

    /// The next bytes, whatever they are.
    pub(super) fn more(&mut self) -> Outcome<&[u8]> {
        self.receive()?;
        Ok(self.chunk.get(..self.to).unwrap_or_default())
    }

    /// Prints the line as it came.
    pub(super) fn print(&mut self, screen: &mut Screen<'_>) -> Outcome {
        self.whole(&mut |part| {
            screen.json(part);
            screen.send_much()
        })
    }

    /// The whole line, for answers that are one object.
    pub(super) fn line(&mut self) -> Outcome<Vec<u8>> {
        let mut line = Vec::new();
        self.whole(&mut |part| {
            line.extend_from_slice(part);
            if line.len() > ANSWER_BYTES_MAX {
                Err(Trouble::answer(BadAnswer::TooLong))
            } else {
                Ok(())
            }
        })?;
        Ok(line)
    }

    /// The one object that the line is.
    pub(super) fn object(&mut self, record: &mut dyn Record) -> Outcome {
        fill(record, &self.line()?).map_err(Trouble::answer)
    }

    /// The next element of the list, as it comes, in constant memory; false at the end.
    pub(super) fn element(&mut self, record: &mut dyn Record) -> Outcome<bool> {
        loop {
            let mut rest = self.chunk.get(self.from..self.to).unwrap_or_default();
            let piece = self.elements.next(&mut rest);
            self.from = self.to - rest.len();
            match piece.map_err(Trouble::answer)? {
                Some(Piece::Element(json)) => {
                    fill(record, json).map_err(Trouble::answer)?;
                    return Ok(true);
                }
                Some(Piece::Failure(json)) => return Err(refusal(json)?),
                Some(Piece::Object) => return Err(Trouble::answer(BadAnswer::Form)),
                Some(Piece::End) => return Ok(false),
                None => self.receive()?,
            }
        }
    }

    /// Each part of the line; after its end, the failure that it is.
    fn whole(&mut self, each: &mut dyn FnMut(&[u8]) -> Outcome) -> Outcome {
        let (mut failure, mut judged) = (None, false);
        loop {
            self.receive()?;
            let chunk = self.chunk.get(..self.to).unwrap_or_default();
            let end = chunk.iter().position(|&byte| byte == b'\n');
            let part = chunk
                .get(..end.map_or(chunk.len(), |index| index + 1))
                .unwrap_or_default();
            // The first piece says whether it is a failure.
            let mut unjudged = part;
            if !judged
                && let Some(piece) = self.elements.next(&mut unjudged).map_err(Trouble::answer)?
            {
                judged = true;
                if let Piece::Failure(json) = piece {
                    failure = Some(refusal(json)?);
                }
            }
            each(part)?;
            if end.is_some() {
                return failure.map_or(Ok(()), Err);
            }
        }
    }

    fn receive(&mut self) -> Outcome {
        self.from = 0;
        self.to = self
            .client
            .receive(&mut self.chunk)
            .map_err(|bad| Trouble::line(self.socket, bad))?;
        Ok(())
    }
}

/// The failure that this is.
fn refusal(json: &[u8]) -> Outcome<Box<Trouble>> {
    let failure: Failure = read(json).map_err(Trouble::answer)?;
    Ok(Trouble::failure(&failure))
}
