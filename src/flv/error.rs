//! What can be wrong with FLV bytes and bodies.

use crate::amf0;
use crate::media::codec::ConfigError;
use crate::media::codec::av1::ObuError;
use crate::media::codec::nal::NalError;
use crate::media::{Kind, TrackId};

/// A message body that gives no sample, or not all of them. The track goes on with the next message.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum DemuxError {
    /// The body ends inside a field or a track's part of it.
    #[error("{kind:?} body at byte {position}: {needed} bytes needed, {left} left")]
    Truncated {
        /// Whether it was an audio or a video body.
        kind: Kind,
        /// Offset in the body.
        position: usize,
        /// Bytes that the field needs.
        needed: usize,
        /// Bytes that are left.
        left: usize,
    },
    /// More ModEx blocks in one body than [`super::MAX_MOD_EX`].
    #[error("{kind:?} body at byte {position}: more than {} ModEx blocks", super::MAX_MOD_EX)]
    TooManyModEx {
        /// Whether it was an audio or a video body.
        kind: Kind,
        /// Offset of the block that is too many.
        position: usize,
    },
    /// A track number beyond [`super::MAX_TRACKS`].
    #[error("{kind:?} body at byte {position}: track {index}, limit {}", super::MAX_TRACKS)]
    TrackNumber {
        /// Whether it was an audio or a video body.
        kind: Kind,
        /// Offset of the track number.
        position: usize,
        /// The number.
        index: u8,
    },
    /// A multitrack body within a multitrack body, or a multitrack type that is not defined.
    #[error("{kind:?} body at byte {position}: multitrack layout {value:#04x}")]
    Multitrack {
        /// Whether it was an audio or a video body.
        kind: Kind,
        /// Offset of the layout byte.
        position: usize,
        /// The byte.
        value: u8,
    },
    /// A codec configuration that cannot be used.
    #[error("{track}: {source}")]
    Config {
        /// The track it was for.
        track: TrackId,
        /// What is wrong with it.
        source: ConfigError,
    },
    /// A frame whose NAL units do not fit into it.
    #[error("{track}: {source}")]
    Nal {
        /// The frame's track.
        track: TrackId,
        /// What is wrong with it.
        source: NalError,
    },
    /// A temporal unit whose OBUs do not fit into it.
    #[error("{track}: {source}")]
    Obu {
        /// The unit's track.
        track: TrackId,
        /// What is wrong with it.
        source: ObuError,
    },
    /// A frame before any configuration of its track.
    #[error("{track}: frame before its configuration")]
    BeforeConfig {
        /// The frame's track.
        track: TrackId,
    },
    /// A channel layout that makes no sense.
    #[error("MultichannelConfig of {count} channels in order {order} does not hold together")]
    Channels {
        /// How the speakers are told: 0 not at all, 1 by a mask, 2 one by one.
        order: u8,
        /// How many channels it announces.
        count: u8,
    },
    /// Script data longer than [`super::MAX_SCRIPT`].
    #[error("script data of {length} bytes, limit {}", super::MAX_SCRIPT)]
    ScriptTooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// Script data that does not begin with a name.
    #[error("script data without a name")]
    Nameless,
    /// Script data whose values cannot be read.
    #[error("script data: {0}")]
    Script(#[from] amf0::Error),
}

/// FLV bytes that are no sequence of tags. Reading cannot go on.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReadError {
    /// Neither a file header nor a tag at the start.
    #[error("not FLV: begins with {0:02x?}")]
    NotFlv([u8; 4]),
    /// A file header longer than [`super::reader::MAX_FILE_HEADER`].
    #[error("FLV header of {length} bytes")]
    HeaderLength {
        /// The length it announces.
        length: u32,
    },
    /// A tag that is encrypted.
    #[error("FLV tag at byte {position}: encrypted")]
    Encrypted {
        /// Offset in the stream.
        position: u64,
    },
    /// Something that is no tag of a known type.
    #[error("FLV tag at byte {position}: type {type_id}")]
    TagType {
        /// Offset in the stream.
        position: u64,
        /// The type id.
        type_id: u8,
    },
    /// A tag longer than the reader's limit.
    #[error("FLV tag at byte {position}: {length} bytes, limit {limit}")]
    TagTooLong {
        /// Offset in the stream.
        position: u64,
        /// The body length announced.
        length: usize,
        /// The limit in force.
        limit: usize,
    },
}
