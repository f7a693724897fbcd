//! Manifests whose addresses hold times.

use sluicegate::dash;
use sluicegate::media::{Kind, TrackId};
use sluicegate::segment::request::{Addressing, Request};
use sluicegate::segment::segmenter::Boundary;
use sluicegate::segment::snapshot::{MediaSequence, Named, Phase, Snapshot};

use super::source::{Source, program, wall};
use super::stage::Stage;

fn manifest(snapshot: &Snapshot) -> String {
    dash::manifest_by(snapshot, Addressing::Time, "/time", "")
}

/// The times that a manifest tells of, by track, as its addresses hold them.
fn told(manifest: &str) -> Vec<(TrackId, i64)> {
    let mpd = dash_mpd_core::parse(manifest).unwrap();
    let mut told = Vec::new();
    for representation in mpd.periods.iter().flat_map(|period| &period.adaptations).flat_map(|set| &set.representations) {
        let template = representation.SegmentTemplate.as_ref().unwrap();
        assert_eq!((template.startNumber, template.duration), (None, None));
        let mut at = 0;
        for s in &template.SegmentTimeline.as_ref().unwrap().segments {
            at = s.t.unwrap_or(at);
            for _ in 0..=s.r.unwrap_or(0) {
                let name = template.media.as_ref().unwrap().replace("$Time$", &at.to_string());
                let Ok(Request::SegmentFrom { track, time, .. }) = Request::parse(&name) else {
                    panic!("{name} is no segment by its time")
                };
                told.push((track, i64::try_from(time).unwrap()));
                at += s.d;
            }
        }
    }
    told
}

/// The segment that begins at that time, whole or begun.
fn beginning(snapshot: &Snapshot, track: TrackId, time: i64) -> Option<MediaSequence> {
    let whole = snapshot.slots.iter().filter_map(|slot| Some((slot.msn, slot.segment(track)?.start)));
    let begun = snapshot.open.iter().filter(|open| open.track() == track && !open.parts().is_empty());
    let mut all = whole.chain(begun.map(|open| (open.msn, open.start)));
    all.find_map(|(msn, start)| (start.ticks() == time).then_some(msn))
}

/// Each segment has one number and one time, and what a manifest tells of by its time has that time: all but the next one of each track, which
/// nobody knows of yet.
pub fn look(snapshot: &Snapshot) {
    for slot in &snapshot.slots {
        for segment in &slot.segments {
            assert_eq!(snapshot.named(segment.track(), segment.start.ticks()), Named::Segment(slot.msn));
        }
    }
    let text = manifest(snapshot);
    let told = told(&text);
    for (at, (track, time)) in told.iter().enumerate() {
        let is_last = told.get(at + 1).is_none_or(|(next, _)| next != track);
        match (snapshot.named(*track, *time), beginning(snapshot, *track, *time)) {
            (Named::Segment(named), Some(msn)) => assert_eq!(named, msn),
            // Only what is no longer listed is told of where there are gaps alone; after those another track may have begun.
            (_, None) if is_last || snapshot.slots.iter().all(|slot| slot.period.is_none()) => {}
            other => panic!("{track} at {time} is {other:?} in {text}"),
        }
    }
}

