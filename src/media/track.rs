//! Tracks, the sets they form, and the program a viewer must know before the first sample.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::captions::Captions;
use super::channels::ChannelLayout;
use super::codec::Codec;
use super::color::{ColorInfo, Hdr};
use super::time::Timescale;

/// What a track carries.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
    /// Script data: cue points, text, changed metadata.
    Data,
}

/// A track's identity within its stream: its kind and the number its publisher gave it (0 for the default track).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrackId {
    /// What the track carries.
    pub kind: Kind,
    /// The publisher's number, as in Enhanced RTMP multitrack; 0 is the default.
    pub index: u8,
}

impl TrackId {
    /// The default video track.
    pub const VIDEO: Self = Self { kind: Kind::Video, index: 0 };
    /// The default audio track.
    pub const AUDIO: Self = Self { kind: Kind::Audio, index: 0 };
    /// The one data track.
    pub const DATA: Self = Self { kind: Kind::Data, index: 0 };
}

impl fmt::Display for TrackId {
    /// `v0`, `a1`, `d0`: the form used in addresses, logs and the API.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = match self.kind {
            Kind::Video => 'v',
            Kind::Audio => 'a',
            Kind::Data => 'd',
        };
        write!(f, "{letter}{}", self.index)
    }
}

impl fmt::Debug for TrackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One track of a stream: how its samples are coded and which clock they count in.
#[derive(Clone, PartialEq, Debug)]
pub struct Track {
    /// Which track of the stream this is.
    pub id: TrackId,
    /// The clock of its samples: 90 kHz for video, the sample rate for audio, milliseconds for data.
    pub timescale: Timescale,
    /// The codec with its out-of-band configuration.
    pub codec: Codec,
    /// RFC 5646 language, where the publisher told it.
    pub language: Option<String>,
    /// A name for people, where the publisher told it.
    pub name: Option<String>,
    /// Frames per second as declared by the bitstream or, failing that, the metadata; `None` where neither tells.
    pub frame_rate: Option<f64>,
    /// What the colours mean: as the bitstream tells, and where it does not, as the publisher does.
    pub color: ColorInfo,
    /// The static metadata of HDR, from the same sources.
    pub hdr: Hdr,
    /// Which speakers its channels are for, where the publisher told it.
    pub channels: Option<ChannelLayout>,
    /// The captions inside its pictures.
    pub captions: Captions,
}

impl Track {
    /// A track of which nothing is known but its codec and what that tells.
    pub fn new(id: TrackId, codec: Codec) -> Self {
        let shape = codec.video();
        Self {
            id,
            timescale: codec.timescale(),
            language: None,
            name: None,
            frame_rate: shape.and_then(|shape| shape.frame_rate),
            color: shape.map(|shape| shape.color).unwrap_or_default(),
            hdr: shape.map(|shape| shape.hdr).unwrap_or_default(),
            channels: None,
            captions: Captions::default(),
            codec,
        }
    }
}

/// The tracks of a rendition: at most one per [`TrackId`], in order of kind and index.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct TrackSet(Vec<Arc<Track>>);

impl TrackSet {
    /// A set of the given tracks; of several with one id the last is kept.
    pub fn new(tracks: impl IntoIterator<Item = Track>) -> Self {
        let mut set = Self::default();
        for track in tracks {
            set.insert(track);
        }
        set
    }

    /// Adds a track, or replaces the one with its id.
    pub fn insert(&mut self, track: Track) {
        match self.0.binary_search_by_key(&track.id, |t| t.id) {
            Ok(at) => self.0[at] = Arc::new(track),
            Err(at) => self.0.insert(at, Arc::new(track)),
        }
    }

    /// The track of that id.
    pub fn get(&self, id: TrackId) -> Option<&Arc<Track>> {
        self.0.binary_search_by_key(&id, |t| t.id).ok().map(|at| &self.0[at])
    }

    /// All tracks, video first, then audio, then data.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Track>> {
        self.0.iter()
    }

    /// The leading video track: the one of lowest index.
    pub fn video(&self) -> Option<&Arc<Track>> {
        self.of(Kind::Video).next()
    }

    /// The leading audio track: the one of lowest index.
    pub fn audio(&self) -> Option<&Arc<Track>> {
        self.of(Kind::Audio).next()
    }

    /// The tracks of one kind, by index.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &Arc<Track>> {
        self.0.iter().filter(move |t| t.id.kind == kind)
    }

    /// Whether there is no track at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The number of a stream's presentation: new for each publication that begins afresh, never reused across restarts.
///
/// It is the Unix time in milliseconds at which the presentation began, so that names made with it never meet other bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What the publisher says of itself. Only advisory: the bitstream wins wherever they differ.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Metadata {
    /// The encoder's own name, such as `Lavf59.27.100` or `obs-output module (libobs version 29.0.2)`.
    pub encoder: Option<String>,
    /// Picture width in pixels.
    pub width: Option<u32>,
    /// Picture height in pixels.
    pub height: Option<u32>,
    /// Frames per second.
    pub frame_rate: Option<f64>,
    /// Bits per second of video.
    pub video_bit_rate: Option<u64>,
    /// Bits per second of audio.
    pub audio_bit_rate: Option<u64>,
    /// Simple values under names that mean nothing here, passed on to players that may know them.
    pub extra: Vec<(String, MetaValue)>,
}

/// A simple value in metadata.
#[derive(Clone, PartialEq, Debug)]
pub enum MetaValue {
    /// A number.
    Number(f64),
    /// A truth value.
    Flag(bool),
    /// A short text.
    Text(String),
}

/// What a joiner must know before the first sample: the head of a rendition's channel.
#[derive(Clone, PartialEq, Debug)]
pub struct Program {
    /// The presentation this belongs to.
    pub epoch: Epoch,
    /// The tracks whose samples follow.
    pub tracks: TrackSet,
    /// What the publisher says of itself.
    pub metadata: Metadata,
}
