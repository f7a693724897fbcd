//! A broken specimen for each rule: a sound manifest with one thing changed, caught by that rule and by no other.

use std::collections::BTreeSet;

mod history;
mod media;
mod served;

use proptest::prelude::*;

use super::{manifest, read, schema};
use crate::check::finding::Finding;

const LIVE: &str = include_str!("specimens/live.mpd");
const LOW_LATENCY: &str = include_str!("specimens/low-latency.mpd");
const ENDED: &str = include_str!("specimens/ended.mpd");

/// A rule, the manifest that is broken, and what is written instead of what.
type Specimen = (&'static str, &'static str, &'static str, &'static str);

const SPECIMENS: &[Specimen] = &[
    ("dash-readable", LIVE, "</MPD>", "</MPD"),
    ("dash-readable", LIVE, ":mpd:2011", ":mpd:2012"),
    ("dash-element-order", LIVE, " <BaseURL>media/</BaseURL>\n", " <Metrics metrics='x'><Reporting schemeIdUri='x'/></Metrics>\n"),
    ("dash-element-order", LOW_LATENCY, "   <Resync type=\"0\" dT=\"500\"/>\n", "   <Role schemeIdUri=\"x\"/>\n   <Resync/>\n"),
    ("dash-element-count", LIVE, "    </SegmentTimeline>\n", "    </SegmentTimeline><SegmentTimeline/>\n"),
    ("dash-element-unknown", LIVE, " <UTCTiming", " <UtcTiming/>\n <UTCTiming"),
    ("dash-attribute-required", LIVE, "minBufferTime=\"PT2S\" ", ""),
    ("dash-attribute-type", LIVE, "bandwidth=\"900000\"", "bandwidth=\"900k\""),
    ("dash-attribute-unknown", LIVE, "minBufferTime=\"PT2S\"", "minBufferTime=\"PT2S\" minBuffertime=\"PT2S\""),
    ("dash-availability-start", LIVE, "availabilityStartTime=\"2026-09-21T14:00:00Z\"", ""),
    ("dash-publish-time", LIVE, "publishTime=\"2026-09-21T14:00:30Z\"", ""),
    ("dash-update-period", LIVE, "minimumUpdatePeriod=\"PT1S\"", ""),
    ("dash-static-update", ENDED, "type=\"static\"", "type=\"static\" minimumUpdatePeriod=\"PT1S\""),
    ("dash-static-duration", ENDED, "mediaPresentationDuration=\"PT6S\"", ""),
    ("dash-time-zone", LIVE, "14:00:30Z", "14:00:30"),
    ("dash-profiles", LIVE, "urn:mpeg:dash:profile:isoff-live:2011", "urn:mpeg:dash:profile:isoff-on-demand:2011"),
    ("dash-clock", LIVE, "utc:http-iso:2014", "utc:ntp:2014"),
    ("dash-clock-elsewhere", LIVE, "http://live.example:8080/time", "http://clock.example/time"),
    ("dash-time-shift", LIVE, "timeShiftBufferDepth=\"PT20S\"", ""),
    ("dash-delay", LIVE, "suggestedPresentationDelay=\"PT6S\"", "suggestedPresentationDelay=\"PT20S\""),
    ("dash-delay", LIVE, "minBufferTime=\"PT2S\"", "minBufferTime=\"PT7S\""),
    ("dash-delay-missing", LIVE, "suggestedPresentationDelay=\"PT6S\"", ""),
    ("dash-max-segment-duration", LIVE, "maxSegmentDuration=\"PT2.5S\"", "maxSegmentDuration=\"PT2.004S\""),
    ("dash-period-id", LIVE, "<Period id=\"P1\"", "<Period id=\"P0\""),
    ("dash-period-id", LIVE, "<Period id=\"P1\"", "<Period"),
    ("dash-period-start", LOW_LATENCY, " start=\"PT0S\"", ""),
    ("dash-period-order", LIVE, "<Period id=\"P1\" start=\"PT20S\">", "<Period id=\"P1\" start=\"PT19S\">"),
    ("dash-period-empty", ENDED, "</Period>", "</Period><Period start=\"PT6S\"/>"),
    ("dash-period-filled", LIVE, "<S t=\"19000\" d=\"2000\" r=\"2\"/>", "<S t=\"19000\" d=\"2000\" r=\"1\"/>"),
    ("dash-period-filled", LIVE, "presentationTimeOffset=\"1440000\" initialization", "presentationTimeOffset=\"1380000\" initialization"),
    ("dash-period-overfilled", LIVE, "duration=\"PT20S\"", "duration=\"PT17.5S\""),
    ("dash-period-overfilled", LIVE, "presentationTimeOffset=\"30000\"", "presentationTimeOffset=\"32000\""),
    ("dash-event-order", LIVE, "<Event presentationTime=\"1000\"", "<Event presentationTime=\"4000\""),
    ("dash-set-id", LIVE, "id=\"102\"", "id=\"101\""),
    ("dash-set-id-missing", LIVE, "<AdaptationSet id=\"102\"", "<AdaptationSet"),
    ("dash-representation-id", LIVE, "id=\"a1\"", "id=\"a0\""),
    ("dash-mime-type", LOW_LATENCY, " mimeType=\"video/mp4\"", ""),
    (
        "dash-content-type",
        LIVE,
        "contentType=\"audio\" mimeType=\"audio/mp4\" lang=\"de\"",
        "contentType=\"audio\" mimeType=\"text/mp4\" lang=\"de\"",
    ),
    ("dash-codecs", LIVE, "codecs=\"mp4a.40.2\"", ""),
    ("dash-bandwidth", LIVE, "bandwidth=\"900000\"", "bandwidth=\"0\""),
    ("dash-size", LIVE, "width=\"640\"", ""),
    ("dash-frame-rate", LIVE, "frameRate=\"30\"", ""),
    ("dash-sound", LIVE, "audioSamplingRate=\"48000\"", ""),
    ("dash-set-mixed", LIVE, "avc1.64001e", "hvc1.1.6.L93.B0"),
    ("dash-sets-alike", LIVE, "lang=\"de\"", "lang=\"en\""),
    ("dash-captions", LIVE, "CC1=eng;CC3=spa", "1=eng"),
    ("dash-addressing", LIVE, "media=\"a1-$Number$.m4s\"", ""),
    ("dash-template-syntax", LIVE, "a1-$Number$.m4s", "a1-$Number.m4s"),
    ("dash-template-syntax", LIVE, "a1-$Number$.m4s", "a1-$number$.m4s"),
    ("dash-template-syntax", LIVE, "a1-$Number$.m4s", "a1.m4s"),
    ("dash-template-syntax", LIVE, "a1-$Number$.m4s", "a1-$Number$-$Time$.m4s"),
    ("dash-template-syntax", LIVE, "a1-init.mp4", "a1-$Time$.mp4"),
    ("dash-template-shared", LIVE, "media=\"$RepresentationID$-", "media=\"v-"),
    ("dash-initialization", LIVE, "initialization=\"a1-init.mp4\"", ""),
    ("dash-template-duration", LIVE, " duration=\"96000\"", ""),
    ("dash-template-duration", LIVE, "presentationTimeOffset=\"2700000\"", "presentationTimeOffset=\"2700000\" duration=\"180000\""),
    ("dash-timescale", LOW_LATENCY, "timescale=\"1000\"", "timescale=\"0\""),
    ("dash-start-number", LIVE, "startNumber=\"8\"", ""),
    ("dash-timeline-empty", LIVE, "<S t=\"19000\" d=\"2000\" r=\"2\"/>", ""),
    ("dash-timeline-duration", LIVE, "<S d=\"1900\"/>", "<S d=\"0\"/>"),
    ("dash-timeline-overlap", LIVE, "<S d=\"1900\"/>", "<S t=\"37999\" d=\"1900\"/>"),
    ("dash-timeline-gap", LIVE, "<S d=\"1900\"/>", "<S t=\"38001\" d=\"1900\"/>"),
    ("dash-timeline-repeat", LIVE, "<S t=\"30000\" d=\"2000\" r=\"3\"/>", "<S t=\"30000\" d=\"2000\" r=\"-1\"/>"),
    ("dash-timeline-repeat", LIVE, "<S d=\"1900\"/>", "<S d=\"1900\" r=\"-2\"/>"),
    ("dash-timeline-open", LIVE, "<S d=\"95232\"/>", "<S d=\"95232\" r=\"-1\"/>"),
    ("dash-alignment", LIVE, "<S t=\"2700000\" d=\"180000\" r=\"2\"/>", "<S t=\"2700000\" d=\"180000\"/><S d=\"170000\" r=\"2\"/>"),
    ("dash-low-latency-offset", LOW_LATENCY, "availabilityTimeOffset=\"1.5\"", "availabilityTimeOffset=\"2\""),
    ("dash-low-latency-complete", LOW_LATENCY, "availabilityTimeComplete=\"false\"", ""),
    ("dash-low-latency-target", LOW_LATENCY, "<PlaybackRate min=\"0.96\" max=\"1.04\"/>", ""),
    ("dash-low-latency-target", LOW_LATENCY, "target=\"1500\"", ""),
    ("dash-latency-order", LOW_LATENCY, "min=\"1000\"", "min=\"1600\""),
    ("dash-latency-order", LOW_LATENCY, "max=\"6000\"", "max=\"20001\""),
    ("dash-latency-reachable", LOW_LATENCY, "availabilityTimeOffset=\"1.5\"", "availabilityTimeOffset=\"0.4\""),
    ("dash-playback-rate", LOW_LATENCY, "max=\"1.04\"", "max=\"0.99\""),
    ("dash-latency-reference", LOW_LATENCY, "referenceId=\"7\"", "referenceId=\"0\""),
    ("dash-resync", LOW_LATENCY, "dT=\"500\"", "dT=\"2001\""),
];

