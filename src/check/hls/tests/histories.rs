//! A playlist over time.

use std::fmt::Write;
use std::time::Duration;

use crate::check::finding::{Finding, Rule};
use crate::check::hls::history::{self, History};
use crate::check::hls::model::{Media, Playlist};
use crate::check::hls::read::{self, Given};
use crate::check::hls::{merge, playlist};
use crate::media::WallClock;

use super::assert_covered;

/// A live playlist of six segments from `first`, and one in progress with so many parts. A discontinuity lies before number 10.
fn live(first: u64, parts: u64) -> String {
    let mut text = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:2\n".to_owned();
    text.push_str("#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12.0,HOLD-BACK=6.0,PART-HOLD-BACK=3.0\n");
    text.push_str("#EXT-X-PART-INF:PART-TARGET=1.0\n");
    writeln!(text, "#EXT-X-MEDIA-SEQUENCE:{first}\n#EXT-X-DISCONTINUITY-SEQUENCE:{}", if first > 10 { 4 } else { 3 }).unwrap();
    text.push_str("#EXT-X-DATERANGE:ID=\"a\",START-DATE=\"2026-09-21T14:13:23.000Z\",PLANNED-DURATION=30\n");
    for msn in first..=first + 6 {
        if msn == 10 {
            text.push_str("#EXT-X-DISCONTINUITY\n");
        }
        if msn == first || msn == 10 {
            text.push_str("#EXT-X-MAP:URI=\"i1.mp4\"\n");
        }
        let date = WallClock::from_unix_millis(1_790_000_000_000 + msn as i64 * 2_000);
        writeln!(text, "#EXT-X-PROGRAM-DATE-TIME:{date}").unwrap();
        let listed = match msn - first {
            6 => parts,
            4.. => 2,
            _ => 0,
        };
        for part in 0..listed {
            let independent = if part == 0 { ",INDEPENDENT=YES" } else { "" };
            writeln!(text, "#EXT-X-PART:DURATION=1.0,URI=\"p{}.m4s\"{independent}", msn * 2 + part).unwrap();
        }
        if msn < first + 6 {
            writeln!(text, "#EXTINF:2.0,\n{msn}.m4s").unwrap();
        }
    }
    writeln!(text, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"p{}.m4s\"", (first + 6) * 2 + parts).unwrap();
    text
}

fn media(text: &str) -> Media {
    let (list, found) = read::playlist(text.as_bytes(), "v0", Given::default());
    assert_eq!(found, []);
    match list {
        Some(Playlist::Media(list)) => *list,
        other => panic!("{other:?}"),
    }
}

/// What is changed in the first look at the playlist and in the second, two seconds and a segment later, and how much later still it comes.
struct Turn {
    rule: &'static Rule,
    first: &'static [(&'static str, &'static str)],
    second: &'static [(&'static str, &'static str)],
}

const fn turn(rule: &'static Rule, second: &'static [(&'static str, &'static str)]) -> Turn {
    Turn { rule, first: &[], second }
}

