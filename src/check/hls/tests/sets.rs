//! Playlists side by side.

use std::time::Duration;

use crate::check::finding::{Finding, Rule};
use crate::check::hls::model::{Media, Playlist};
use crate::check::hls::read::{self, Given};
use crate::check::hls::set::{self, Seen};

use super::assert_covered;

const PICTURES: &str = r#"#EXTM3U
#EXT-X-VERSION:6
#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=3.0
#EXT-X-PART-INF:PART-TARGET=1.0
#EXT-X-MEDIA-SEQUENCE:10
#EXT-X-DISCONTINUITY-SEQUENCE:3
#EXT-X-MAP:URI="v0-i1.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:20.000Z
#EXTINF:2.0,
v0-10.m4s
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI="v0-i1.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:22.000Z
#EXT-X-PART:DURATION=1.0,URI="v0-p4.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=1.0,URI="v0-p5.m4s"
#EXTINF:2.0,
v0-11.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:24.000Z
#EXT-X-PART:DURATION=1.0,URI="v0-p6.m4s",INDEPENDENT=YES
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="v0-p7.m4s"
#EXT-X-RENDITION-REPORT:URI="a0.m3u8",LAST-MSN=12,LAST-PART=0
"#;

fn sound() -> String {
    PICTURES.replace("a0.m3u8", "x").replace("v0", "a0").replace("\"x\"", "\"v0.m3u8\"")
}

fn media(text: &str) -> Media {
    match read::playlist(text.as_bytes(), "x", Given::default()) {
        (Some(Playlist::Media(list)), found) if found.is_empty() => *list,
        other => panic!("{other:?}"),
    }
}

/// What is found where the playlist of sound is seen so much later than that of pictures, in milliseconds.
fn check(pictures: &str, sound: &str, later: i64) -> Vec<Finding> {
    let at = |millis: i64| {
        (Duration::from_millis(10_000_u64.saturating_add_signed(millis)), Duration::from_millis(10_010_u64.saturating_add_signed(millis)))
    };
    let (pictures, sound) = (media(pictures), media(sound));
    let seen = [Seen { subject: "v0.m3u8", list: &pictures, made: at(0) }, Seen { subject: "a0.m3u8", list: &sound, made: at(later) }];
    set::check(&seen, |_, address| seen.iter().position(|seen| seen.subject == address))
}

/// Each first replaced by the second, where it stands first.
type Edits = &'static [(&'static str, &'static str)];

/// What breaks a rule in the playlist of sound, which is seen so much later.
const BROKEN: &[(&Rule, Edits, i64)] = &[
    (&set::SAME_TARGET, &[("TARGETDURATION:2", "TARGETDURATION:3")], 0),
    (
        &set::ALL_DATED,
        &[("#EXT-X-PROGRAM-DATE-TIME:", "#date "), ("#EXT-X-PROGRAM-DATE-TIME:", "#date "), ("#EXT-X-PROGRAM-DATE-TIME:", "#date ")],
        0,
    ),
    (&set::DISCONTINUITIES, &[("DISCONTINUITY-SEQUENCE:3", "DISCONTINUITY-SEQUENCE:4")], 0),
    (&set::BOUNDARIES, &[("14:13:20.000Z", "14:13:20.200Z"), ("14:13:22.000Z", "14:13:22.200Z")], 0),
    (&set::SAME_CONTROL, &[("PART-HOLD-BACK=3.0", "PART-HOLD-BACK=3.1")], 0),
    (&set::SAME_CONTROL, &[("PART-TARGET=1.0", "PART-TARGET=1.1")], 0),
    (&set::REPORTS, &[("#EXT-X-RENDITION-REPORT:URI=\"v0.m3u8\"", "#EXT-X-RENDITION-REPORT:URI=\"v1.m3u8\"")], 0),
    (&set::REPORT_AHEAD, &[("LAST-PART=0", "LAST-PART=1")], -100),
    (&set::REPORT_AHEAD, &[("LAST-MSN=12,LAST-PART=0", "LAST-MSN=13")], -100),
    (&set::REPORT_BEHIND, &[("LAST-MSN=12,LAST-PART=0", "LAST-MSN=11,LAST-PART=1")], 100),
];

#[test]
fn every_rule_of_playlists_side_by_side_has_a_specimen() {
    for (rule, edits, later) in BROKEN {
        let text = edits.iter().fold(sound(), |text, (from, to)| {
            assert!(text.contains(from), "{from:?} is not in the text");
            text.replacen(from, to, 1)
        });
        let found = check(PICTURES, &text, *later);
        assert_eq!(found.iter().map(|finding| finding.rule.id).collect::<Vec<_>>(), [rule.id], "{found:#?}");
    }
    assert_covered(set::RULES, BROKEN.iter().map(|(rule, ..)| rule.id));
}

#[test]
fn sound_playlists_agree() {
    for later in [-100, 0, 100] {
        assert_eq!(check(PICTURES, &sound(), later), []);
    }
    let untold = sound().replace(",LAST-MSN=12,LAST-PART=0", "");
    assert_eq!(check(PICTURES, &untold, 100), [], "what is left out is as in the playlist itself");
    let behind = sound().replace("LAST-MSN=12,LAST-PART=0", "LAST-MSN=11,LAST-PART=1");
    assert_eq!(check(PICTURES, &behind, 0), [], "which of both came first is not known");
}
