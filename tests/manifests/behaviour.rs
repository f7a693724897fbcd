//! What the segmenter does in the situations that happen.

use bytes::Bytes;
use sluicegate::media::{Captions, ColorInfo, Epoch, Kind, Span, Track, TrackId};
use sluicegate::segment::listing::{self, Edge};
use sluicegate::segment::options::Options;
use sluicegate::segment::request::Request;
use sluicegate::segment::segmenter::{Boundary, Segmenter};
use sluicegate::segment::snapshot::{MediaSequence, Part, Phase, Snapshot};
use sluicegate::{dash, hls};

use super::boxes;
use super::source::{EPOCH, Source, audio, program, video, wall};
use super::stage::Stage;

const FIRST: u64 = EPOCH as u64 / 1_000;

fn millis(snapshot: &Snapshot) -> Vec<i64> {
    snapshot.slots.iter().map(|slot| slot.duration.millis()).collect()
}

#[test]
fn nothing_is_announced_before_two_segments_exist() {
    let mut stage = Stage::new(Source::default());
    assert!(stage.play(0, 4_000, 0).segmenter.snapshot().is_none());
    let snapshot = stage.play(4_000, 4_100, 0).snapshot();
    assert_eq!((snapshot.slots.len(), snapshot.first(), snapshot.target_duration), (2, MediaSequence(FIRST), 2));
}

#[test]
fn a_gop_of_an_encoder_left_to_itself_is_enough_to_begin_with() {
    let mut stage = Stage::new(Source { gops: vec![250], ..Source::default() });
    assert!(stage.play(0, 8_300, 0).segmenter.snapshot().is_none());
    let snapshot = stage.play(8_300, 8_900, 0).snapshot();
    let edge = listing::edge(&snapshot, TrackId::VIDEO).unwrap();
    assert_eq!((snapshot.slots.len(), snapshot.target_duration, edge.open_parts), (1, 9, 1));
    assert_eq!(stage.play(8_900, 40_000, 0).snapshot().counters.forced_cuts, 0);
}

#[test]
fn a_stream_that_ends_early_shows_what_there_was() {
    let mut stage = Stage::new(Source::default());
    stage.play(0, 1_000, 0).segmenter.end(wall(1_100));
    let snapshot = stage.snapshot();
    assert_eq!((snapshot.slots.len(), snapshot.phase), (1, Phase::Ended));
}

#[test]
fn a_part_is_made_as_soon_as_another_frame_would_not_fit() {
    let mut stage = Stage::new(Source { sample_rate: None, ..Source::default() });
    let snapshot = stage.play(0, 4_350, 0).snapshot();
    // The eleventh frame of the segment tells how long the tenth lasts.
    assert_eq!(listing::edge(&snapshot, TrackId::VIDEO), Some(Edge { whole: MediaSequence(FIRST + 1), whole_parts: 6, open_parts: 1 }));
    let lengths: Vec<_> = snapshot.slots[0].segments[0].parts.iter().map(|part| (part.duration / 90, part.independent)).collect();
    assert_eq!(lengths, [(333, true), (333, false), (334, false), (333, false), (333, false), (334, false)]);
}

#[test]
fn the_bytes_of_a_part_stay_where_they_are_when_its_segment_is_whole_and_when_it_has_lost_its_parts() {
    let mut stage = Stage::new(Source::default());
    let begun = stage.play(0, 5_900, 0).snapshot();
    let open = begun.open.iter().find(|open| open.track() == TrackId::VIDEO && open.parts().len() == 5).unwrap();
    for (from, to, parts) in [(5_900, 7_000, 6), (7_000, 30_000, 0)] {
        let snapshot = stage.play(from, to, 0).snapshot();
        let segment = snapshot.segment(TrackId::VIDEO, open.msn).unwrap();
        let pieces = segment.body.in_memory().unwrap().as_slice();
        assert_eq!((pieces.len(), segment.parts.len()), (6, parts));
        let places = |pieces: &[Bytes]| pieces.iter().map(|piece| piece.as_ptr_range()).collect::<Vec<_>>();
        let of_parts = |parts: &[Part]| places(&parts.iter().map(|part| part.bytes.clone()).collect::<Vec<_>>());
        assert_eq!(places(pieces)[..5], of_parts(open.parts()));
        assert!(segment.parts.is_empty() || places(pieces) == of_parts(&segment.parts));
    }
}

