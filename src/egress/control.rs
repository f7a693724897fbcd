//! The client's half of a WebSocket whose server half is shared bytes: control frames in and out (RFC 6455 §5).

use std::io::Cursor;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::net::TcpStream;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

use super::batch::Batch;
use super::options::Options;
use super::pump::Over;
use super::talk::{Breach, Talk, Unanswered, Wish};
use super::viewer::Departure;
use crate::bus::End;

/// Longest message that a viewer may send: they have no more to say than which codecs they know.
pub const MAX_MESSAGE: usize = 4 << 10;
/// Most bytes that are held until a frame is whole: a message of [`MAX_MESSAGE`] behind its header.
const MAX_HELD: usize = MAX_MESSAGE + 14;
/// Longest payload of a control frame (RFC 6455 §5.5).
const MAX_CONTROL: usize = 125;
/// Most frames a second that a viewer may send. Players send none but pongs; more is a flood.
const MAX_FRAMES_PER_SECOND: u32 = 10;

/// What a viewer said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Said {
    /// A text message.
    Text(Vec<u8>),
    /// It wants to leave: the reply to send.
    Close(Bytes),
}

/// Why a viewer's frames are not accepted; each goes with a close code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// A frame that breaks the protocol.
    #[error("the client broke the WebSocket protocol: {0}")]
    Protocol(&'static str),
    /// A message longer than [`MAX_MESSAGE`].
    #[error("the client announced a frame of {0} bytes; at most {MAX_MESSAGE} are taken")]
    TooLong(u64),
    /// More than the allowed frames in one second.
    #[error("the client sent more than {MAX_FRAMES_PER_SECOND} frames within a second")]
    Flood,
}

impl Refused {
    /// The close code for it (RFC 6455 §7.4.1).
    pub fn code(self) -> CloseCode {
        match self {
            Self::Protocol(_) => CloseCode::Protocol,
            Self::TooLong(_) => CloseCode::Size,
            Self::Flood => CloseCode::Policy,
        }
    }
}

/// One client's control state.
#[derive(Debug)]
pub struct Peer {
    /// Between two pings of ours, and how long each may go unanswered.
    every: Duration,
    patience: Duration,
    /// The beginning of a frame that is not whole yet.
    held: Vec<u8>,
    /// The answer to the newest ping; older ones need none (RFC 6455 §5.5.3).
    pong: Option<Bytes>,
    last_ping: Instant,
    /// When the ping was sent that is not answered yet.
    pinged: Option<Instant>,
    second: Instant,
    frames: u32,
    /// The close frame that what the client did asks for.
    parting: Option<Bytes>,
}

impl Peer {
    /// A client that has said nothing.
    pub fn new(options: &Options, now: Instant) -> Self {
        let seconds = |count: u32| Duration::from_secs(count.into());
        Self {
            every: seconds(options.ping_s),
            patience: seconds(options.pong_s),
            held: Vec::new(),
            pong: None,
            last_ping: now,
            pinged: None,
            second: now,
            frames: 0,
            parting: None,
        }
    }

    /// Takes bytes from the client, appending what it said to `out`.
    ///
    /// # Errors
    /// Says why the connection must be closed.
    pub fn input(&mut self, bytes: &[u8], now: Instant, out: &mut Vec<Said>) -> Result<(), Refused> {
        let mut rest = bytes;
        while !rest.is_empty() {
            // Taken in pieces, so that however much arrives at once no more than one frame is ever held.
            let room = MAX_HELD - self.held.len().min(MAX_HELD);
            let (piece, after) = rest.split_at(rest.len().min(room.max(1)));
            self.held.extend_from_slice(piece);
            rest = after;
            while let Some((used, frame)) = parse(&self.held)? {
                self.held.drain(..used);
                self.count(now)?;
                self.take(frame, out)?;
            }
        }
        if self.held.is_empty() {
            self.held = Vec::new();
        }
        Ok(())
    }

    /// The control frame that is due, if any: the answer to a ping, or a ping of our own.
    pub fn due(&mut self, now: Instant) -> Option<Bytes> {
        if let Some(pong) = self.pong.take() {
            return Some(pong);
        }
        let silent = now.saturating_duration_since(self.last_ping) >= self.every && self.pinged.is_none();
        silent.then(|| {
            (self.last_ping, self.pinged) = (now, Some(now));
            frame(OpCode::Control(Control::Ping), b"")
        })
    }

    /// Whether [`Peer::due`] has something.
    pub fn is_due(&self, now: Instant) -> bool {
        self.pong.is_some() || (self.pinged.is_none() && now.saturating_duration_since(self.last_ping) >= self.every)
    }

    /// Whether a ping has gone unanswered for too long.
    pub fn is_silent(&self, now: Instant) -> bool {
        self.pinged.is_some_and(|at| now.saturating_duration_since(at) > self.patience)
    }

    fn count(&mut self, now: Instant) -> Result<(), Refused> {
        if now.saturating_duration_since(self.second) >= Duration::from_secs(1) {
            (self.second, self.frames) = (now, 0);
        }
        self.frames += 1;
        if self.frames > MAX_FRAMES_PER_SECOND { Err(Refused::Flood) } else { Ok(()) }
    }

