//! Messages by type: protocol control, user control, commands, data, media and aggregates (RTMP 1.0 sections 5.4, 6 and 7).
//!
//! Pure: a message's type id and payload in, a typed message out, and back. AMF stays unread here.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Type ids (sections 5.4, 6.2 and 7.1).
pub mod type_id {
    /// Acknowledgement.
    pub const ACKNOWLEDGEMENT: u8 = 3;
    /// User control.
    pub const USER_CONTROL: u8 = 4;
    /// Window Acknowledgement Size.
    pub const WINDOW_ACK_SIZE: u8 = 5;
    /// Set Peer Bandwidth.
    pub const SET_PEER_BANDWIDTH: u8 = 6;
    /// Audio.
    pub const AUDIO: u8 = 8;
    /// Video.
    pub const VIDEO: u8 = 9;
    /// Data in the AMF 3 envelope.
    pub const DATA_AMF3: u8 = 15;
    /// A command in the AMF 3 envelope.
    pub const COMMAND_AMF3: u8 = 17;
    /// Data in AMF 0.
    pub const DATA_AMF0: u8 = 18;
    /// A command in AMF 0.
    pub const COMMAND_AMF0: u8 = 20;
    /// Several messages in one.
    pub const AGGREGATE: u8 = 22;
}

/// How many messages an aggregate may hold: one costs 15 bytes to send and more to hold.
pub const MAX_AGGREGATED: usize = 4096;

/// Header of a message inside an aggregate, as of an FLV tag: type, size, timestamp, stream id.
const SUB_HEADER: usize = 11;

/// The size of the message before it, behind each message inside an aggregate.
const BACK_POINTER: usize = 4;

/// A message by its type. Set Chunk Size and Abort Message belong to the chunk stream and never come this far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    /// Bytes received so far, modulo 2^32.
    Acknowledgement(u32),
    /// After how many bytes the sender wants an acknowledgement.
    WindowAckSize(u32),
    /// The window the sender wants the receiver to have.
    SetPeerBandwidth {
        /// In bytes.
        window: u32,
        /// How binding it is.
        limit: Limit,
    },
    /// An event of the connection or of a stream.
    UserControl(UserControl),
    /// A command's AMF 0 values.
    Command(Bytes),
    /// Script data's AMF 0 values.
    Data(Bytes),
    /// Audio: an FLV audio tag's body.
    Audio(Bytes),
    /// Video: an FLV video tag's body.
    Video(Bytes),
    /// Several messages; see [`split_aggregate`].
    Aggregate(Bytes),
    /// A type that nothing is done with, such as shared objects.
    Other(u8),
}

/// How binding a peer bandwidth is (section 5.4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// 0: take this window.
    Hard,
    /// 1: take the smaller one.
    Soft,
    /// 2, and whatever else is sent.
    Dynamic,
}

/// User control events (section 7.1.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserControl {
    /// 0: the message stream can be used.
    StreamBegin(u32),
    /// 1: nothing more comes on the message stream.
    StreamEof(u32),
    /// 2: nothing comes on the message stream for now.
    StreamDry(u32),
    /// 3: how much a player buffers.
    SetBufferLength {
        /// The message stream.
        msid: u32,
        /// Milliseconds.
        milliseconds: u32,
    },
    /// 6: to be answered with the same value.
    PingRequest(u32),
    /// 7: the answer.
    PingResponse(u32),
    /// Any other.
    Other(u16),
}

/// A message that is not what its type says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Shorter than its type needs.
    #[error("message type {type_id}: {needed} bytes needed, {length} there")]
    TooShort {
        /// The message type.
        type_id: u8,
        /// The least length it can have.
        needed: usize,
        /// Its length.
        length: usize,
    },
    /// An aggregate whose messages run past its end.
    #[error("aggregate message, byte {position}: a message of {size} bytes runs past the end at {length}")]
    Aggregate {
        /// Offset of the message inside the aggregate.
        position: usize,
        /// Its announced size.
        size: usize,
        /// Length of the aggregate.
        length: usize,
    },
    /// An aggregate of more than [`MAX_AGGREGATED`] messages.
    #[error("aggregate of more than {MAX_AGGREGATED} messages")]
    TooManyAggregated,
}

