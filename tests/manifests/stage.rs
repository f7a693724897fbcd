//! A publisher before its segmenter.

use std::sync::Arc;

use sluicegate::media::Kind;
use sluicegate::segment::options::Options;
use sluicegate::segment::segmenter::Segmenter;
use sluicegate::segment::snapshot::Snapshot;

use super::source::{Source, program, wall};

pub struct Stage {
    pub segmenter: Segmenter,
    pub source: Source,
}

impl Stage {
    pub fn new(source: Source) -> Self {
        let (segmenter, refused) = Segmenter::new(Options::default(), program(source.tracks(31)));
        assert!(refused.is_empty());
        Self { segmenter, source }
    }

    /// Publishes `from..to` milliseconds, each sample arriving `late` after its time.
    pub fn play(&mut self, from: i64, to: i64, late: i64) -> &mut Self {
        self.play_only(from, to, late, &[Kind::Video, Kind::Audio])
    }

    pub fn play_only(&mut self, from: i64, to: i64, late: i64, kinds: &[Kind]) -> &mut Self {
        for (arrival, sample) in self.source.samples(from, to).into_iter().filter(|(_, sample)| kinds.contains(&sample.track.kind)) {
            self.segmenter.push(sample, wall(arrival + late));
        }
        self
    }

    pub fn snapshot(&mut self) -> Arc<Snapshot> {
        self.segmenter.snapshot().expect("the stream was announced")
    }
}
