//! Samples as fragmented MP4, for Media Source Extensions over WebSocket and as an endless file.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use serde::Serialize;

use super::foretell::Foreteller;
use super::framed::{Framed, MAX_HEADER};
use super::lazy::{Item, Maker, Unit};
use crate::bus::{Entry, Why};
use crate::fmp4::{self, Batch, Layout, ReorderDelay, SequenceNumber, TimedSample, TrackNumber};
use crate::media::{Kind, Program, Sample, Selection, Timestamp, Track, TrackId, TrackSet};

/// One `moof` with its `mdat`: one picture, or up to 50 ms of sound.
#[derive(Clone, Debug)]
pub struct Fragment {
    /// The fragment, in its WebSocket frame.
    pub media: Framed,
    time: Timestamp,
    presented: Timestamp,
    track: TrackId,
    is_sync: bool,
}

/// What goes before the first fragment.
#[derive(Debug)]
pub struct FragmentHead {
    /// The muxed init segment, in its WebSocket frame.
    pub init: Framed,
    /// The MIME type with its `codecs` parameter.
    pub mime: String,
    /// The value of `codecs`.
    pub codecs: String,
    /// The tracks, as JSON text.
    pub tracks: String,
    /// At whose sync samples viewers join, and at whose pace the stream goes.
    leading: Option<TrackId>,
}

impl Fragment {
    /// When its first picture or sound is presented.
    pub fn presented(&self) -> Timestamp {
        self.presented
    }
}

impl Entry for Fragment {
    type Head = FragmentHead;

    fn time(&self) -> Timestamp {
        self.time
    }

    fn bytes(&self) -> usize {
        self.media.len()
    }

    fn leads(&self, head: &FragmentHead) -> bool {
        head.leading == Some(self.track)
    }

    fn is_sync(&self) -> bool {
        self.is_sync
    }
}

impl Unit for Fragment {
    type Variant = Selection;
    type Maker = FragmentMaker;

    fn canonical(selection: Selection, tracks: &TrackSet) -> Selection {
        selection.canonical(tracks, |track| fmp4::is_carried(&track.codec))
    }

    fn maker(selection: Selection) -> FragmentMaker {
        FragmentMaker { selection, head: None, lanes: Vec::new(), sequence: SequenceNumber::default() }
    }
}

/// A track as players are told about it.
#[derive(Serialize)]
struct TrackLine<'a> {
    id: String,
    kind: Kind,
    codec: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frame_rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sample_rate: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channels: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'a str>,
}

impl FragmentHead {
    fn new(tracks: &[&Track]) -> Result<Self, fmp4::Error> {
        let init = fmp4::init_segment(tracks)?;
        let lines: Vec<_> = tracks.iter().map(|track| TrackLine::of(track)).collect();
        Ok(Self {
            init: framed(&init),
            mime: fmp4::mime(tracks),
            codecs: tracks.iter().map(|track| track.codec.rfc6381()).collect::<Vec<_>>().join(","),
            tracks: serde_json::to_string(&lines).expect("numbers and strings always serialise"),
            leading: tracks.first().map(|track| track.id),
        })
    }
}

impl FragmentHead {
    /// Whether viewers of `other` are told the same.
    fn tells_as(&self, other: &Self) -> bool {
        self.leading == other.leading && self.tracks == other.tracks && self.init.payload() == other.init.payload()
    }

    /// A head that nothing follows, so that viewers are told.
    fn nothing() -> Self {
        let text = String::new;
        Self { init: framed(&Bytes::new()), mime: text(), codecs: text(), tracks: "[]".to_owned(), leading: None }
    }

    /// Whether there is anything to see or hear.
    pub fn is_playable(&self) -> bool {
        self.leading.is_some()
    }
}

impl<'a> TrackLine<'a> {
    fn of(track: &'a Track) -> Self {
        let (video, audio) = (track.codec.video(), track.codec.audio());
        Self {
            id: track.id.to_string(),
            kind: track.id.kind,
            codec: track.codec.rfc6381(),
            width: video.map(|shape| shape.width),
            height: video.map(|shape| shape.height),
            frame_rate: track.frame_rate.filter(|_| video.is_some()),
            sample_rate: audio.map(|shape| shape.sample_rate),
            channels: audio.map(|shape| shape.channels),
            language: track.language.as_deref(),
        }
    }
}

/// Makes fragments.
#[derive(Debug)]
pub struct FragmentMaker {
    selection: Selection,
    /// What is in force.
    head: Option<Arc<FragmentHead>>,
    /// Video first.
    lanes: Vec<Lane>,
    sequence: SequenceNumber,
}

