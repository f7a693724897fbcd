//! Low-Latency DASH: segments are announced while they are being made, and arrive part by part (DASH-IF IOP 5, part 6).

use std::io;

use crate::media::{Span, Timescale, WallClock};
use crate::segment::forecast::{Cuts, remembered};
use crate::segment::snapshot::{Init, Period, Phase, Progress, Snapshot};
use crate::segment::steady::Regular;

use super::adaptation;
use super::following::Stretch;
use super::manifest::{HTTP_ISO, Xml, longest_segment};
use super::text::{decimal, duration};

/// Half parts that players stay behind the live edge: half a part is being made on average, and three are in hand, as HLS has it.
const HALF_PARTS_BEHIND: i64 = 7;
/// How much nearer or further players may be before they seek, in percent of what they aim at (DASH-IF IOP 5, part 6, §7).
const NEAREST: i64 = 75;
const FURTHEST: i64 = 400;
/// How much slower and faster they may play to stay there.
const RATES: (&str, &str) = ("0.96", "1.04");

/// What a manifest promises of segments in progress.
#[derive(Clone, Copy, Debug)]
pub(super) struct LowLatency {
    /// How long a segment is expected to be.
    expected: Span,
    part_target: Span,
}

impl LowLatency {
    /// What there is to promise of a stream that has parts and goes on.
    pub fn of(snapshot: &Snapshot) -> Option<Self> {
        let part_target = snapshot.part_target.filter(|_| snapshot.phase == Phase::Live)?;
        let before = || snapshot.last_media.as_ref().filter(|_| snapshot.coming.is_some()).map(|slot| slot.duration);
        let expected = remembered(snapshot).map(|slot| slot.duration).max().or_else(before)?;
        (expected > part_target).then_some(Self { expected, part_target })
    }

    /// How far behind the live edge players aim to be.
    pub fn latency(self) -> Span {
        Span::from_nanos(self.part_target.nanos() * HALF_PARTS_BEHIND / 2)
    }

    /// `@availabilityTimeOffset`, in seconds: so much earlier than the whole segment its first part is there, also of the shortest that is `told` of
    /// before it is whole. None is longer than the time between two cuts, where a track stopped for a while.
    pub fn availability_offset(self, regular: Option<Regular>, told: &[Stretch], scale: Timescale) -> String {
        let shortest = told.iter().map(|stretch| Span::from_ticks(stretch.duration, scale)).min();
        let expected = shortest.map_or(self.expected, |shortest| shortest.min(self.expected));
        decimal((regular.map_or(expected, |regular| regular.duration) - self.part_target).max(Span::ZERO))
    }

    /// `ServiceDescription`: where players should be, and how they get there. Latency counts from the moment at which the publisher's media
    /// arrived, as `ProducerReferenceTime` tells of the set with that id, and so is longer than the distance to the live edge by what lies
    /// between that moment and its place on the wall clock. The reference is left out where no period is in progress (`is_open`): it would be
    /// to something that is not there.
    pub fn write_service(self, xml: &mut Xml, period: &Period, is_open: bool) -> io::Result<()> {
        let distance = self.latency().millis();
        let before = period.wall.since(reference(period)).millis();
        let [target, min, max] = [100, NEAREST, FURTHEST].map(|percent| (distance * percent / 100 + before).to_string());
        let reference = adaptation::first_id(period).to_string();
        xml.create_element("ServiceDescription").with_attribute(("id", "0")).write_inner_content(|xml| {
            let latency = [("target", target.as_str()), ("min", min.as_str()), ("max", max.as_str())];
            let reference = is_open.then_some(("referenceId", reference.as_str()));
            xml.create_element("Latency").with_attributes(latency.into_iter().chain(reference)).write_empty()?;
            xml.create_element("PlaybackRate").with_attributes([("min", RATES.0), ("max", RATES.1)]).write_empty()?;
            Ok(())
        })?;
        Ok(())
    }

