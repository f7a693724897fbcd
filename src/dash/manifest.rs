//! The manifest: the presentation and its periods.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, Event};

use crate::media::{Span, WallClock};
use crate::segment::request::{Addressing, carried_query};
use crate::segment::snapshot::{Period, Phase, Slot, Snapshot};

use super::adaptation::{self, Setting};
use super::events;
use super::low_latency::LowLatency;
use super::text::duration;

const PROFILES: &str = "urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019";
/// The scheme of a clock that tells UTC in ISO 8601.
pub(super) const HTTP_ISO: &str = "urn:mpeg:dash:utc:http-iso:2014";
/// The scheme of a clock that tells it in its Date field.
const HTTP_HEAD: &str = "urn:mpeg:dash:utc:http-head:2014";
/// Segments may round to the target duration, so they may last this much longer.
const ROUNDING: Span = Span::from_millis(500);
/// The least time between two reloads that players are asked for.
const MIN_UPDATE_PERIOD: Span = Span::from_secs(1);

pub(super) type Xml = Writer<Vec<u8>>;

/// The slots of one period, in order; none of one that has just begun.
pub(super) type Run<'a> = Vec<&'a Slot>;

/// The manifest. `clock` is the address of a clock that tells UTC in ISO 8601 and in its Date field (`UTCTiming`, `http-iso` and
/// `http-head`), such as `/time`; `query` is the viewer's own and is carried over to the addresses of the media.
///
/// Period starts are wall-clock times: the presentation's zero is the Unix epoch, which never changes, whatever restarts. A period ends
/// where a track has no media, or where the publisher went away.
pub fn manifest(snapshot: &Snapshot, clock: &str, query: &str) -> String {
    manifest_by(snapshot, Addressing::Number, clock, query)
}

/// The manifest with the addresses of segments made so. Where they hold times, it is for players that take the next segment from a manifest
/// that they have had (FFmpeg 5.1, and mpv with it): it tells of whole segments, of the one behind them, and of the period in progress alone, which
/// goes on while the publisher is away.
pub fn manifest_by(snapshot: &Snapshot, addressing: Addressing, clock: &str, query: &str) -> String {
    let query = carried_query(query);
    let mut xml = Writer::new_with_indent(Vec::with_capacity(4_096), b' ', 1);
    write(&mut xml, snapshot, addressing, clock, &query).expect("a Vec takes all that is written to it");
    String::from_utf8(xml.into_inner()).expect("only text was written")
}

/// The same for those who have the `former` one already: that again where nothing else is told, so that `@publishTime` moves with the contents
/// alone (ISO/IEC 23009-1 §5.3.1.2). A period that is told of by one duration goes on without a change.
pub fn manifest_after(former: Option<&str>, snapshot: &Snapshot, addressing: Addressing, clock: &str, query: &str) -> String {
    let manifest = manifest_by(snapshot, addressing, clock, query);
    match former.filter(|former| contents(former) == contents(&manifest)) {
        Some(former) => former.to_owned(),
        None => manifest,
    }
}

/// What stands before and behind the time of publishing.
fn contents(manifest: &str) -> Option<(&str, &str)> {
    let (before, published) = manifest.split_once(" publishTime=\"")?;
    Some((before, published.split_once('"')?.1))
}

