//! What the connection before left on a stream, for the next one to go on behind it.

use std::collections::BTreeMap;

use crate::bus::{Stream, Window};
use crate::media::codec::AudioShape;
use crate::media::{Kind, Program, Sample, Span, Timestamp, TrackId};

/// Presentation further from decoding than this is dirt, and moves no timeline.
pub(super) const MOST_COMPOSITION: Span = Span::from_secs(10);

/// A picture stays this long where neither the stream nor its last pictures tell.
const ASSUMED_FRAME: Span = Span::from_millis(40);

/// Where the samples so far end.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// The newest sample of each track.
    pub(super) newest: BTreeMap<TrackId, Timestamp>,
    /// The end of the last one presented. `None` where there is no sample.
    pub(super) end: Option<Timestamp>,
}

impl Left {
    /// Looks at what the stream still holds: its window always keeps the newest samples.
    pub(super) fn of(stream: &Stream) -> Self {
        let program = stream.program();
        stream.source().samples.inspect(|window| Self::in_window(window, program.as_deref()))
    }

    fn in_window(window: &Window<Sample>, program: Option<&Program>) -> Self {
        let mut left = Self::default();
        for sample in window.iter() {
            let step = left.newest.insert(sample.track, sample.dts).map(|before| sample.dts.since(before));
            let end = presented(sample).plus(duration(sample.track, program, step));
            left.end = Some(left.end.map_or(end, |known| known.max(end)));
        }
        left
    }
}

/// When a sample is presented, by a composition time that can be believed.
pub(super) fn presented(sample: &Sample) -> Timestamp {
    let composition = sample.pts().since(sample.dts);
    // Script data is about a moment, which may be far ahead, and takes no time itself.
    if sample.track.kind != Kind::Data && composition.abs() <= MOST_COMPOSITION { sample.pts().max(sample.dts) } else { sample.dts }
}

fn duration(track: TrackId, program: Option<&Program>, step: Option<Span>) -> Span {
    let codec = program.and_then(|program| program.tracks.get(track));
    if let Some((AudioShape { frame_samples, .. }, scale)) = codec.and_then(|track| Some((track.codec.audio()?, track.timescale))) {
        return Span::from_ticks(i64::from(frame_samples), scale);
    }
    match track.kind {
        Kind::Video => step.filter(|step| *step <= Span::from_millis(200)).unwrap_or(ASSUMED_FRAME),
        _ => Span::ZERO,
    }
}
