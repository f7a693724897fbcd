//! Cue points of the publisher as events of DASH: in the parts, or in the manifest.

use sluicegate::amf0::object;
use sluicegate::dash;
use sluicegate::media::scte35;
use sluicegate::media::{Kind, TrackId};
use sluicegate::segment::cue::SCTE35;
use sluicegate::segment::events::CUE_SCHEME;
use sluicegate::segment::options::Options;
use sluicegate::segment::snapshot::Snapshot;

use super::boxes::{self, Event};
use super::cues::{END, START, Stage};
use super::source::Source;

/// The events of a track's listed segments, by the second at which the part that carries them begins.
fn carried(snapshot: &Snapshot, track: TrackId) -> Vec<(i64, Event)> {
    let mut found = Vec::new();
    for segment in snapshot.slots.iter().filter_map(|slot| slot.segment(track)) {
        let mut start = segment.start;
        assert!(!segment.parts.is_empty(), "the window is short enough to have all parts");
        for part in &segment.parts {
            found.extend(boxes::events(&part.bytes).into_iter().map(|event| (start.millis(), event)));
            start = start.plus_ticks(part.duration);
        }
    }
    found
}

fn stage() -> Stage {
    Stage::new(Options { window_ms: 12_000, ..Options::default() })
}

#[test]
fn a_break_goes_ahead_of_its_moment_and_is_told_again_until_it_is_over() {
    let mut stage = stage();
    let splice = |section: &str| object([("cue", section.into()), ("type", "scte35".into())]);
    stage.play(0, 5_000).cue(5_000, 4_000, "onAdCue", splice(START)).play(5_000, 12_900);
    stage.cue(12_900, 100, "onAdCue", splice(END)).play(12_900, 17_000);
    let snapshot = stage.snapshot();
    let video = carried(&snapshot, TrackId::VIDEO);
    let begun = Event {
        scheme: SCTE35.to_owned(),
        value: "1".to_owned(),
        timescale: 90_000,
        at: 9 * 90_000,
        duration: 307 * 90_000,
        id: 0,
        data: scte35::in_text(START).unwrap().to_vec(),
    };
    let over = Event { at: 13 * 90_000, duration: 45_000, id: 1, data: scte35::in_text(END).unwrap().to_vec(), ..begun.clone() };
    let told: Vec<_> = video.iter().map(|(at, event)| (*at, event.id)).collect();
    assert_eq!(told, [(4_666, 0), (5_000, 0), (7_000, 0), (9_000, 0), (11_000, 0), (12_666, 1)]);
    assert!(video.iter().all(|(_, event)| *event == if event.id == 0 { begun.clone() } else { over.clone() }));
    assert!(carried(&snapshot, TrackId::AUDIO).is_empty(), "the leading kind carries them, the other need not");
    assert!(snapshot.late_events.is_empty());
    let manifest = dash::manifest(&snapshot, "/time", "");
    assert!(!manifest.contains("<EventStream"), "nobody hears of an event twice");
    let mpd = dash_mpd_core::parse(&manifest).unwrap();
    let announced = mpd.periods[0].adaptations.iter().map(|set| set.InbandEventStream.len()).collect::<Vec<_>>();
    assert_eq!(announced, [2, 0]);
}

#[test]
fn what_comes_too_late_for_its_part_stands_in_the_manifest() {
    let mut stage = stage();
    // Before the stream is announced nobody can tell when it was; and one tells of a break that has been going on for three seconds.
    stage.cue(500, 0, "onCuePoint", object([("name", "early & <odd>".into())])).play(0, 8_000);
    stage.cue(8_000, 0, "onAdCue", object([("cue", START.into()), ("elapsed", 3.0.into())]));
    stage.cue(8_001, 0, "onCuePoint", object([("name", "now".into()), ("duration", 1.5.into())])).play(8_000, 11_000);
    let snapshot = stage.snapshot();
    let told: Vec<_> = carried(&snapshot, TrackId::VIDEO).into_iter().map(|(at, event)| (at, event.id, event.duration)).collect();
    assert_eq!(
        told,
        [(7_666, 4, 135_000), (8_000, 4, 135_000)],
        "its part was still to be written, and a segment began before it was over"
    );
    let manifest = dash::manifest(&snapshot, "/time", "");
    let events: Vec<_> = manifest.lines().map(str::trim).filter(|line| line.contains("Event") && !line.contains("Inband")).collect();
    assert_eq!(
        events,
        [
            "<EventStream schemeIdUri=\"urn:scte:scte35:2013:bin\" value=\"1\" timescale=\"1000\">",
            &format!("<Event presentationTime=\"5000\" id=\"2\" duration=\"307000\" contentEncoding=\"base64\">{START}</Event>"),
            "</EventStream>",
            "<EventStream schemeIdUri=\"urn:sluicegate:cue:2026\" value=\"1\" timescale=\"1000\">",
            "<Event presentationTime=\"500\" id=\"0\" duration=\"500\">{&quot;class&quot;:&quot;onCuePoint&quot;,&quot;cue&quot;:0,\
             &quot;parameters&quot;:{&quot;NAME&quot;:&quot;early &amp; &lt;odd&gt;&quot;}}</Event>",
            "</EventStream>",
        ]
    );
    // They leave with their time; the break may last for five minutes.
    stage.play(11_000, 40_000);
    assert_eq!(stage.snapshot().late_events.iter().map(|event| event.id).collect::<Vec<_>>(), [2]);
}

#[test]
fn sound_alone_carries_them_itself() {
    let source = Source { gops: vec![], ..Source::default() };
    let mut stage = Stage::of(source, Options { window_ms: 12_000, ..Options::default() });
    stage.play(0, 5_000).cue(5_000, 0, "onCuePoint", object([("name", "goal".into())])).play(5_000, 8_000);
    let snapshot = stage.snapshot();
    let told = carried(&snapshot, TrackId::AUDIO);
    assert_eq!((told.len(), told[0].1.scheme.as_str(), told[0].1.at), (1, CUE_SCHEME, 5 * 48_000));
    let said: serde_json::Value = serde_json::from_slice(&told[0].1.data).unwrap();
    assert_eq!(said, serde_json::json!({ "cue": 0, "class": "onCuePoint", "parameters": { "NAME": "goal" } }));
    assert!(snapshot.tracks.iter().all(|status| status.track.id.kind == Kind::Audio));
    assert!(dash::manifest(&snapshot, "/time", "").contains("<InbandEventStream schemeIdUri=\"urn:sluicegate:cue:2026\" value=\"1\"/>"));
}

#[test]
fn a_flood_of_events_is_bounded() {
    let mut stage = stage();
    stage.play(0, 5_000);
    for n in 0..400 {
        stage.cue(5_000 + n, 0, "onCuePoint", object([("name", format!("{n}").as_str().into()), ("duration", 60.0.into())]));
    }
    stage.play(5_000, 9_500);
    let snapshot = stage.snapshot();
    let of = |part: i64| carried(&snapshot, TrackId::VIDEO).iter().filter(|(at, _)| *at == part).count();
    assert_eq!([4_666, 5_000, 5_333, 7_000].map(of), [16, 16, 0, 16]);
}
