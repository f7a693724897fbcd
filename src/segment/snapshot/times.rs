//! Segments by their times, as manifests name them that tell of no numbers.

use super::{MediaSequence, Phase, Snapshot};
use crate::media::{Span, Timestamp, TrackId};

/// What a time names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Named {
    /// The segment of that number, whole or begun.
    Segment(MediaSequence),
    /// The track's next segment, which has not begun.
    Next,
    /// Nothing: no longer, or never.
    Nothing,
}

impl Snapshot {
    /// What a time in ticks of a track names: the first segment that begins then or later, if not much later. So the name that follows from where
    /// a segment ends leads on also where the next one begins a little behind it, after the publisher was away too. It never meets other bytes:
    /// where no segment begins at that very time, one that has begun before must still be known.
    pub fn named(&self, track: TrackId, time: i64) -> Named {
        let Some(init) = self.inits.iter().rev().find(|init| init.track.id == track) else { return Named::Nothing };
        let at = Timestamp::new(time, init.track.timescale);
        // No segment lasts longer than its rounding hides.
        let reach = Span::from_secs(i64::from(self.target_duration) + 1);
        let (from, to) = (at.plus(Span::ZERO - reach), at.plus(reach));
        let slots = [&self.retained, &self.slots].into_iter().flat_map(|slots| slots.since(from));
        let whole = slots.filter_map(|slot| Some((slot.msn, slot.segment(track)?.start)));
        let begun = self.open.iter().filter(|open| open.track() == track && !open.parts().is_empty());
        let mut is_known = false;
        for (msn, start) in whole.chain(begun.map(|open| (open.msn, open.start))).take_while(|(_, start)| *start <= to) {
            match start.ticks() == time || is_known && start > at {
                true => return Named::Segment(msn),
                false => is_known = (from..at).contains(&start),
            }
        }
        let may_come = self.phase != Phase::Ended && self.status(track).is_some() && self.slots.last().is_none_or(|last| last.start <= to);
        if is_known && may_come { Named::Next } else { Named::Nothing }
    }
}