#[test]
fn files_are_found_by_name_and_only_in_their_presentation() {
    let mut stage = Stage::new(Source::default());
    let snapshot = stage.play(0, 4_500, 0).snapshot();
    let find = |name: &str| snapshot.media(&Request::parse(name).unwrap()).map(|body| boxes::file(&body));
    let name = |rest: &str| format!("v0-{EPOCH}-{rest}");
    let segment = find(&name(&format!("{FIRST}.m4s"))).unwrap();
    let parts: Vec<u8> = (0..6).flat_map(|part| find(&name(&format!("p{part}.m4s"))).unwrap()).collect();
    assert_eq!(parts, segment);
    assert!(find(&name("p12.m4s")).is_some(), "a part of the segment in progress");
    assert!(find(&name("i1.mp4")).is_some());
    assert_eq!(find(&name("i2.mp4")), None);
    assert_eq!(find(&name(&format!("{}.m4s", FIRST + 2))), None, "not complete yet");
    let other = Request::Segment { track: TrackId::VIDEO, epoch: Epoch(EPOCH as u64 + 1), generation: 1, msn: MediaSequence(FIRST) };
    assert_eq!(snapshot.media(&other), None);
}

#[test]
fn a_gop_longer_than_promised_is_cut_inside_and_counted() {
    let mut stage = Stage::new(Source { gops: vec![60, 60, 300, 60, 60], ..Source::default() });
    let snapshot = stage.play(0, 18_100, 0).snapshot();
    assert_eq!(millis(&snapshot), [2_000, 2_000, 2_366, 2_367, 2_367, 2_366, 534, 2_000, 2_000]);
    assert_eq!(snapshot.counters.forced_cuts, 4);
    assert!(!snapshot.independent);
    let independent: Vec<_> = snapshot.slots.iter().map(|slot| slot.segments[0].independent).collect();
    assert_eq!(independent, [true, true, true, false, false, false, false, true, true], "and returns to the keyframes");
}

#[test]
fn an_encoder_that_comes_back_with_b_frames_is_cut_by_its_own_delay() {
    let mut stage = Stage::new(Source::default());
    stage.play(0, 5_000, 0);
    stage.segmenter.head(program(stage.source.tracks(41)), Boundary::Break, wall(5_000));
    stage.source = Source { gops: vec![300], b_frames: 2, ..Source::default() };
    let snapshot = stage.play(5_000, 15_000, 0).snapshot();
    assert!(snapshot.counters.forced_cuts > 0, "keyframes are too far apart for segments to begin with one");
    for segment in snapshot.slots.iter().filter_map(|slot| slot.segment(TrackId::VIDEO)) {
        let parts: i64 = segment.parts.iter().map(|part| part.duration).sum();
        let apart = Span::from_ticks(segment.duration - parts, segment.start.scale()).abs();
        assert!(segment.parts.is_empty() || apart <= Span::from_millis(2), "a segment of {:?} in parts off by {apart:?}", segment.span());
    }
}

#[test]
fn irregular_keyframes_end_a_segment_before_it_would_grow_too_long() {
    let mut stage = Stage::new(Source { gops: vec![60, 60, 60, 45, 60, 35, 60], ..Source::default() });
    let snapshot = stage.play(0, 24_000, 0).snapshot();
    assert_eq!((snapshot.target_duration, snapshot.counters.forced_cuts), (2, 0));
    assert!(snapshot.independent);
}

#[test]
fn the_target_duration_holds_the_longest_gop_seen() {
    let mut stage = Stage::new(Source { gops: vec![250], ..Source::default() });
    let snapshot = stage.play(0, 17_000, 0).snapshot();
    assert_eq!((snapshot.target_duration, snapshot.counters.forced_cuts), (9, 0));
    assert_eq!(snapshot.window, Span::from_secs(54), "six segments");
}

#[test]
fn gaps_follow_on_time_while_the_publisher_is_away() {
    let mut stage = Stage::new(Source::default());
    stage.play(0, 6_000, 0).segmenter.away(wall(6_050));
    let mut last = (wall(6_050), stage.snapshot().slots.len());
    for now in (6_050..16_000).step_by(100) {
        stage.segmenter.tick(wall(now));
        let count = stage.snapshot().slots.len();
        if count > last.1 {
            assert_eq!(count, last.1 + 1);
            assert!(wall(now).since(last.0) <= Span::from_secs(3), "no later than one and a half target durations");
            last = (wall(now), count);
        }
    }
    assert!(wall(16_000).since(last.0) <= Span::from_secs(3));
    let before = stage.snapshot();
    assert_eq!(before.counters.gap_slots, before.slots.iter().filter(|slot| slot.segments.is_empty()).count() as u64);

    stage.segmenter.head(program(stage.source.tracks(31)), Boundary::Break, wall(17_000));
    let after = stage.play(6_000, 8_100, 11_000).snapshot();
    let first = after.slots.iter().find(|slot| slot.discontinuity).unwrap();
    assert_eq!(first.start, before.slots[2].start.plus(Span::from_secs(2)), "media time runs on");
    assert!(first.wall >= wall(17_000), "the wall clock has moved");
    assert_eq!(first.period.as_ref().unwrap().index, 1);
    assert_eq!(first.segments[0].init.generation, 1, "an equal configuration keeps its init segment");
}

