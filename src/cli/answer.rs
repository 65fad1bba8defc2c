use std::time::Duration;

use crate::config::CONFIG_BYTES_MAX;
use crate::control::{
    self, BadAnswer, Elements, Failure, FromJson, Piece, REQUEST_BYTES_MAX, Request,
};
use crate::sys::client::{BadLine, Client};

use super::command::{Command, Form};
use super::screen::Screen;
use super::trouble::Trouble;

/// Bytes of the longest answer that is held as a whole: a configuration. Lists are read element by element.
const ANSWER_BYTES_MAX: usize = CONFIG_BYTES_MAX;

/// Bytes that are read at once: chosen, one page.
const CHUNK_BYTES: usize = 4096;

/// An answer on its way.
pub(super) struct Answer<'a> {
    command: &'a Command,
    client: Client,
    buffer: [u8; CHUNK_BYTES],
}

impl<'a> Answer<'a> {
    /// Asks. `second` is the line that some requests have behind them.
    pub(super) fn to(
        request: &Request<'_>,
        second: Option<&[u8]>,
        command: &'a Command,
        wait: Duration,
    ) -> Result<Answer<'a>, Trouble> {
        let mut line = [0; REQUEST_BYTES_MAX];
        // Whatever a command holds fits: its texts are bounded by the parser.
        let len = request
            .write(&mut line)
            .map_err(|_| Trouble::Answer(BadAnswer::TooLong))?;
        let line = line.get(..len).unwrap_or_default();
        let lost = |bad| Trouble::Line {
            socket: command.socket.clone(),
            bad,
        };
        let mut client = Client::connect(&command.socket, wait).map_err(lost)?;
        for line in [Some(line), second].into_iter().flatten() {
            match client.send(line) {
                // A daemon that refuses early closes early; its answer still tells why.
                Ok(()) | Err(BadLine::Closed) => {}
                Err(bad) => return Err(lost(bad)),
            }
        }
        Ok(Answer {
            command,
            client,
            buffer: [0; CHUNK_BYTES],
        })
    }

    /// As JSON when that was asked for; `true` when so.
    pub(super) fn as_json(&mut self, screen: &mut Screen<'_>) -> Result<bool, Trouble> {
        if self.command.form == Form::Table {
            return Ok(false);
        }
        let (mut elements, mut failure, mut judged) = (Elements::new(), None, false);
        let mut unwritten = Vec::new();
        loop {
            let chunk = self.receive()?;
            let len = chunk
                .iter()
                .position(|&byte| byte == b'\n')
                .map(|index| index + 1);
            let part = chunk.get(..len.unwrap_or(chunk.len())).unwrap_or_default();
            let mut unjudged = part;
            // The first piece says whether it is a failure.
            if !judged && let Some(piece) = elements.next(&mut unjudged).map_err(Trouble::Answer)? {
                judged = true;
                failure = if let Piece::Failure(json) = piece {
                    Some(read::<Failure>(json)?)
                } else {
                    None
                };
            }
            screen.json(part, &mut unwritten)?;
            if len.is_some() {
                return failure
                    .map_or(Ok(true), |failure| Err(Trouble::Failure(Box::new(failure))));
            }
        }
    }

    /// Each element of the list, as it comes, in constant memory.
    pub(super) fn elements<T: FromJson>(
        mut self,
        mut each: impl FnMut(T) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        let mut elements = Elements::new();
        loop {
            let mut chunk = self.receive()?;
            while let Some(piece) = elements.next(&mut chunk).map_err(Trouble::Answer)? {
                match piece {
                    Piece::Element(json) => each(read(json)?)?,
                    Piece::Failure(json) => return Err(Trouble::Failure(Box::new(read(json)?))),
                    Piece::Object => return Err(Trouble::Answer(BadAnswer::Form)),
                    Piece::End => return Ok(()),
                }
            }
        }
    }

    /// The whole line, for answers that are one object.
    pub(super) fn line(&mut self) -> Result<Vec<u8>, Trouble> {
        let mut line = Vec::new();
        loop {
            let chunk = self.receive()?;
            let end = chunk.iter().position(|&byte| byte == b'\n');
            line.extend_from_slice(chunk.get(..end.unwrap_or(chunk.len())).unwrap_or_default());
            if line.len() > ANSWER_BYTES_MAX {
                return Err(Trouble::Answer(BadAnswer::TooLong));
            }
            if end.is_some() {
                break;
            }
        }
        let mut elements = Elements::new();
        match elements
            .next(&mut line.as_slice())
            .map_err(Trouble::Answer)?
        {
            Some(Piece::Failure(json)) => Err(Trouble::Failure(Box::new(read(json)?))),
            Some(_) => Ok(line),
            None => Err(Trouble::Answer(BadAnswer::Form)),
        }
    }

    /// The one object that the line is.
    pub(super) fn object<T: FromJson>(mut self) -> Result<T, Trouble> {
        read(&self.line()?)
    }

    fn receive(&mut self) -> Result<&[u8], Trouble> {
        match self.client.receive(&mut self.buffer) {
            Ok(len) => Ok(self.buffer.get(..len).unwrap_or_default()),
            Err(bad) => Err(Trouble::Line {
                socket: self.command.socket.clone(),
                bad,
            }),
        }
    }
}

fn read<T: FromJson>(json: &[u8]) -> Result<T, Trouble> {
    control::read(json).map_err(Trouble::Answer)
}
