//! Several video tracks of one stream, made by the encoder: they are cut together, or leave.

use std::sync::Arc;

use sluicegate::media::{Codec, Kind, Sample, Selection, Span, Track, TrackId};
use sluicegate::segment::options::Options;
use sluicegate::segment::segmenter::{Boundary, Segmenter};
use sluicegate::segment::snapshot::Snapshot;
use sluicegate::{dash, hls};

use super::source::{Source, audio, program, video, wall};

/// A video track of the ladder: its pictures, and how much later than the others' they are decoded and shown.
#[derive(Clone)]
struct Rung {
    source: Source,
    shift: i64,
}

const fn v(index: u8) -> TrackId {
    TrackId { kind: Kind::Video, index }
}

fn rung(frames_per_second: i64, gop: usize) -> Rung {
    Rung { source: Source { frames_per_second, gops: vec![gop], sample_rate: None, ..Source::default() }, shift: 0 }
}

/// The sizes of the rungs; the leading one is in the middle.
const SIZES: [(u32, u32); 3] = [(1280, 720), (854, 480), (1920, 1080)];

fn tracks(rungs: usize) -> Vec<Track> {
    let rungs = (0..rungs).map(|index| {
        let mut track = Track { id: v(index as u8), ..video(31) };
        if let Codec::Avc(config) = &mut track.codec {
            (config.shape.width, config.shape.height) = SIZES[index];
        }
        track
    });
    rungs.chain([audio(48_000)]).collect()
}

/// All samples of `from..to` milliseconds in order of arrival.
fn samples(rungs: &[Rung], from: i64, to: i64) -> Vec<(i64, Sample)> {
    let sound = Source { gops: Vec::new(), ..Source::default() };
    let mut all = sound.samples(from, to);
    for (index, rung) in rungs.iter().enumerate() {
        all.extend(rung.source.samples(from, to - rung.shift).into_iter().map(|(arrival, sample)| {
            let dts = sample.dts.plus(Span::from_millis(rung.shift));
            (arrival + rung.shift, Sample { track: v(index as u8), dts, ..sample })
        }));
    }
    all.sort_by_key(|(arrival, sample)| (*arrival, sample.track));
    all
}

fn push(segmenter: &mut Segmenter, samples: impl IntoIterator<Item = (i64, Sample)>) {
    for (arrival, sample) in samples {
        segmenter.push(sample, wall(arrival + 100));
    }
}

fn played(rungs: &[Rung], to: i64) -> (Segmenter, Arc<Snapshot>) {
    let (mut segmenter, refused) = Segmenter::new(Options::default(), program(tracks(rungs.len())));
    assert!(refused.is_empty());
    push(&mut segmenter, samples(rungs, 0, to));
    let snapshot = segmenter.snapshot().unwrap();
    (segmenter, snapshot)
}

/// Where the segments of a track begin beside their cuts, in milliseconds, and whether a decoder can start there.
fn starts(snapshot: &Snapshot, track: TrackId) -> Vec<Option<(i64, bool)>> {
    let segment = |slot: &Arc<_>| -> Option<(i64, bool)> {
        let slot: &sluicegate::segment::snapshot::Slot = slot;
        slot.segment(track).map(|segment| (segment.start.since(slot.start).millis(), segment.independent))
    };
    snapshot.slots.iter().map(segment).collect()
}

fn assert_aligned(rungs: &[Rung], cuts: &[i64]) {
    let (segmenter, snapshot) = played(rungs, 20_500);
    let lengths: Vec<i64> = snapshot.slots.iter().map(|slot| slot.duration.millis()).collect();
    assert_eq!(lengths, cuts);
    for index in 0..rungs.len() as u8 {
        assert!(starts(&snapshot, v(index)).into_iter().all(|start| start == Some((0, true))), "v{index}");
    }
    assert!(snapshot.independent && segmenter.misaligned().is_empty());
    assert_eq!((snapshot.counters.dropped_samples, snapshot.counters.track_gaps), (0, 0));
}

#[test]
fn a_ladder_is_cut_at_the_same_presentation_times() {
    assert_aligned(&[rung(30, 60), rung(30, 60), rung(30, 60)], &[2_000; 10]);
}

