//! The fragmenter: holds one sample back, because only the next one tells how long it lasts.

use super::error::Error;
use super::layout::ReorderDelay;
use crate::media::{Kind, Sample, Timescale, Timestamp, Track, TrackId, time};

/// Pictures per second that are assumed of a track that has shown but one picture and declares no rate.
const FALLBACK_FRAME_RATE: u32 = 25;
/// Declared frame rates above this are not believed.
const MAX_FRAME_RATE: f64 = 1_000.0;

/// A sample together with how long it lasts.
#[derive(Clone, Debug, PartialEq)]
pub struct TimedSample {
    /// The sample.
    pub sample: Sample,
    /// Ticks of the track's timescale to the next sample's decoding time; never zero.
    pub duration: u32,
}

impl TimedSample {
    /// Where the next sample is decoded, unless time is broken there.
    pub fn end(&self) -> Timestamp {
        self.sample.dts.plus_ticks(i64::from(self.duration))
    }
}

/// Learns the durations of one track's samples, exactly: each is the next sample's decoding time less its own.
#[derive(Debug)]
pub struct Fragmenter {
    track: TrackId,
    scale: Timescale,
    estimate: u32,
    delay: Option<ReorderDelay>,
    held: Option<Sample>,
}

impl Fragmenter {
    /// A fragmenter that has seen nothing.
    pub fn new(track: &Track) -> Self {
        Self { track: track.id, scale: track.timescale, estimate: nominal_duration(track), delay: None, held: None }
    }

    /// The same with a D that is known already: a track that goes on with a new configuration keeps the one it had.
    #[must_use]
    pub fn with_delay(mut self, delay: ReorderDelay) -> Self {
        self.delay = Some(delay);
        self
    }

    /// D, the composition time of the first sync sample; zero before there was one.
    pub fn delay(&self) -> ReorderDelay {
        self.delay.unwrap_or_default()
    }

    /// Takes a sample and gives back the one before it, whose duration is now known.
    ///
    /// A sample that is refused changes nothing; the one before it then lasts until the next that is taken.
    pub fn push(&mut self, sample: Sample) -> Result<Option<TimedSample>, Error> {
        let (track, at) = (sample.track, sample.dts);
        if track != self.track || at.scale() != self.scale {
            return Err(Error::WrongTrack { expected: self.track, scale: self.scale.hz(), got: track, at });
        }
        if sample.data.is_empty() {
            return Err(Error::EmptySample { track, at });
        }
        if self.delay.is_none() && !sample.is_sync {
            return Err(Error::BeforeFirstSync { track, at });
        }
        let duration = self.held.as_ref().map(|held| duration_between(held, at)).transpose()?;
        self.delay.get_or_insert(ReorderDelay(sample.cts));
        self.estimate = duration.unwrap_or(self.estimate);
        let before = self.held.replace(sample);
        Ok(before.zip(duration).map(|(sample, duration)| TimedSample { sample, duration }))
    }

    /// Gives back the sample that is held, because the stream ends or breaks here.
    ///
    /// It lasts as long as the one before it, or as its codec says, but not beyond `next`, the decoding time of the track's next
    /// sample where that is known. D is kept.
    pub fn flush(&mut self, next: Option<Timestamp>) -> Option<TimedSample> {
        let sample = self.held.take()?;
        let room = next.map(|next| next.rescale(self.scale).saturating_sub(sample.dts.ticks())).filter(|room| *room > 0);
        let duration = room.and_then(|room| u32::try_from(room).ok()).map_or(self.estimate, |room| room.min(self.estimate));
        Some(TimedSample { sample, duration })
    }

    /// Gives back the sample that is held though the next one has not come, with a duration that the caller answers for.
    pub fn release(&mut self, duration: u32) -> Option<TimedSample> {
        self.held.take().map(|sample| TimedSample { sample, duration: duration.max(1) })
    }

    /// The sample that is held back.
    pub fn held(&self) -> Option<&Sample> {
        self.held.as_ref()
    }
}

fn duration_between(held: &Sample, next: Timestamp) -> Result<u32, Error> {
    let ticks = next.ticks().saturating_sub(held.dts.ticks());
    if ticks <= 0 {
        return Err(Error::NotIncreasing { track: held.track, last: held.dts, at: next });
    }
    u32::try_from(ticks).map_err(|_| Error::TooLong { track: held.track, at: held.dts, ticks })
}

/// How long one sample of the track lasts by what its codec or publisher declares, in ticks; at least one.
fn nominal_duration(track: &Track) -> u32 {
    let hz = track.timescale.hz();
    let ticks = match (track.id.kind, track.codec.audio(), track.frame_rate) {
        (Kind::Audio, Some(shape), _) => {
            let rate = Timescale::new(shape.sample_rate).unwrap_or(track.timescale);
            u32::try_from(time::rescale(i64::from(shape.frame_samples), rate, track.timescale)).unwrap_or(hz)
        }
        (Kind::Video, _, Some(fps)) if fps > 0.0 && fps <= MAX_FRAME_RATE => (f64::from(hz) / fps).round() as u32,
        (Kind::Video | Kind::Audio | Kind::Data, _, _) => hz / FALLBACK_FRAME_RATE,
    };
    ticks.max(1)
}
