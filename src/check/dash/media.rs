//! What a manifest is held to by the media that it tells of, and by how that comes.

use std::collections::BTreeMap;

use crate::check::finding::{Finding, Rule};
use crate::check::media::{Announced, Run, codec};
use crate::fmp4::boxes::walk;
use crate::media::{Kind, Span, Timestamp, WallClock};

use super::model::{AdaptationSet, Mpd, Period, Representation, Segment, Template};
use super::rule::{must, should};

/// Codecs that are others.
pub const CODECS: Rule = must("dash-init-codecs", "ISO/IEC 23009-1 §5.3.7.2", "@codecs is what the init segment tells.");
/// Contents that are others.
pub const CONTENT: Rule = must(
    "dash-init-content",
    "ISO/IEC 23009-1 §5.3.3.2",
    "A representation of pictures has a track of pictures, one of sound a track of sound.",
);
/// Pictures of another size.
pub const SIZE: Rule = should("dash-init-size", "ISO/IEC 23009-1 §5.3.7.2", "@width and @height are those of the init segment.");
/// Clocks that are others.
pub const TIMESCALE: Rule =
    should("dash-init-timescale", "DASH-IF timing model", "@timescale is that of the track: else every time is rounded.");
/// Segments that begin elsewhere.
pub const BEGIN: Rule = must(
    "dash-segment-start",
    "ISO/IEC 23009-1 §5.3.9.6.1",
    "The earliest presentation time of a segment is @t of its S, or within half a @duration of what its number says.",
);
/// Segments of another length.
pub const LENGTH: Rule = must(
    "dash-segment-duration",
    "ISO/IEC 23009-1 §5.3.9.6.1",
    "The samples of a segment last as long as @d of its S says, or as @duration does, by no more than half of it longer.",
);
/// Segments that nobody can begin with.
pub const SAP: Rule =
    must("dash-segment-sap", "ISO/IEC 23009-1 §5.3.7.2", "With @startWithSAP of 1 or 2 each segment begins with a sync sample.");
/// More than was said.
pub const BANDWIDTH: Rule = must(
    "dash-bandwidth-exceeded",
    "ISO/IEC 23009-1 §5.3.5.4",
    "Over half a minute a representation needs no more than its @bandwidth (and a tenth).",
);
/// Clocks that were promised.
pub const INBAND_CLOCK: Rule =
    must("dash-prft-missing", "ISO/IEC 23009-1 §5.12.2", "Where ProducerReferenceTime has @inband=\"true\" segments have a prft box.");
/// Pictures from the future.
pub const CLOCK: Rule =
    should("dash-prft-ahead", "ISO/IEC 14496-12 §8.16.5", "The time of a prft box is not in the future, by the manifest's own clock.");
/// Events that nobody listens to.
pub const EVENTS: Rule = should(
    "dash-event-unannounced",
    "ISO/IEC 23009-1 §5.10.3.2",
    "An emsg box is of a scheme that an InbandEventStream of its set or representation names: players ignore others.",
);
/// Segments that are not there.
pub const AVAILABLE: Rule = must(
    "dash-segment-available",
    "ISO/IEC 23009-1 §5.3.9.5.3",
    "A segment can be fetched from its availability start time until @timeShiftBufferDepth has passed since its end.",
);
/// Segments in one piece.
pub const CHUNKS: Rule = should(
    "dash-low-latency-chunks",
    "DASH-IF IOP 5 part 6 §3.2",
    "A segment with @availabilityTimeComplete=\"false\" comes in chunks while it is made, the first within a chunk's length.",
);

/// All rules of this module.
pub const RULES: &[&Rule] =
    &[&CODECS, &CONTENT, &SIZE, &TIMESCALE, &BEGIN, &LENGTH, &SAP, &BANDWIDTH, &INBAND_CLOCK, &CLOCK, &EVENTS, &AVAILABLE, &CHUNKS];

/// What times may differ by where they are rounded: RTMP, from which many streams come, counts milliseconds.
const ROUNDING: Span = Span::from_millis(1);
/// What is forgiven of a clock that tells seconds, and of the way to the server and back.
const CLOCK_ERROR: Span = Span::from_secs(1);
/// How long a representation is watched before its bandwidth is judged.
const WATCHED: Span = Span::from_secs(30);
/// What it may exceed it by, in percent.
const EXCESS: u64 = 10;
/// From 1900, the zero of NTP, to 1970, in seconds.
const NTP_TO_UNIX: i64 = 2_208_988_800;