#[test]
fn half_the_frame_rate_is_cut_with_the_full_one() {
    assert_aligned(&[rung(60, 120), rung(30, 60)], &[2_000; 10]);
    assert_aligned(&[rung(30, 60), rung(60, 120)], &[2_000; 10]);
}

#[test]
fn more_keyframes_than_cuts_do_no_harm() {
    assert_aligned(&[rung(30, 60), rung(30, 15), rung(30, 1)], &[2_000; 10]);
}

#[test]
fn a_rung_without_b_frames_stands_beside_one_with_them() {
    // As an encoder sends them: what is shown together is sent with one presentation time, so the one without is decoded later.
    let with = Rung { source: Source { b_frames: 2, ..rung(30, 60).source }, shift: 0 };
    let without = Rung { shift: 33, ..rung(30, 60) };
    for rungs in [[with.clone(), without.clone()], [without, with]] {
        let (segmenter, snapshot) = played(&rungs, 12_500);
        assert!(segmenter.misaligned().is_empty());
        for index in [0, 1] {
            let starts = starts(&snapshot, v(index));
            assert!(starts.iter().all(|start| start.is_some_and(|(apart, is_sync)| is_sync && apart.abs() <= 1)), "v{index}: {starts:?}");
        }
    }
}

#[test]
fn a_keyframe_a_frame_beside_the_cut_still_begins_the_segment() {
    for shift in [1, 20, 34] {
        let (segmenter, snapshot) = played(&[rung(30, 60), Rung { shift, ..rung(30, 60) }], 12_500);
        assert!(segmenter.misaligned().is_empty());
        assert!(starts(&snapshot, v(1)).iter().all(|start| *start == Some((shift, true))), "{shift}");
        // And before it, with the tracks exchanged.
        let (segmenter, snapshot) = played(&[Rung { shift, ..rung(30, 60) }, rung(30, 60)], 12_500);
        assert!(segmenter.misaligned().is_empty());
        let starts = starts(&snapshot, v(1));
        assert!(
            starts.iter().all(|start| start.is_some_and(|(apart, is_sync)| is_sync && (apart + shift).abs() <= 1)),
            "{shift}: {starts:?}"
        );
    }
}

#[test]
fn a_track_whose_keyframes_miss_three_cuts_leaves_and_the_others_do_not_notice() {
    let rungs = [rung(30, 60), Rung { shift: 1_000, ..rung(30, 60) }, rung(30, 60)];
    let (mut segmenter, before) = played(&rungs, 5_900);
    assert_eq!(before.tracks.len(), 4, "two misses are forgiven");
    push(&mut segmenter, samples(&rungs, 0, 20_500).into_iter().filter(|(arrival, _)| *arrival >= 5_900));
    let snapshot = segmenter.snapshot().unwrap();
    assert_eq!(segmenter.misaligned().iter().collect::<Vec<_>>(), [&v(1)]);
    assert_eq!(snapshot.counters.misaligned_tracks, 1);
    assert_eq!(snapshot.tracks.iter().map(|status| status.track.id).collect::<Vec<_>>(), [v(0), v(2), TrackId::AUDIO]);
    assert!(starts(&snapshot, v(1))[..3].iter().all(Option::is_some), "what it had can still be played");
    assert!(starts(&snapshot, v(1))[3..].iter().all(Option::is_none));
    for track in [v(0), v(2)] {
        assert!(starts(&snapshot, track).iter().all(|start| *start == Some((0, true))));
    }
    assert!(snapshot.slots.iter().all(|slot| !slot.discontinuity));
    assert!(snapshot.independent, "the tracks that stay can be joined anywhere");
    let list = m3u8_rs::parse_master_playlist_res(hls::multivariant(&snapshot, "").as_bytes()).unwrap();
    let variants = list.variants.iter().map(|variant| variant.uri.as_str());
    assert_eq!(variants.collect::<Vec<_>>(), ["v0.m3u8", "v2.m3u8", "v0-iframes.m3u8", "v2-iframes.m3u8"]);
    let mpd = dash_mpd_core::parse(&dash::manifest(&snapshot, "/time", "")).unwrap();
    let sizes: Vec<_> = mpd.periods.iter().map(|period| period.adaptations[0].representations.len()).collect();
    assert_eq!(sizes, [3, 2]);
    assert_eq!(mpd.periods[1].start.unwrap(), mpd.periods[0].start.unwrap() + std::time::Duration::from_secs(6), "no hole between them");
}

