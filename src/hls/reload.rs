//! Waiting for a playlist that is still to come: blocking reload (RFC 8216bis §6.2.5.2), and what players without parts begin with.

use crate::media::{Span, TrackId};
use crate::segment::listing::{self, Entry, Media};
use crate::segment::snapshot::{MediaSequence, Phase, Snapshot};

/// Whole segments that a player may ask for ahead of the last one.
const MOST_AHEAD: u64 = 2;
/// Target durations for which a playlist is held at most.
const LONGEST_HOLD: i64 = 3;
/// Seconds for which it is held in any case: players such as hls.js give up after ten.
const PATIENCE_OF_PLAYERS: i64 = 9;
/// Seconds of parts that a player may ask for ahead of the last one: the Advance Part Limit is as many parts, or this number of them where
/// they are long.
const PARTS_AHEAD: i64 = 3;

/// Segments that players without parts begin with: they start no nearer to the end than three target durations (RFC 8216 §6.3.3). Chromium
/// 156 loads the last three and gives up a stream of two.
const BEGINNING: usize = 3;

/// The `_HLS_` directives of a request for a media playlist; unknown ones are passed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Directives {
    /// What must be listed before the answer is given.
    pub wanted: Option<Wanted>,
    /// `_HLS_skip`: a delta update is welcome.
    pub skip: bool,
}

/// `_HLS_msn` and `_HLS_part`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// The number of a segment.
    pub msn: MediaSequence,
    /// One of its parts, from 0; without it the segment must be whole.
    pub part: Option<u64>,
}

/// Directives that no playlist can be made for: 400.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DirectiveError {
    /// A number is written otherwise.
    #[error("{0} is not a plain decimal number of at most 64 bits")]
    Number(&'static str),
    /// A part of which segment?
    #[error("_HLS_part needs _HLS_msn beside it")]
    PartAlone,
    /// `_HLS_skip` has two values.
    #[error("_HLS_skip is YES or v2")]
    Skip,
    /// So far ahead that something must be wrong with the player's idea of the stream.
    #[error("segment {asked} is too far ahead: the last whole one is {last}")]
    SegmentAhead {
        /// The segment asked for.
        asked: u64,
        /// The last one there is.
        last: u64,
    },
    /// The same for a part.
    #[error("part {asked} of segment {msn} is too far ahead: it has {there} parts so far, and at most {limit} more can be asked for")]
    PartAhead {
        /// The segment.
        msn: u64,
        /// The part asked for.
        asked: u64,
        /// Its parts so far.
        there: u64,
        /// How many more can be asked for.
        limit: u64,
    },
}

impl Directives {
    /// Reads a query string. Of directives that stand there twice the first counts.
    ///
    /// # Errors
    /// [`DirectiveError`] names what is wrong.
    pub fn parse(query: &str) -> Result<Self, DirectiveError> {
        let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let number = |name: &'static str| value(name).map(|text| decimal(text).ok_or(DirectiveError::Number(name))).transpose();
        let wanted = match (number("_HLS_msn")?, number("_HLS_part")?) {
            (Some(msn), part) => Some(Wanted { msn: MediaSequence(msn), part }),
            (None, Some(_)) => return Err(DirectiveError::PartAlone),
            (None, None) => None,
        };
        let skip = match value("_HLS_skip") {
            None => false,
            Some("YES" | "v2") => true,
            Some(_) => return Err(DirectiveError::Skip),
        };
        Ok(Self { wanted, skip })
    }
}

