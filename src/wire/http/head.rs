//! The head of a request.

use super::reply::Status;

/// Bytes of a head at most: what browsers send is below 1 KiB. A longer one is answered with 431.
pub const HEAD_BYTES_MAX: usize = 4096;

/// Bytes of the first line at most, without its end. A longer one is answered with 414.
pub const LINE_BYTES_MAX: usize = 2048;

/// Fields at most, those that nobody asks for too: what browsers send is below 20. More are answered with 431.
pub const FIELDS_MAX: usize = 64;

/// The longest body that a `Content-Length` can announce, in decimal digits: far beyond every limit, and without overflow.
const LENGTH_DIGITS_MAX: usize = 9;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`.
    Get,
    /// `HEAD`.
    Head,
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
    /// `DELETE`.
    Delete,
    /// `OPTIONS`.
    Options,
    /// `PATCH`.
    Patch,
}

const METHODS: [(&str, Method); 7] = [
    ("GET", Method::Get),
    ("HEAD", Method::Head),
    ("POST", Method::Post),
    ("PUT", Method::Put),
    ("DELETE", Method::Delete),
    ("OPTIONS", Method::Options),
    ("PATCH", Method::Patch),
];

/// The fields that somebody asks for. None of them may be there twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// `Host`.
    Host,
    /// `Content-Length`.
    ContentLength,
    /// `Content-Type`.
    ContentType,
    /// `Transfer-Encoding`.
    TransferEncoding,
    /// `Expect`.
    Expect,
    /// `Connection`.
    Connection,
    /// `Upgrade`.
    Upgrade,
    /// `Authorization`.
    Authorization,
    /// `Origin`.
    Origin,
    /// `Cookie`.
    Cookie,
    /// `If-Match`.
    IfMatch,
    /// `If-None-Match`.
    IfNoneMatch,
    /// `X-Lanemark-Token`.
    Token,
    /// `Sec-WebSocket-Key`.
    WebSocketKey,
    /// `Sec-WebSocket-Version`.
    WebSocketVersion,
}

/// The names, in the order of [`Name`].
const NAMES: [&str; 15] = [
    "host",
    "content-length",
    "content-type",
    "transfer-encoding",
    "expect",
    "connection",
    "upgrade",
    "authorization",
    "origin",
    "cookie",
    "if-match",
    "if-none-match",
    "x-lanemark-token",
    "sec-websocket-key",
    "sec-websocket-version",
];

/// The head of a request whose framing is beyond doubt.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// What is to be done.
    pub method: Method,
    /// With what: it begins with `/`.
    pub target: &'a [u8],
    /// Bytes of the head.
    pub len: usize,
    /// Bytes of the body behind it.
    pub body_len: usize,
    /// Whether the connection is for further requests.
    pub persists: bool,
    /// Whether the body is only sent when we say so.
    pub waits: bool,
    fields: [Option<&'a [u8]>; NAMES.len()],
}

impl<'a> Head<'a> {
    /// The value of a field, without space around it.
    #[inline(never)]
    pub fn field(&self, name: Name) -> Option<&'a [u8]> {
        self.fields.get(name as usize).copied().flatten()
    }
}

/// What the bytes that came so far are.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "it lives on the stack for a moment, and nothing of it is worth an allocation"
)]
pub enum Parsed<'a> {
    /// The beginning of a head.
    Partial,
    /// A head.
    Whole(Head<'a>),
    /// To be answered with this, and closed.
    Bad(Status),
    /// No HTTP: to be closed.
    Foreign,
}

impl<'a> Parsed<'a> {
    /// Reads a head from the bytes that came so far.
    pub fn of(bytes: &'a [u8]) -> Parsed<'a> {
        match bytes.first() {
            None => Parsed::Partial,
            Some(&first) if !is_token(first) => Parsed::Foreign,
            Some(_) => match head(bytes) {
                Ok(Some(head)) => Parsed::Whole(head),
                Ok(None) => Parsed::Partial,
                Err(status) => Parsed::Bad(status),
            },
        }
    }
}

/// Takes a line, without its end; none when its end is not there yet.
fn line<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Status> {
    let bytes = *rest;
    let Some(place) = bytes.iter().position(|&byte| byte == b'\n') else {
        return Ok(None);
    };
    let (line, after) = bytes.split_at(place);
    *rest = after.get(1..).unwrap_or_default();
    // A line that ends in LF alone is one to us and a part of one to others, or the other way round.
    line.strip_suffix(b"\r").map(Some).ok_or(Status::BadRequest)
}

fn head(bytes: &[u8]) -> Result<Option<Head<'_>>, Status> {
    let mut rest = bytes;
    let first = line(&mut rest)?;
    if first.unwrap_or(bytes).len() > LINE_BYTES_MAX {
        return Err(Status::UriTooLong);
    }
    let Some(first) = first else {
        return Ok(None);
    };
    let (method, target, persists) = request(first)?;
    let mut head = Head {
        method,
        target,
        len: 0,
        body_len: 0,
        persists,
        waits: false,
        fields: [None; NAMES.len()],
    };
    for count in 0.. {
        let line = line(&mut rest)?;
        let used = bytes.len() - rest.len();
        if used > HEAD_BYTES_MAX || (line.is_none() && bytes.len() >= HEAD_BYTES_MAX) {
            return Err(Status::FieldsTooLarge);
        }
        match line {
            None => return Ok(None),
            Some(b"") => {
                head.len = used;
                break;
            }
            Some(_) if count == FIELDS_MAX => return Err(Status::FieldsTooLarge),
            Some(line) => field(line, &mut head)?,
        }
    }
    frame(&mut head)?;
    Ok(Some(head))
}

/// The first line; whether the connection persists if nothing else is said.
fn request(line: &[u8]) -> Result<(Method, &[u8], bool), Status> {
    let mut words = line.split(|&byte| byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Status::BadRequest);
    };
    let persists = match version {
        b"HTTP/1.1" => true,
        b"HTTP/1.0" => false,
        [b'H', b'T', b'T', b'P', b'/', b'1'..=b'9', b'.', b'0'..=b'9'] => {
            return Err(Status::VersionUnknown);
        }
        _ => return Err(Status::BadRequest),
    };
    if method.is_empty() || !method.iter().copied().all(is_token) {
        return Err(Status::BadRequest);
    }
    let known = METHODS.iter().find(|(name, _)| name.as_bytes() == method);
    let (_, method) = known.ok_or(Status::NotImplemented)?;
    if !target.iter().all(u8::is_ascii_graphic) || target.contains(&b'#') {
        return Err(Status::BadRequest);
    }
    if !target.starts_with(b"/") {
        // A proxy is asked so: we are none.
        let absolute = target.windows(3).any(|three| three == b"://");
        return Err(match (absolute, target, method) {
            (true, ..) => Status::Misdirected,
            (_, b"*", Method::Options) => Status::NotAllowed,
            _ => Status::BadRequest,
        });
    }
    Ok((*method, target, persists))
}

/// A character that the name of a method or field may have (RFC 9110, 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn field<'a>(line: &'a [u8], head: &mut Head<'a>) -> Result<(), Status> {
    let colon = line.iter().position(|&byte| byte == b':');
    let (name, value) = line.split_at(colon.ok_or(Status::BadRequest)?);
    let value = value.get(1..).unwrap_or_default();
    let bad = |&byte: &u8| byte.is_ascii_control() && byte != b'\t';
    // A line that goes on with the one before begins with a space, which no name has.
    if name.is_empty() || !name.iter().copied().all(is_token) || value.iter().any(bad) {
        return Err(Status::BadRequest);
    }
    let known = NAMES
        .iter()
        .position(|known| known.as_bytes().eq_ignore_ascii_case(name));
    if let Some(place) = known.and_then(|place| head.fields.get_mut(place))
        && place.replace(value.trim_ascii()).is_some()
    {
        return Err(Status::BadRequest);
    }
    Ok(())
}

/// What the fields say of the body and of the connection.
fn frame(head: &mut Head<'_>) -> Result<(), Status> {
    let length = head.field(Name::ContentLength);
    if head.field(Name::TransferEncoding).is_some() {
        // Both together are how requests are smuggled.
        return Err(match length {
            Some(_) => Status::BadRequest,
            None => Status::NotImplemented,
        });
    }
    if let Some(length) = length {
        if length.is_empty() || !length.iter().all(u8::is_ascii_digit) {
            return Err(Status::BadRequest);
        }
        if length.len() > LENGTH_DIGITS_MAX {
            return Err(Status::TooLarge);
        }
        for digit in length {
            head.body_len = head.body_len * 10 + usize::from(digit - b'0');
        }
    }
    if head.field(Name::Host).is_none_or(<[u8]>::is_empty) {
        return Err(Status::BadRequest);
    }
    match head.field(Name::Expect) {
        None => {}
        Some(wish) if wish.eq_ignore_ascii_case(b"100-continue") => head.waits = true,
        Some(_) => return Err(Status::ExpectationFailed),
    }
    if let Some(connection) = head.field(Name::Connection) {
        // Whoever speaks 1.0 is let go after the answer in any case.
        head.persists &= !super::is_token_in_list(connection, "close");
    }
    Ok(())
}