const TURNS: &[Turn] = &[
    turn(&history::TERMS_CHANGED, &[("TARGETDURATION:2", "TARGETDURATION:3")]),
    turn(&history::TERMS_CHANGED, &[("PART-TARGET=1.0", "PART-TARGET=1.1")]),
    turn(&history::TERMS_CHANGED, &[("PART-HOLD-BACK=3.0", "PART-HOLD-BACK=3.1")]),
    turn(&history::SEQUENCE_COUNT, &[("#EXT-X-MEDIA-SEQUENCE:11", "#EXT-X-MEDIA-SEQUENCE:12")]),
    turn(&history::SEGMENT_CHANGED, &[("12.m4s", "other.m4s")]),
    turn(&history::SEGMENT_CHANGED, &[("#EXTINF:2.0,\n12.m4s", "#EXTINF:2.1,\n12.m4s")]),
    turn(&history::SEGMENT_CHANGED, &[("14:13:44.000Z", "14:13:44.001Z")]),
    turn(&history::SEGMENT_CHANGED, &[("i1.mp4", "i2.mp4")]),
    turn(&history::SEGMENT_CHANGED, &[("#EXTINF:2.0,\n12.m4s", "#EXT-X-GAP\n#EXTINF:2.0,\n12.m4s")]),
    turn(&history::PART_CHANGED, &[("DURATION=1.0,URI=\"p30.m4s\"", "DURATION=0.9,URI=\"p30.m4s\"")]),
    turn(&history::PART_CHANGED, &[("\"p33.m4s\"", "\"q33.m4s\"")]),
    turn(&history::PART_CHANGED, &[("#EXT-X-PART:DURATION=1.0,URI=\"p33.m4s\"\n", "")]),
    turn(&history::DISCONTINUITY_COUNT, &[("DISCONTINUITY-SEQUENCE:4", "DISCONTINUITY-SEQUENCE:3")]),
    Turn { rule: &history::WINDOW, first: SHORT, second: SHORT },
    Turn { rule: &history::FEW_SEGMENTS, first: &[], second: FEW },
    Turn { rule: &history::HINT_UNTRUE, first: &[("TYPE=PART,URI=\"p34.m4s\"", "TYPE=PART,URI=\"p35.m4s\"")], second: &[] },
    Turn { rule: &history::ENDED, first: &[("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"p34.m4s\"", "#EXT-X-ENDLIST")], second: &[] },
    Turn {
        rule: &history::SLIDING_TYPE,
        first: &[("#EXT-X-MEDIA-SEQ", "#EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-MEDIA-SEQ")],
        second: &[("#EXT-X-MEDIA-SEQ", "#EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-MEDIA-SEQ")],
    },
    turn(&history::DATE_RANGE_CHANGED, &[("PLANNED-DURATION=30", "PLANNED-DURATION=31")]),
];

/// Ten times the target duration, so that the segments are no three of it.
const SHORT: &[(&str, &str)] = &[("TARGETDURATION:2", "TARGETDURATION:5")];
const FEW: &[(&str, &str)] =
    &[("SEQUENCE:11", "SEQUENCE:12"), ("#EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:42.000Z\n#EXTINF:2.0,\n11.m4s\n", "")];

fn edited(text: String, edits: &[(&str, &str)]) -> String {
    edits.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "{from:?} is not in\n{text}");
        text.replacen(from, to, 1)
    })
}

fn ids(found: &[Finding]) -> Vec<&'static str> {
    found.iter().map(|finding| finding.rule.id).collect()
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn every_rule_over_time_has_a_specimen() {
    let mut tested = vec![history::SEQUENCE_BACK.id, history::SEGMENT_LATE.id, history::PART_LATE.id, history::DELTA.id];
    for turn in TURNS {
        let mut history = History::new("v0");
        assert_eq!(history.see(SECOND, &media(&edited(live(10, 2), turn.first))), []);
        let text = edited(live(11, 2), turn.second);
        let found = history.see(SECOND * 3, &media(&text));
        let mut told = ids(&found);
        told.dedup();
        assert_eq!(told, [turn.rule.id], "{found:#?} in\n{text}");
        tested.push(turn.rule.id);
    }
    assert_covered(history::RULES, tested.into_iter());
}

#[test]
fn a_sound_playlist_may_be_watched_for_long() {
    let mut history = History::new("v0");
    for step in 0..40 {
        let list = media(&live(8 + step / 2, 1 + step % 2));
        assert_eq!(playlist::check(&Playlist::Media(Box::new(list.clone())), "v0"), []);
        assert_eq!(history.see_awaited(SECOND * (step + 1) as u32, &list), [], "step {step}");
    }
}

#[test]
fn what_goes_back_is_told() {
    let mut history = History::new("v0");
    history.see(SECOND, &media(&live(11, 1)));
    assert_eq!(ids(&history.see(SECOND, &media(&live(10, 1)))), [history::SEQUENCE_BACK.id; 2]);
}

