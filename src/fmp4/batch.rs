//! A batch: timed samples of one track, waiting to be written as one fragment.

use super::error::Error;
use super::fragment::{self, Fragment, MAX_BYTES, MAX_SAMPLES};
use super::fragmenter::TimedSample;
use super::layout::Layout;
use crate::media::{Kind, Span, Timestamp};

/// The most sound that a push feed gathers in one fragment: a fragment per frame would double its bytes at low bit rates, and players keep
/// as much more in hand as sound comes later than its picture.
pub const MAX_PUSHED_SOUND: Span = Span::from_millis(50);

/// Timed samples of one track that wait to become fragments.
#[derive(Debug, Default)]
pub struct Batch {
    samples: Vec<TimedSample>,
    bytes: usize,
    ticks: i64,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the sample fits into the fragment; if not, take the fragment first.
    pub fn has_room_for(&self, timed: &TimedSample) -> bool {
        self.samples.len() < MAX_SAMPLES && timed.sample.data.len() <= MAX_BYTES.saturating_sub(self.bytes)
    }

    /// Adds a sample behind the others. Fails, and does not take it, where there is no room for it.
    pub fn push(&mut self, timed: TimedSample) -> Result<(), Error> {
        if !self.has_room_for(&timed) {
            let bytes = self.bytes.saturating_add(timed.sample.data.len());
            return Err(Error::TooLarge { track: timed.sample.track, samples: self.samples.len() + 1, bytes });
        }
        self.bytes += timed.sample.data.len();
        self.ticks = self.ticks.saturating_add(i64::from(timed.duration));
        self.samples.push(timed);
        Ok(())
    }

    /// The samples that wait.
    pub fn samples(&self) -> &[TimedSample] {
        &self.samples
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Bytes of media that wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Sum of their durations.
    pub fn duration(&self) -> Span {
        self.samples.first().map_or(Span::ZERO, |timed| Span::from_ticks(self.ticks, timed.sample.dts.scale()))
    }

    /// Whether the first of them is a sync sample.
    pub fn starts_with_sync(&self) -> bool {
        self.samples.first().is_some_and(|timed| timed.sample.is_sync)
    }

    /// The presentation time of the one shown first.
    pub fn earliest_pts(&self) -> Option<Timestamp> {
        self.samples.iter().map(|timed| timed.sample.pts()).min()
    }

    /// Whether a push feed, which wants every picture out at once and sound in pieces of at most [`MAX_PUSHED_SOUND`], should take
    /// the fragment now.
    pub fn is_due_for_push(&self) -> bool {
        let Some(last) = self.samples.last() else { return false };
        let another = Span::from_ticks(i64::from(last.duration), last.sample.dts.scale());
        match last.sample.track.kind {
            Kind::Video | Kind::Data => true,
            Kind::Audio => self.duration() + another > MAX_PUSHED_SOUND,
        }
    }

    /// Writes what waits as one fragment, as far as its samples follow each other without a gap; `None` where nothing waits.
    ///
    /// Behind a gap there is more to take: call again until `None`. Samples that cannot be written are gone with the error.
    pub fn take_fragment(&mut self, layout: &Layout) -> Result<Option<Fragment>, Error> {
        if self.samples.is_empty() {
            return Ok(None);
        }
        let gap = self.samples.windows(2).position(|pair| pair[0].end() != pair[1].sample.dts);
        let run = gap.map_or(self.samples.len(), |last| last + 1);
        let fragment = fragment::write(&self.samples[..run], layout);
        self.samples.drain(..run);
        self.bytes = self.samples.iter().map(|timed| timed.sample.data.len()).sum();
        self.ticks = self.samples.iter().map(|timed| i64::from(timed.duration)).sum();
        fragment.map(Some)
    }
}