#[test]
fn who_returns_within_half_a_second_leaves_no_gap() {
    for (away, gaps) in [(450, 0), (600, 1)] {
        let mut stage = Stage::new(Source::default());
        stage.play(0, 5_000, 0).segmenter.away(wall(5_000));
        stage.segmenter.head(program(stage.source.tracks(41)), Boundary::Break, wall(5_000 + away));
        let snapshot = stage.play(5_000, 7_100, away).snapshot();
        let first = snapshot.slots.iter().position(|slot| slot.discontinuity).unwrap();
        assert_eq!((snapshot.counters.gap_slots, first), (gaps, 3 + gaps as usize), "{away} ms");
        assert!(snapshot.slots[first].wall >= wall(5_000 + away), "the wall clock has moved");
    }
}

#[test]
fn a_changed_configuration_gets_a_new_init_segment_and_an_equal_one_changes_nothing() {
    let mut stage = Stage::new(Source::default());
    stage.play(0, 5_000, 0);
    stage.segmenter.head(program(stage.source.tracks(31)), Boundary::Config, wall(5_000));
    stage.play(5_000, 6_000, 0);
    stage.segmenter.head(program(stage.source.tracks(41)), Boundary::Config, wall(6_000));
    let snapshot = stage.play(6_000, 8_100, 0).snapshot();
    let slots: Vec<_> =
        snapshot.slots.iter().map(|slot| (slot.discontinuity, slot.segments.iter().map(|s| s.init.generation).collect())).collect();
    // The keyframe at five seconds comes too late to wait for another, so it ends the third segment; the new configuration the fourth.
    let before = (false, vec![1, 1]);
    assert_eq!(slots, [before.clone(), before.clone(), before.clone(), before, (true, vec![2, 1])]);
}