#[test]
fn a_track_that_left_comes_back_only_with_a_new_publication() {
    let rungs = [rung(30, 60), Rung { shift: 1_000, ..rung(30, 60) }];
    let (mut segmenter, _) = played(&rungs, 10_000);
    let has = |segmenter: &mut Segmenter| segmenter.snapshot().unwrap().tracks.iter().any(|status| status.track.id == v(1));
    for boundary in [Boundary::Config, Boundary::Loss, Boundary::Jump] {
        segmenter.head(program(tracks(2)), boundary, wall(10_000));
        assert!(!has(&mut segmenter), "{boundary:?}");
    }
    segmenter.head(program(tracks(2)), Boundary::Break, wall(10_000));
    assert!(has(&mut segmenter));
    assert!(segmenter.misaligned().is_empty());
}

#[test]
fn one_slip_is_forgiven_when_the_next_keyframes_meet_again() {
    let mut slipping = rung(30, 60);
    slipping.source.gops = vec![60, 75, 45, 60, 60, 90, 60, 30];
    let (segmenter, snapshot) = played(&[rung(30, 60), slipping], 16_500);
    assert!(segmenter.misaligned().is_empty());
    let syncs: Vec<bool> = starts(&snapshot, v(1)).into_iter().map(|start| start.unwrap().1).collect();
    assert_eq!(syncs, [true, true, false, true, true, true, false, false]);
}

#[test]
fn a_following_track_that_stops_has_gaps_and_comes_back() {
    let rungs = [rung(30, 60), rung(30, 60)];
    let (mut segmenter, _) = played(&rungs, 6_000);
    let is_away = |(arrival, sample): &(i64, Sample)| (6_000..14_000).contains(arrival) && sample.track == v(1);
    push(&mut segmenter, samples(&rungs, 0, 20_500).into_iter().filter(|(arrival, _)| *arrival >= 6_000).filter(|sample| !is_away(sample)));
    let snapshot = segmenter.snapshot().unwrap();
    let there: Vec<bool> = starts(&snapshot, v(1)).iter().map(Option::is_some).collect();
    assert_eq!(there, [true, true, true, false, false, false, false, true, true, true]);
    assert!(starts(&snapshot, v(0)).iter().all(|start| *start == Some((0, true))));
    assert!(snapshot.slots.iter().all(|slot| !slot.discontinuity));
    assert!(segmenter.misaligned().is_empty(), "silence is no misalignment");
}

#[test]
fn when_the_leading_track_stops_the_next_one_leads() {
    let rungs = [rung(30, 60), rung(30, 60)];
    let (mut segmenter, _) = played(&rungs, 6_000);
    let rest = samples(&rungs, 0, 24_500).into_iter().filter(|(arrival, sample)| *arrival >= 6_000 && sample.track != v(0));
    push(&mut segmenter, rest);
    let snapshot = segmenter.snapshot().unwrap();
    let last = snapshot.slots.last().unwrap();
    assert!(last.segment(v(0)).is_none() && last.segment(v(1)).is_some() && last.segment(TrackId::AUDIO).is_some());
    assert_eq!(starts(&snapshot, v(1)).last(), Some(&Some((0, true))), "cut by its own keyframes");
    assert_eq!(snapshot.slots.iter().filter(|slot| slot.discontinuity).count(), 1);
}

#[test]
fn a_word_about_a_track_that_its_init_segment_does_not_hold_interrupts_nothing() {
    let rungs = [rung(30, 60)];
    let (mut segmenter, _) = played(&rungs, 6_000);
    let mut told = tracks(1);
    told[1].name = Some("Deutsch".to_owned());
    segmenter.head(program(told), Boundary::Config, wall(6_000));
    push(&mut segmenter, samples(&rungs, 0, 12_500).into_iter().filter(|(arrival, _)| *arrival >= 6_000));
    let snapshot = segmenter.snapshot().unwrap();
    assert!(hls::multivariant(&snapshot, "").contains("NAME=\"Deutsch\""));
    assert!(snapshot.slots.iter().all(|slot| !slot.discontinuity && slot.segments.iter().all(|segment| segment.init.generation == 1)));
}

