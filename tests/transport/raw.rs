//! A client of HTTP/2 that sends what it is told to, by the rules or against them (RFC 9113 §4.1).

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::house::PATIENCE;

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
pub const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// Error codes (RFC 9113 §7).
pub const NO_ERROR: u32 = 0;
pub const REFUSED_STREAM: u32 = 7;
pub const CANCEL: u32 = 8;
pub const ENHANCE_YOUR_CALM: u32 = 11;

/// SETTINGS_INITIAL_WINDOW_SIZE and SETTINGS_MAX_CONCURRENT_STREAMS.
pub const INITIAL_WINDOW: u16 = 4;
pub const MAX_STREAMS: u16 = 3;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    pub fn new(kind: u8, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        Self { kind, flags, stream, payload: payload.into() }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let length = (self.payload.len() as u32).to_be_bytes();
        [&length[1..], &[self.kind, self.flags], &self.stream.to_be_bytes(), &self.payload].concat()
    }

    /// The error code of RST_STREAM or GOAWAY.
    pub fn code(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

pub struct Raw {
    pub io: TcpStream,
    held: Vec<u8>,
}

impl Raw {
    /// Sends the preface and these settings.
    pub async fn connect(address: SocketAddr, settings: &[(u16, u32)]) -> Self {
        let mut raw = Self { io: TcpStream::connect(address).await.unwrap(), held: Vec::new() };
        let pairs = settings.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat());
        let frame = Frame::new(SETTINGS, 0, 0, pairs.collect::<Vec<_>>());
        raw.io.write_all(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &frame.bytes()[..]].concat()).await.unwrap();
        raw
    }

    pub async fn send(&mut self, frames: &[Frame]) {
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::bytes).collect();
        self.io.write_all(&bytes).await.unwrap();
    }

    /// The next frame; `None` when the connection has ended, however it did.
    pub async fn frame(&mut self) -> Option<Frame> {
        loop {
            if let [a, b, c, kind, flags, stream @ ..] = &self.held[..]
                && let Some((stream, payload)) = stream.split_first_chunk()
                && let Some(payload) = payload.get(..u32::from_be_bytes([0, *a, *b, *c]) as usize)
            {
                let frame = Frame::new(*kind, *flags, u32::from_be_bytes(*stream), payload);
                self.held.drain(..9 + frame.payload.len());
                return Some(frame);
            }
            let read = timeout(PATIENCE, self.io.read_buf(&mut self.held)).await.expect("the server fell silent");
            if read.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// The next frame of that kind.
    pub async fn next(&mut self, kind: u8) -> Frame {
        loop {
            let frame = self.frame().await.unwrap_or_else(|| panic!("the connection ended before a frame of kind {kind}"));
            if frame.kind == kind {
                return frame;
            }
        }
    }
}

/// The head of `GET path`, whole, with nothing compressed beyond the static table (RFC 7541 §6).
pub fn get(stream: u32, path: &str) -> Frame {
    Frame::new(HEADERS, END_STREAM | END_HEADERS, stream, head(path))
}

pub fn head(path: &str) -> Vec<u8> {
    assert!(path.len() < 127);
    let (method, scheme, name) = (0x82, 0x86, b"localhost");
    [&[method, scheme, 0x04, path.len() as u8], path.as_bytes(), &[0x01, name.len() as u8], name].concat()
}

pub fn reset(stream: u32) -> Frame {
    Frame::new(RST_STREAM, 0, stream, CANCEL.to_be_bytes())
}
