//! The presentation: its type, its times, its clock.

use crate::check::dash::model::{Mpd, Template};
use crate::check::dash::rule::{must, note, should};
use crate::check::finding::{Finding, Rule};
use crate::media::Span;

use super::at;

/// A live manifest without the zero of its times.
pub const START: Rule = must("dash-availability-start", "ISO/IEC 23009-1 §5.3.1.2", "A dynamic manifest has @availabilityStartTime.");
/// A live manifest that does not tell when it was written.
pub const PUBLISH_TIME: Rule = must("dash-publish-time", "ISO/IEC 23009-1 §5.3.1.2", "A dynamic manifest has @publishTime.");
/// A live manifest that is never asked for again.
pub const UPDATE_PERIOD: Rule = note(
    "dash-update-period",
    "ISO/IEC 23009-1 §5.4.1",
    "A dynamic manifest that goes on has @minimumUpdatePeriod: without it players do not reload.",
);
/// A manifest that is over and is still to be reloaded.
pub const STATIC_UPDATE: Rule = must("dash-static-update", "ISO/IEC 23009-1 §5.3.1.2", "A static manifest has no @minimumUpdatePeriod.");
/// A manifest that is over and does not tell how long it is.
pub const STATIC_DURATION: Rule = must(
    "dash-static-duration",
    "ISO/IEC 23009-1 §5.3.1.2",
    "A static manifest has @mediaPresentationDuration, or its last period a @duration.",
);
/// Times without a zone.
pub const ZONE: Rule =
    should("dash-time-zone", "DASH-IF timing model", "Moments are given in UTC, with a Z: players take others for their own local time.");
/// Profiles that no player of live streams knows.
pub const PROFILES: Rule = should(
    "dash-profiles",
    "ISO/IEC 23009-1 §8",
    "@profiles names a profile of live streams, such as urn:mpeg:dash:profile:isoff-live:2011 or urn:mpeg:dash:profile:cmaf:2019.",
);
/// A live manifest without a clock that browsers can read.
pub const CLOCK: Rule = should(
    "dash-clock",
    "DASH-IF timing model",
    "A dynamic manifest has UTCTiming of a scheme that browsers read (http-iso, http-xsdate, http-head, direct): else dash.js asks a server of its own.",
);
/// A clock at another host.
pub const FOREIGN_CLOCK: Rule =
    note("dash-clock-elsewhere", "DASH-IF timing model", "The clock is at the manifest's own host: another one learns of every viewer.");
/// An endless window.
pub const TIME_SHIFT: Rule = note(
    "dash-time-shift",
    "ISO/IEC 23009-1 §5.3.1.2",
    "A dynamic manifest has @timeShiftBufferDepth: without it every segment since the start has to stay.",
);
/// A delay that no player can keep.
pub const DELAY: Rule = should(
    "dash-delay",
    "ISO/IEC 23009-1 §5.3.1.2",
    "@suggestedPresentationDelay lies within @timeShiftBufferDepth and is no shorter than @minBufferTime.",
);
/// A delay that players have to guess.
pub const NO_DELAY: Rule = note(
    "dash-delay-missing",
    "ISO/IEC 23009-1 §5.3.1.2",
    "A dynamic manifest has @suggestedPresentationDelay or the target of a Latency: else each player guesses another.",
);
/// Segments that are longer than the longest.
pub const LONGEST: Rule = must("dash-max-segment-duration", "ISO/IEC 23009-1 §5.3.1.2", "No segment is longer than @maxSegmentDuration.");

/// All rules of this module.
pub const RULES: &[&Rule] = &[
    &START,
    &PUBLISH_TIME,
    &UPDATE_PERIOD,
    &STATIC_UPDATE,
    &STATIC_DURATION,
    &ZONE,
    &PROFILES,
    &CLOCK,
    &FOREIGN_CLOCK,
    &TIME_SHIFT,
    &DELAY,
    &NO_DELAY,
    &LONGEST,
];

/// What the profiles of live streams begin with.
const LIVE_PROFILES: [&str; 7] = [
    "urn:mpeg:dash:profile:isoff-live:",
    "urn:mpeg:dash:profile:isoff-ext-live:",
    "urn:mpeg:dash:profile:isoff-broadcast:",
    "urn:mpeg:dash:profile:cmaf",
    "http://dashif.org/guidelines/",
    "http://www.dashif.org/guidelines/",
    "urn:dvb:dash:profile:",
];

/// The clocks that browsers can read.
const CLOCKS: [&str; 4] = [
    "urn:mpeg:dash:utc:http-iso:2014",
    "urn:mpeg:dash:utc:http-xsdate:2014",
    "urn:mpeg:dash:utc:http-head:2014",
    "urn:mpeg:dash:utc:direct:2014",
];