fn write(xml: &mut Xml, snapshot: &Snapshot, addressing: Addressing, clock: &str, query: &str) -> io::Result<()> {
    let runs = runs(snapshot);
    let end = runs.last().and_then(|run| run.last()).map_or(WallClock::from_unix_millis(0), |slot| slot.wall_end());
    let ended = snapshot.phase == Phase::Ended;
    let by_time = addressing == Addressing::Time;
    // A static manifest would tell of every segment since such a period began, and the oldest are gone.
    let has_regular = !by_time && runs.iter().filter_map(|run| run.first()?.period.as_ref()).any(|period| period.regular.is_some());
    let low_latency = LowLatency::of(snapshot).filter(|_| !by_time);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let mpd = xml.create_element("MPD").with_attributes([("xmlns", "urn:mpeg:dash:schema:mpd:2011"), ("profiles", PROFILES)]);
    let mpd = mpd.with_attribute(("type", if ended && !has_regular { "static" } else { "dynamic" }));
    let mpd = mpd.with_attribute(("availabilityStartTime", WallClock::from_unix_millis(0).to_string().as_str()));
    let mpd = mpd.with_attribute(("publishTime", snapshot.changed.to_string().as_str()));
    let mpd = if ended {
        let mpd = mpd.with_attribute(("mediaPresentationDuration", since_zero(end).as_str()));
        if has_regular { mpd.with_attribute(("timeShiftBufferDepth", duration(snapshot.window).as_str())) } else { mpd }
    } else {
        let update = Span::from_millis(snapshot.segment_target.millis() / 2).max(MIN_UPDATE_PERIOD);
        let delay = Span::from_secs(i64::from(snapshot.target_duration) * 3);
        let delay = low_latency.map_or_else(|| duration(delay), LowLatency::delay);
        mpd.with_attribute(("minimumUpdatePeriod", duration(update).as_str()))
            .with_attribute(("timeShiftBufferDepth", duration(snapshot.window).as_str()))
            .with_attribute(("suggestedPresentationDelay", delay.as_str()))
    };
    // Players of low latency could never gather a whole segment.
    let buffer = snapshot.part_target.filter(|_| low_latency.is_some()).unwrap_or(snapshot.segment_target);
    let mpd = mpd.with_attribute(("minBufferTime", duration(buffer).as_str()));
    let mpd = mpd.with_attribute(("maxSegmentDuration", duration(longest_segment(snapshot)).as_str()));
    mpd.write_inner_content(|xml| {
        // In low latency a period is told of as soon as all of its tracks have a part; the one before is over then.
        let coming = snapshot.coming.as_ref().filter(|_| low_latency.is_some() || by_time);
        // The period in progress has no end yet.
        let is_open = coming.is_some() || by_time && !ended || goes_on(snapshot) && runs.last().is_some_and(|run| is_newest(snapshot, run));
        let nothing = Run::new();
        let mut periods: Vec<_> = runs.iter().filter_map(|run| Some((run.first()?.period.as_ref()?, run))).collect();
        periods.extend(coming.map(|period| (period, &nothing)));
        if by_time && !ended {
            periods.drain(..periods.len().saturating_sub(1));
        }
        if let Some((low_latency, (period, _))) = low_latency.zip(periods.last()) {
            low_latency.write_service(xml, period, is_open)?;
        }
        for (position, (period, run)) in periods.iter().enumerate() {
            let open = position + 1 == periods.len() && is_open;
            let low_latency = low_latency.filter(|_| open);
            let end = (!open).then(|| run.last().map_or(period.wall, |slot| slot.wall_end()));
            write_period(xml, period, &Setting { snapshot, run, is_open: open, addressing, low_latency, clock, query }, end)?;
        }
        for scheme in [HTTP_ISO, HTTP_HEAD] {
            xml.create_element("UTCTiming").with_attributes([("schemeIdUri", scheme), ("value", clock)]).write_empty()?;
        }
        Ok(())
    })?;
    Ok(())
}

/// No segment is longer: `@maxSegmentDuration`.
pub(super) fn longest_segment(snapshot: &Snapshot) -> Span {
    Span::from_secs(i64::from(snapshot.target_duration)) + ROUNDING
}

fn write_period(xml: &mut Xml, period: &Period, setting: &Setting<'_>, end: Option<WallClock>) -> io::Result<()> {
    let id = format!("{}-{}", setting.snapshot.epoch, period.index);
    let element = xml.create_element("Period").with_attribute(("id", id.as_str()));
    let element = element.with_attribute(("start", since_zero(period.wall).as_str()));
    let element = match end {
        None => element,
        Some(end) => element.with_attribute(("duration", duration(end.since(period.wall)).as_str())),
    };
    element.write_inner_content(|xml| {
        events::write_late(xml, &setting.snapshot.late_events, period, end)?;
        adaptation::write_sets(xml, period, setting)
    })?;
    Ok(())
}

/// The listed slots by period. Where only gaps are listed, the newest segment that can still be fetched stands for its period: a manifest
/// without any period is not valid.
fn runs(snapshot: &Snapshot) -> Vec<Run<'_>> {
    let mut runs: Vec<Run<'_>> = Vec::new();
    let mut current = None;
    for slot in &snapshot.slots {
        let index = slot.period.as_ref().map(|period| period.index);
        if index.is_some() {
            match runs.last_mut().filter(|_| index == current) {
                Some(run) => run.push(slot),
                None => runs.push(vec![slot]),
            }
        }
        current = index;
    }
    if runs.is_empty() {
        runs.extend(snapshot.last_media.as_deref().map(|slot| vec![slot]));
    }
    runs
}

/// Whether what is being made continues what is listed. Where a publisher is away, and from his return on, the last period keeps its end.
fn goes_on(snapshot: &Snapshot) -> bool {
    snapshot.phase == Phase::Live && !snapshot.broken
}

fn is_newest(snapshot: &Snapshot, run: &Run<'_>) -> bool {
    snapshot.slots.last().map(|slot| slot.msn) == run.last().map(|slot| slot.msn)
}

fn since_zero(wall: WallClock) -> String {
    duration(wall.since(WallClock::from_unix_millis(0)))
}
