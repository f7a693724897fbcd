//! Clients that read to the letter.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

/// An HTTP/1 client on one connection.
pub struct Http<S = TcpStream> {
    pub io: S,
    held: Vec<u8>,
}

impl Http {
    pub async fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Http<S> {
    pub fn over(io: S) -> Self {
        Self { io, held: Vec::new() }
    }

    pub async fn send(&mut self, text: &str) {
        self.io.write_all(text.as_bytes()).await.unwrap();
    }

    pub async fn get(&mut self, path: &str) {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n")).await;
    }

    /// The head of an answer, in lower case.
    pub async fn head(&mut self) -> String {
        loop {
            if let Some(end) = self.held.windows(4).position(|w| w == b"\r\n\r\n") {
                let head: Vec<u8> = self.held.drain(..end + 4).collect();
                return String::from_utf8(head).unwrap().to_lowercase();
            }
            assert!(self.more().await, "the connection ended within a head: {:?}", String::from_utf8_lossy(&self.held));
        }
    }

    pub async fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.held.len() < count {
            assert!(self.more().await, "the connection ended {} bytes early", count - self.held.len());
        }
        self.held.drain(..count).collect()
    }

    /// All that its chunks hold up to the last one.
    pub async fn all_chunks(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let chunk = self.chunk().await;
            if chunk.is_empty() {
                return all;
            }
            all.extend(chunk);
        }
    }

    /// One chunk; empty at the end of the answer.
    pub async fn chunk(&mut self) -> Vec<u8> {
        let end = loop {
            if let Some(end) = self.held.windows(2).position(|w| w == b"\r\n") {
                break end;
            }
            assert!(self.more().await, "the connection ended before a chunk");
        };
        let line: Vec<u8> = self.held.drain(..end + 2).collect();
        let size = usize::from_str_radix(std::str::from_utf8(&line[..end]).unwrap(), 16).unwrap();
        let chunk = self.exactly(size).await;
        assert_eq!(self.exactly(2).await, b"\r\n");
        chunk
    }

    /// Chunks until there are at least so many bytes.
    pub async fn chunked(&mut self, count: usize) -> Vec<u8> {
        let mut out = Vec::new();
        while out.len() < count {
            let chunk = self.chunk().await;
            assert!(!chunk.is_empty(), "the answer ended after {} bytes", out.len());
            out.extend(chunk);
        }
        out
    }

    /// Everything until the connection closes.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.more().await {}
        std::mem::take(&mut self.held)
    }

    async fn more(&mut self) -> bool {
        let count = timeout(PATIENCE, self.io.read_buf(&mut self.held)).await.expect("the server fell silent").unwrap_or(0);
        count > 0
    }
}

/// One FLV tag.
#[derive(Debug, PartialEq, Eq)]
pub struct Tag {
    pub kind: u8,
    pub time: i64,
    pub body: Vec<u8>,
}

impl Tag {
    pub fn is_keyframe(&self) -> bool {
        self.kind == 9 && self.body[..2] == [0x17, 1]
    }

    pub fn is_config(&self) -> bool {
        matches!((self.kind, self.body[1]), (9 | 8, 0))
    }
}

/// The tags of an FLV file, as far as they are whole; checks its header and every PreviousTagSize.
pub fn tags(flv: &[u8]) -> Vec<Tag> {
    assert_eq!(&flv[..13], b"FLV\x01\x05\0\0\0\x09\0\0\0\0", "file header");
    bare_tags(&flv[13..])
}

pub fn bare_tags(mut rest: &[u8]) -> Vec<Tag> {
    let mut out = Vec::new();
    while rest.len() >= 15 {
        let size = u32::from_be_bytes([0, rest[1], rest[2], rest[3]]) as usize;
        if rest.len() < size + 15 {
            break;
        }
        let time = u32::from_be_bytes([rest[7], rest[4], rest[5], rest[6]]);
        out.push(Tag { kind: rest[0], time: time.into(), body: rest[11..11 + size].to_vec() });
        assert_eq!(rest[11 + size..15 + size], (size as u32 + 11).to_be_bytes(), "PreviousTagSize");
        rest = &rest[15 + size..];
    }
    out
}
