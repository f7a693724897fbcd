//! Fetches what a playlist lists, in its order, and looks into it.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::check::exchange::{Answer, Ask};
use crate::check::hls;
use crate::check::hls::iframes::Pictures;
use crate::check::hls::media::Meter;
use crate::check::hls::model::{Media as List, Part, Segment};
use crate::check::media::{
    Announced, Container, Continuity, Init, Media, Run, container, read_init, read_media, read_picture, rules_of_init, rules_of_media,
};
use crate::check::transport;
use crate::media::Kind;

use super::conduct;
use super::ledger::Ledger;
use super::probes;

/// Most bytes of a segment or part.
pub(super) const MAX_SEGMENT: u64 = 64 << 20;
/// Most bytes of an init segment.
const MAX_INIT: u64 = 1 << 20;
/// Most init segments that are remembered of one playlist.
const MAX_INITS: usize = 64;
/// How long media may take from request to end. A segment that takes longer than it lasts cannot be played anyway.
const PATIENCE: Duration = Duration::from_secs(20);

/// An address, or some bytes of what is there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Resource {
    pub url: String,
    pub range: Option<Range<u64>>,
}

/// A segment or part to fetch.
#[derive(Debug)]
pub(super) struct Piece {
    /// The playlist that listed it.
    pub list: Arc<List>,
    pub segment: Arc<Segment>,
    pub source: Resource,
    /// Its init segment.
    pub map: Option<Resource>,
    /// Whether a discontinuity stands before it.
    pub begins_anew: bool,
}

/// What is to be done next.
#[derive(Debug)]
pub(super) enum Job {
    Part {
        piece: Piece,
        part: Part,
        /// Its place in the segment.
        index: usize,
        /// The request that a hint led to.
        hinted: Option<JoinHandle<Option<Answer>>>,
    },
    Segment {
        piece: Piece,
    },
    /// A segment that is not there, and is said not to be.
    Gap,
}

/// What a playlist turned out to hold.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub meter: Meter,
    /// The tracks of the first init segment.
    pub tracks: Vec<Announced>,
    /// Pictures in a second.
    pub frame_rate: Option<f64>,
}

/// Does the jobs of the playlist `name` until there are no more. `independent` tells whether the multivariant playlist says that every segment
/// begins with a sync sample.
pub(super) async fn work(ledger: Ledger, name: String, independent: bool, target: Duration, mut jobs: mpsc::Receiver<Job>) -> Held {
    let mut worker = Worker {
        ledger,
        name,
        independent,
        target,
        inits: HashMap::new(),
        parts: Parts::default(),
        by_parts: Continuity::default(),
        by_segments: Continuity::default(),
        pictures: Pictures::default(),
        probed: false,
        held: Held::default(),
    };
    while let Some(job) = jobs.recv().await {
        match job {
            Job::Part { piece, part, index, hinted } => worker.part(piece, &part, index, hinted).await,
            Job::Segment { piece } if piece.list.iframes_only => worker.picture(piece).await,
            Job::Segment { piece } => worker.segment(piece).await,
            Job::Gap => {
                worker.by_parts.forget();
                worker.by_segments.forget();
            }
        }
    }
    worker.held
}

/// The parts of a segment that have come, from its first on.
#[derive(Default)]
struct Parts {
    msn: u64,
    bytes: Vec<Bytes>,
    read: Vec<Media>,
}

struct Worker {
    ledger: Ledger,
    name: String,
    independent: bool,
    target: Duration,
    inits: HashMap<Resource, Option<Arc<Init>>>,
    parts: Parts,
    by_parts: Continuity,
    by_segments: Continuity,
    /// Of an I-frame playlist.
    pictures: Pictures,
    probed: bool,
    held: Held,
}

impl Worker {
    async fn part(&mut self, piece: Piece, part: &Part, index: usize, hinted: Option<JoinHandle<Option<Answer>>>) {
        let answer = match hinted {
            Some(request) => {
                let answer = request.await.ok().flatten();
                self.ledger.add(answer.as_ref().and_then(|answer| conduct::of_hint(&self.name, &piece.source.url, answer)));
                answer.filter(Answer::is_ok)
            }
            None => None,
        };
        let answer = match answer {
            Some(answer) => Some(answer),
            None => self.fetch(&piece.source).await,
        };
        if self.parts.msn != piece.segment.msn {
            self.parts = Parts { msn: piece.segment.msn, ..Parts::default() };
        }
        if piece.begins_anew || answer.is_none() {
            self.by_parts.forget();
        }
        let Some(answer) = answer else { return };
        self.ledger.count(|summary| summary.parts += 1);
        let media = self.look_into(&piece, &answer, true).await;
        if self.parts.bytes.len() == index {
            self.parts.bytes.push(answer.body);
        }
        if let Some(media) = media {
            self.ledger.add(hls::media::part(&self.name, &piece.list, part, &media));
            if self.parts.read.len() == index {
                self.parts.read.push(media);
            }
        }
    }

