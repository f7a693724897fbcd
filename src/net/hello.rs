//! What a peer speaks, by the first byte it sends.

use std::fmt;
use std::io;

use tokio::net::TcpStream;

/// What a peer seems to speak.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hello {
    /// An RTMP handshake: version 3, or one of the encrypted ones (RTMP 1.0 section 5.2.2 keeps these numbers apart from text).
    Rtmp,
    /// A TLS ClientHello (RFC 8446 section 5.1: a handshake record).
    Tls,
    /// A request of HTTP, or of another protocol in plain text.
    Http,
    /// Something else.
    Unknown(u8),
}

impl Hello {
    /// By the first byte of a connection.
    pub fn of(first: u8) -> Self {
        match first {
            3 | 6 | 8 | 9 => Self::Rtmp,
            0x16 => Self::Tls,
            b'A'..=b'Z' | b'a'..=b'z' => Self::Http,
            other => Self::Unknown(other),
        }
    }

    /// Looks at the first byte without taking it. `None`: the peer hung up before it said anything. Cancel safe.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn peek(socket: &TcpStream) -> io::Result<Option<Self>> {
        let mut first = [0];
        let count = socket.peek(&mut first).await?;
        Ok((count > 0).then(|| Self::of(first[0])))
    }
}

impl fmt::Display for Hello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rtmp => f.write_str("plain RTMP"),
            Self::Tls => f.write_str("TLS"),
            Self::Http => f.write_str("HTTP, or another protocol in text"),
            Self::Unknown(byte) => write!(f, "an unknown protocol (first byte {byte:#04x})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_tells_protocols_apart() {
        for (bytes, hello) in [(&[3, 6, 8, 9][..], Hello::Rtmp), (&[0x16], Hello::Tls), (b"GPOHCDgp", Hello::Http)] {
            assert!(bytes.iter().all(|byte| Hello::of(*byte) == hello), "{bytes:?}");
        }
        for byte in [0, 4, 5, 7, 0x15, 0x80, 0xFF, b' ', b'1'] {
            assert_eq!(Hello::of(byte), Hello::Unknown(byte));
        }
    }
}
