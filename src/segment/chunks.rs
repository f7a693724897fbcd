//! The bytes of a part: its samples as CMAF chunks.

use bytes::{Bytes, BytesMut};

use crate::fmp4::{self, Layout, Prft, ReorderDelay, SequenceNumber, TimeMeaning, TimedSample, TrackNumber};
use crate::media::{Kind, WallClock};

use super::iframes::{IFrame, IFrames};

/// What a part begins with.
pub(super) struct Heading<'a> {
    /// When each of its samples arrived.
    pub arrivals: &'a [WallClock],
    /// Event messages: whole boxes.
    pub events: Bytes,
}

/// Writes the samples of a part that begins so many bytes behind the beginning of its segment's file, and notes which of its pictures
/// can be shown by themselves.
///
/// Such a picture gets a fragment of its own, so that what I-frame playlists list is whole: a demuxer that reads one range after another,
/// as FFmpeg's, would else take the next range for the rest of the `mdat`.
///
/// The part begins with a producer reference time: when the sample of its first fragment that is shown first arrived. That is the encoder's
/// output as it reaches us, later than it left by the time on the way; nobody has told us more.
pub(super) fn write(
    samples: &[TimedSample],
    heading: Heading<'_>,
    sequence: &mut SequenceNumber,
    begins_at: usize,
    iframes: &mut IFrames,
) -> Result<Bytes, fmp4::Error> {
    let mut noted = iframes.clone();
    let mut fragments: Vec<Bytes> = Vec::new();
    let (mut rest, mut at) = (samples, begins_at);
    while let Some(first) = rest.first() {
        let is_iframe = |timed: &TimedSample| {
            let sample = &timed.sample;
            sample.is_sync && sample.track.kind == Kind::Video && noted.takes(sample.pts())
        };
        let alone = is_iframe(first);
        let length = if alone { 1 } else { rest.iter().position(is_iframe).unwrap_or(rest.len()) };
        let (run, behind) = rest.split_at(length);
        let (prft, events) = match fragments.is_empty() {
            true => (reference_time(run, heading.arrivals), heading.events.clone()),
            false => (None, Bytes::new()),
        };
        // Decoding times as sent, as on every other exit: FFmpeg's demuxer would show a delayed picture later than its sound.
        let layout = Layout { styp: at == 0, prft, events, ..Layout::new(TrackNumber::ONLY, *sequence, ReorderDelay::NONE) };
        let fragment = fmp4::fragment::write(run, &layout)?.freeze();
        *sequence = sequence.next();
        let end = at + fragment.len();
        if alone {
            noted.pictures.push(IFrame { start: first.sample.pts(), range: at..end });
        }
        fragments.push(fragment);
        (rest, at) = (behind, end);
    }
    *iframes = noted;
    Ok(match <[Bytes; 1]>::try_from(fragments) {
        Ok([only]) => only,
        Err(several) => {
            let mut joined = BytesMut::with_capacity(at - begins_at);
            several.iter().for_each(|fragment| joined.extend_from_slice(fragment));
            joined.freeze()
        }
    })
}

fn reference_time(run: &[TimedSample], arrivals: &[WallClock]) -> Option<Prft> {
    let (_, arrived) = run.iter().zip(arrivals).min_by_key(|(timed, _)| timed.sample.pts())?;
    Some(Prft { unix: arrived.since_unix(), meaning: TimeMeaning::EncoderOutput })
}
