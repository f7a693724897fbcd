//! Announced bit rates against those of the files that the playlists list, by the definitions of RFC 8216bis §4.1.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use sluicegate::hls;
use sluicegate::media::TrackId;
use sluicegate::segment::options::Options;
use sluicegate::segment::request::Request;
use sluicegate::segment::segmenter::{Boundary, Segmenter};
use sluicegate::segment::snapshot::Snapshot;

use super::source::{Source, program, wall};

/// Publishes `from..to` seconds, each second's pictures of the size that is given for it.
fn publish(segmenter: &mut Segmenter, source: &Source, seconds: std::ops::Range<i64>, size: impl Fn(i64) -> usize) {
    for (arrival, mut sample) in source.samples(seconds.start * 1_000, seconds.end * 1_000) {
        if sample.track == TrackId::VIDEO {
            sample.data = Bytes::from(vec![0x55; size(sample.dts.millis() / 1_000).max(1)]);
        }
        segmenter.push(sample, wall(arrival));
    }
}

/// Peak and average rate of what a media playlist lists, by its own words and the sizes of its files. A gap has none and ends a run.
fn rates(snapshot: &Snapshot, playlist: &str) -> (f64, f64) {
    let list = m3u8_rs::parse_media_playlist_res(playlist.as_bytes()).unwrap();
    let is_gap = |segment: &m3u8_rs::MediaSegment| segment.unknown_tags.iter().any(|tag| tag.tag == "X-GAP");
    let measured = |segment: &m3u8_rs::MediaSegment| {
        let length = segment.byte_range.as_ref().map(|range| range.length as usize);
        let file = || snapshot.media(&Request::parse(&segment.uri).unwrap()).unwrap().len();
        (length.unwrap_or_else(file) as f64 * 8.0, f64::from(segment.duration))
    };
    let stretches = list.segments.split(is_gap).map(|stretch| stretch.iter().map(measured).collect::<Vec<_>>());
    let sum = |run: &[(f64, f64)]| run.iter().fold((0.0, 0.0), |(bits, seconds), piece| (bits + piece.0, seconds + piece.1));
    let target = list.target_duration as f64;
    let mut peak = 0.0_f64;
    let mut all = Vec::new();
    for pieces in stretches {
        for (from, to) in (0..pieces.len()).flat_map(|from| (from..pieces.len()).map(move |to| (from, to))) {
            let (bits, seconds) = sum(&pieces[from..=to]);
            if (0.5 * target..=1.5 * target).contains(&seconds) {
                peak = peak.max(bits / seconds);
            }
        }
        all.extend(pieces);
    }
    let (bits, seconds) = sum(&all);
    (peak, bits / seconds)
}

fn near(announced: u64, measured: f64) -> bool {
    (announced as f64 - measured).abs() <= 0.1 * measured
}

fn check(snapshot: &Snapshot) {
    let index = m3u8_rs::parse_master_playlist_res(hls::multivariant(snapshot, "").as_bytes()).unwrap();
    let media = |track| rates(snapshot, &hls::media(snapshot, track, "", false).unwrap());
    let (video, audio) = (media(TrackId::VIDEO), media(TrackId::AUDIO));
    let scrubbed = rates(snapshot, &hls::iframes(snapshot, TrackId::VIDEO, "").unwrap());
    for variant in &index.variants {
        let (peak, average) = if variant.is_i_frame { scrubbed } else { (video.0 + audio.0, video.1 + audio.1) };
        assert!(near(variant.bandwidth, peak), "{} announced of {peak} in {variant:?}", variant.bandwidth);
        assert!(near(variant.average_bandwidth.unwrap(), average), "{average} in {variant:?}");
    }
}

fn segmenter(source: &Source, window_ms: u64) -> Segmenter {
    Segmenter::new(Options { window_ms, ..Options::default() }, program(source.tracks(31))).0
}

fn snapshot(segmenter: &mut Segmenter) -> Arc<Snapshot> {
    segmenter.snapshot().unwrap()
}

#[test]
fn a_rate_that_changes_is_true_again_a_minute_later() {
    let source = Source::default();
    let mut segmenter = segmenter(&source, 20_000);
    publish(&mut segmenter, &source, 0..90, |_| 40_000);
    check(&snapshot(&mut segmenter));
    let announced = |segmenter: &mut Segmenter| snapshot(segmenter).tracks[0].rate;
    let high = announced(&mut segmenter);
    publish(&mut segmenter, &source, 90..120, |_| 4_000);
    assert_eq!(announced(&mut segmenter).peak, high.peak, "half a minute ago is not long ago");
    publish(&mut segmenter, &source, 120..155, |_| 4_000);
    check(&snapshot(&mut segmenter));
    assert!(announced(&mut segmenter).peak * 5 < high.peak);
    publish(&mut segmenter, &source, 155..160, |_| 80_000);
    assert!(announced(&mut segmenter).peak > high.peak, "a new peak is told at once");
}

#[test]
fn another_configuration_is_measured_anew() {
    let source = Source::default();
    let mut segmenter = segmenter(&source, 20_000);
    publish(&mut segmenter, &source, 0..40, |_| 40_000);
    segmenter.head(program(source.tracks(41)), Boundary::Config, wall(40_000));
    publish(&mut segmenter, &source, 40..46, |_| 4_000);
    let rate = snapshot(&mut segmenter).tracks[0].rate;
    assert_eq!((rate.peak, rate.average), (2_500_000, 2_000_000), "what the publisher declares, with a margin");
    publish(&mut segmenter, &source, 46..75, |_| 4_000);
    let rate = snapshot(&mut segmenter).tracks[0].rate;
    assert!(near(rate.average, 30.0 * 4_000.0 * 8.0), "{rate:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn announced_rates_are_those_of_what_is_listed(
        sizes in proptest::collection::vec(200..20_000_usize, 30),
        gops in proptest::collection::vec(10..90_usize, 1..5),
        seconds in 40..100_i64,
    ) {
        let source = Source { gops, ..Source::default() };
        let mut segmenter = segmenter(&source, 60_000);
        publish(&mut segmenter, &source, 0..seconds, |second| sizes[second as usize % sizes.len()]);
        check(&snapshot(&mut segmenter));
    }
}