#[test]
fn a_name_full_of_control_characters_leaves_the_manifest_well_formed() {
    let mut told = tracks(1);
    told[1].name = Some("\0Sa\u{b}al\u{FFFF} & <1>".to_owned());
    let (mut segmenter, _) = Segmenter::new(Options::default(), program(told));
    push(&mut segmenter, samples(&[rung(30, 60)], 0, 4_500));
    let text = dash::manifest(&segmenter.snapshot().unwrap(), "/time", "");
    // XML 1.0 §2.2, Char: a conforming parser refuses the whole document for any other.
    let is_char = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..);
    assert_eq!(text.chars().find(|c| !is_char(*c)), None);
    let mut reader = quick_xml::Reader::from_str(&text);
    let mut labels = Vec::new();
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Start(start) if start.name().as_ref() == "Label" => {
                labels.push(reader.read_text(start.name()).unwrap().to_string());
            }
            quick_xml::events::Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(labels, ["Saal &amp; &lt;1&gt;"]);
}

#[test]
fn tracks_that_come_late_or_go_do_not_interrupt_the_others() {
    let rungs = [rung(30, 60), rung(30, 60)];
    let (mut segmenter, refused) = Segmenter::new(Options::default(), program(tracks(1)));
    assert!(refused.is_empty());
    let all = samples(&rungs, 0, 20_500);
    let between = |from: i64, to: i64| all.iter().filter(move |(arrival, _)| (from..to).contains(arrival)).cloned();
    push(&mut segmenter, between(0, 5_000).filter(|(_, sample)| sample.track != v(1)));
    segmenter.head(program(tracks(2)), Boundary::Config, wall(5_100));
    push(&mut segmenter, between(5_000, 12_500));
    segmenter.head(program(tracks(1)), Boundary::Config, wall(12_600));
    push(&mut segmenter, between(12_500, 20_500));
    let snapshot = segmenter.snapshot().unwrap();
    assert!(snapshot.slots.iter().all(|slot| !slot.discontinuity));
    assert!(starts(&snapshot, v(0)).iter().all(|start| *start == Some((0, true))));
    let there: Vec<bool> = starts(&snapshot, v(1)).iter().map(Option::is_some).collect();
    assert_eq!(there, [false, false, false, true, true, true, true, false, false, false], "from its first whole segment on");
}

#[test]
fn a_list_of_chosen_tracks_is_the_same_presentation_with_less_in_it() {
    let (_, snapshot) = played(&[rung(30, 60), rung(60, 120)], 8_500);
    let only = |text: &str| snapshot.only(Selection::parse(text).unwrap());
    let uris = |snapshot: &Snapshot| {
        let list = m3u8_rs::parse_master_playlist_res(hls::multivariant(snapshot, "").as_bytes()).unwrap();
        let sound = list.alternatives.into_iter().filter_map(|media| media.uri);
        list.variants.into_iter().filter(|variant| !variant.is_i_frame).map(|variant| variant.uri).chain(sound).collect::<Vec<_>>()
    };
    let ids = |snapshot: &Snapshot| {
        let mpd = dash_mpd_core::parse(&dash::manifest(snapshot, "/time", "")).unwrap();
        let sets = mpd.periods.iter().flat_map(|period| &period.adaptations);
        sets.flat_map(|set| &set.representations).map(|one| one.id.clone().unwrap()).collect::<Vec<_>>()
    };
    let one = only("v1").unwrap();
    assert_eq!((uris(&one), ids(&one)), (vec!["v1.m3u8".into(), "a0.m3u8".into()], vec!["v1".into(), "a0".into()]));
    let pictures = only("noaudio").unwrap();
    assert_eq!((uris(&pictures), ids(&pictures)), (vec!["v0.m3u8".into(), "v1.m3u8".into()], vec!["v0".into(), "v1".into()]));
    let sound = only("novideo,a0").unwrap();
    assert_eq!((uris(&sound), ids(&sound)), (vec!["a0.m3u8".into()], vec!["a0".into()]));
    assert_eq!(only("all").as_ref(), Some(&*snapshot));
    assert_eq!(only("v2"), None, "what was asked for is not replaced by something else");
}

