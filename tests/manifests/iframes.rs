//! I-frame playlists: each entry is a fragment that is whole, and time has neither holes nor overlaps.

use std::collections::BTreeMap;
use std::sync::Arc;

use sluicegate::hls;
use sluicegate::media::{Kind, Span, Timestamp, TrackId};
use sluicegate::segment::options::Options;
use sluicegate::segment::request::Request;
use sluicegate::segment::segmenter::{Boundary, Segmenter};
use sluicegate::segment::snapshot::{MediaSequence, Phase, Snapshot};

use super::boxes;
use super::source::{Source, program, wall};

/// One entry of an I-frame playlist.
#[derive(Clone, PartialEq, Debug)]
struct Entry {
    uri: String,
    /// Length and offset; `None` for a gap.
    range: Option<(u64, u64)>,
    micros: i64,
    wall: i64,
    discontinuity: bool,
}

/// A viewer that scrubs, and remembers what it was told.
#[derive(Default)]
pub struct Scrubber {
    entries: BTreeMap<(TrackId, u64), Entry>,
    first: BTreeMap<TrackId, u64>,
}

impl Scrubber {
    pub fn look(&mut self, snapshot: &Snapshot) {
        for track in (0..8).map(|index| TrackId { kind: Kind::Video, index }).filter(|track| snapshot.has_track(*track)) {
            self.scrub(snapshot, track);
        }
    }

    fn scrub(&mut self, snapshot: &Snapshot, track: TrackId) {
        let text = hls::iframes(snapshot, track, "").unwrap();
        let list = m3u8_rs::parse_media_playlist_res(text.as_bytes()).unwrap();
        assert!(list.i_frames_only && list.version == Some(5));
        assert_eq!(list.target_duration, u64::from(snapshot.target_duration), "the same in all playlists of a live stream");
        assert_eq!(list.discontinuity_sequence, snapshot.discontinuity_sequence);
        assert_eq!(list.end_list, snapshot.phase == Phase::Ended);
        let before = self.first.insert(track, list.media_sequence);
        assert!(before.is_none_or(|before| before <= list.media_sequence), "numbers never run back");
        let entries = entries(&list);
        for (number, entry) in (list.media_sequence..).zip(&entries) {
            let known = self.entries.entry((track, number)).or_insert_with(|| entry.clone());
            assert_eq!(known, entry, "a number never means something else");
            assert!((entry.micros + 500_000) / 1_000_000 <= i64::from(snapshot.target_duration), "{entry:?}");
            check_entry(snapshot, track, entry);
        }
        check_slots(snapshot, track, &entries);
    }
}

fn entries(list: &m3u8_rs::MediaPlaylist) -> Vec<Entry> {
    let entry = |segment: &m3u8_rs::MediaSegment| {
        let gap = segment.unknown_tags.iter().any(|tag| tag.tag == "X-GAP");
        let range = segment.byte_range.as_ref().map(|range| (range.length, range.offset.expect("each range says where it begins")));
        assert_eq!(gap, range.is_none(), "a picture is a range, and a gap is not");
        Entry {
            uri: segment.uri.clone(),
            range,
            micros: (f64::from(segment.duration) * 1e6).round() as i64,
            wall: segment.program_date_time.expect("each entry has its date").timestamp_millis(),
            discontinuity: segment.discontinuity,
        }
    };
    list.segments.iter().map(entry).collect()
}

fn msn(uri: &str) -> MediaSequence {
    let Ok(Request::Segment { msn, .. }) = Request::parse(uri) else { panic!("{uri} is no segment") };
    msn
}

