//! Answers that bring a manifest, and those of its clock.

use std::time::Duration;

use bytes::Bytes;

use super::LIVE;
use crate::check::dash::read;
use crate::check::dash::served::{RULES, of_clock, of_manifest};
use crate::check::exchange::{Answer, Http};

/// Rules that have a specimen.
pub(super) fn shown() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|rule| rule.id)
}

fn answer(status: u16, fields: &[(&str, &str)], body: &str) -> Answer {
    Answer {
        url: "http://live.example/time".to_owned(),
        from: "http://live.example/time".to_owned(),
        is_head: false,
        status,
        http: Http::V11,
        fields: fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: Bytes::copy_from_slice(body.as_bytes()),
        wire: body.len() as u64,
        asked: Duration::ZERO,
        head_at: Duration::ZERO,
        done: Duration::ZERO,
        arrivals: Vec::new(),
    }
}

#[test]
fn a_manifest_comes_as_one_and_is_not_kept() {
    let mpd = read::read(LIVE.as_bytes()).unwrap().1;
    let found = |kind: &str, cache: &str| -> Vec<_> {
        let answer = answer(200, &[("content-type", kind), ("cache-control", cache)], "");
        of_manifest(&answer, &mpd).iter().map(|finding| finding.rule.id).collect()
    };
    assert_eq!(found("application/dash+xml; charset=utf-8", "max-age=1"), [""; 0]);
    assert_eq!(found("text/xml", "no-cache"), ["dash-manifest-type"]);
    assert_eq!(found("application/dash+xml", "max-age=2"), ["dash-manifest-cached"]);
}

#[test]
fn a_clock_tells_the_time() {
    let told = |scheme: &str, answer: &Answer| of_clock(scheme, answer).map(|wall| wall.to_string()).map_err(|finding| finding.rule.id);
    let time = Ok("2026-09-21T14:00:30.000Z".to_owned());
    let head = "urn:mpeg:dash:utc:http-head:2014";
    let iso = "urn:mpeg:dash:utc:http-iso:2014";
    assert_eq!(told(iso, &answer(200, &[], "2026-09-21T14:00:30Z\n")), time);
    assert_eq!(told(head, &answer(200, &[("date", "Mon, 21 Sep 2026 14:00:30 GMT")], "")), time);
    assert_eq!(told(iso, &answer(404, &[], "2026-09-21T14:00:30Z")), Err("dash-clock-answers"));
    assert_eq!(told(iso, &answer(200, &[], "1790000000")), Err("dash-clock-answers"));
    assert_eq!(told(head, &answer(200, &[], "")), Err("dash-clock-answers"));
}
