//! What a presentation promises once and for all, when it is announced.

use crate::media::Span;
use crate::segment::lane::SHORTEST_PART;
use crate::segment::options::Options;

/// What the target duration leaves above the longest segment seen, as GOPs of one encoder differ by a few frames.
const HEADROOM: Span = Span::from_millis(250);
/// How far a segment may exceed the target duration: `EXTINF` rounded to the nearest second may not (RFC 8216bis §4.4.3.1), and a sound
/// segment may be a frame longer than its slot.
const ROUNDING: Span = Span::from_millis(400);
/// What the part target leaves above whole frames, as publishers round their times to milliseconds.
const PART_HEADROOM: Span = Span::from_millis(1);
/// The window holds so many target durations at least.
const SHORTEST_WINDOW: i64 = 6;

/// What was measured of what is still in progress: it bounds what may be promised.
#[derive(Clone, Copy, Debug)]
pub(in crate::segment) struct Seen {
    /// The longest segment.
    pub segment: Span,
    /// How long a frame of the leading track lasts, on average, and how long it is said to.
    pub frame: Span,
    pub told_frame: Option<Span>,
    /// The longest part of several samples.
    pub part: Span,
}

/// What can never change once the stream was announced.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// In seconds.
    pub target_duration: u32,
    pub part_target: Option<Span>,
    pub window: Span,
}

impl Terms {
    /// The terms for a stream whose longest segment or slot was so long, and of which so much was `seen`.
    pub fn fix(options: &Options, longest: Span, seen: Seen) -> Self {
        let rounded = |span: Span| (span.millis() + 500) / 1_000;
        let longest = longest.max(seen.segment);
        let seconds = rounded(longest + HEADROOM).max(rounded(options.segment())).clamp(1, i64::from(u32::MAX));
        let limit = first_part_limit(options, seen.told_frame);
        let part_target = part_target(options.part(), seen.frame).map(|target| kept_target(target, limit, seen.frame).max(seen.part));
        let window = options.window().max(Span::from_secs(seconds.saturating_mul(SHORTEST_WINDOW)));
        Self { target_duration: seconds as u32, part_target, window }
    }

    /// The target duration, exactly.
    pub fn target(self) -> Span {
        Span::from_secs(i64::from(self.target_duration))
    }

    /// How long a slot may be.
    pub fn limit(self) -> Span {
        self.target() + ROUNDING
    }
}

/// How long a part may be before that is promised: it goes by how long a frame of the leading track is said to last.
pub(super) fn first_part_limit(options: &Options, frame: Option<Span>) -> Span {
    let wanted = options.part();
    frame.and_then(|frame| part_target(wanted, frame)).unwrap_or(wanted)
}

/// The part target for a source whose frames last so long: the smallest whole number of them that reaches what is `wanted`, so that every
/// part is that long. `None` where a single frame is longer.
fn part_target(wanted: Span, frame: Span) -> Option<Span> {
    let frame = frame.nanos().max(1);
    let frames = ((wanted - PART_HEADROOM).nanos() + frame - 1) / frame;
    (frame <= wanted.nanos()).then(|| Span::from_nanos(frame.saturating_mul(frames)) + PART_HEADROOM)
}

/// The part target where parts have been cut by `limit`: as `target` would have it, or lower where they would be less than 85 % of that
/// (RFC 8216bis §4.4.4.9), which happens to few frames a second that nobody told of.
fn kept_target(target: Span, limit: Span, frame: Span) -> Span {
    let frame = frame.nanos().max(1);
    let made = limit.nanos() / frame * frame;
    let too_short = made.saturating_mul(100) < target.nanos().saturating_mul(SHORTEST_PART);
    if too_short && made > 0 { Span::from_nanos(made) + PART_HEADROOM } else { target }
}
