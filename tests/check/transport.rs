//! Answers that are right, and the same ones with one thing wrong.

use std::time::Duration;

use bytes::Bytes;
use sluicegate::check::exchange::{Answer, Http};
use sluicegate::check::finding::Finding;
use sluicegate::check::media::Container;
use sluicegate::check::transport::{self, of_head, of_low_latency, of_media, of_missing, of_playlist, of_range, of_second, of_unmodified};

use crate::catalogue::{Specimen, assert_shown};

const TARGET: Duration = Duration::from_secs(2);

fn answer(status: u16, fields: &[(&str, &str)], body: &'static [u8]) -> Answer {
    Answer {
        url: "https://here.example/v".to_owned(),
        from: "https://here.example/v".to_owned(),
        is_head: false,
        status,
        http: Http::V2,
        fields: fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: Bytes::from_static(body),
        wire: body.len() as u64,
        asked: Duration::ZERO,
        head_at: Duration::ZERO,
        done: Duration::ZERO,
        arrivals: Vec::new(),
    }
}

fn playlist(cache: &'static str) -> Answer {
    let fields = [("content-type", "application/vnd.apple.mpegurl"), ("access-control-allow-origin", "*"), ("cache-control", cache)];
    answer(200, &fields, b"#EXTM3U\n")
}

fn segment() -> Answer {
    let fields = [("content-type", "video/mp4"), ("access-control-allow-origin", "*"), ("cache-control", "public, max-age=60, immutable")];
    answer(200, &fields, b"0123456789")
}

/// The answer without the field of that name.
fn without(mut answer: Answer, name: &str) -> Answer {
    answer.fields.retain(|(known, _)| known != name);
    answer
}

fn with(answer: Answer, name: &str, value: &str) -> Answer {
    let mut answer = without(answer, name);
    answer.fields.push((name.to_owned(), value.to_owned()));
    answer
}

fn piece(range: &'static str, body: &'static [u8]) -> Answer {
    answer(206, &[("content-range", range)], body)
}

fn specimens() -> Vec<Specimen> {
    let live = |answer: Answer| of_playlist("v", &answer, Some(TARGET), false);
    let media = |answer: Answer| of_media("s", &answer, Container::Mp4, TARGET);
    let range = |piece: Answer| of_range("s", &segment(), &(2..5), &piece);
    let gone = |fields: &[(&str, &str)]| of_missing("x", &answer(404, fields, b""), TARGET);
    vec![
        ("hls-listed-is-there", live(answer(500, &[], b""))),
        ("hls-listed-is-there", media(answer(404, &[], b""))),
        ("hls-playlist-identified", live(with(playlist("max-age=1"), "content-type", "text/plain"))),
        (
            "http-playlist-type",
            live(Answer {
                from: "https://here.example/v.m3u8?a=b".to_owned(),
                ..with(playlist("max-age=1"), "content-type", "text/plain")
            }),
        ),
        ("http-media-type", media(with(segment(), "content-type", "text/html"))),
        ("http-cors", live(without(playlist("max-age=1"), "access-control-allow-origin"))),
        ("http-cors", media(without(segment(), "access-control-allow-origin"))),
        ("http-cors-errors", gone(&[])),
        ("http-playlist-gzip", live(Answer { body: Bytes::from(vec![b'#'; 4_000]), ..playlist("max-age=1") })),
        ("http-cache-playlist", live(playlist("max-age=2"))),
        ("http-cache-playlist", live(playlist("public"))),
        ("http-cache-playlist", of_playlist("v", &playlist("max-age=13"), Some(TARGET), true)),
        ("http-cache-media", media(with(segment(), "cache-control", "max-age=3"))),
        ("http-cache-media", media(without(segment(), "cache-control"))),
        ("http-cache-error", gone(&[("access-control-allow-origin", "*"), ("cache-control", "max-age=9")])),
        ("http-age", live(with(playlist("max-age=1"), "age", "3"))),
        ("http-missing", of_missing("x", &answer(200, &[], b"<html>"), TARGET)),
        ("http-head", of_head("s", &segment(), &answer(405, &[], b""))),
        ("http-head", of_head("s", &segment(), &with(segment(), "content-type", "text/html"))),
        ("http-range", range(segment())),
        ("http-range-bytes", range(piece("bytes 2-4/10", b"345"))),
        ("http-range-bytes", range(piece("bytes 2-5/10", b"234"))),
        ("http-range-bytes", range(answer(206, &[], b"234"))),
        ("http-same-bytes", of_second("s", b"0123", b"01234")),
        ("http-not-modified", of_unmodified("s", &segment())),
        ("http-2", of_low_latency("v", &Answer { http: Http::V11, ..playlist("max-age=1") })),
    ]
}

#[test]
fn each_rule_catches_its_specimen() {
    assert_shown(transport::rules(), specimens());
}

#[test]
fn what_is_right_breaks_no_rule() {
    let none: [Finding; 0] = [];
    assert_eq!(of_playlist("v", &playlist("max-age=1"), Some(TARGET), false), none);
    assert_eq!(of_playlist("v", &playlist("max-age=12"), Some(TARGET), true), none);
    assert_eq!(of_playlist("v", &playlist("no-store"), Some(TARGET), false), none);
    assert_eq!(of_playlist("v", &playlist("max-age=90"), None, false), none);
    assert_eq!(of_media("s", &segment(), Container::Mp4, TARGET), none);
    assert_eq!(of_media("s", &with(segment(), "cache-control", "private, max-age=2"), Container::Mp4, TARGET), none);
    assert_eq!(of_missing("x", &answer(404, &[("access-control-allow-origin", "*"), ("cache-control", "max-age=8")], b""), TARGET), none);
    assert_eq!(of_head("s", &segment(), &segment()), none);
    assert_eq!(of_range("s", &segment(), &(2..5), &piece("bytes 2-4/10", b"234")), none);
    assert_eq!(of_second("s", b"0123", b"0123"), none);
    assert_eq!(of_unmodified("s", &answer(304, &[], b"")), none);
    assert_eq!(of_low_latency("v", &playlist("max-age=1")), none);
}
