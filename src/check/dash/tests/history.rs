//! Two manifests, one after the other.

use std::collections::BTreeSet;

use super::{ENDED, LIVE};
use crate::check::dash::history::History;
use crate::check::dash::read;
use crate::check::finding::Finding;
use crate::media::{Span, WallClock};

/// A rule, and what is written instead of what in an update that is sound without.
type Specimen = (&'static str, &'static [(&'static str, &'static str)]);

const SPECIMENS: &[Specimen] = &[
    ("dash-publish-time-back", &[("14:00:31Z", "14:00:29Z")]),
    ("dash-publish-time-same", &[("14:00:31Z", "14:00:30Z")]),
    ("dash-publish-time-idle", &[("<S d=\"1900\" r=\"1\"/>", "<S d=\"1900\"/>")]),
    ("dash-publish-time-ahead", &[("14:00:31Z", "14:00:33Z")]),
    (
        "dash-availability-start-moved",
        &[("availabilityStartTime=\"2026-09-21T14:00:00Z\"", "availabilityStartTime=\"2026-09-21T13:59:59Z\"")],
    ),
    ("dash-period-moved", &[("<Period id=\"P1\" start=\"PT20S\">", "<Period id=\"P1\" start=\"PT20.5S\">")]),
    ("dash-period-moved", &[("duration=\"PT20S\"", "duration=\"PT19.5S\"")]),
    ("dash-period-changed", &[("id=\"a1\"", "id=\"a2\"")]),
    ("dash-period-changed", &[("<AdaptationSet id=\"101\"", "<AdaptationSet id=\"103\"")]),
    ("dash-representation-changed", &[("codecs=\"mp4a.40.2\"", "codecs=\"mp4a.40.5\"")]),
    ("dash-representation-changed", &[("initialization=\"v0-init.mp4\"", "initialization=\"v0-init2.mp4\"")]),
    ("dash-segment-changed", &[("<S t=\"30000\" d=\"2000\" r=\"3\"/>", "<S t=\"30000\" d=\"2000\" r=\"2\"/><S d=\"2100\"/>")]),
    ("dash-number-moved", &[("startNumber=\"11\"", "startNumber=\"12\"")]),
    (
        "dash-segment-removed",
        &[("startNumber=\"8\"", "startNumber=\"9\""), ("<S t=\"19000\" d=\"2000\" r=\"2\"/>", "<S t=\"21000\" d=\"2000\" r=\"1\"/>")],
    ),
];

/// Rules that have a specimen.
pub(super) fn shown() -> impl Iterator<Item = &'static str> {
    SPECIMENS.iter().map(|(rule, ..)| *rule).chain(["dash-static-changed", "dash-edge-stands"])
}

fn at(second: i64) -> WallClock {
    "2026-09-21T14:00:00Z".parse::<WallClock>().unwrap().plus(Span::from_secs(second))
}

/// What is found in the second of two manifests.
fn between(first: &str, second: &str, seconds: i64) -> Vec<Finding> {
    let mut history = History::default();
    let read = |text: &str| read::read(text.as_bytes()).unwrap().1;
    assert_eq!(history.follow(read(first), at(30)), []);
    history.follow(read(second), at(30 + seconds))
}

/// The next manifest: a segment more.
fn update() -> String {
    LIVE.replacen("14:00:30Z", "14:00:31Z", 1).replacen("<S d=\"1900\"/>", "<S d=\"1900\" r=\"1\"/>", 1)
}

#[test]
fn an_update_that_adds_a_segment_is_sound() {
    assert_eq!(between(LIVE, &update(), 1), []);
    assert_eq!(between(LIVE, LIVE, 1), []);
}

#[test]
fn each_specimen_breaks_its_rule_and_no_other() {
    let mut wrong = Vec::new();
    for (rule, changes) in SPECIMENS {
        let next = changes.iter().fold(update(), |text, (what, instead)| {
            assert!(text.contains(what), "{what}");
            text.replacen(what, instead, 1)
        });
        let found = between(LIVE, &next, 1);
        if found.iter().map(|finding| finding.rule.id).collect::<BTreeSet<_>>() != BTreeSet::from([*rule]) {
            wrong.push((rule, changes, found));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_is_out_of_the_window_may_go() {
    let shorter = update().replacen("startNumber=\"8\"", "startNumber=\"9\"", 1).replacen(
        "<S t=\"19000\" d=\"2000\" r=\"2\"/>",
        "<S t=\"21000\" d=\"2000\" r=\"1\"/>",
        1,
    );
    assert_eq!(between(LIVE, &shorter, 6), []);
    let (from, to) = (update().find(" <Period id=\"P0\"").unwrap(), update().find(" <Period id=\"P1\"").unwrap());
    let mut without = update();
    without.replace_range(from..to, "");
    assert_eq!(between(LIVE, &without, 10), []);
    let early = between(LIVE, &without, 8);
    assert_eq!(
        early.iter().map(|finding| (finding.rule.id, finding.subject.as_str())).collect::<Vec<_>>(),
        [("dash-segment-removed", "Period[P0]")]
    );
}

#[test]
fn segments_of_one_duration_keep_their_numbers() {
    let rules = |text: String| between(LIVE, &text, 1).into_iter().map(|finding| finding.rule.id).collect::<Vec<_>>();
    assert_eq!(rules(update().replacen(" duration=\"96000\"", " duration=\"95000\"", 1)), ["dash-number-moved"]);
    assert_eq!(rules(update().replacen(" duration=\"96000\"", " duration=\"96000\" startNumber=\"2\"", 1)), ["dash-number-moved"]);
}

#[test]
fn what_is_over_stays_and_what_is_live_goes_on() {
    let rules = |found: Vec<Finding>| found.iter().map(|finding| finding.rule.id).collect::<Vec<_>>();
    assert_eq!(rules(between(ENDED, &ENDED.replacen("2500000", "2500001", 1), 1)), ["dash-static-changed"]);
    assert_eq!(rules(between(LIVE, LIVE, 7)), ["dash-edge-stands"]);
    assert_eq!(rules(between(ENDED, ENDED, 7)), [""; 0]);
    // Of segments that are all alike there is nothing to be told while they come.
    let regular = LIVE.replace("<SegmentTimeline>", "<!--").replace("</SegmentTimeline>", "-->").replace(" duration=\"96000\"", "");
    let regular = regular.replace("media=", "duration=\"2000\" media=");
    assert_eq!(rules(between(&regular, &regular, 7)), [""; 0]);
}

#[test]
fn the_last_two_segments_of_low_latency_may_be_set_right() {
    let early = |text: String| {
        let open = "media=\"v0-$Number%05d$.m4s\" availabilityTimeOffset=\"1.5\" availabilityTimeComplete=\"false\"";
        text.replacen("media=\"v0-$Number%05d$.m4s\"", open, 1)
    };
    let right = |what: &str| early(update()).replacen("<S t=\"30000\" d=\"2000\" r=\"3\"/>\n      <S d=\"1900\" r=\"1\"/>", what, 1);
    assert_eq!(
        between(&early(LIVE.to_owned()), &right("<S t=\"30000\" d=\"2000\" r=\"2\"/><S d=\"2100\"/><S d=\"2000\" r=\"1\"/>"), 1),
        []
    );
    let found = between(&early(LIVE.to_owned()), &right("<S t=\"30000\" d=\"2000\" r=\"1\"/><S d=\"2100\" r=\"3\"/>"), 1);
    assert_eq!(found.iter().map(|finding| finding.rule.id).collect::<Vec<_>>(), ["dash-segment-changed"]);
}
