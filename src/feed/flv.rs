//! Samples as FLV tags, for HTTP and for WebSocket at once.

use bytes::BytesMut;

use super::bodies::{BodyMaker, Carrier};
use super::framed::Framed;
use super::lazy::Unit;
use crate::bus::Entry;
use crate::flv::tag::{PREAMBLE_LEN, TagKind};
use crate::flv::{FileHeader, FlvVariant, MessageBody, Muxer, Origin, mux};
use crate::media::{Sample, Timestamp, TrackId, TrackSet};

/// One FLV tag with its PreviousTagSize.
#[derive(Clone, Debug)]
pub struct FlvUnit {
    /// The tag, in its WebSocket frame.
    pub tag: Framed,
    time: Timestamp,
    track: TrackId,
    is_sync: bool,
}

/// What goes before the first tag: file header, onMetaData and the codecs' configurations.
#[derive(Debug)]
pub struct FlvPreamble {
    header: FileHeader,
    /// At whose sync samples viewers join, and at whose pace the stream goes.
    leading: Option<TrackId>,
    origin: Origin,
    bodies: Vec<MessageBody>,
    /// For those who are new: all of it.
    opening: Framed,
    /// For those who have the file header already.
    renewal: Framed,
}

impl FlvPreamble {
    fn new(muxer: &Muxer, origin: Origin, timestamp_ms: u32) -> Self {
        let (header, leading, bodies) = (muxer.file_header(), muxer.leading(), muxer.preamble());
        let (opening, renewal) = (tags(Some(header), &bodies, timestamp_ms), tags(None, &bodies, timestamp_ms));
        Self { header, leading, origin, bodies, opening, renewal }
    }

    /// Which kinds of tags follow.
    pub fn header(&self) -> FileHeader {
        self.header
    }

    /// What stamps count from. Who watched from another must begin anew.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// File header, metadata and configurations, for a viewer who has nothing yet.
    pub fn opening(&self) -> &Framed {
        &self.opening
    }

    /// Metadata and configurations, stamped with the moment when the change happened.
    pub fn renewal(&self) -> &Framed {
        &self.renewal
    }

    /// The same stamped with another moment: a viewer that skipped must not see its time run backwards.
    pub fn renewal_at(&self, time: Timestamp) -> Framed {
        tags(None, &self.bodies, self.origin.stamp(mux::timestamp(time)))
    }

    /// Whether there is anything to see or hear.
    pub fn is_playable(&self) -> bool {
        self.header.has_video || self.header.has_audio
    }
}

impl Entry for FlvUnit {
    type Head = FlvPreamble;

    fn time(&self) -> Timestamp {
        self.time
    }

    fn bytes(&self) -> usize {
        self.tag.len()
    }

    fn leads(&self, head: &FlvPreamble) -> bool {
        head.leading == Some(self.track)
    }

    fn is_sync(&self) -> bool {
        self.is_sync
    }
}

impl Unit for FlvUnit {
    type Variant = FlvVariant;
    type Maker = BodyMaker<Self>;

    fn canonical(variant: FlvVariant, tracks: &TrackSet) -> FlvVariant {
        variant.canonical(tracks)
    }

    fn maker(variant: FlvVariant) -> BodyMaker<Self> {
        BodyMaker::new(variant)
    }
}

impl Carrier for FlvUnit {
    fn head(muxer: &Muxer, origin: Origin, timestamp_ms: u32) -> FlvPreamble {
        FlvPreamble::new(muxer, origin, timestamp_ms)
    }

    fn carry(body: &MessageBody, timestamp_ms: u32, sample: &Sample) -> Self {
        let front = Framed::header_len(body.tag_len());
        let tag = Framed::seal(body.to_tag(timestamp_ms, front), front);
        Self { tag, time: sample.dts, track: sample.track, is_sync: sample.is_sync }
    }
}

fn tags(header: Option<FileHeader>, bodies: &[MessageBody], timestamp_ms: u32) -> Framed {
    let payload = header.map_or(0, |_| PREAMBLE_LEN) + bodies.iter().map(MessageBody::tag_len).sum::<usize>();
    let front = Framed::header_len(payload);
    let mut out = BytesMut::with_capacity(front + payload);
    out.resize(front, 0);
    if let Some(header) = header {
        header.write(&mut out);
    }
    for body in bodies {
        // onMetaData tells of the whole file and belongs to no moment. With any other stamp FFmpeg takes it for subtitles.
        let stamp = if body.kind == TagKind::Script { 0 } else { timestamp_ms };
        body.write_tag(stamp, &mut out);
    }
    Framed::seal(out, front)
}