/// Holds `mpd`, which was fetched from `host`, to the rules of this module.
pub fn check(mpd: &Mpd, host: &str, found: &mut Vec<Finding>) {
    let moments = [
        ("@availabilityStartTime", mpd.availability_start),
        ("@availabilityEndTime", mpd.availability_end),
        ("@publishTime", mpd.publish_time),
    ];
    for (name, _) in moments.into_iter().filter(|(_, moment)| moment.is_some_and(|moment| !moment.is_zoned)) {
        found.push(at(&ZONE, &mpd.place, format!("{name} has no zone")));
    }
    if !mpd.profiles.iter().any(|profile| LIVE_PROFILES.iter().any(|known| profile.starts_with(known))) {
        found.push(at(&PROFILES, &mpd.place, format!("@profiles is {:?}", mpd.profiles.join(","))));
    }
    if mpd.is_dynamic {
        dynamic(mpd, found);
        clocks(mpd, host, found);
    } else {
        if mpd.update_period.is_some() {
            found.push(at(&STATIC_UPDATE, &mpd.place, "@minimumUpdatePeriod is there"));
        }
        if mpd.duration.is_none() && mpd.periods.last().is_some_and(|period| period.duration.is_none()) {
            found.push(at(&STATIC_DURATION, &mpd.place, "neither is there"));
        }
    }
    if let Some(longest) = mpd.max_segment {
        lengths(mpd, longest, found);
    }
}

fn dynamic(mpd: &Mpd, found: &mut Vec<Finding>) {
    let mut missing = |rule, is_missing: bool| found.extend(is_missing.then(|| at(rule, &mpd.place, "there is none")));
    missing(&START, mpd.availability_start.is_none());
    missing(&PUBLISH_TIME, mpd.publish_time.is_none());
    missing(&UPDATE_PERIOD, mpd.update_period.is_none() && mpd.duration.is_none());
    missing(&TIME_SHIFT, mpd.time_shift.is_none());
    let has_target = mpd.services.iter().flat_map(|service| &service.latencies).any(|latency| latency.target.is_some());
    missing(&NO_DELAY, mpd.delay.is_none() && !has_target);
    if let Some(delay) = mpd.delay {
        if mpd.time_shift.is_some_and(|depth| depth <= delay) {
            found.push(at(&DELAY, &mpd.place, format!("a delay of {delay:?} in a window of {:?}", mpd.time_shift.unwrap_or_default())));
        }
        if mpd.min_buffer.is_some_and(|buffer| buffer > delay) {
            found.push(at(&DELAY, &mpd.place, format!("a delay of {delay:?}, a buffer of {:?}", mpd.min_buffer.unwrap_or_default())));
        }
    }
}

fn clocks(mpd: &Mpd, host: &str, found: &mut Vec<Finding>) {
    if !mpd.clocks.iter().any(|clock| CLOCKS.contains(&clock.scheme.as_str())) {
        let schemes: Vec<_> = mpd.clocks.iter().map(|clock| clock.scheme.as_str()).collect();
        found.push(at(&CLOCK, &mpd.place, format!("UTCTiming: {schemes:?}")));
    }
    for clock in &mpd.clocks {
        for address in clock.value.split_whitespace() {
            let elsewhere = authority(address).filter(|authority| !authority.eq_ignore_ascii_case(host));
            found.extend(elsewhere.map(|authority| Finding::new(&FOREIGN_CLOCK, "MPD", format!("line {}: {authority}", clock.line))));
        }
    }
}

/// The host of an absolute address, with its port.
fn authority(address: &str) -> Option<&str> {
    let (scheme, rest) = address.split_once("//")?;
    let is_absolute = scheme.is_empty() || scheme.ends_with(':');
    rest.split(['/', '?', '#']).next().filter(|host| is_absolute && !host.is_empty())
}

fn lengths(mpd: &Mpd, longest: Span, found: &mut Vec<Finding>) {
    for (period, _, representation) in mpd.representations() {
        let Some(template) = &representation.template else { continue };
        let whole = template.segments(template.end_of(period));
        let longer = whole.iter().find(|segment| template.span(segment.duration) > longest);
        let told = longer.map(|segment| (segment.line, segment.duration)).or_else(|| regular(template, longest));
        found.extend(told.map(|(line, duration)| {
            let detail = format!("line {line}: {:?}, longer than {longest:?}", template.span(duration));
            Finding::new(&LONGEST, representation.place.path.clone(), detail)
        }));
    }
}

fn regular(template: &Template, longest: Span) -> Option<(usize, i64)> {
    template.duration.filter(|duration| template.span(*duration) > longest).map(|duration| (template.line, duration))
}
