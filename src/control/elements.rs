use heapless::Vec;

use super::BadAnswer;

/// Bytes of the longest array element or failure of an answer. The largest one that the vocabulary allows, a failure whose whole
/// message has to be escaped, takes 1,490; an element beyond the limit is [`BadAnswer::TooLong`].
pub const ELEMENT_BYTES_MAX: usize = 2048;

/// How many brackets may be open inside an element. Ours open two; the limit is the width of a stack of bits.
pub const NESTING_MAX: u8 = 32;

/// A part of an answer line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// One object of the array that is the only field of the answer.
    Element(&'a [u8]),
    /// The answer is a failure: the object that stands in `{"error":...}`.
    Failure(&'a [u8]),
    /// The answer is an object with other fields. Nothing of it is kept here: it is for the reader of the whole line.
    Object,
    /// The line is complete. What follows is the next answer.
    End,
}

/// Takes an answer line apart while it arrives, in constant memory.
///
/// It matches brackets and strings; whether an element is what it should be is decided by whoever reads the element.
///
/// # Example
/// ```
/// use lanemark::control::{Elements, Piece};
///
/// let mut elements = Elements::new();
/// let mut bytes: &[u8] = b"{\"flows\":[{\"mark\":10},";
/// assert_eq!(elements.next(&mut bytes), Ok(Some(Piece::Element(b"{\"mark\":10}"))));
/// assert_eq!(elements.next(&mut bytes), Ok(None), "the rest has not arrived yet");
/// ```
#[derive(Debug)]
pub struct Elements {
    /// The first field's name, then the element that is arriving.
    buffer: Vec<u8, ELEMENT_BYTES_MAX>,
    nest: Nest,
    state: State,
}

/// What is expected next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// `{`.
    Start,
    /// The first field's name, or `}`.
    Field,
    /// More of something that has brackets or quotation marks around it.
    Inside(Part),
    Colon,
    Value,
    /// The first element, or `]`.
    FirstElement,
    /// An element.
    NextElement,
    /// `,` or `]`.
    ElementEnd,
    /// `}`.
    Close,
    /// The line break.
    Line,
    /// Nothing any more.
    Broken(BadAnswer),
}

/// What has brackets or quotation marks around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// The first field's name.
    Name,
    Element,
    Failure,
    /// An object with other fields, of which nothing is kept.
    Object,
}

/// A [`Piece`] without its bytes.
#[derive(Clone, Copy)]
enum Kind {
    Element,
    Failure,
    Object,
    End,
}

impl Default for Elements {
    fn default() -> Elements {
        Elements::new()
    }
}

impl Elements {
    /// At the start of an answer line.
    pub const fn new() -> Elements {
        Elements {
            buffer: Vec::new(),
            nest: Nest::NONE,
            state: State::Start,
        }
    }