fn findings(text: &str) -> Vec<Finding> {
    match read::read(text.as_bytes()) {
        Err(finding) => vec![finding],
        Ok((root, mpd)) => schema::check(&root).into_iter().chain(manifest::check(&mpd, "live.example:8080")).collect(),
    }
}

fn broken(text: &str) -> BTreeSet<&'static str> {
    findings(text).iter().map(|finding| finding.rule.id).collect()
}

#[test]
fn sound_manifests_break_no_rule() {
    for text in [LIVE, LOW_LATENCY, ENDED] {
        assert_eq!(findings(text), []);
    }
}

#[test]
fn each_specimen_breaks_its_rule_and_no_other() {
    let mut wrong = Vec::new();
    for (rule, sound, what, instead) in SPECIMENS {
        let text = sound.replacen(what, instead, 1);
        if text == *sound || broken(&text) != BTreeSet::from([*rule]) {
            wrong.push((rule, instead, findings(&text)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// These cannot be broken alone: what is missing is missed by others, too.
#[test]
fn low_latency_needs_a_clock_and_its_producers_time() {
    let clock = LOW_LATENCY.replacen(" <UTCTiming schemeIdUri=\"urn:mpeg:dash:utc:http-iso:2014\" value=\"/time\"/>\n", "", 1);
    assert_eq!(broken(&clock), BTreeSet::from(["dash-clock", "dash-low-latency-clock"]));
    let producer =
        LOW_LATENCY.replacen("ProducerReferenceTime id=\"7\"", "ProducerReferenceTime id=\"a\"", 1).replacen(" referenceId=\"7\"", "", 1);
    assert_eq!(broken(&producer), BTreeSet::from(["dash-attribute-type", "dash-producer-reference"]));
}

#[test]
fn every_rule_has_a_specimen() {
    let names: BTreeSet<_> = super::rules().map(|rule| rule.id).collect();
    let of_manifests = SPECIMENS.iter().map(|(rule, ..)| *rule).chain(["dash-low-latency-clock", "dash-producer-reference"]);
    let shown: BTreeSet<_> = of_manifests.chain(history::shown()).chain(media::shown()).chain(served::shown()).collect();
    assert_eq!(names, shown);
}

#[test]
fn findings_name_the_place_and_the_line() {
    let text = LIVE.replacen("<S d=\"95232\"/>", "<S d=\"95232\" r=\"-1\"/>", 1);
    let told: Vec<_> = findings(&text).into_iter().map(|finding| (finding.subject, finding.detail)).collect();
    assert_eq!(told, [("Period[P1]/AdaptationSet[101]/Representation[a0]".to_owned(), "line 47: @r is -1".to_owned())]);
}

proptest! {
    /// Whatever is cut out of a manifest, and whatever numbers it holds, something is said of it and nothing panics.
    #[test]
    fn any_manifest_is_held_to_the_rules(
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), 0..200_usize), 0..4),
        number in proptest::sample::select(vec!["0", "-1", "1", "18446744073709551615", "9223372036854775807", "99999999999", "", "x", "1e308"]),
        place in any::<prop::sample::Index>(),
        sound in proptest::sample::select(vec![LIVE, LOW_LATENCY, ENDED]),
    ) {
        let mut text = sound.to_owned();
        let values: Vec<_> = text.match_indices("=\"").map(|(at, _)| at + 2).collect();
        let from = values[place.index(values.len())];
        let to = from + text[from..].find('"').unwrap();
        text.replace_range(from..to, number);
        let whole = text.clone();
        findings(&whole);
        for (at, length) in cuts {
            let from = at.index(text.len().max(1)).min(text.len());
            let to = (from + length).min(text.len());
            text.replace_range(from..to, "");
        }
        findings(&text);
    }
}