/// One message out of an aggregate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aggregated {
    /// Milliseconds, on the timeline of the connection.
    pub timestamp: u32,
    /// Its message type id.
    pub type_id: u8,
    /// Shares the memory of the aggregate.
    pub payload: Bytes,
}

impl Typed {
    /// Reads a message.
    ///
    /// # Errors
    /// It is shorter than its type needs.
    pub fn parse(type_id: u8, payload: Bytes) -> Result<Self, Error> {
        let word = || first_u32(type_id, &payload);
        Ok(match type_id {
            type_id::ACKNOWLEDGEMENT => Self::Acknowledgement(word()?),
            type_id::WINDOW_ACK_SIZE => Self::WindowAckSize(word()?),
            type_id::SET_PEER_BANDWIDTH => {
                let limit = match payload.get(4) {
                    Some(0) => Limit::Hard,
                    Some(1) => Limit::Soft,
                    _ => Limit::Dynamic,
                };
                Self::SetPeerBandwidth { window: word()?, limit }
            }
            type_id::USER_CONTROL => Self::UserControl(UserControl::parse(&payload)?),
            type_id::AUDIO => Self::Audio(payload),
            type_id::VIDEO => Self::Video(payload),
            type_id::DATA_AMF0 => Self::Data(payload),
            type_id::DATA_AMF3 => Self::Data(unwrap_amf3(payload)),
            type_id::COMMAND_AMF0 => Self::Command(payload),
            type_id::COMMAND_AMF3 => Self::Command(unwrap_amf3(payload)),
            type_id::AGGREGATE => Self::Aggregate(payload),
            other => Self::Other(other),
        })
    }

    /// Type id and payload as they go on the wire, commands and data as AMF 0. An unknown type has no payload.
    #[must_use]
    pub fn into_wire(self) -> (u8, Bytes) {
        let word = |value: u32| Bytes::copy_from_slice(&value.to_be_bytes());
        match self {
            Self::Acknowledgement(total) => (type_id::ACKNOWLEDGEMENT, word(total)),
            Self::WindowAckSize(window) => (type_id::WINDOW_ACK_SIZE, word(window)),
            Self::SetPeerBandwidth { window, limit } => {
                let mut out = BytesMut::with_capacity(5);
                out.put_u32(window);
                out.put_u8(match limit {
                    Limit::Hard => 0,
                    Limit::Soft => 1,
                    Limit::Dynamic => 2,
                });
                (type_id::SET_PEER_BANDWIDTH, out.freeze())
            }
            Self::UserControl(event) => (type_id::USER_CONTROL, event.to_wire()),
            Self::Command(payload) => (type_id::COMMAND_AMF0, payload),
            Self::Data(payload) => (type_id::DATA_AMF0, payload),
            Self::Audio(payload) => (type_id::AUDIO, payload),
            Self::Video(payload) => (type_id::VIDEO, payload),
            Self::Aggregate(payload) => (type_id::AGGREGATE, payload),
            Self::Other(type_id) => (type_id, Bytes::new()),
        }
    }
}

impl UserControl {
    fn parse(payload: &Bytes) -> Result<Self, Error> {
        let too_short = |needed| Error::TooShort { type_id: type_id::USER_CONTROL, needed, length: payload.len() };
        let event = u16::from_be_bytes(*payload.first_chunk().ok_or_else(|| too_short(2))?);
        let word = |at: usize| {
            let bytes = payload.get(at..).and_then(|rest| rest.first_chunk());
            bytes.map(|bytes| u32::from_be_bytes(*bytes)).ok_or_else(|| too_short(at + 4))
        };
        Ok(match event {
            0 => Self::StreamBegin(word(2)?),
            1 => Self::StreamEof(word(2)?),
            2 => Self::StreamDry(word(2)?),
            3 => Self::SetBufferLength { msid: word(2)?, milliseconds: word(6)? },
            6 => Self::PingRequest(word(2)?),
            7 => Self::PingResponse(word(2)?),
            other => Self::Other(other),
        })
    }

