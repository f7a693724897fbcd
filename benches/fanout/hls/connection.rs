//! One keep-alive connection: a request, its answer, the next request. Answers that nobody wants to see are only counted.

use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::net::SocketAddr;

use bytes::Bytes;
use mio::net::TcpStream;

use crate::check::Fault;

const MAX_HEAD: usize = 16 << 10;
/// More than any playlist or part of a stream that this harness publishes.
const MAX_BODY: u64 = 64 << 20;

/// A connection and where it is in its one exchange.
#[derive(Debug)]
pub struct Connection {
    socket: TcpStream,
    /// What of the request is unsent.
    request: Bytes,
    /// Whether the body of the answer is to be kept.
    keep: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    Idle,
    /// The beginning of a head that did not come whole.
    Head(Vec<u8>),
    Body {
        length: u64,
        left: u64,
        kept: Vec<u8>,
    },
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer<'a> {
    /// Bytes of its body.
    pub length: u64,
    /// The body, where it was to be kept.
    pub body: Option<Cow<'a, [u8]>>,
}

impl Connection {
    /// Begins to connect.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { socket: TcpStream::connect(address)?, request: Bytes::new(), keep: false, state: State::Idle })
    }

    /// For the poll to watch.
    pub fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    /// Whether no answer is awaited.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// Sends a request, or as soon as the connection stands. Only for one that is idle.
    pub fn ask(&mut self, request: Bytes, keep: bool) -> Result<(), Fault> {
        (self.request, self.keep, self.state) = (request, keep, State::Head(Vec::new()));
        self.write()
    }

    /// Sends what is unsent.
    pub fn write(&mut self) -> Result<(), Fault> {
        while !self.request.is_empty() {
            match self.socket.write(&self.request) {
                Ok(count) => drop(self.request.split_to(count)),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected) => return Ok(()),
                Err(error) => return Err(Fault::Connection(error.kind())),
            }
        }
        Ok(())
    }

    /// Reads all there is; the answer once it is whole. `bytes` and `reads` count what came.
    pub fn read<'b>(&mut self, buffer: &'b mut [u8], bytes: &mut u64, reads: &mut u64) -> Result<Option<Answer<'b>>, Fault> {
        loop {
            let count = match self.socket.read(buffer) {
                Ok(0) => return Err(Fault::Closed),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Fault::Connection(error.kind())),
            };
            *bytes += count as u64;
            *reads += 1;
            let at = self.head(&buffer[..count])?;
            if let State::Body { length, left, kept } = &mut self.state {
                let here = (count - at) as u64;
                *left = left.checked_sub(here).ok_or(Fault::Surplus)?;
                if *left == 0 {
                    let length = *length;
                    let whole = length == here;
                    let body = self.keep.then(|| {
                        kept.extend_from_slice(if whole { &[] } else { &buffer[at..count] });
                        std::mem::take(kept)
                    });
                    self.state = State::Idle;
                    let body = body.map(|kept| if whole { Cow::Borrowed(&buffer[at..count]) } else { Cow::Owned(kept) });
                    return Ok(Some(Answer { length, body }));
                }
                if self.keep {
                    kept.extend_from_slice(&buffer[at..count]);
                }
            }
            // Less than was asked for: the socket is empty, and the poll will tell when more comes.
            if count < buffer.len() {
                return Ok(None);
            }
        }
    }

    /// Passes over the head, as far as it has come; where the body begins in `input`.
    fn head(&mut self, input: &[u8]) -> Result<usize, Fault> {
        let gathered = match &mut self.state {
            State::Idle => return Err(Fault::Surplus),
            State::Body { .. } => return Ok(0),
            State::Head(gathered) => gathered,
        };
        let before = gathered.len();
        let head = if before == 0 {
            Cow::Borrowed(input)
        } else {
            gathered.extend_from_slice(input);
            Cow::Owned(std::mem::take(gathered))
        };
        let end = head.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4);
        let Some(end) = end else {
            if head.len() > MAX_HEAD {
                return Err(Fault::HeadTooLong(MAX_HEAD));
            }
            *gathered = head.into_owned();
            return Ok(input.len());
        };
        let length = content_length(&head[..end])?;
        self.state = State::Body { length, left: length, kept: Vec::new() };
        Ok(end - before)
    }
}

/// The length of the body that a head announces.
fn content_length(head: &[u8]) -> Result<u64, Fault> {
    const NAME: &[u8] = b"content-length:";
    let status = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).chars().take(80).collect();
    if status.get(9..12) != Some(b"200") {
        return Err(Fault::Status(text(status)));
    }
    let mut lines = head.split(|byte| *byte == b'\n');
    let field = lines.find(|line| line.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME)));
    let value = field.and_then(|line| std::str::from_utf8(&line[NAME.len()..]).ok()?.trim().parse().ok());
    value.filter(|length| *length <= MAX_BODY).ok_or_else(|| Fault::Status("no Content-Length".into()))
}
