//! Samples as RTMP messages that all players share.

use bytes::{Bytes, BytesMut};

use super::bodies::{BodyMaker, Carrier};
use super::lazy::Unit;
use crate::bus::{Cause, Entry, Why};
use crate::flv::tag::TagKind;
use crate::flv::{Dialect, FlvVariant, MessageBody, Muxer, Origin, mux};
use crate::media::{Sample, Selection, Timestamp, TrackId, TrackSet};
use crate::rtmp::unit;

/// What one group of players gets: they share one feed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct RtmpVariant {
    /// Which tracks.
    pub selection: Selection,
    /// See [`FlvVariant::nanos`].
    pub nanos: bool,
}

/// One message, cut into chunks.
#[derive(Clone, Debug)]
pub struct RtmpUnit {
    /// The message as it goes on the wire.
    pub message: Bytes,
    /// Whose sample it carries.
    pub track: TrackId,
    time: Timestamp,
    is_sync: bool,
}

/// What goes before the first message: onMetaData and the codecs' configurations.
#[derive(Debug)]
pub struct RtmpPreamble {
    /// At whose sync samples players join, and at whose pace the stream goes.
    leading: Option<TrackId>,
    origin: Origin,
    bodies: Vec<MessageBody>,
    stamp: u32,
    /// The bodies stamped with the moment when the change happened.
    messages: Bytes,
    /// The same behind the word that the publisher is back.
    announced: Bytes,
}

impl RtmpPreamble {
    fn new(muxer: &Muxer, origin: Origin, stamp: u32) -> Self {
        let (leading, bodies) = (muxer.leading(), muxer.preamble());
        let messages = preamble(&bodies, stamp);
        let announced = announced(&messages);
        Self { leading, origin, bodies, stamp, messages, announced }
    }

    /// What stamps count from. Who watched from another must begin anew.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// Metadata and configurations, for a player that goes on at `time`: it must not see its time run backwards.
    pub fn at(&self, time: Timestamp) -> Bytes {
        let stamp = self.origin.stamp(mux::timestamp(time));
        if stamp == self.stamp { self.messages.clone() } else { preamble(&self.bodies, stamp) }
    }

    /// The same for a player that does without sound or pictures.
    pub fn part_at(&self, time: Timestamp, audio: bool, video: bool) -> Bytes {
        preamble(self.wanted(audio, video), self.origin.stamp(mux::timestamp(time)))
    }

    /// Metadata and configurations, for a player that watched until they changed.
    pub fn after(&self, why: Why) -> Bytes {
        if why == Why::Break(Cause::Publisher) { self.announced.clone() } else { self.messages.clone() }
    }

    /// The same for a player that does without sound or pictures.
    pub fn part_after(&self, why: Why, audio: bool, video: bool) -> Bytes {
        let messages = preamble(self.wanted(audio, video), self.stamp);
        if why == Why::Break(Cause::Publisher) { announced(&messages) } else { messages }
    }

    fn wanted(&self, audio: bool, video: bool) -> impl Iterator<Item = &MessageBody> + Clone {
        self.bodies.iter().filter(move |body| match body.kind {
            TagKind::Audio => audio,
            TagKind::Video => video,
            TagKind::Script | TagKind::ScriptAmf3 => true,
        })
    }

    /// Whether there is anything to see or hear.
    pub fn is_playable(&self) -> bool {
        self.leading.is_some()
    }
}

impl Entry for RtmpUnit {
    type Head = RtmpPreamble;

    fn time(&self) -> Timestamp {
        self.time
    }

    fn bytes(&self) -> usize {
        self.message.len()
    }

    fn leads(&self, head: &RtmpPreamble) -> bool {
        head.leading == Some(self.track)
    }

    fn is_sync(&self) -> bool {
        self.is_sync
    }
}

impl Unit for RtmpUnit {
    type Variant = RtmpVariant;
    type Maker = BodyMaker<Self>;

    fn canonical(variant: RtmpVariant, tracks: &TrackSet) -> RtmpVariant {
        RtmpVariant { selection: variant.selection.canonical(tracks, |track| Dialect::Enhanced.carries(&track.codec)), ..variant }
    }

    fn maker(RtmpVariant { selection, nanos }: RtmpVariant) -> BodyMaker<Self> {
        let variant = FlvVariant { selection, dialect: Dialect::Enhanced, nanos, ..FlvVariant::default() };
        BodyMaker::new(variant)
    }
}

impl Carrier for RtmpUnit {
    fn head(muxer: &Muxer, origin: Origin, stamp: u32) -> RtmpPreamble {
        RtmpPreamble::new(muxer, origin, stamp)
    }

    fn carry(body: &MessageBody, stamp: u32, sample: &Sample) -> Self {
        let mut message = BytesMut::with_capacity(unit::wire_len(body.len()));
        write(body, stamp, &mut message);
        Self { message: message.freeze(), track: sample.track, time: sample.dts, is_sync: sample.is_sync }
    }
}

/// Behind the word that the publisher is back.
fn announced(messages: &[u8]) -> Bytes {
    let mut announced = BytesMut::new();
    unit::write_publish_notify(&mut announced);
    announced.extend_from_slice(messages);
    announced.freeze()
}

fn preamble<'a>(bodies: impl IntoIterator<Item = &'a MessageBody, IntoIter: Clone>, stamp: u32) -> Bytes {
    let bodies = bodies.into_iter();
    let mut out = BytesMut::with_capacity(bodies.clone().map(|body| unit::wire_len(body.len())).sum());
    for body in bodies {
        // onMetaData tells of the whole stream and belongs to no moment. With any other stamp FFmpeg takes it for subtitles.
        let stamp = if body.kind == TagKind::Script { 0 } else { stamp };
        write(body, stamp, &mut out);
    }
    out.freeze()
}

fn write(body: &MessageBody, stamp: u32, out: &mut BytesMut) {
    let kind = match body.kind {
        TagKind::Audio => unit::Kind::Audio,
        TagKind::Video => unit::Kind::Video,
        TagKind::Script | TagKind::ScriptAmf3 => unit::Kind::Data,
    };
    unit::write(kind, stamp, body.head(), body.data(), out);
}