    fn take(&mut self, frame: Frame, out: &mut Vec<Said>) -> Result<(), Refused> {
        match frame.opcode {
            OpCode::Control(Control::Ping) => self.pong = Some(self::frame(OpCode::Control(Control::Pong), &frame.payload)),
            // Any pong will do: it proves that somebody is there.
            OpCode::Control(Control::Pong) => self.pinged = None,
            OpCode::Control(Control::Close) => out.push(Said::Close(answer_to_close(&frame.payload)?)),
            OpCode::Data(Data::Text) if frame.is_final => out.push(Said::Text(frame.payload)),
            // Nothing that players send by other frames means anything here.
            OpCode::Data(Data::Text | Data::Binary | Data::Continue) => {}
            OpCode::Control(Control::Reserved(_)) | OpCode::Data(Data::Reserved(_)) => {
                return Err(Refused::Protocol("an opcode that is reserved"));
            }
        }
        Ok(())
    }
}

impl Talk for Peer {
    fn input(&mut self, bytes: &[u8], now: Instant, wishes: &mut Vec<Wish>) -> Result<(), Breach> {
        let mut said = Vec::new();
        let heard = Peer::input(self, bytes, now, &mut said);
        for word in said {
            wishes.push(match word {
                Said::Text(_) => Wish::Begin,
                Said::Close(answer) => {
                    self.parting = Some(answer);
                    Wish::Leave
                }
            });
        }
        heard.map_err(|refused| {
            self.parting = Some(close(refused.code(), ""));
            Breach(refused.to_string())
        })
    }

    fn put(&mut self, now: Instant, out: &mut Batch) {
        if let Some(frame) = self.due(now) {
            out.push(frame);
        }
    }

    fn tick(&mut self, _: u64, now: Instant) -> Result<bool, Unanswered> {
        if self.is_silent(now) { Err(Unanswered) } else { Ok(self.is_due(now)) }
    }

    fn farewell(&mut self, why: &Departure, _: Instant) -> Bytes {
        match why {
            Departure::Over(Over::Ended(end)) => close(code_of(*end), &end.to_string()),
            Departure::Over(Over::Changed) => close(CloseCode::Restart, "the configuration changed"),
            Departure::Left | Departure::Misbehaved(_) => self.parting.take().unwrap_or_default(),
            Departure::Stuck => close(CloseCode::Again, "too slow"),
            Departure::Silent => close(CloseCode::Policy, "no answer to a ping"),
            Departure::NoGreeting => close(CloseCode::Policy, "no greeting"),
            Departure::Broken | Departure::Released => Bytes::new(),
        }
    }

    /// A WebSocket has nothing to go on to.
    fn release(self: Box<Self>, _: Option<TcpStream>) {}
}

struct Frame {
    opcode: OpCode,
    is_final: bool,
    payload: Vec<u8>,
}

/// The first frame of `held` and its length, once it is whole.
fn parse(held: &[u8]) -> Result<Option<(usize, Frame)>, Refused> {
    let mut cursor = Cursor::new(held);
    let header = FrameHeader::parse(&mut cursor).map_err(|_| Refused::Protocol("an opcode that is reserved"))?;
    let Some((header, length)) = header else { return Ok(None) };
    if header.rsv1 || header.rsv2 || header.rsv3 {
        return Err(Refused::Protocol("a reserved bit, though no extension was agreed on"));
    }
    let Some(mask) = header.mask else {
        return Err(Refused::Protocol("a frame without a mask"));
    };
    if matches!(header.opcode, OpCode::Control(_)) && (length > MAX_CONTROL as u64 || !header.is_final) {
        return Err(Refused::Protocol("a control frame that is fragmented or too long"));
    }
    let length = usize::try_from(length).ok().filter(|length| *length <= MAX_MESSAGE).ok_or(Refused::TooLong(length))?;
    let start = cursor.position() as usize;
    let Some(masked) = held.get(start..start + length) else { return Ok(None) };
    let payload = masked.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    Ok(Some((start + length, Frame { opcode: header.opcode, is_final: header.is_final, payload })))
}

/// The close frame that answers one with this payload: its own code, as RFC 6455 §5.5.1 has it.
fn answer_to_close(payload: &[u8]) -> Result<Bytes, Refused> {
    match payload {
        [] => Ok(frame(OpCode::Control(Control::Close), b"")),
        [high, low, ..] if CloseCode::from(u16::from_be_bytes([*high, *low])).is_allowed() => {
            Ok(frame(OpCode::Control(Control::Close), &payload[..2]))
        }
        _ => Err(Refused::Protocol("a close frame with a code that must not be sent")),
    }
}

/// What tells a WebSocket's player whether to come back (RFC 6455 §7.4.1, and the registry that it opens).
fn code_of(end: End) -> CloseCode {
    match end {
        End::Unpublished => CloseCode::Normal,
        End::Shutdown => CloseCode::Away,
        End::Failed => CloseCode::Restart,
    }
}