    async fn segment(&mut self, piece: Piece) {
        let answer = self.fetch(&piece.source).await;
        if piece.begins_anew || answer.is_none() {
            self.by_segments.forget();
        }
        let Some(answer) = answer else { return };
        self.ledger.count(|summary| summary.segments += 1);
        let segment = &piece.segment;
        self.held.meter.add(answer.body.len() as u64, segment.duration, self.target.as_secs());
        let known = std::mem::take(&mut self.parts);
        let count = segment.parts.len();
        let has_all = |parts: usize| known.msn == segment.msn && count > 0 && parts == count;
        if has_all(known.bytes.len()) {
            self.ledger.add(conduct::of_parts(&self.name, &piece.source.url, &answer.body, &known.bytes.concat(), count));
        }
        if let Some(media) = self.look_into(&piece, &answer, false).await {
            self.ledger.add(hls::media::segment(&self.name, &piece.list, segment, &media, self.independent));
            if has_all(known.read.len()) {
                self.ledger.add(hls::media::parts(&self.name, segment, &known.read, &media));
            }
            self.held.frame_rate = media.lead().filter(|run| run.kind == Kind::Video).and_then(Run::frame_rate);
        }
        if !self.probed {
            self.probed = true;
            probes::of_media(&self.ledger, &self.name, &piece.source, &answer, self.target).await;
        }
    }

    /// An entry of an I-frame playlist.
    async fn picture(&mut self, piece: Piece) {
        let Some(answer) = self.fetch(&piece.source).await else { return };
        self.ledger.count(|summary| summary.pictures += 1);
        self.held.meter.add(answer.body.len() as u64, piece.segment.duration, self.target.as_secs());
        let url = &piece.source.url;
        let kind = container(&answer.body);
        self.ledger.add_of(&self.name, transport::of_media(url, &answer, kind, self.target));
        if !self.is_looked_into(kind) {
            return;
        }
        let Some(init) = self.init(piece.map.as_ref()).await else { return };
        match read_picture(&init, &answer.body) {
            Ok(picture) => self.ledger.add(self.pictures.follow(&self.name, &piece.segment, picture)),
            Err(error) => self.ledger.add_of(&self.name, rules_of_media(url, &init, &answer.body, &Err(error))),
        }
    }

    async fn fetch(&self, source: &Resource) -> Option<Answer> {
        let ask = Ask { range: source.range.clone(), ..Ask::get(&source.url, MAX_SEGMENT, PATIENCE) };
        let answer = self.ledger.ask(&self.name, "media", &ask).await?;
        if answer.is_ok() {
            return Some(answer);
        }
        self.ledger.add_of(&self.name, transport::of_media(&source.url, &answer, Container::Other, self.target));
        None
    }

    async fn look_into(&mut self, piece: &Piece, answer: &Answer, is_part: bool) -> Option<Media> {
        let kind = container(&answer.body);
        let url = &piece.source.url;
        self.ledger.add_of(&self.name, transport::of_media(url, answer, kind, self.target));
        if !self.is_looked_into(kind) {
            return None;
        }
        let init = self.init(piece.map.as_ref()).await?;
        let read = read_media(&init, &answer.body);
        let mut found = rules_of_media(url, &init, &answer.body, &read);
        let continuity = if is_part { &mut self.by_parts } else { &mut self.by_segments };
        match &read {
            Ok(media) => found.extend(continuity.follow(url, media)),
            Err(_) => continuity.forget(),
        }
        self.ledger.add_of(&self.name, found);
        read.ok()
    }

    /// Whether that kind of file is; says so where it is not.
    fn is_looked_into(&self, kind: Container) -> bool {
        if !matches!(kind, Container::Mp4 | Container::Vtt) {
            let detail = format!("segments are no fragmented MP4 ({kind:?}), and their content is not looked into");
            self.ledger.add([conduct::of_unseen(&self.name, detail)]);
        }
        kind == Container::Mp4
    }

    /// The init segment at that place; each is fetched and looked at once.
    async fn init(&mut self, map: Option<&Resource>) -> Option<Arc<Init>> {
        let map = map?;
        if let Some(known) = self.inits.get(map) {
            return known.clone();
        }
        let ask = Ask { range: map.range.clone(), ..Ask::get(&map.url, MAX_INIT, PATIENCE) };
        let answer = self.ledger.ask(&self.name, "an init segment", &ask).await;
        let init = answer.and_then(|answer| {
            self.ledger.add_of(&self.name, transport::of_media(&map.url, &answer, Container::Mp4, self.target));
            self.ledger.add_of(&self.name, answer.is_ok().then(|| rules_of_init(&map.url, &answer.body)).into_iter().flatten());
            read_init(&answer.body).ok().filter(|_| answer.is_ok()).map(Arc::new)
        });
        if let Some(init) = init.as_ref().filter(|_| self.held.tracks.is_empty()) {
            self.held.tracks.clone_from(&init.tracks);
        }
        if self.inits.len() < MAX_INITS {
            self.inits.insert(map.clone(), init.clone());
        }
        init
    }
}