impl Wanted {
    /// Whether the playlist of `track` lists what is wanted; without a track that goes on nothing is waited for.
    ///
    /// # Errors
    /// [`DirectiveError`] where it is too far ahead to be waited for.
    pub fn is_listed(self, snapshot: &Snapshot, track: TrackId) -> Result<bool, DirectiveError> {
        let Some(edge) = listing::edge(snapshot, track).filter(|_| snapshot.phase != Phase::Ended) else { return Ok(true) };
        if !snapshot.is_current(track) || self.msn < edge.whole {
            return Ok(true);
        }
        if self.msn.0 > edge.whole.0 + MOST_AHEAD {
            return Err(DirectiveError::SegmentAhead { asked: self.msn.0, last: edge.whole.0 });
        }
        let Some(part) = self.part.filter(|_| snapshot.part_target.is_some()) else { return Ok(self.msn <= edge.whole) };
        if self.msn == edge.whole {
            // Parts that a whole segment does not have are the first one of the next; a gap has none to wait for.
            let there = edge.whole_parts as u64;
            return Ok(part < there || there == 0 || edge.open_parts > 0);
        }
        let there = if self.msn == edge.whole.next() { edge.open_parts as u64 } else { 0 };
        let limit = advance_limit(snapshot.part_target);
        if part >= there + limit {
            return Err(DirectiveError::PartAhead { msn: self.msn.0, asked: part, there, limit });
        }
        Ok(part < there)
    }
}

/// Whether the playlist of `track` lists enough for players without parts to begin with, or never will. Of a rung only segments of its own
/// count: a ladder that is made on demand begins with gaps.
pub fn has_beginning(snapshot: &Snapshot, track: TrackId) -> bool {
    if snapshot.phase != Phase::Live || !snapshot.is_current(track) {
        return true;
    }
    let counts = |entry: &Entry<'_>| match entry.media {
        Media::Whole(_) => true,
        Media::Gap(_) => !track.is_rung(),
        Media::Open(_) => false,
    };
    listing::entries(snapshot, track).filter(counts).take(BEGINNING).count() == BEGINNING
}

/// For how long a playlist is held until it lists what is wanted.
pub fn longest_hold(snapshot: &Snapshot) -> Span {
    Span::from_secs((i64::from(snapshot.target_duration) * LONGEST_HOLD).min(PATIENCE_OF_PLAYERS))
}

/// The Advance Part Limit.
fn advance_limit(part_target: Option<Span>) -> u64 {
    let target = part_target.map_or(1, Span::nanos).max(1);
    let in_time = (Span::from_secs(PARTS_AHEAD).nanos() + target - 1) / target;
    u64::try_from(in_time.max(PARTS_AHEAD)).unwrap_or_default()
}

fn decimal(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(msn: u64, part: Option<u64>) -> Directives {
        Directives { wanted: Some(Wanted { msn: MediaSequence(msn), part }), skip: false }
    }

    #[test]
    fn directives_are_read_in_any_company() {
        assert_eq!(Directives::parse(""), Ok(Directives::default()));
        assert_eq!(Directives::parse("token=a&_HLS_msn=12&b"), Ok(wanted(12, None)));
        assert_eq!(Directives::parse("_HLS_part=0&_HLS_msn=12&_HLS_new=x"), Ok(wanted(12, Some(0))));
        assert_eq!(Directives::parse("_HLS_msn=1&_HLS_msn=x"), Ok(wanted(1, None)));
        for skip in ["YES", "v2"] {
            assert_eq!(Directives::parse(&format!("_HLS_skip={skip}")), Ok(Directives { wanted: None, skip: true }));
        }
    }

    #[test]
    fn what_is_no_directive_is_named() {
        assert_eq!(Directives::parse("_HLS_part=3"), Err(DirectiveError::PartAlone));
        for number in ["", "-1", "+1", "1.5", "18446744073709551616", "%31"] {
            assert_eq!(Directives::parse(&format!("_HLS_msn={number}")), Err(DirectiveError::Number("_HLS_msn")), "{number}");
            assert_eq!(Directives::parse(&format!("_HLS_msn=1&_HLS_part={number}")), Err(DirectiveError::Number("_HLS_part")));
        }
        assert_eq!(Directives::parse("_HLS_skip=NO"), Err(DirectiveError::Skip));
    }

    #[test]
    fn as_many_parts_ahead_as_fit_into_three_seconds_and_never_less_than_three() {
        let limit = |millis| advance_limit(Some(Span::from_millis(millis)));
        assert_eq!([limit(200), limit(334), limit(1_000), limit(2_000)], [15, 9, 3, 3]);
    }
}