/// A picture is one fragment with one sample, at which a decoder can start, and it is presented at the entry's date.
fn check_entry(snapshot: &Snapshot, track: TrackId, entry: &Entry) {
    let Some((length, offset)) = entry.range else { return };
    let file = boxes::file(&snapshot.media(&Request::parse(&entry.uri).unwrap()).unwrap());
    let range = &file[offset as usize..(offset + length) as usize];
    let [picture] = boxes::samples(range).try_into().expect("one picture in the range");
    assert!(picture.is_sync && !picture.data.is_empty());
    let slot = snapshot.slot(msn(&entry.uri)).unwrap();
    let segment = slot.segment(track).unwrap();
    let shown = Timestamp::new(picture.decode_time + picture.offset, segment.start.scale());
    let date = slot.wall_of(track).plus(shown.since(segment.start));
    assert_eq!(entry.wall, date.unix_millis(), "its date is that of the picture");
}

/// The entries of a slot begin with it and fill it.
fn check_slots(snapshot: &Snapshot, track: TrackId, entries: &[Entry]) {
    let by_slot: Vec<_> = entries.chunk_by(|one, other| one.uri == other.uri).collect();
    assert_eq!(by_slot.len(), snapshot.slots.len());
    for (entries, slot) in by_slot.iter().zip(&snapshot.slots) {
        assert_eq!(msn(&entries[0].uri), slot.msn);
        assert_eq!(entries[0].wall, slot.wall_of(track).unix_millis());
        assert!(entries[1..].iter().all(|entry| !entry.discontinuity) && entries[0].discontinuity == slot.discontinuity);
        let segment = slot.segment(track);
        let whole = segment.map_or(slot.duration, |segment| segment.span()).nanos() / 1_000;
        let sum: i64 = entries.iter().map(|entry| entry.micros).sum();
        assert!((sum - whole).abs() <= 10 + entries.len() as i64, "{sum} of {whole} in {entries:?}");
        assert!(segment.is_none_or(|segment| segment.independent == entries[0].range.is_some()), "shown from its beginning, if at all");
    }
}

fn segmenter(source: &Source) -> Segmenter {
    Segmenter::new(Options::default(), program(source.tracks(31))).0
}

fn publish(segmenter: &mut Segmenter, source: &Source, from: i64, to: i64, late: i64) {
    source.samples(from, to).into_iter().for_each(|(arrival, sample)| segmenter.push(sample, wall(arrival + late)));
}

fn played(source: &Source, to: i64) -> Arc<Snapshot> {
    let mut segmenter = segmenter(source);
    publish(&mut segmenter, source, 0, to, 100);
    segmenter.snapshot().unwrap()
}

/// Entries of each slot that are pictures, and that are gaps.
fn counts(snapshot: &Snapshot) -> Vec<(usize, usize)> {
    let list = m3u8_rs::parse_media_playlist_res(hls::iframes(snapshot, TrackId::VIDEO, "").unwrap().as_bytes()).unwrap();
    let entries = entries(&list);
    let slots = entries.chunk_by(|one, other| one.uri == other.uri);
    slots.map(|slot| (slot.iter().filter(|entry| entry.range.is_some()).count(), slot.len())).map(|(p, all)| (p, all - p)).collect()
}

