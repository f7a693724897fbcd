//! Samples as FLV tags, for HTTP and for WebSocket at once.

use std::sync::Arc;

use bytes::BytesMut;

use super::framed::Framed;
use super::lazy::{Item, Maker, Unit};
use crate::bus::{Entry, Why};
use crate::flv::tag::{PREAMBLE_LEN, TagKind};
use crate::flv::{FileHeader, FlvVariant, MessageBody, Muxer, mux};
use crate::media::{Program, Sample, Timestamp, TrackId, TrackSet};

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
    /// At whose sync samples viewers join.
    leading: Option<TrackId>,
    bodies: Vec<MessageBody>,
    /// For those who are new: all of it.
    opening: Framed,
    /// For those who have the file header already.
    renewal: Framed,
}

impl FlvPreamble {
    fn new(muxer: &Muxer, timestamp_ms: u32) -> Self {
        let (header, leading, bodies) = (muxer.file_header(), muxer.leading(), muxer.preamble());
        let (opening, renewal) = (tags(Some(header), &bodies, timestamp_ms), tags(None, &bodies, timestamp_ms));
        Self { header, leading, bodies, opening, renewal }
    }

    /// Which kinds of tags follow.
    pub fn header(&self) -> FileHeader {
        self.header
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
        tags(None, &self.bodies, mux::timestamp(time))
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

    fn joins(&self, head: &FlvPreamble) -> bool {
        self.is_sync && head.leading == Some(self.track)
    }
}

impl Unit for FlvUnit {
    type Variant = FlvVariant;
    type Maker = FlvMaker;

    fn canonical(variant: FlvVariant, tracks: &TrackSet) -> FlvVariant {
        variant.canonical(tracks)
    }

    fn maker(variant: FlvVariant) -> FlvMaker {
        FlvMaker { variant, muxer: None, due: None }
    }
}

/// Makes tags.
#[derive(Debug)]
pub struct FlvMaker {
    variant: FlvVariant,
    muxer: Option<Muxer>,
    /// Why the preamble is due; it goes out stamped with the sample behind it.
    due: Option<Why>,
}

impl Maker<FlvUnit> for FlvMaker {
    fn program(&mut self, program: Arc<Program>, why: Why, _: &mut Vec<Item<FlvUnit>>) {
        let muxer = Muxer::new(self.variant, program);
        // Players begin anew behind each configuration, so what they are not told must not look like one.
        let is_news = why != Why::Config || self.muxer.as_ref().is_none_or(|before| !before.tells_as(&muxer));
        self.muxer = Some(muxer);
        if is_news {
            self.due = Some(why);
        }
    }

    fn sample(&mut self, sample: Sample, out: &mut Vec<Item<FlvUnit>>) {
        let Some(muxer) = &self.muxer else { return };
        // Tracks that are left out have no body, and the file header does not promise them.
        let body = muxer.sample(&sample);
        // Where none of the tracks is carried the head goes out alone, so that viewers are told and do not wait.
        if body.is_none() && muxer.is_playable() {
            return;
        }
        let timestamp_ms = muxer.timestamp(&sample);
        if let Some(why) = self.due.take() {
            out.push(Item::Head(Arc::new(FlvPreamble::new(muxer, timestamp_ms)), why));
        }
        let Some(body) = body else { return };
        let front = Framed::header_len(body.tag_len());
        let tag = Framed::seal(body.to_tag(timestamp_ms, front), front);
        out.push(Item::Unit(FlvUnit { tag, time: sample.dts, track: sample.track, is_sync: sample.is_sync }));
    }

    fn flush(&mut self, _: &mut Vec<Item<FlvUnit>>) {}
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