/// The representation that is looked at, and all around it.
#[derive(Debug, Clone, Copy)]
pub struct Watched<'a> {
    /// The manifest that told of the segment.
    pub mpd: &'a Mpd,
    /// Its period.
    pub period: &'a Period,
    /// Its set.
    pub set: &'a AdaptationSet,
    /// Itself.
    pub representation: &'a Representation,
    /// Its template.
    pub template: &'a Template,
}

/// How a segment came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delivery {
    /// When it was asked for, by the manifest's clock.
    pub asked: Option<WallClock>,
    /// The status of the answer.
    pub status: u16,
    /// When each piece of its body came, by the manifest's clock, and its length in bytes.
    pub pieces: Vec<(WallClock, u64)>,
}

impl Watched<'_> {
    fn tell(&self, rule: &'static Rule, what: String) -> Finding {
        Finding::new(rule, self.representation.place.path.clone(), what)
    }

    /// Compares what is said of a representation with the track of its init segment.
    pub fn init(&self, track: &Announced) -> Vec<Finding> {
        let mut found = Vec::new();
        if let (Some(codecs), Some(told)) = (&self.representation.codecs, &track.codec)
            && !codec::agrees(codecs, told)
        {
            found.push(self.tell(&CODECS, format!("{codecs} is said, {told} is there")));
        }
        let expected = match self.set.content() {
            "video" => Kind::Video,
            "audio" => Kind::Audio,
            _ => Kind::Data,
        };
        if track.kind != expected {
            found.push(self.tell(&CONTENT, format!("{} is said, {:?} is there", self.set.content(), track.kind)));
        }
        if let (Some(said), Some((width, height))) = (self.representation.size, track.picture)
            && said != (width.into(), height.into())
        {
            found.push(self.tell(&SIZE, format!("{}x{} is said, {width}x{height} is there", said.0, said.1)));
        }
        if self.template.timescale.is_some_and(|scale| scale != track.timescale) {
            found.push(self.tell(&TIMESCALE, format!("{:?} is said, {:?} is there", self.template.timescale, track.timescale)));
        }
        found
    }

    /// Compares what is said of a segment with its samples.
    pub fn segment(&self, segment: Segment, run: &Run) -> Vec<Finding> {
        let mut found = Vec::new();
        let Some(scale) = self.template.timescale else { return found };
        let (said, lasts) = (Timestamp::new(segment.start, scale), self.template.span(segment.duration));
        let allowed = match self.template.timeline {
            Some(_) => ROUNDING,
            None => Span::from_nanos(lasts.nanos() / 2),
        };
        let step = run.earliest.since(said);
        if step.abs() > allowed {
            let (said, there) = (segment.start, run.earliest);
            found.push(self.tell(&BEGIN, format!("segment {}: {said} is said, {there:?} is there, {step:?} from it", segment.number)));
        }
        let longer = run.duration() - lasts;
        // Where a segment of @duration is too short, the next one begins too early, or there is none.
        if longer.abs() > allowed && (self.template.timeline.is_some() || longer > Span::ZERO) {
            found.push(self.tell(&LENGTH, format!("segment {}: {lasts:?} is said, {:?} are there", segment.number, run.duration())));
        }
        if matches!(self.set.starts_with_sap, Some(1 | 2)) && !run.begins_with_sync {
            found.push(self.tell(&SAP, format!("segment {} does not", segment.number)));
        }
        found
    }

    /// Looks at the boxes beside the samples of a segment, which came at `now`.
    pub fn boxes(&self, segment: Segment, data: &[u8], now: WallClock) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut clock = None;
        for each in walk(data).map_while(Result::ok) {
            match &each.kind {
                b"prft" => clock = clock.or(producer_time(each.body)),
                b"emsg" => {
                    let scheme = event_scheme(each.body).unwrap_or_default();
                    if !self.set.inband.iter().chain(&self.representation.inband).any(|(known, _)| *known == scheme) {
                        found.push(self.tell(&EVENTS, format!("segment {}: {scheme:?}", segment.number)));
                    }
                }
                _ => {}
            }
        }
        if clock.is_none() && self.set.references.iter().any(|(_, is_inband)| *is_inband) {
            found.push(self.tell(&INBAND_CLOCK, format!("segment {} has none", segment.number)));
        }
        if let Some(ahead) = clock.filter(|clock| *clock > now.plus(CLOCK_ERROR)) {
            found.push(self.tell(&CLOCK, format!("segment {}: {ahead}, fetched at {now}", segment.number)));
        }
        found
    }

    /// Looks at how a segment came that was asked for as soon as the manifest allows it, or while it had to be there.
    pub fn delivery(&self, segment: Segment, delivery: &Delivery) -> Vec<Finding> {
        let Delivery { asked: Some(asked), status, pieces } = delivery else { return Vec::new() };
        let (Some(available), Some(over)) =
            (self.mpd.available_at(self.period, self.template, segment), self.mpd.over_at(self.period, self.template, segment))
        else {
            return Vec::new();
        };
        let gone = self.mpd.time_shift.map(|depth| over.plus(depth));
        let is_due = *asked >= available && gone.is_none_or(|gone| *asked < gone);
        if !(200..300).contains(status) {
            let late = asked.since(available);
            let what = format!("segment {}: {status}, {late:?} after it was due", segment.number);
            return if is_due { vec![self.tell(&AVAILABLE, what)] } else { Vec::new() };
        }
        let is_early = !self.template.is_complete && self.template.availability_offset > Span::ZERO;
        // Only what is asked for while most of it is still to be made shows how it comes.
        let left = over.since(*asked);
        let chunk = over.since(available);
        let lasts = self.template.span(segment.duration) - self.template.availability_offset;
        if !is_early || left < Span::from_nanos(self.template.availability_offset.nanos() / 2) {
            return Vec::new();
        }
        let (Some((first, _)), Some((last, _))) = (pieces.first(), pieces.last()) else { return Vec::new() };
        let took = last.since(*first);
        let waited = first.since(*asked);
        // What ends long before its time has become shorter: its publisher left.
        let in_one = took.nanos() < left.nanos() / 4 && last.plus(lasts) >= over;
        let late = waited > lasts.max(Span::ZERO) + CLOCK_ERROR;
        let what = format!(
            "segment {}: asked for {left:?} before its end ({chunk:?} in advance), first bytes after {waited:?}, {} pieces in {took:?}",
            segment.number,
            pieces.len()
        );
        if in_one || late { vec![self.tell(&CHUNKS, what)] } else { Vec::new() }
    }
}