#[test]
fn a_manifest_of_times_tells_of_whole_segments_and_of_the_next() {
    let snapshot = Stage::new(Source::default()).play(0, 4_500, 0).snapshot();
    insta::assert_snapshot!(manifest(&snapshot), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019" type="dynamic" availabilityStartTime="1970-01-01T00:00:00.000Z" publishTime="2026-09-21T14:13:24.012Z" minimumUpdatePeriod="PT1S" timeShiftBufferDepth="PT20S" suggestedPresentationDelay="PT6S" minBufferTime="PT2S" maxSegmentDuration="PT2.5S">
     <Period id="1790000000000-0" start="PT1790000000.011S">
      <AdaptationSet id="1" contentType="video" mimeType="video/mp4" segmentAlignment="true" startWithSAP="1">
       <InbandEventStream schemeIdUri="urn:scte:scte35:2013:bin" value="1"/>
       <InbandEventStream schemeIdUri="urn:sluicegate:cue:2026" value="1"/>
       <Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>
       <Representation id="v0" bandwidth="2500000" codecs="avc1.64001f" width="1280" height="720" frameRate="30">
        <SegmentTemplate timescale="90000" presentationTimeOffset="0" initialization="v0-1790000000000-i1.mp4" media="v0-1790000000000-t$Time$.m4s" availabilityTimeComplete="false">
         <SegmentTimeline>
          <S t="0" d="180000" r="1"/>
          <S d="90000"/>
         </SegmentTimeline>
        </SegmentTemplate>
       </Representation>
      </AdaptationSet>
      <AdaptationSet id="101" contentType="audio" mimeType="audio/mp4" segmentAlignment="true" startWithSAP="1">
       <Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>
       <Representation id="a0" bandwidth="160000" codecs="mp4a.40.2" audioSamplingRate="48000">
        <AudioChannelConfiguration schemeIdUri="urn:mpeg:mpegB:cicp:ChannelConfiguration" value="2"/>
        <SegmentTemplate timescale="48000" presentationTimeOffset="0" initialization="a0-1790000000000-i1.mp4" media="a0-1790000000000-t$Time$.m4s" availabilityTimeComplete="false">
         <SegmentTimeline>
          <S t="1024" d="95232"/>
          <S d="96256"/>
          <S d="48000"/>
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

#[test]
fn a_time_names_the_first_segment_from_then_on() {
    let snapshot = Stage::new(Source::default()).play(0, 30_500, 0).snapshot();
    let video = |time| snapshot.named(TrackId::VIDEO, time);
    let number = |seconds: u64| Named::Segment(MediaSequence(1_790_000_000 + seconds / 2));
    assert_eq!([20, 28, 30].map(|at| video(at * 90_000)), [20, 28, 30].map(number));
    assert_eq!(video(20 * 90_000 - 1), number(20), "a moment before");
    assert_eq!(video(30 * 90_000 + 1), Named::Next, "the one in progress has begun before");
    assert_eq!([34, 9_000].map(|at| video(at * 90_000)), [Named::Nothing; 2], "too far ahead");
    let oldest = snapshot.retained.first().unwrap_or(&snapshot.slots[0]).start.ticks();
    assert_eq!(video(oldest - 1), Named::Nothing, "another may have begun then");
    assert_eq!(snapshot.named(TrackId { index: 7, ..TrackId::VIDEO }, 20 * 90_000), Named::Nothing);
}

#[test]
fn the_period_goes_on_while_the_publisher_is_away_and_the_next_time_names_what_he_comes_back_with() {
    let mut stage = Stage::new(Source::default());
    stage.play(0, 5_000, 0);
    stage.segmenter.away(wall(5_100));
    stage.segmenter.tick(wall(11_000));
    let away = stage.snapshot();
    let text = manifest(&away);
    assert!(away.phase == Phase::Away && text.matches("<Period ").count() == 1 && !text.contains(" duration=\""), "{text}");
    let (track, next) = told(&text).into_iter().rfind(|(track, _)| track.kind == Kind::Video).unwrap();
    assert_eq!(away.named(track, next), Named::Next);
    stage.segmenter.head(program(stage.source.tracks(31)), Boundary::Break, wall(12_000));
    let back = stage.play(5_000, 8_000, 7_000).snapshot();
    let text = manifest(&back);
    assert_eq!(text.matches("<Period ").count(), 1, "the new one alone: {text}");
    let (_, first) = told(&text)[0];
    assert!(first > next, "the clock of a connection does not go on where the one before it stopped");
    assert_eq!(Some(back.named(track, next)), beginning(&back, track, first).map(Named::Segment));
    // Once it is over, all of it is told of.
    stage.segmenter.end(wall(15_100));
    let ended = stage.snapshot();
    assert_eq!(manifest(&ended).matches("<Period ").count(), 2);
    let last = told(&manifest(&ended)).into_iter().rfind(|(track, _)| track.kind == Kind::Video).unwrap().1;
    assert_eq!(ended.named(track, last + 1), Named::Nothing, "nothing follows any more");
}