#[test]
fn a_ladder_with_two_languages_as_it_goes_out() {
    let mut all = tracks(3);
    all[3].language = Some("en".to_owned());
    all.push(Track {
        id: TrackId { kind: Kind::Audio, index: 1 },
        language: Some("de".to_owned()),
        name: Some("Deutsch <1>".to_owned()),
        ..audio(48_000)
    });
    let (mut segmenter, refused) = Segmenter::new(Options::default(), program(all));
    assert!(refused.is_empty());
    let sized = |size| Rung { source: Source { size, ..rung(30, 60).source }, shift: 0 };
    let mut samples = samples(&[sized(200), sized(100), sized(400)], 0, 4_500);
    let second: Vec<_> = samples.iter().filter(|(_, sample)| sample.track == TrackId::AUDIO).cloned().collect();
    samples.extend(second.into_iter().map(|(at, sample)| (at, Sample { track: TrackId { kind: Kind::Audio, index: 1 }, ..sample })));
    samples.sort_by_key(|(arrival, sample)| (*arrival, sample.track));
    push(&mut segmenter, samples);
    let snapshot = segmenter.snapshot().unwrap();
    insta::assert_snapshot!(hls::multivariant(&snapshot, ""), @r#"
    #EXTM3U
    #EXT-X-VERSION:6
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio-0",NAME="en",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="a0.m3u8"
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio-0",NAME="Deutsch <1>",LANGUAGE="de",DEFAULT=NO,AUTOSELECT=YES,CHANNELS="2",URI="a1.m3u8"
    #EXT-X-STREAM-INF:BANDWIDTH=2660000,AVERAGE-BANDWIDTH=2128000,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=30.000,AUDIO="audio-0",CLOSED-CAPTIONS=NONE
    v0.m3u8
    #EXT-X-STREAM-INF:BANDWIDTH=287000,AVERAGE-BANDWIDTH=229600,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1920x1080,FRAME-RATE=30.000,AUDIO="audio-0",CLOSED-CAPTIONS=NONE
    v2.m3u8
    #EXT-X-STREAM-INF:BANDWIDTH=197000,AVERAGE-BANDWIDTH=157600,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=854x480,FRAME-RATE=30.000,AUDIO="audio-0",CLOSED-CAPTIONS=NONE
    v1.m3u8
    #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1840,AVERAGE-BANDWIDTH=1472,CODECS="avc1.64001f",RESOLUTION=1280x720,URI="v0-iframes.m3u8"
    #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=2840,AVERAGE-BANDWIDTH=2272,CODECS="avc1.64001f",RESOLUTION=1920x1080,URI="v2-iframes.m3u8"
    #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1340,AVERAGE-BANDWIDTH=1072,CODECS="avc1.64001f",RESOLUTION=854x480,URI="v1-iframes.m3u8"
    "#);
    insta::assert_snapshot!(dash::manifest(&snapshot, "/time", ""), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019" type="dynamic" availabilityStartTime="1970-01-01T00:00:00.000Z" publishTime="2026-09-21T14:13:24.112Z" minimumUpdatePeriod="PT1S" timeShiftBufferDepth="PT20S" suggestedPresentationDelay="PT1.17S" minBufferTime="PT0.334S" maxSegmentDuration="PT2.5S">
     <ServiceDescription id="0">
      <Latency target="1181" min="888" max="4691" referenceId="1"/>
      <PlaybackRate min="0.96" max="1.04"/>
     </ServiceDescription>
     <Period id="1790000000000-0" start="PT1790000000.111S">
      <AdaptationSet id="1" contentType="video" mimeType="video/mp4" segmentAlignment="true" startWithSAP="1">
       <InbandEventStream schemeIdUri="urn:scte:scte35:2013:bin" value="1"/>
       <InbandEventStream schemeIdUri="urn:sluicegate:cue:2026" value="1"/>
       <ProducerReferenceTime id="1" inband="true" type="encoder" wallClockTime="2026-09-21T14:13:20.100Z" presentationTime="0">
        <UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-iso:2014" value="/time"/>
       </ProducerReferenceTime>
       <Resync type="0" dT="30090"/>
       <Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>
       <Representation id="v0" bandwidth="2500000" codecs="avc1.64001f" width="1280" height="720" frameRate="30">
        <SegmentTemplate timescale="90000" presentationTimeOffset="0" startNumber="1790000000" initialization="v0-1790000000000-i1.mp4" media="v0-1790000000000-$Number$.m4s" availabilityTimeOffset="1.665" availabilityTimeComplete="false">
         <SegmentTimeline>
          <S t="0" d="180000" r="3"/>
         </SegmentTimeline>
        </SegmentTemplate>
       </Representation>
       <Representation id="v1" bandwidth="37000" codecs="avc1.64001f" width="854" height="480" frameRate="30">
        <SegmentTemplate timescale="90000" presentationTimeOffset="0" startNumber="1790000000" initialization="v1-1790000000000-i1.mp4" media="v1-1790000000000-$Number$.m4s" availabilityTimeOffset="1.665" availabilityTimeComplete="false">
         <SegmentTimeline>
          <S t="0" d="180000" r="3"/>
         </SegmentTimeline>
        </SegmentTemplate>
       </Representation>
       <Representation id="v2" bandwidth="127000" codecs="avc1.64001f" width="1920" height="1080" frameRate="30">
        <SegmentTemplate timescale="90000" presentationTimeOffset="0" startNumber="1790000000" initialization="v2-1790000000000-i1.mp4" media="v2-1790000000000-$Number$.m4s" availabilityTimeOffset="1.665" availabilityTimeComplete="false">
         <SegmentTimeline>
          <S t="0" d="180000" r="3"/>
         </SegmentTimeline>
        </SegmentTemplate>
       </Representation>
      </AdaptationSet>
      <AdaptationSet id="101" contentType="audio" mimeType="audio/mp4" segmentAlignment="true" startWithSAP="1" lang="en">
       <ProducerReferenceTime id="101" inband="true" type="encoder" wallClockTime="2026-09-21T14:13:20.100Z" presentationTime="0">
        <UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-iso:2014" value="/time"/>
       </ProducerReferenceTime>
       <Resync type="0" dT="16048"/>
       <Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>
       <Representation id="a0" bandwidth="160000" codecs="mp4a.40.2" audioSamplingRate="48000">
        <AudioChannelConfiguration schemeIdUri="urn:mpeg:mpegB:cicp:ChannelConfiguration" value="2"/>
        <SegmentTemplate timescale="48000" presentationTimeOffset="0" startNumber="1790000000" initialization="a0-1790000000000-i1.mp4" media="a0-1790000000000-$Number$.m4s" availabilityTimeOffset="1.649" availabilityTimeComplete="false">
         <SegmentTimeline>
          <S t="1024" d="95232"/>
          <S d="96256" r="1"/>
          <S d="95232"/>
         </SegmentTimeline>
        </SegmentTemplate>
       </Representation>
      </AdaptationSet>
      <AdaptationSet id="102" contentType="audio" mimeType="audio/mp4" segmentAlignment="true" startWithSAP="1" lang="de">
       <Label>Deutsch &lt;1&gt;</Label>
       <ProducerReferenceTime id="102" inband="true" type="encoder" wallClockTime="2026-09-21T14:13:20.100Z" presentationTime="0">
        <UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-iso:2014" value="/time"/>
       </ProducerReferenceTime>
       <Resync type="0" dT="16048"/>
       <Role schemeIdUri="urn:mpeg:dash:role:2011" value="alternate"/>
       <Representation id="a1" bandwidth="53690" codecs="mp4a.40.2" audioSamplingRate="48000">
        <AudioChannelConfiguration schemeIdUri="urn:mpeg:mpegB:cicp:ChannelConfiguration" value="2"/>
        <SegmentTemplate timescale="48000" presentationTimeOffset="0" startNumber="1790000000" initialization="a1-1790000000000-i1.mp4" media="a1-1790000000000-$Number$.m4s" availabilityTimeOffset="1.649" availabilityTimeComplete="false">
         <SegmentTimeline>
          <S t="1024" d="95232"/>
          <S d="96256" r="1"/>
          <S d="95232"/>
         </SegmentTimeline>
        </SegmentTemplate>
       </Representation>
      </AdaptationSet>
     </Period>
     <UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-iso:2014" value="/time"/>
     <UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-head:2014" value="/time"/>
    </MPD>
    "#);
}