#[test]
fn what_does_not_come_in_time_is_told() {
    let late = |first: u64, parts: u64, at: f64, awaited: bool| {
        let mut history = History::new("v0");
        assert_eq!(history.see(SECOND, &media(&live(10, 1))), []);
        let (list, at) = (media(&live(first, parts)), SECOND + Duration::from_secs_f64(at));
        ids(&if awaited { history.see_awaited(at, &list) } else { history.see(at, &list) })
    };
    assert_eq!(late(10, 1, 1.4, false), [""; 0]);
    assert_eq!(late(10, 1, 1.6, false), [history::PART_LATE.id]);
    assert_eq!(late(10, 2, 1.6, true), [history::PART_LATE.id]);
    assert_eq!(late(10, 2, 1.6, false), [""; 0], "it may have come before");
    assert_eq!(late(10, 2, 3.6, false), [history::SEGMENT_LATE.id]);
    assert_eq!(late(11, 1, 3.6, true), [history::SEGMENT_LATE.id, history::PART_LATE.id]);
}

#[test]
fn what_does_not_come_as_the_publisher_is_away_is_told_as_that() {
    let told = |list: &str| {
        let mut history = History::new("v0");
        history.see(SECOND, &media(&live(10, 1)));
        let found = history.see_awaited(SECOND * 3, &media(list));
        found.into_iter().find(|finding| finding.rule.id == history::PART_LATE.id).map(|finding| finding.detail)
    };
    let same = live(10, 1);
    let gap = same.replace("#EXT-X-PRELOAD-HINT", "#EXTINF:1.0,\n16.m4s\n#EXT-X-GAP\n#EXTINF:2.0,\n17.m4s\n#EXT-X-PRELOAD-HINT");
    insta::assert_debug_snapshot!([told(&same), told(&live(10, 2)), told(&gap)], @r#"
    [
        Some(
            "2.000 s after the one before part 1 of 16, part target of 1 s; nothing has come since, as where the publisher is away",
        ),
        Some(
            "2.000 s after the one before part 1 of 16, part target of 1 s",
        ),
        Some(
            "2.000 s after the one before part 1 of 16, part target of 1 s; a gap stands in its place: the publisher was away",
        ),
    ]
    "#);
}

/// `whole` as a delta update that skips so many segments.
fn delta(whole: &str, skipped: usize) -> String {
    let (head, rest) = whole.split_once("#EXT-X-DATERANGE").unwrap();
    let range = rest.split_once('\n').unwrap().0;
    let (_, listed) = rest.split_once(".m4s\n").filter(|_| skipped == 1).unwrap_or(("", rest));
    format!("{head}#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}\n#EXT-X-DATERANGE{range}\n{listed}").replace("VERSION:6", "VERSION:9")
}

#[test]
fn a_delta_update_and_the_playlist_before_it_are_the_whole() {
    let (before, whole) = (media(&live(10, 2)), media(&live(11, 1)));
    let short = media(&delta(&live(11, 1), 1));
    let merged = merge(&short, &before, "v0").unwrap();
    assert_eq!((merged.segments.len(), merged.next_msn(), &merged.hints[0].uri), (6, 17, &whole.hints[0].uri));
    for (merged, whole) in merged.all().zip(whole.all()) {
        let place = |segment: &crate::check::hls::model::Segment| (segment.msn, segment.wall, segment.discontinuity_sequence);
        assert_eq!((place(merged), &merged.uri, &merged.map), (place(whole), &whole.uri, &whole.map));
    }
    let mut history = History::new("v0");
    assert_eq!(history.see(SECOND, &before), []);
    assert_eq!(history.see(SECOND * 2, &short), []);
    assert_eq!(history.last().unwrap().segments.len(), 6);
    assert_eq!(history.see(SECOND * 2, &whole), []);
}

#[test]
fn a_delta_update_that_fits_nothing_is_told() {
    let short = media(&delta(&live(11, 1), 1));
    assert_eq!(merge(&short, &media(&live(20, 1)), "v0").unwrap_err().rule.id, history::DELTA.id);
    assert_eq!(ids(&History::new("v0").see(SECOND, &short)), [history::DELTA.id]);
}
