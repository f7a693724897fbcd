//! How servers behave, as answers and moments.

use std::time::Duration;

use bytes::Bytes;
use sluicegate::check::exchange::{Answer, Http};
use sluicegate::check::finding::Finding;
use sluicegate::check::hls::model::{Media, Playlist};
use sluicegate::check::hls::read::{self, Given};
use sluicegate::check::watch::conduct::{self, Wish};

use crate::catalogue::{Specimen, assert_shown};

const TARGET: Duration = Duration::from_secs(2);

/// An answer without content that came after so many milliseconds.
fn answer(status: u16, millis: u64) -> Answer {
    Answer {
        url: "https://here.example/v.m3u8".to_owned(),
        from: "https://here.example/v.m3u8".to_owned(),
        is_head: false,
        status,
        http: Http::V2,
        fields: Vec::new(),
        body: Bytes::new(),
        wire: 0,
        asked: Duration::ZERO,
        head_at: Duration::from_millis(millis),
        done: Duration::from_millis(millis),
        arrivals: Vec::new(),
    }
}

/// Segments 10 to `last`, and so many parts of the next.
fn list(last: u64, parts: usize) -> Media {
    let mut text = "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:2\n#EXT-X-PART-INF:PART-TARGET=0.5\n\
        #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12,PART-HOLD-BACK=1.5\n#EXT-X-MEDIA-SEQUENCE:10\n"
        .to_owned();
    for msn in 10..=last {
        text.push_str(&format!("#EXTINF:2,\n{msn}.m4s\n"));
    }
    for part in 0..parts {
        text.push_str(&format!("#EXT-X-PART:DURATION=0.5,URI=\"{}.{part}.m4s\"\n", last + 1));
    }
    match read::playlist(text.as_bytes(), "v", Given::default()).0 {
        Some(Playlist::Media(list)) => *list,
        other => panic!("{other:?}"),
    }
}

fn specimens() -> Vec<Specimen> {
    let found = |finding: Option<Finding>| finding.into_iter().collect::<Vec<_>>();
    let refused = |rule| found(conduct::of_refusal(rule, "v", "_HLS_part=0", &answer(200, 1)));
    let wish = Wish { msn: 14, part: Some(2) };
    let second = Duration::from_secs(1);
    vec![
        ("ll-part-without-msn", refused(&conduct::WITHOUT_MSN)),
        ("ll-malformed-directive", refused(&conduct::MALFORMED)),
        ("ll-too-far-ahead", refused(&conduct::TOO_FAR)),
        ("ll-old-at-once", found(conduct::of_old("v", "_HLS_msn=10", &answer(200, 1_900), TARGET))),
        ("ll-old-at-once", found(conduct::of_old("v", "_HLS_msn=10", &answer(400, 1), TARGET))),
        ("ll-reload-holds", conduct::of_reload("v", wish, &list(13, 2), second, TARGET)),
        ("ll-reload-holds", conduct::of_reload("v", Wish { part: None, ..wish }, &list(13, 4), second, TARGET)),
        ("ll-reload-in-time", conduct::of_reload("v", wish, &list(13, 3), 7 * second, TARGET)),
        ("ll-delta-skips", found(conduct::of_delta("v", &list(18, 0)))),
        ("ll-hint-held", found(conduct::of_hint("v", "14.2.m4s", &answer(404, 1)))),
        ("ll-parts-are-segment", found(conduct::of_parts("v", "14.m4s", b"0123", b"0124", 2))),
        ("hls-removed-stays", found(conduct::of_removed("v", &answer(404, 1), second))),
        ("check-not-looked-into", vec![conduct::of_unseen("v", "a transport stream")]),
    ]
}

#[test]
fn each_rule_catches_its_specimen() {
    assert_shown(conduct::rules(), specimens());
}

#[test]
fn what_is_right_breaks_no_rule() {
    let none: Vec<Finding> = Vec::new();
    let second = Duration::from_secs(1);
    assert_eq!(Wish::after(&list(13, 2)), Wish { msn: 14, part: Some(2) });
    for granted in [list(13, 3), list(14, 0), list(15, 1)] {
        assert_eq!(conduct::of_reload("v", Wish { msn: 14, part: Some(2) }, &granted, second, TARGET), none);
    }
    assert_eq!(conduct::of_refusal(&conduct::TOO_FAR, "v", "_HLS_msn=99", &answer(400, 1)), None);
    assert_eq!(conduct::of_old("v", "_HLS_msn=10", &answer(200, 100), TARGET), None);
    assert_eq!(conduct::of_delta("v", &list(16, 2)), None, "twelve seconds and less stay");
    assert_eq!(conduct::of_delta("v", &Media { ended: true, ..list(18, 0) }), None, "nothing follows for which the rest would be known");
    assert_eq!(conduct::of_hint("v", "14.2.m4s", &answer(200, 1)), None);
    assert_eq!(conduct::of_parts("v", "14.m4s", b"0123", b"0123", 2), None);
    assert_eq!(conduct::of_removed("v", &answer(200, 1), second), None);
}