    /// Takes bytes until a piece is complete; the bytes behind it stay in `bytes`. `None` when all were taken and more are needed.
    ///
    /// # Errors
    /// [`BadAnswer`], and the same one for ever after.
    pub fn next<'a>(&'a mut self, bytes: &mut &[u8]) -> Result<Option<Piece<'a>>, BadAnswer> {
        while let Some((&byte, rest)) = bytes.split_first() {
            let kind = match self.step(byte) {
                Ok(kind) => kind,
                Err(bad) => {
                    self.state = State::Broken(bad);
                    return Err(bad);
                }
            };
            *bytes = rest;
            if let Some(kind) = kind {
                return Ok(Some(match kind {
                    Kind::Element => Piece::Element(&self.buffer),
                    Kind::Failure => Piece::Failure(&self.buffer),
                    Kind::Object => Piece::Object,
                    Kind::End => Piece::End,
                }));
            }
        }
        Ok(None)
    }

    fn step(&mut self, byte: u8) -> Result<Option<Kind>, BadAnswer> {
        match self.state {
            State::Inside(part) => return self.inside(part, byte),
            State::Broken(bad) => return Err(bad),
            _ if matches!(byte, b' ' | b'\t' | b'\r') => return Ok(None),
            State::Value => return self.first_value(byte),
            _ => {}
        }
        let mut kind = None;
        self.state = match (self.state, byte) {
            (State::Start, b'{') => State::Field,
            (State::Field, b'"') => return self.enter(Part::Name, byte),
            (State::Field, b'}') => {
                kind = Some(Kind::Object);
                State::Line
            }
            (State::Colon, b':') => State::Value,
            (State::FirstElement | State::NextElement, b'{') => {
                return self.enter(Part::Element, byte);
            }
            (State::FirstElement | State::ElementEnd, b']') => State::Close,
            (State::ElementEnd, b',') => State::NextElement,
            (State::Close, b'}') => State::Line,
            (State::Line, b'\n') => {
                kind = Some(Kind::End);
                State::Start
            }
            _ => return Err(BadAnswer::Form),
        };
        Ok(kind)
    }

    /// The first byte of the first field's value says what the answer is.
    fn first_value(&mut self, byte: u8) -> Result<Option<Kind>, BadAnswer> {
        let failed = self.buffer == b"\"error\"";
        match byte {
            b'{' if failed => self.enter(Part::Failure, byte),
            _ if failed => Err(BadAnswer::Form),
            b'[' => {
                self.state = State::FirstElement;
                Ok(None)
            }
            b'{' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => {
                // The bracket of the answer itself is open.
                self.enter(Part::Object, b'{')?;
                self.inside(Part::Object, byte)?;
                Ok(Some(Kind::Object))
            }
            _ => Err(BadAnswer::Form),
        }
    }

    /// The first byte of a part.
    fn enter(&mut self, part: Part, byte: u8) -> Result<Option<Kind>, BadAnswer> {
        self.buffer.clear();
        self.nest = Nest::NONE;
        self.state = State::Inside(part);
        self.inside(part, byte)
    }

    fn inside(&mut self, part: Part, byte: u8) -> Result<Option<Kind>, BadAnswer> {
        self.nest.step(byte)?;
        if part != Part::Object {
            self.keep(byte)?;
        }
        if !self.nest.is_outside() {
            return Ok(None);
        }
        let (state, kind) = match part {
            Part::Name => (State::Colon, None),
            Part::Element => (State::ElementEnd, Some(Kind::Element)),
            Part::Failure => (State::Close, Some(Kind::Failure)),
            Part::Object => (State::Line, None),
        };
        self.state = state;
        Ok(kind)
    }

    fn keep(&mut self, byte: u8) -> Result<(), BadAnswer> {
        self.buffer.push(byte).map_err(|_| BadAnswer::TooLong)
    }
}

/// The open brackets, and whether we are inside a string.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nest {
    /// One bit an open bracket, the innermost lowest: 1 for `{`, 0 for `[`.
    open: u32,
    depth: u8,
    text: Text,
}

#[derive(Clone, Copy, Debug)]
enum Text {
    Outside,
    Inside,
    Escape,
}

impl Nest {
    pub(super) const NONE: Nest = Nest {
        open: 0,
        depth: 0,
        text: Text::Outside,
    };

    /// Takes a byte.
    pub(super) fn step(&mut self, byte: u8) -> Result<(), BadAnswer> {
        match (self.text, byte) {
            (Text::Outside, b'"') => self.text = Text::Inside,
            (Text::Outside, b'{') => self.enter(1)?,
            (Text::Outside, b'[') => self.enter(0)?,
            (Text::Outside, b'}') => return self.leave(1),
            (Text::Outside, b']') => return self.leave(0),
            (Text::Outside, b'\t' | b'\r') => {}
            // Among them the line break: the line ended too early.
            (_, 0..=0x1f) => return Err(BadAnswer::Form),
            (Text::Outside, _) => {}
            (Text::Inside, b'"') => self.text = Text::Outside,
            (Text::Inside, b'\\') => self.text = Text::Escape,
            (Text::Inside, _) => {}
            (Text::Escape, _) => self.text = Text::Inside,
        }
        Ok(())
    }

    /// Whether no bracket and no string is open.
    pub(super) const fn is_outside(&self) -> bool {
        self.depth == 0 && matches!(self.text, Text::Outside)
    }

    fn enter(&mut self, bracket: u32) -> Result<(), BadAnswer> {
        if self.depth == NESTING_MAX {
            return Err(BadAnswer::TooDeep);
        }
        self.depth += 1;
        self.open = (self.open << 1) | bracket;
        Ok(())
    }

    fn leave(&mut self, bracket: u32) -> Result<(), BadAnswer> {
        if self.depth == 0 || self.open & 1 != bracket {
            return Err(BadAnswer::Form);
        }
        self.depth -= 1;
        self.open >>= 1;
        Ok(())
    }
}