/// A close frame with a code and a reason for people.
pub fn close(code: CloseCode, reason: &str) -> Bytes {
    let room = MAX_CONTROL - 2;
    let mut payload = u16::from(code).to_be_bytes().to_vec();
    payload.extend(reason.bytes().take(room));
    frame(OpCode::Control(Control::Close), &payload)
}

/// A text message in one frame.
pub fn text(payload: &[u8]) -> Bytes {
    frame(OpCode::Data(Data::Text), payload)
}

/// A binary message in one frame.
pub fn binary(payload: &[u8]) -> Bytes {
    frame(OpCode::Data(Data::Binary), payload)
}

fn frame(opcode: OpCode, payload: &[u8]) -> Bytes {
    let header = FrameHeader { opcode, ..FrameHeader::default() };
    let mut out = Vec::with_capacity(header.len(payload.len() as u64) + payload.len());
    header.format(payload.len() as u64, &mut out).expect("a vector takes every write");
    out.extend_from_slice(payload);
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: Options = Options { max_lag_ms: 0, stuck_s: 10, merge_max_ms: 0, merge_min_ms: 0, unsent_kib: 4, ping_s: 20, pong_s: 5 };

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [1, 2, 3, 4];
        let mut out = vec![first, 0x80 | payload.len() as u8];
        out.extend(mask);
        out.extend(payload.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m));
        out
    }

    fn said(bytes: &[u8]) -> (Peer, Result<Vec<Said>, Refused>) {
        let now = Instant::now();
        let mut peer = Peer::new(&OPTIONS, now);
        let mut out = Vec::new();
        let result = Peer::input(&mut peer, bytes, now, &mut out);
        (peer, result.map(|()| out))
    }

    #[test]
    fn frames_are_written_without_a_mask() {
        assert_eq!(&close(CloseCode::Again, "busy")[..], b"\x88\x06\x03\xf5busy");
        assert_eq!(&text(b"{}")[..], b"\x81\x02{}");
        assert_eq!(&binary(&[0; 126])[..4], b"\x82\x7e\x00\x7e");
        assert_eq!(&binary(&[0; 65_536])[..10], b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00");
    }

    #[test]
    fn a_ping_is_answered_with_its_payload_and_only_the_newest() {
        let (mut peer, result) = said(&[masked(0x89, b"old"), masked(0x89, b"new")].concat());
        assert_eq!(result, Ok(vec![]));
        let now = Instant::now();
        assert_eq!(peer.due(now).as_deref(), Some(&b"\x8a\x03new"[..]));
        assert_eq!(peer.due(now), None);
    }

    #[test]
    fn a_frame_may_arrive_byte_by_byte() {
        let now = Instant::now();
        let mut peer = Peer::new(&OPTIONS, now);
        let mut out = Vec::new();
        for byte in masked(0x81, b"hello") {
            Peer::input(&mut peer, &[byte], now, &mut out).unwrap();
        }
        assert_eq!(out, [Said::Text(b"hello".to_vec())]);
    }

    #[test]
    fn a_close_is_answered_with_its_own_code() {
        let (_, result) = said(&masked(0x88, b"\x03\xe8bye"));
        assert_eq!(result, Ok(vec![Said::Close(Bytes::from_static(b"\x88\x02\x03\xe8"))]));
    }

    #[test]
    fn what_breaks_the_protocol_is_refused_with_its_code() {
        let table: [(&[u8], u16); 6] = [
            (b"\x81\x02hi", 1002),
            (&masked(0xc1, b"hi"), 1002),
            (&masked(0x83, b"hi"), 1002),
            (&masked(0x09, b"fragmented ping"), 1002),
            (&masked(0x88, b"\x03\xed"), 1002),
            (b"\x82\xfe\x10\x01\0\0\0\0", 1009),
        ];
        for (bytes, code) in table {
            let (_, result) = said(bytes);
            assert_eq!(u16::from(result.expect_err("must be refused").code()), code, "{bytes:x?}");
        }
    }

    #[test]
    fn a_flood_is_refused() {
        let frames: Vec<u8> = (0..=MAX_FRAMES_PER_SECOND).flat_map(|_| masked(0x8a, b"")).collect();
        assert_eq!(said(&frames).1, Err(Refused::Flood));
    }

    #[test]
    fn a_ping_goes_out_in_silence_and_its_answer_is_waited_for() {
        let (every, patience) = (Duration::from_secs(20), Duration::from_secs(5));
        let start = Instant::now();
        let mut peer = Peer::new(&OPTIONS, start);
        assert_eq!(peer.due(start + every / 2), None);
        assert_eq!(peer.due(start + every).as_deref(), Some(&b"\x89\x00"[..]));
        assert!(!peer.is_silent(start + every + patience));
        let late = start + every + patience + Duration::from_millis(1);
        assert!(peer.is_silent(late));
        Peer::input(&mut peer, &masked(0x8a, b""), late, &mut Vec::new()).unwrap();
        assert!(!peer.is_silent(late));
    }
}