    /// `ProducerReferenceTime` of the period in progress: when the media at its beginning arrived. Each part tells the same of itself, in a
    /// `prft`.
    pub fn write_reference(self, xml: &mut Xml, id: u32, period: &Period, timescale: Timescale, clock: &str) -> io::Result<()> {
        let (id, wall, at) = (id.to_string(), reference(period).to_string(), period.start.rescale(timescale).to_string());
        let attributes =
            [("id", id.as_str()), ("inband", "true"), ("type", "encoder"), ("wallClockTime", &wall), ("presentationTime", &at)];
        xml.create_element("ProducerReferenceTime").with_attributes(attributes).write_inner_content(|xml| {
            // The clock that the wall-clock time is of: Shaka takes it for NTP where none is named.
            xml.create_element("UTCTiming").with_attributes([("schemeIdUri", HTTP_ISO), ("value", clock)]).write_empty()?;
            Ok(())
        })?;
        Ok(())
    }

    /// `Resync`: each part can be read without those before it.
    pub fn write_resync(self, xml: &mut Xml, timescale: Timescale) -> io::Result<()> {
        let ticks = self.part_target.ticks(timescale).to_string();
        xml.create_element("Resync").with_attributes([("type", "0"), ("dT", ticks.as_str())]).write_empty()?;
        Ok(())
    }

    /// What follows the whole segments of a track in the period in progress, which end there; of a period that has none yet, all of it. These
    /// are segments that other tracks are behind with, the one in progress, and the one after it, so that players can ask for its first
    /// part as soon as that is there; each with the length that it will have, as far as that can be foretold.
    pub fn following(self, snapshot: &Snapshot, init: &Init, end: Option<i64>) -> Vec<Stretch> {
        let Some(mut cuts) = Cuts::of(snapshot, self.expected, longest_segment(snapshot)) else { return Vec::new() };
        let following = self.begun(snapshot, init, end, &mut cuts);
        // A period is told of when each of its tracks has a part. A rung that has failed since has what is served in its place.
        let Some(cut) = snapshot.cuts.first().filter(|_| following.is_empty() && end.is_none()) else { return following };
        let start = cut.rescale(init.track.timescale);
        vec![Stretch { start, duration: cuts.length(0, &init.track, start) }]
    }

    fn begun(self, snapshot: &Snapshot, init: &Init, mut end: Option<i64>, cuts: &mut Cuts) -> Vec<Stretch> {
        let track = &init.track;
        let mut following = Vec::new();
        for (nth, open) in snapshot.open.iter().filter(|open| open.track() == track.id).enumerate() {
            let breaks = open.discontinuity && end.is_some() || open.init.generation != init.generation;
            let stretch = match &open.progress {
                _ if breaks => return following,
                Progress::Whole(segment) => Stretch::of(segment),
                Progress::Gap(_) => return following,
                Progress::Filling(parts) => {
                    let begun = (!parts.is_empty()).then(|| open.start.ticks());
                    let Some(start) = begun.or(end) else { return following };
                    let expected = cuts.length(nth, track, start);
                    // It may have become longer than expected already; then another part is, as far as segments may be so long.
                    let so_far: i64 = parts.iter().map(|part| part.duration).sum();
                    let one_more = (so_far + self.part_target.ticks(track.timescale)).min(longest_segment(snapshot).ticks(track.timescale));
                    let duration = if so_far > expected { one_more.max(so_far) } else { expected };
                    Stretch { start, duration }
                }
            };
            end = Some(stretch.end());
            following.push(stretch);
        }
        if let Some(start) = end.filter(|_| !following.is_empty()) {
            following.push(Stretch { start, duration: cuts.length(following.len(), track, start) });
        }
        following
    }

    /// `@suggestedPresentationDelay` for players that do not read the service description.
    pub fn delay(self) -> String {
        duration(self.latency())
    }
}

/// `@availabilityTimeOffset` of a period that is over, while its stream is not: so much earlier than a segment its first part was there. Shaka 5.2.12
/// settles by the first manifest that it gets whether it reads segments in progress, and does so where each period has an offset.
pub(super) fn past_offset(snapshot: &Snapshot) -> Option<String> {
    let part_target = snapshot.part_target.filter(|_| snapshot.phase != Phase::Ended)?;
    (snapshot.segment_target > part_target).then(|| decimal(snapshot.segment_target - part_target))
}

/// When the media at a period's beginning arrived. Where it came later than its place on the wall clock, it came in a burst with what
/// followed, as encoders begin: the media after it does not come so late, and latency may not be counted from there.
fn reference(period: &Period) -> WallClock {
    period.arrived.min(period.wall)
}