    fn to_wire(self) -> Bytes {
        let (event, first, second) = match self {
            Self::StreamBegin(msid) => (0, Some(msid), None),
            Self::StreamEof(msid) => (1, Some(msid), None),
            Self::StreamDry(msid) => (2, Some(msid), None),
            Self::SetBufferLength { msid, milliseconds } => (3, Some(msid), Some(milliseconds)),
            Self::PingRequest(value) => (6, Some(value), None),
            Self::PingResponse(value) => (7, Some(value), None),
            Self::Other(event) => (event, None, None),
        };
        let mut out = BytesMut::with_capacity(10);
        out.put_u16(event);
        for word in [first, second].into_iter().flatten() {
            out.put_u32(word);
        }
        out.freeze()
    }
}

/// The messages of an aggregate, moved so that the first has the aggregate's own timestamp (section 7.1.6).
///
/// # Errors
/// One runs past the end, or there are too many. Messages of any other type than audio, video and data are left for the caller to ignore.
pub fn split_aggregate(timestamp: u32, mut payload: Bytes) -> Result<Vec<Aggregated>, Error> {
    let length = payload.len();
    let mut messages = Vec::new();
    let mut first = None;
    while !payload.is_empty() {
        let position = length - payload.len();
        let Some(&[type_id, s2, s1, s0, t2, t1, t0, t3, ..]) = payload.first_chunk::<SUB_HEADER>() else {
            return Err(Error::Aggregate { position, size: SUB_HEADER, length });
        };
        let size = u32::from_be_bytes([0, s2, s1, s0]) as usize;
        let own = u32::from_be_bytes([t3, t2, t1, t0]);
        payload.advance(SUB_HEADER);
        if size > payload.len() {
            return Err(Error::Aggregate { position, size, length });
        }
        if messages.len() == MAX_AGGREGATED {
            return Err(Error::TooManyAggregated);
        }
        let moved = timestamp.wrapping_add(own.wrapping_sub(*first.get_or_insert(own)));
        messages.push(Aggregated { timestamp: moved, type_id, payload: payload.split_to(size) });
        // The last back pointer is sometimes missing.
        payload.advance(BACK_POINTER.min(payload.len()));
    }
    Ok(messages)
}

/// AMF 0 behind the envelope's format selector 0, which some senders leave out.
fn unwrap_amf3(mut payload: Bytes) -> Bytes {
    if let [0, marker, ..] = payload[..]
        && marker <= 0x11
    {
        payload.advance(1);
    }
    payload
}

