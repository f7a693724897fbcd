//! Payloads with their WebSocket frame header in front, in one piece.

use bytes::{Bytes, BytesMut};
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Data, OpCode};

/// The longest header of a frame without a mask (RFC 6455 §5.2).
pub const MAX_HEADER: usize = 10;

/// A payload behind its binary-frame header. Server frames carry no mask, so that one piece of bytes serves all viewers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Framed {
    bytes: Bytes,
    header: u8,
}

impl Framed {
    /// Room that the header in front of `payload` bytes takes.
    pub fn header_len(payload: usize) -> usize {
        header().len(payload as u64)
    }

    /// Puts the header to the end of the `front` bytes before the payload; room that is left before it is cut off.
    ///
    /// `front` is at least [`Framed::header_len`] of the rest.
    pub fn seal(mut buffer: BytesMut, front: usize) -> Self {
        let payload = buffer.len() - front;
        Self::write_header(&mut buffer[..front], payload);
        Self::sealed(buffer.freeze(), front)
    }

    /// The same for a piece whose front was given to [`Framed::write_header`] before.
    pub fn sealed(bytes: Bytes, front: usize) -> Self {
        let len = Self::header_len(bytes.len() - front);
        Self { bytes: bytes.slice(front - len..), header: len as u8 }
    }

    /// Writes the header of a frame of `payload` bytes to the end of `front`.
    pub fn write_header(front: &mut [u8], payload: usize) {
        let start = front.len() - Self::header_len(payload);
        header().format(payload as u64, &mut &mut front[start..]).expect("the room has the header's length");
    }

    /// The whole frame.
    pub fn frame(&self) -> Bytes {
        self.bytes.clone()
    }

    /// The payload alone.
    pub fn payload(&self) -> Bytes {
        self.bytes.slice(usize::from(self.header)..)
    }

    /// Bytes of the payload.
    pub fn len(&self) -> usize {
        self.bytes.len() - usize::from(self.header)
    }

    /// Whether the payload is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn header() -> FrameHeader {
    FrameHeader { opcode: OpCode::Data(Data::Binary), ..FrameHeader::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_has_exactly_the_size_its_payload_needs() {
        let table: [(usize, &[u8]); 5] = [
            (0, b"\x82\x00"),
            (125, b"\x82\x7d"),
            (126, b"\x82\x7e\x00\x7e"),
            (65_535, b"\x82\x7e\xff\xff"),
            (65_536, b"\x82\x7f\0\0\0\0\0\x01\0\0"),
        ];
        for (payload, header) in table {
            for spare in [0, MAX_HEADER - header.len()] {
                let front = header.len() + spare;
                let mut buffer = BytesMut::zeroed(front);
                buffer.resize(front + payload, 7);
                let framed = Framed::seal(buffer, front);
                assert_eq!(&framed.frame()[..header.len()], header);
                assert_eq!(framed.frame().len(), header.len() + payload);
                assert_eq!(framed.payload(), vec![7; payload]);
            }
        }
    }
}
