//! The FLV file header and tag headers (Adobe Video File Format 10.1, Annex E.2 and E.4.1).

use bytes::{BufMut, BytesMut};

/// Bytes of the file header together with PreviousTagSize0 behind it.
pub const PREAMBLE_LEN: usize = 13;

/// Bytes of a tag header.
pub const TAG_HEADER_LEN: usize = 11;

/// Bytes of the PreviousTagSize behind each tag.
pub const TRAILER_LEN: usize = 4;

/// The longest body that a tag can announce.
pub const MAX_BODY: usize = 0xFF_FFFF;

/// Timestamps are kept below this: players read them as signed 32-bit numbers.
pub const TIMESTAMP_SPAN: u32 = 1 << 31;

/// What a tag, or an RTMP message of the same type id, carries.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TagKind {
    /// Type 8.
    Audio,
    /// Type 9.
    Video,
    /// Type 18: script data in AMF0.
    Script,
    /// Type 15: script data in AMF3, that is AMF0 behind a zero byte.
    ScriptAmf3,
}

impl TagKind {
    /// The type id in tag headers and RTMP messages.
    pub const fn type_id(self) -> u8 {
        match self {
            Self::Audio => 8,
            Self::Video => 9,
            Self::Script => 18,
            Self::ScriptAmf3 => 15,
        }
    }

    /// The kind of that type id, where it is one.
    pub const fn from_type_id(id: u8) -> Option<Self> {
        match id {
            8 => Some(Self::Audio),
            9 => Some(Self::Video),
            18 => Some(Self::Script),
            15 => Some(Self::ScriptAmf3),
            _ => None,
        }
    }
}

/// What the file header promises. Players may wait for a track promised here, so it has to be true.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileHeader {
    /// Audio tags follow.
    pub has_audio: bool,
    /// Video tags follow.
    pub has_video: bool,
}

impl FileHeader {
    /// Appends the header and PreviousTagSize0: [`PREAMBLE_LEN`] bytes.
    pub fn write(self, out: &mut BytesMut) {
        let flags = u8::from(self.has_audio) << 2 | u8::from(self.has_video);
        out.put_slice(&[b'F', b'L', b'V', 1, flags, 0, 0, 0, 9, 0, 0, 0, 0]);
    }

    /// From the flags byte; its reserved bits are not looked at.
    pub(super) const fn from_flags(flags: u8) -> Self {
        Self { has_audio: flags & 4 != 0, has_video: flags & 1 != 0 }
    }
}

/// The header of one tag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TagHeader {
    /// What the body carries.
    pub kind: TagKind,
    /// Bytes of the body, at most [`MAX_BODY`].
    pub body_len: usize,
    /// Milliseconds, decoding time.
    pub timestamp_ms: u32,
}

impl TagHeader {
    /// Appends the header: [`TAG_HEADER_LEN`] bytes. Body and trailer follow.
    pub fn write(self, out: &mut BytesMut) {
        out.put_u8(self.kind.type_id());
        out.put_uint(self.body_len as u64, 3);
        out.put_uint(u64::from(self.timestamp_ms & 0xFF_FFFF), 3);
        out.put_u8((self.timestamp_ms >> 24) as u8);
        out.put_uint(0, 3);
    }
}