fn first_u32(type_id: u8, payload: &Bytes) -> Result<u32, Error> {
    let word = payload.first_chunk().ok_or(Error::TooShort { type_id, needed: 4, length: payload.len() })?;
    Ok(u32::from_be_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_bytes_both_ways() {
        let table: &[(Typed, u8, &[u8])] = &[
            (Typed::Acknowledgement(0x0102_0304), 3, &[1, 2, 3, 4]),
            (Typed::WindowAckSize(2_500_000), 5, &[0, 0x26, 0x25, 0xA0]),
            (Typed::SetPeerBandwidth { window: 2_500_000, limit: Limit::Dynamic }, 6, &[0, 0x26, 0x25, 0xA0, 2]),
            (Typed::UserControl(UserControl::StreamBegin(1)), 4, &[0, 0, 0, 0, 0, 1]),
            (Typed::UserControl(UserControl::SetBufferLength { msid: 1, milliseconds: 3000 }), 4, &[0, 3, 0, 0, 0, 1, 0, 0, 0x0B, 0xB8]),
            (Typed::UserControl(UserControl::PingRequest(7)), 4, &[0, 6, 0, 0, 0, 7]),
            (Typed::Command(Bytes::from_static(&[5])), 20, &[5]),
            (Typed::Audio(Bytes::from_static(&[0xAF, 1])), 8, &[0xAF, 1]),
        ];
        for (message, type_id, wire) in table {
            assert_eq!(Typed::parse(*type_id, Bytes::copy_from_slice(wire)).as_ref(), Ok(message));
            assert_eq!(message.clone().into_wire(), (*type_id, Bytes::copy_from_slice(wire)));
        }
    }

    #[test]
    fn control_messages_cut_short_are_refused_and_unknown_ones_are_not() {
        for (type_id, wire, needed) in
            [(3, &[1, 2, 3][..], 4), (5, &[], 4), (6, &[0], 4), (4, &[0], 2), (4, &[0, 6, 1], 6), (4, &[0, 3, 0, 0, 0, 1], 10)]
        {
            let error = Error::TooShort { type_id, needed, length: wire.len() };
            assert_eq!(Typed::parse(type_id, Bytes::copy_from_slice(wire)), Err(error));
        }
        assert_eq!(Typed::parse(19, Bytes::new()), Ok(Typed::Other(19)));
        assert_eq!(Typed::parse(4, Bytes::from_static(&[0, 26])), Ok(Typed::UserControl(UserControl::Other(26))));
    }

    #[test]
    fn the_amf3_envelope_may_lack_its_selector() {
        for wire in [&[0, 2, 0, 1, b'a'][..], &[2, 0, 1, b'a']] {
            let message = Typed::parse(type_id::COMMAND_AMF3, Bytes::copy_from_slice(wire));
            assert_eq!(message, Ok(Typed::Command(Bytes::from_static(&[2, 0, 1, b'a']))));
        }
        assert_eq!(Typed::parse(type_id::DATA_AMF3, Bytes::new()), Ok(Typed::Data(Bytes::new())));
    }

    fn sub(type_id: u8, timestamp: u32, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![type_id];
        out.put_uint(payload.len() as u64, 3);
        out.put_uint(u64::from(timestamp & 0xFF_FFFF), 3);
        out.put_u8((timestamp >> 24) as u8);
        out.put_uint(0, 3);
        out.put_slice(payload);
        out.put_u32(payload.len() as u32 + 11);
        out
    }

    #[test]
    fn aggregated_messages_are_moved_to_the_aggregates_time() {
        let mut wire = [sub(8, 0x0100_0000, b"a"), sub(9, 0x0100_0017, b"bc"), sub(8, 0x00FF_FFF0, b"")].concat();
        wire.truncate(wire.len() - 4);
        let messages = split_aggregate(5000, wire.into()).expect("is legal");
        let seen: Vec<_> = messages.iter().map(|message| (message.timestamp, message.type_id, &message.payload[..])).collect();
        assert_eq!(seen, [(5000, 8, &b"a"[..]), (5023, 9, b"bc"), (4984, 8, b"")]);
    }

    #[test]
    fn an_aggregate_past_its_end_is_refused_where_it_happens() {
        let mut wire = [sub(8, 0, b"a"), sub(9, 0, b"bcd")].concat();
        wire.truncate(wire.len() - 6);
        assert_eq!(split_aggregate(0, wire.into()), Err(Error::Aggregate { position: 16, size: 3, length: 28 }));
        assert_eq!(split_aggregate(0, Bytes::from_static(&[8, 0])), Err(Error::Aggregate { position: 0, size: 11, length: 2 }));
        assert_eq!(split_aggregate(0, sub(8, 0, b"").repeat(MAX_AGGREGATED + 1).into()), Err(Error::TooManyAggregated));
    }
}