/// The NTP time of a prft box.
fn producer_time(body: &[u8]) -> Option<WallClock> {
    let ntp = u64::from_be_bytes(body.get(8..16)?.try_into().ok()?);
    let (seconds, fraction) = (i64::try_from(ntp >> 32).ok()?, (ntp & 0xFFFF_FFFF) as i64);
    Some(WallClock::from_unix_millis((seconds - NTP_TO_UNIX) * 1_000 + ((fraction * 1_000) >> 32)))
}

/// The scheme of an emsg box: in version 0 the first field, in version 1 behind the numbers.
fn event_scheme(body: &[u8]) -> Option<String> {
    let strings = match body.first()? {
        0 => body.get(4..)?,
        _ => body.get(24..)?,
    };
    let end = strings.iter().position(|byte| *byte == 0)?;
    Some(String::from_utf8_lossy(&strings[..end]).into_owned())
}

/// How much each representation took so far.
#[derive(Debug, Default)]
pub struct Meter {
    /// Bytes and time, by the place of the representation.
    taken: BTreeMap<String, (u64, Span)>,
}

impl Meter {
    /// Adds a segment of `bytes` that lasts `span`. Judges once enough has been seen, then begins anew.
    pub fn add(&mut self, representation: &Representation, bytes: u64, span: Span) -> Option<Finding> {
        let (sum, time) = self.taken.entry(representation.place.path.clone()).or_default();
        *sum = sum.saturating_add(bytes);
        *time = *time + span;
        if *time < WATCHED {
            return None;
        }
        let (sum, time) = self.taken.remove(&representation.place.path)?;
        let millis = u128::try_from(time.millis()).ok().filter(|millis| *millis > 0)?;
        let rate = u128::from(sum) * 8_000 / millis;
        let said = representation.bandwidth?;
        let exceeds = rate * 100 > u128::from(said) * u128::from(100 + EXCESS);
        exceeds.then(|| Finding::new(&BANDWIDTH, representation.place.path.clone(), format!("{said} bit/s are said, {rate} needed")))
    }
}