#[test]
fn an_iframe_playlist_as_it_goes_out() {
    let source = Source { b_frames: 2, size: 1_000, ..Source::default() };
    let mut segmenter = segmenter(&source);
    publish(&mut segmenter, &source, 0, 4_500, 100);
    segmenter.away(wall(4_600));
    segmenter.tick(wall(6_600));
    segmenter.head(program(source.tracks(41)), Boundary::Break, wall(7_000));
    publish(&mut segmenter, &source, 4_500, 6_500, 2_600);
    segmenter.end(wall(9_300));
    let snapshot = segmenter.snapshot().unwrap();
    Scrubber::default().look(&snapshot);
    insta::assert_snapshot!(hls::iframes(&snapshot, TrackId::VIDEO, "token=abc&_HLS_msn=7").unwrap(), @r#"
    #EXTM3U
    #EXT-X-VERSION:5
    #EXT-X-TARGETDURATION:2
    #EXT-X-MEDIA-SEQUENCE:1790000000
    #EXT-X-DISCONTINUITY-SEQUENCE:0
    #EXT-X-I-FRAMES-ONLY
    #EXT-X-MAP:URI="v0-1790000000000-i1.mp4?token=abc",BYTERANGE="675@0"
    #EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:20.153Z
    #EXTINF:2.000000,
    #EXT-X-BYTERANGE:1172@0
    v0-1790000000000-1790000000.m4s?token=abc
    #EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:22.153Z
    #EXTINF:2.000000,
    #EXT-X-BYTERANGE:1172@0
    v0-1790000000000-1790000001.m4s?token=abc
    #EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:24.153Z
    #EXTINF:0.499000,
    #EXT-X-BYTERANGE:1172@0
    v0-1790000000000-1790000002.m4s?token=abc
    #EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:24.652Z
    #EXT-X-GAP
    #EXTINF:2.000000,
    v0-1790000000000-1790000003.m4s?token=abc
    #EXT-X-DISCONTINUITY
    #EXT-X-MAP:URI="v0-1790000000000-i2.mp4?token=abc",BYTERANGE="675@0"
    #EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:27.100Z
    #EXTINF:1.999000,
    #EXT-X-BYTERANGE:1172@0
    v0-1790000000000-1790000004-i2.m4s?token=abc
    #EXT-X-ENDLIST
    "#);
    assert_eq!(hls::iframes(&snapshot, TrackId { kind: Kind::Video, index: 1 }, ""), None);
}

#[test]
fn every_keyframe_counts_but_for_those_that_follow_too_soon() {
    let of_gop = |gop| counts(&played(&Source { gops: vec![gop], ..Source::default() }, 8_100));
    assert_eq!(of_gop(60), [(1, 0); 4], "one in two seconds");
    assert_eq!(of_gop(15), [(4, 0); 4], "one in half a second");
    assert_eq!(of_gop(10), [(3, 0); 4], "every second one of three in a second");
    assert_eq!(of_gop(1), [(4, 0); 4], "two of thirty in a second");
}

#[test]
fn a_segment_that_begins_within_a_gop_is_a_gap_for_scrubbing() {
    let snapshot = played(&Source { gops: vec![60, 60, 300, 60, 60], ..Source::default() }, 18_100);
    let (picture, gap) = ((1, 0), (0, 1));
    assert_eq!(counts(&snapshot), [picture, picture, picture, gap, gap, gap, gap, picture, picture]);
    Scrubber::default().look(&snapshot);
}

#[test]
fn what_the_pictures_take_is_measured_apart() {
    let source = Source { size: 10_000, ..Source::default() };
    let snapshot = played(&source, 40_500);
    let (status, around) = (&snapshot.tracks[0], 10_150..10_182);
    // A picture of ten thousand bytes every two seconds, with its boxes.
    assert!(around.contains(&(status.iframe_rate.average / 4)), "{:?}", status.iframe_rate);
    assert_eq!(status.iframe_rate.average, status.iframe_rate.peak);
    assert!(status.rate.average > 30 * 10_000 * 8);
}

#[test]
fn the_numbers_go_on_when_only_gaps_are_left() {
    let source = Source { gops: vec![15], ..Source::default() };
    let mut segmenter = segmenter(&source);
    let mut scrubber = Scrubber::default();
    publish(&mut segmenter, &source, 0, 6_000, 0);
    segmenter.away(wall(6_050));
    for now in (6_050..60_000).step_by(500) {
        segmenter.tick(wall(now));
        segmenter.snapshot().inspect(|snapshot| scrubber.look(snapshot));
    }
    let snapshot = segmenter.snapshot().unwrap();
    assert!(snapshot.slots.iter().all(|slot| slot.segments.is_empty()));
    // Three segments of four pictures had three numbers more each than their own.
    let text = hls::iframes(&snapshot, TrackId::VIDEO, "").unwrap();
    assert!(text.contains(&format!("\n#EXT-X-MEDIA-SEQUENCE:{}\n", snapshot.first().0 + 9)), "{text}");
    assert!(snapshot.slots.iter().all(|slot| slot.duration <= Span::from_secs(2)));
}
