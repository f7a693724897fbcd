//! From a program's samples to bodies, for one group of viewers.

use std::sync::Arc;

use super::dialect::{Dialect, FlvVariant};
use super::lane::{Lane, Place};
use super::mux::{Head, MessageBody, WireTime};
use super::script;
use super::tag::{FileHeader, MAX_BODY, TagKind};
use crate::media::{Kind, Pick, Program, Sample, Selection, TrackId};

/// Writes the bodies of one program in one variant. Pure; a new program needs a new one.
///
/// Of each kind one track is the default on the wire, whatever its number in the program, and the same bytes for all who chose it. Where
/// all tracks of a kind were chosen they keep their numbers: 0 is the default, the others go out as multitrack.
#[derive(Clone, Debug)]
pub struct Muxer {
    variant: FlvVariant,
    program: Arc<Program>,
    /// Video first, then audio, each by index.
    lanes: Vec<Lane>,
}

impl Muxer {
    /// A muxer of those tracks of the program that the variant chooses and can carry.
    pub fn new(variant: FlvVariant, program: Arc<Program>) -> Self {
        let selection = understood(variant);
        let chosen = selection.tracks(&program.tracks, |track| variant.dialect.carries(&track.codec));
        let lane = |track| Lane::new(&variant, track, place(selection, track.id));
        let lanes = chosen.into_iter().filter_map(lane).collect();
        Self { variant, program, lanes }
    }

    /// The tracks that go out: video first, then audio, each by index.
    pub fn tracks(&self) -> impl Iterator<Item = TrackId> {
        self.lanes.iter().map(|lane| lane.track.id)
    }

    /// The track at whose sync samples viewers join: the first that goes out.
    pub fn leading(&self) -> Option<TrackId> {
        self.tracks().next()
    }

    /// The file header: it promises just what [`Muxer::sample`] gives.
    pub fn file_header(&self) -> FileHeader {
        FileHeader { has_audio: self.first(Kind::Audio).is_some(), has_video: self.first(Kind::Video).is_some() }
    }

    /// Whether there is anything to see or hear.
    pub fn is_playable(&self) -> bool {
        !self.lanes.is_empty()
    }

    /// onMetaData for what goes out, rebuilt.
    pub fn metadata(&self) -> MessageBody {
        MessageBody::new(TagKind::Script, Head::default(), script::metadata_body(&self.lanes, &self.program.metadata))
    }

    /// All that goes before the first sample, in order: onMetaData, then what each track is: its configuration, its HDR metadata and
    /// its speakers.
    pub fn preamble(&self) -> Vec<MessageBody> {
        let about = |lane: &Lane| [lane.config(), lane.color_info(), lane.channels()];
        std::iter::once(self.metadata()).chain(self.lanes.iter().flat_map(about).flatten()).collect()
    }

    /// Whether viewers of `other` are told the same ahead of the samples.
    pub fn tells_as(&self, other: &Self) -> bool {
        self.tracks().eq(other.tracks()) && self.preamble() == other.preamble()
    }

    /// The moment that a sample's tag or message tells.
    pub fn timestamp(&self, sample: &Sample) -> u32 {
        let time = if self.variant.is_exact() { WireTime::exact(sample) } else { WireTime::of(sample) };
        time.timestamp_ms
    }

    /// A sample's body; none where its track does not go out, or it is longer than a tag can be.
    pub fn sample(&self, sample: &Sample) -> Option<MessageBody> {
        if sample.track.kind == Kind::Data {
            let fits = sample.data.len() <= MAX_BODY;
            return fits.then(|| MessageBody::new(TagKind::Script, Head::default(), sample.data.clone()));
        }
        self.lanes.iter().find(|lane| lane.track.id == sample.track)?.sample(sample)
    }

    fn first(&self, kind: Kind) -> Option<&Lane> {
        self.lanes.iter().find(|lane| lane.track.id.kind == kind)
    }
}

/// The selection as far as the dialect's readers can follow: players know one track of each kind.
fn understood(variant: FlvVariant) -> Selection {
    let one = |pick| if pick == Pick::All { Pick::Leading } else { pick };
    match variant.dialect {
        Dialect::Players => Selection { video: one(variant.selection.video), audio: one(variant.selection.audio) },
        Dialect::Enhanced => variant.selection,
    }
}

fn place(selection: Selection, track: TrackId) -> Place {
    match (selection.pick(track.kind), track.index) {
        (Pick::All, 1..) => Place::Further(track.index),
        _ => Place::Default,
    }
}
