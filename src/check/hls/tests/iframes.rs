//! I-frame playlists against the pictures that they list.

use crate::check::hls::iframes::{self, Pictures};
use crate::check::hls::model::Segment;
use crate::check::media::Picture;
use crate::media::{Span, Timestamp};

use super::assert_covered;

const RULES: [&str; 3] = [iframes::SYNC.id, iframes::WHOLE.id, iframes::DURATION.id];

/// An entry of two seconds.
fn entry(msn: u64) -> Segment {
    Segment { msn, uri: format!("{msn}.m4s"), duration: Span::from_secs(2), ..Segment::default() }
}

fn shown(millis: i64) -> Picture {
    Picture { at: Timestamp::from_millis(millis), is_sync: true, is_whole: true }
}

/// What is found of the last of these entries.
fn last(entries: &[(Segment, Option<Picture>)]) -> Vec<&'static str> {
    let mut pictures = Pictures::default();
    let found = entries.iter().map(|(segment, picture)| pictures.follow("v0-iframes", segment, *picture)).last();
    found.unwrap().iter().map(|finding| finding.rule.id).collect()
}

#[test]
fn entries_are_pictures() {
    let [sync, whole, duration] = RULES;
    assert_eq!(last(&[(entry(1), Some(shown(0)))]), [""; 0]);
    assert_eq!(last(&[(entry(1), None)]), [sync]);
    assert_eq!(last(&[(entry(1), Some(Picture { is_sync: false, ..shown(0) }))]), [sync]);
    assert_eq!(last(&[(entry(1), Some(Picture { is_whole: false, ..shown(0) }))]), [whole]);

    let first = (entry(1), Some(shown(0)));
    assert_eq!(last(&[first.clone(), (entry(2), Some(shown(2_080)))]), [""; 0]);
    assert_eq!(last(&[first.clone(), (entry(2), Some(shown(2_200)))]), [duration]);
    assert_eq!(last(&[first.clone(), (entry(3), Some(shown(9_000)))]), [""; 0], "one between is not known");
    let anew = Segment { discontinuity: true, ..entry(2) };
    assert_eq!(last(&[first, (anew, Some(shown(9_000)))]), [""; 0], "time may jump there");
    assert_covered(iframes::RULES, RULES.into_iter());
}