#[test]
fn captions_that_come_up_are_announced_and_interrupt_nothing() {
    let mut stage = Stage::new(Source::default());
    stage.play(0, 5_000, 0);
    assert!(hls::multivariant(&stage.snapshot(), "").contains(",CLOSED-CAPTIONS=NONE\n"));
    let captions = Captions { carried: true, fields: [true, false], services: 0 };
    let tracks = [Track { captions, ..video(31) }, audio(48_000)];
    stage.segmenter.head(program(tracks.into()), Boundary::Config, wall(5_000));
    let snapshot = stage.play(5_000, 8_100, 0).snapshot();
    assert!(snapshot.slots.iter().all(|slot| !slot.discontinuity && slot.segments[0].init.generation == 1));
    assert!(snapshot.slots.iter().all(|slot| slot.period.as_ref().is_some_and(|period| period.index == 0)));
    let playlist = hls::multivariant(&snapshot, "");
    let media = "#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID=\"captions\",NAME=\"CC1\",DEFAULT=NO,AUTOSELECT=YES,INSTREAM-ID=\"CC1\"\n";
    assert!(playlist.contains(media) && playlist.contains(",CLOSED-CAPTIONS=\"captions\"\n"), "{playlist}");
    let manifest = dash::manifest(&snapshot, "/time", "");
    assert!(manifest.contains(r#"<Accessibility schemeIdUri="urn:scte:dash:cc:cea-608:2015" value="CC1=und"/>"#), "{manifest}");
}

#[test]
fn captions_of_the_newer_standard_alone_need_a_later_version() {
    let announced = |captions| {
        let tracks = vec![Track { captions, ..video(31) }];
        let (mut segmenter, _) = Segmenter::new(Options::default(), program(tracks));
        let source = Source { sample_rate: None, ..Source::default() };
        source.samples(0, 6_500).into_iter().for_each(|(at, sample)| segmenter.push(sample, wall(at)));
        hls::multivariant(&segmenter.snapshot().unwrap(), "")
    };
    let services = announced(Captions { carried: true, fields: [false; 2], services: 0b11 });
    assert!(services.starts_with("#EXTM3U\n#EXT-X-VERSION:7\n") && services.contains("INSTREAM-ID=\"SERVICE2\""), "{services}");
    let room = announced(Captions { carried: true, ..Captions::default() });
    assert!(!room.contains("CLOSED-CAPTIONS"), "room for captions is no word on them: {room}");
}

#[test]
fn pictures_in_hdr_are_announced_as_such() {
    let track = Track { color: ColorInfo::new(9, 16, 9, false).with_depth(10), ..video(31) };
    let mut stage = Stage::new(Source::default());
    stage.segmenter = Segmenter::new(Options::default(), program(vec![track, audio(48_000)])).0;
    let snapshot = stage.play(0, 6_500, 0).snapshot();
    assert!(hls::multivariant(&snapshot, "").contains(",FRAME-RATE=30.000,VIDEO-RANGE=PQ,AUDIO="));
    let manifest = dash::manifest(&snapshot, "/time", "");
    let (primaries, transfer) = (r#"cicp:ColourPrimaries" value="9"/>"#, r#"cicp:TransferCharacteristics" value="16"/>"#);
    let at = |text: &str| manifest.find(text).unwrap_or_else(|| panic!("no {text} in {manifest}"));
    assert!(at(primaries) < at(transfer) && at(transfer) < at(r#"cicp:MatrixCoefficients" value="9"/>"#));
    assert!(at(r#"<SupplementalProperty schemeIdUri="urn:mpeg:mpegB:cicp:ColourPrimaries""#) < at("<Role"));
}

#[test]
fn sound_that_comes_later_joins_at_a_cut_and_interrupts_nothing() {
    let mut stage = Stage::new(Source::default());
    stage.segmenter.head(program(vec![video(31)]), Boundary::Config, wall(0));
    stage.play_only(0, 6_000, 0, &[Kind::Video]);
    assert_eq!(stage.snapshot().tracks.len(), 1);
    stage.segmenter.head(program(stage.source.tracks(31)), Boundary::Config, wall(6_000));
    let snapshot = stage.play(6_000, 8_100, 0).snapshot();
    assert_eq!(snapshot.tracks.len(), 2);
    assert!(snapshot.slots[2].segment(TrackId::AUDIO).is_none());
    assert!(snapshot.slots[3].segment(TrackId::AUDIO).is_some());
    assert!(snapshot.slots.iter().all(|slot| !slot.discontinuity));
}

#[test]
fn sound_leads_when_pictures_stop_and_follows_when_they_return() {
    let mut stage = Stage::new(Source::default());
    stage.play(0, 5_000, 0).play_only(5_000, 14_000, 0, &[Kind::Audio]);
    let snapshot = stage.snapshot();
    let last = snapshot.slots.last().unwrap();
    assert!(last.segment(TrackId::VIDEO).is_none() && last.segment(TrackId::AUDIO).is_some());
    assert_eq!(last.period.as_ref().unwrap().inits.len(), 1, "a period of sound alone");
    let snapshot = stage.play(14_000, 18_100, 0).snapshot();
    let last = snapshot.slots.last().unwrap();
    assert!(last.segment(TrackId::VIDEO).is_some() && last.segment(TrackId::AUDIO).is_some());
}

#[test]
fn pictures_do_not_wait_for_sound_that_stopped() {
    let mut stage = Stage::new(Source::default());
    let snapshot = stage.play(0, 5_000, 0).play_only(5_000, 16_050, 0, &[Kind::Video]).snapshot();
    assert_eq!(snapshot.slots.len(), 8);
    assert!(snapshot.slots[7].segment(TrackId::AUDIO).is_none());
}

#[test]
fn a_segment_exists_when_the_manifest_says_so() {
    let mut stage = Stage::new(Source { b_frames: 2, audio_late: 120, ..Source::default() });
    // The first is announced together with the second, as the options say.
    let mut known = MediaSequence(FIRST);
    for (arrival, sample) in stage.source.samples(0, 20_000) {
        stage.segmenter.push(sample, wall(arrival));
        let Some(snapshot) = stage.segmenter.snapshot() else { continue };
        for slot in snapshot.slots.iter().filter(|slot| slot.msn > known) {
            let early = wall(arrival).since(slot.wall_end());
            assert!(early <= Span::from_millis(40), "available no more than a frame before it exists: {early:?} {:?}", slot.msn);
        }
        known = snapshot.slots.last().unwrap().msn;
    }
    assert_eq!(known, MediaSequence(FIRST + 8));
}
