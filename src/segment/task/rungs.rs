//! The rungs of a stream, and their sound, on their way into its segmenter.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::bus::ladder::RungRendition;
use crate::bus::{Budget, Channel, From, Gate, Read, Stream, Subscriber};
use crate::media::{Sample, TrackId, WallClock};
use crate::segment::segmenter::Segmenter;

/// Readers of all rungs, behind one gate.
pub(super) struct Rungs {
    gate: Arc<Gate>,
    known: Arc<[RungRendition]>,
    sound: Option<Arc<Channel<Sample>>>,
    readers: Vec<(TrackId, Subscriber<Sample>)>,
    made: BTreeSet<TrackId>,
    /// What was read last.
    samples: Vec<Sample>,
}

impl Rungs {
    /// No rungs yet; `gate` rings for those to come.
    pub fn new(gate: &Arc<Gate>) -> Self {
        let (gate, known) = (Arc::clone(gate), Arc::new([]));
        Self { gate, known, sound: None, readers: Vec::new(), made: BTreeSet::new(), samples: Vec::new() }
    }

    /// Hands over what has come; false where nothing has.
    pub fn hand_over(&mut self, stream: &Stream, segmenter: &mut Segmenter, now: WallClock) -> bool {
        self.follow(stream, segmenter, now);
        let mut found = false;
        for (track, reader) in &mut self.readers {
            match reader.read(Budget::default(), &mut self.samples) {
                Read::Batch => {
                    self.samples.drain(..).filter(|sample| sample.track == *track).for_each(|sample| segmenter.push(sample, now))
                }
                Read::Head { head, .. } => {
                    if let Some(coded) = head.tracks.get(*track) {
                        segmenter.begin_rung(coded, now);
                    }
                }
                Read::Empty | Read::End(_) => continue,
            }
            found = true;
        }
        found
    }

    /// Rungs come, go and stop.
    fn follow(&mut self, stream: &Stream, segmenter: &mut Segmenter, now: WallClock) {
        let (rungs, sound) = (stream.ladder().rungs(), stream.ladder().sound());
        let is_same_sound = sound.as_ref().map(Arc::as_ptr) == self.sound.as_ref().map(Arc::as_ptr);
        if !Arc::ptr_eq(&rungs, &self.known) || !is_same_sound {
            let all = rungs.iter().map(|one| (one.rung.track, &one.samples)).chain(sound.iter().map(|samples| (TrackId::SOUND, samples)));
            self.readers = all.map(|(track, samples)| (track, samples.subscribe(From::NewestSync, &self.gate))).collect();
            segmenter.set_rungs(rungs.iter().map(|one| Arc::clone(&one.rung)), sound.is_some(), now);
            (self.known, self.sound) = (rungs, sound);
        }
        let made = stream.ladder().made();
        for stopped in self.made.difference(&made) {
            segmenter.stop_rung(*stopped, now);
        }
        self.made = made;
    }
}
