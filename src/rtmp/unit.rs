//! What all players of a stream share: messages written once, so that the same bytes go to everybody.
//!
//! For that every connection has the same one message stream and chunk size, and a shared message depends on nothing that was sent
//! before it: its header is whole, and its chunk stream is used by nothing but shared messages.

use bytes::BytesMut;

use super::chunk::{self, Header};
use super::command;
use super::message::type_id;
use super::status::Code;

/// The one message stream of a connection; 0 is the connection itself.
pub const MESSAGE_STREAM: u32 = 1;

/// The chunk size announced with the answer to connect: most pictures go out whole. FFmpeg adopts it for what it sends.
pub const CHUNK_SIZE: u32 = 65_536;

/// Chunk streams of shared messages; [`link`](super::link) keeps off them.
mod csid {
    pub const AUDIO: u32 = 4;
    pub const VIDEO: u32 = 6;
    pub const DATA: u32 = 7;
    pub const NOTICE: u32 = 8;
}

/// What a shared message carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An FLV audio tag's body.
    Audio,
    /// An FLV video tag's body.
    Video,
    /// An FLV script tag's body.
    Data,
}

/// The most bytes that a message of `body` bytes takes.
#[must_use]
pub const fn wire_len(body: usize) -> usize {
    chunk::wire_len(body, CHUNK_SIZE)
}

/// Appends a message whose body is `head` and `data`, in one.
pub fn write(kind: Kind, timestamp: u32, head: &[u8], data: &[u8], out: &mut BytesMut) {
    let (csid, type_id) = match kind {
        Kind::Audio => (csid::AUDIO, type_id::AUDIO),
        Kind::Video => (csid::VIDEO, type_id::VIDEO),
        Kind::Data => (csid::DATA, type_id::DATA_AMF0),
    };
    chunk::write_parts(Header { csid, timestamp, type_id, msid: MESSAGE_STREAM }, [head, data], CHUNK_SIZE, out);
}

/// Appends the word that the stream has a publisher again.
pub fn write_publish_notify(out: &mut BytesMut) {
    let payload = command::on_status(Code::PlayPublishNotify, "The publisher is back.");
    let header = Header { csid: csid::NOTICE, timestamp: 0, type_id: type_id::COMMAND_AMF0, msid: MESSAGE_STREAM };
    chunk::write_parts(header, [&payload, &[]], CHUNK_SIZE, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtmp::chunk::{Message, Options, Reader};

    fn read(mut wire: BytesMut) -> Vec<Message> {
        let mut reader = Reader::new(Options::default());
        let size = Message { csid: 2, timestamp: 0, type_id: 1, msid: 0, payload: CHUNK_SIZE.to_be_bytes().to_vec().into() };
        let mut input = BytesMut::new();
        chunk::Writer::default().write(&size, &mut input);
        input.unsplit(wire.split());
        std::iter::from_fn(|| reader.read(&mut input).expect("what we write is legal")).collect()
    }

    #[test]
    fn a_message_reads_back_whatever_its_length_and_time() {
        for body in [0, 1, 5, CHUNK_SIZE as usize - 1, CHUNK_SIZE as usize, CHUNK_SIZE as usize + 1, 300_000] {
            for timestamp in [0, 0xFF_FFFE, 0xFF_FFFF, 0x100_0000, 0x7FFF_FFFF] {
                let bytes: Vec<u8> = (0..body).map(|at| at as u8).collect();
                let (head, data) = bytes.split_at(body.min(5));
                let mut out = BytesMut::new();
                write(Kind::Video, timestamp, head, data, &mut out);
                assert!(out.len() <= wire_len(body));
                let messages = read(out);
                assert_eq!(messages.len(), 1);
                assert_eq!((messages[0].timestamp, messages[0].msid, messages[0].type_id), (timestamp, MESSAGE_STREAM, 9));
                assert_eq!(messages[0].payload, bytes);
            }
        }
    }

    #[test]
    fn a_shared_message_is_read_alike_after_any_other() {
        let (mut one, mut two) = (BytesMut::new(), BytesMut::new());
        write(Kind::Audio, 40, &[0xAF, 1], &[7; 9], &mut two);
        write(Kind::Audio, 5, &[0xAF, 1], &[1; 70_000], &mut one);
        write_publish_notify(&mut one);
        one.extend_from_slice(&two);
        assert_eq!(read(one).last(), read(two).last());
    }
}
