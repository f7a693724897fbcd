//! From message bodies to samples in their canonical form.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;

use super::audio;
use super::error::DemuxError;
use super::script::{self, ScriptBody};
use super::tag::TagKind;
use super::video;
use crate::amf0::Value;
use crate::media::{Captions, ChannelLayout, Codec, ColorInfo, Hdr, Metadata, Script, TrackId};

mod av1;
mod nal;
mod news;
mod picture;
mod sound;
mod uncarried;
mod vpx;

pub use uncarried::Uncarried;

/// What message bodies turn out to hold. Times are milliseconds as sent: not repaired, not unwrapped.
#[derive(Clone, PartialEq, Debug)]
pub enum Item {
    /// A track's first configuration, or a changed one. The same one sent again gives nothing.
    Config {
        /// The track it is for.
        track: TrackId,
        /// The codec with its configuration.
        codec: Codec,
    },
    /// One access unit, behind the configuration it needs.
    Coded {
        /// Its track.
        track: TrackId,
        /// The message's timestamp.
        dts_ms: u32,
        /// Presentation time less decoding time.
        cts_ms: i32,
        /// Nanoseconds, below a million, to add to the presentation time (Enhanced RTMP ModEx).
        extra_nanos: u32,
        /// Whether decoding can start here, as found in the bitstream.
        is_sync: bool,
        /// The bytes in the form of [`crate::media::Sample`]: a slice of the message where nothing had to change.
        data: Bytes,
    },
    /// What the publisher says of itself.
    Metadata {
        /// The part that is understood.
        metadata: Metadata,
        /// All of it, as sent.
        value: Value,
    },
    /// What the publisher says of a video track's colours, in place of all that it said before. The bitstream wins where it tells.
    Color {
        /// The track.
        track: TrackId,
        /// The code points.
        color: ColorInfo,
        /// The static metadata of HDR.
        hdr: Hdr,
    },
    /// The static metadata of HDR that the bitstream has with its first key frame behind a configuration.
    Hdr {
        /// The track.
        track: TrackId,
        /// What it tells.
        hdr: Hdr,
    },
    /// A video track turns out to have captions in its pictures, or more of them.
    Captions {
        /// The track.
        track: TrackId,
        /// All that were seen so far.
        captions: Captions,
    },
    /// What the publisher says of a sound track's speakers, where it is something new.
    Channels {
        /// The track.
        track: TrackId,
        /// The speakers.
        layout: ChannelLayout,
    },
    /// A script message that travels with the media.
    Script {
        /// The message's timestamp.
        dts_ms: u32,
        /// Its name and values.
        script: Script,
        /// The AMF0 bytes of both, as the data track carries them.
        data: Bytes,
    },
    /// A track ends; it may begin again with a new configuration.
    End {
        /// The track.
        track: TrackId,
    },
}

/// What was dropped without being an error, counted since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Drops {
    /// Packets of a codec that is not carried.
    pub codec: u64,
    /// Packets of VVC, where that is not carried.
    pub vvc: u64,
    /// Packets of a type that is not known or has no use here, such as seek commands.
    pub packet: u64,
    /// Bodies and frames that hold no media.
    pub empty: u64,
    /// Script messages that concern nobody behind the gateway.
    pub script: u64,
}

/// Turns the bodies of one publisher's messages into [`Item`]s: [`Demuxer::push`] a body, then [`Demuxer::poll`] until `None`.
#[derive(Debug, Default)]
pub struct Demuxer {
    carries_vvc: bool,
    tracks: BTreeMap<TrackId, State>,
    /// Video tracks that something was sent of, but not yet what tells their configuration.
    awaited: BTreeSet<TrackId>,
    /// The speakers of sound tracks, which may be told before their codec.
    layouts: BTreeMap<TrackId, ChannelLayout>,
    ready: VecDeque<Result<Item, DemuxError>>,
    drops: Drops,
    uncarried: Option<Uncarried>,
}

/// What is known of a track's codec. There are at most [`super::MAX_TRACKS`] of each kind.
#[derive(Debug)]
enum State {
    Picture(picture::State),
    Sound(sound::State),
}

impl Demuxer {
    /// A demuxer that knows no track yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, but with VVC carried or not; it is not unless this says so, for hardly a player can decode it.
    #[must_use]
    pub fn with_vvc(self, carries_vvc: bool) -> Self {
        Self { carries_vvc, ..self }
    }

    /// Takes the body of one message or tag.
    pub fn push(&mut self, kind: TagKind, timestamp_ms: u32, body: &Bytes) {
        match kind {
            TagKind::Video => match video::parse(body) {
                Ok(packets) => {
                    self.drops.empty += u64::from(packets.is_empty());
                    packets.into_iter().for_each(|packet| self.picture(timestamp_ms, packet));
                }
                Err(error) => self.fail(error),
            },
            TagKind::Audio => match audio::parse(body) {
                Ok(packets) => {
                    self.drops.empty += u64::from(packets.is_empty());
                    packets.into_iter().for_each(|packet| self.sound(timestamp_ms, packet));
                }
                Err(error) => self.fail(error),
            },
            TagKind::Script => self.script(timestamp_ms, body),
            TagKind::ScriptAmf3 => self.script(timestamp_ms, &body.slice(usize::from(body.starts_with(&[0]))..)),
        }
    }

    /// The next item, or the next thing wrong with what was pushed. After an error the items behind it still come.
    pub fn poll(&mut self) -> Option<Result<Item, DemuxError>> {
        self.ready.pop_front()
    }

    /// Whether a video track is being sent of which the configuration is still to come. AV1, VP8 and VP9 tell it with their first key frame,
    /// which a publisher who begins in the middle of a GOP sends some seconds later.
    pub fn awaits_config(&self) -> bool {
        !self.awaited.is_empty()
    }

    /// What was dropped so far.
    pub fn drops(&self) -> Drops {
        self.drops
    }

    /// The codec on whose account the last of [`Drops::codec`] was dropped.
    pub fn uncarried(&self) -> Option<Uncarried> {
        self.uncarried
    }

    fn uncarry(&mut self, uncarried: Uncarried) {
        self.drops.codec += 1;
        self.uncarried = Some(uncarried);
    }

    fn script(&mut self, dts_ms: u32, body: &Bytes) {
        match script::parse(body) {
            Ok(ScriptBody::Metadata { metadata, value }) => self.item(Item::Metadata { metadata, value }),
            Ok(ScriptBody::Travels { script, data }) => self.item(Item::Script { dts_ms, script, data }),
            Ok(ScriptBody::Other) => self.drops.script += 1,
            Err(error) => self.fail(error),
        }
    }

    fn end(&mut self, track: TrackId) {
        self.awaited.remove(&track);
        match self.tracks.remove(&track) {
            Some(_) => self.item(Item::End { track }),
            None => self.drops.packet += 1,
        }
    }

    fn item(&mut self, item: Item) {
        self.ready.push_back(Ok(item));
    }

    fn fail(&mut self, error: DemuxError) {
        self.ready.push_back(Err(error));
    }
}