/// One track on its way.
#[derive(Debug)]
struct Lane {
    track: TrackId,
    number: TrackNumber,
    foreteller: Foreteller,
    batch: Batch,
}

impl Maker<Fragment> for FragmentMaker {
    fn program(&mut self, program: Arc<Program>, why: Why, out: &mut Vec<Item<Fragment>>) {
        let chosen = self.selection.tracks(&program.tracks, |track| fmp4::is_carried(&track.codec));
        let tracks: Vec<&Track> = chosen.into_iter().map(|track| &**track).collect();
        let head = FragmentHead::new(&tracks);
        let is_news = |head: &FragmentHead| self.head.as_ref().is_none_or(|before| !before.tells_as(head));
        // Players begin anew behind each init segment, so what they are not told must not look like one.
        if why == Why::Config && head.as_ref().is_ok_and(|head| !is_news(head)) {
            return;
        }
        self.flush(out);
        self.lanes.clear();
        match head {
            Ok(head) => {
                let lane = |(position, track): (usize, &&Track)| Lane {
                    track: track.id,
                    number: TrackNumber::at(position),
                    foreteller: Foreteller::new(track),
                    batch: Batch::new(),
                };
                self.lanes = tracks.iter().enumerate().map(lane).collect();
                let head = Arc::new(head);
                self.head = Some(Arc::clone(&head));
                out.push(Item::Head(head, why));
            }
            Err(error) => {
                self.head = None;
                tracing::warn!(%error, "no MP4 can be made of this program");
                out.push(Item::Head(Arc::new(FragmentHead::nothing()), why));
            }
        }
    }

    fn sample(&mut self, sample: Sample, out: &mut Vec<Item<Fragment>>) {
        let Some(at) = self.lanes.iter().position(|lane| lane.track == sample.track) else { return };
        if sample.is_sync && sample.track.kind == Kind::Video {
            // Sound from before the picture goes before it, so that who joins at the picture has its sound from there on.
            (0..self.lanes.len()).filter(|other| *other != at).for_each(|other| self.cut(other, out));
        }
        match self.lanes[at].foreteller.push(sample) {
            Ok(timed) => timed.into_iter().flatten().for_each(|timed| self.take(at, timed, out)),
            Err(error) => tracing::debug!(%error, "a sample is left out of the fragments"),
        }
    }

    fn flush(&mut self, out: &mut Vec<Item<Fragment>>) {
        for at in 0..self.lanes.len() {
            if let Some(last) = self.lanes[at].foreteller.flush() {
                self.take(at, last, out);
            }
            self.cut(at, out);
        }
    }
}

impl FragmentMaker {
    /// Puts a sample into its lane's batch, and writes the batch when it is due.
    fn take(&mut self, at: usize, timed: TimedSample, out: &mut Vec<Item<Fragment>>) {
        if !self.lanes[at].batch.has_room_for(&timed) {
            self.cut(at, out);
        }
        let batch = &mut self.lanes[at].batch;
        if let Err(error) = batch.push(timed) {
            tracing::debug!(%error, "a sample is left out of the fragments");
        } else if batch.is_due_for_push() {
            self.cut(at, out);
        }
    }

    /// Writes what waits in a lane.
    fn cut(&mut self, at: usize, out: &mut Vec<Item<Fragment>>) {
        let Some(lane) = self.lanes.get_mut(at) else { return };
        loop {
            // Decoding times as sent: all readers agree on them, and a push feed has no second rendition to line up with.
            let layout = Layout { reserve_front: MAX_HEADER, ..Layout::new(lane.number, self.sequence, ReorderDelay::NONE) };
            match lane.batch.take_fragment(&layout) {
                Ok(Some(mut made)) => {
                    self.sequence = self.sequence.next();
                    let (info, payload) = (made.info, made.len());
                    Framed::write_header(made.front_mut(), payload);
                    out.push(Item::Unit(Fragment {
                        media: Framed::sealed(made.freeze_with_front(), MAX_HEADER),
                        time: info.dts,
                        presented: info.earliest_pts,
                        track: lane.track,
                        is_sync: info.starts_with_sync,
                    }));
                }
                Ok(None) => return,
                Err(error) => tracing::debug!(%error, "a fragment could not be written"),
            }
        }
    }
}

fn framed(payload: &Bytes) -> Framed {
    let front = Framed::header_len(payload.len());
    let mut out = BytesMut::zeroed(front);
    out.put_slice(payload);
    Framed::seal(out, front)
}
