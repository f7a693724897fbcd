//! Sound that is made here: it is cut with the source, nothing waits for it, and players find it beside the source's own.

use std::sync::Arc;

use sluicegate::media::codec::OpusConfig;
use sluicegate::media::{Codec, Sample, Selection, Track, TrackId};
use sluicegate::segment::options::Options;
use sluicegate::segment::segmenter::Segmenter;
use sluicegate::segment::snapshot::Snapshot;
use sluicegate::{dash, hls};

use super::source::{Source, audio, program, video, wall};

/// A source of pictures and Opus whose sound is made into AAC, but for a while: the snapshots of so many milliseconds.
fn played(source: &Source, late: i64, dead: std::ops::Range<i64>, millis: i64) -> Vec<Arc<Snapshot>> {
    let opus = Track::new(TrackId::AUDIO, Codec::Opus(OpusConfig::of_channels(2)));
    let made = Arc::new(Track { id: TrackId::SOUND, ..audio(48_000) });
    let (mut segmenter, _) = Segmenter::new(Options::default(), program(vec![video(31), opus]));
    segmenter.set_rungs([], true, wall(0));
    segmenter.begin_rung(&made, wall(0));
    let mut all = source.samples(0, millis);
    let sounds = all.iter().filter(|(_, sample)| sample.track == TrackId::AUDIO && !dead.contains(&sample.dts.millis()));
    let remade = sounds.map(|(at, sample)| (at + late, Sample { track: TrackId::SOUND, ..sample.clone() }));
    all.extend(remade.collect::<Vec<_>>());
    all.sort_by_key(|(at, _)| *at);
    let mut snapshots: Vec<Arc<Snapshot>> = Vec::new();
    let (mut runs, mut returns) = (true, true);
    for (at, sample) in all {
        let (is_made, lies) = (sample.track == TrackId::SOUND, sample.dts.millis());
        if lies >= dead.start && std::mem::take(&mut runs) {
            segmenter.stop_rung(TrackId::SOUND, wall(at));
        }
        if is_made && lies >= dead.end && std::mem::take(&mut returns) {
            segmenter.begin_rung(&made, wall(at));
        }
        segmenter.push(sample, wall(at + 100));
        segmenter.tick(wall(at + 100));
        snapshots.extend(segmenter.snapshot().filter(|new| snapshots.last().is_none_or(|last| last.state != new.state)));
    }
    snapshots
}

fn presence(last: &Snapshot) -> Vec<bool> {
    last.slots.iter().map(|slot| slot.segment(TrackId::SOUND).is_some()).collect()
}

#[test]
fn it_is_cut_where_the_sources_sound_is_whether_it_comes_before_the_pictures_or_behind_them() {
    for (audio_late, late) in [(0, 60), (-300, 40), (200, 400)] {
        let snapshots = played(&Source { audio_late, ..Source::default() }, late, 100_000..100_001, 16_000);
        let last = snapshots.last().unwrap();
        // Nothing is told of a stream before its first slots are there, and what came ahead of them is past then.
        assert!(presence(last).into_iter().skip(3).all(|there| there), "{audio_late} {late}: {:?}", presence(last));
        for slot in &last.slots {
            let (own, made) = (slot.segment(TrackId::AUDIO).unwrap(), slot.segment(TrackId::SOUND));
            let place = |segment: &sluicegate::segment::snapshot::Segment| (segment.start, segment.duration);
            assert!(made.is_none_or(|made| place(made) == place(own)), "{audio_late} {late}: number {:?}", slot.msn);
        }
    }
}

#[test]
fn what_is_not_made_is_a_gap_and_no_discontinuity() {
    let snapshots = played(&Source::default(), 60, 7_000..11_500, 22_000);
    let last = snapshots.last().unwrap();
    let runs = presence(last).chunk_by(|one, other| one == other).map(|run| run[0]).collect::<Vec<_>>();
    assert_eq!(runs.iter().filter(|there| **there).count(), 2, "it has returned: {runs:?}");
    assert!(runs.ends_with(&[true]) && last.slots.iter().all(|slot| !slot.discontinuity && slot.segment(TrackId::AUDIO).is_some()));
    let list = hls::media(last, TrackId::SOUND, "", false).unwrap();
    assert_eq!(list.matches("#EXT-X-GAP").count(), presence(last).iter().filter(|there| !**there).count(), "{list}");
    let mpd = dash_mpd_core::parse(&dash::manifest(last, "/time", "")).unwrap();
    let sets: Vec<_> = mpd.periods.iter().map(|period| period.adaptations.len()).collect();
    assert!(sets.windows(2).all(|pair| pair[0] != pair[1]) && sets.ends_with(&[2, 3]), "it comes and goes with periods: {sets:?}");
}

#[test]
fn every_picture_is_offered_with_either_sound_the_sources_first() {
    let snapshots = played(&Source::default(), 60, 100_000..100_001, 16_000);
    let index = hls::multivariant(snapshots.last().unwrap(), "");
    let variants: Vec<_> = index.lines().filter(|line| line.starts_with("#EXT-X-STREAM-INF")).collect();
    assert_eq!(variants.len(), 2, "{index}");
    assert!(variants[0].contains("Opus") && variants[0].contains("AUDIO=\"audio-0\""), "{index}");
    assert!(variants[1].contains("mp4a.40.2") && variants[1].contains("AUDIO=\"audio-1\""), "{index}");
    assert!(index.contains("URI=\"a0.m3u8\"") && index.contains("URI=\"a16.m3u8\""), "{index}");
    let text = dash::manifest(snapshots.last().unwrap(), "/time", "");
    assert!(text.contains("<Representation id=\"a16\"") && !text.contains("alternate"), "{text}");
}

#[test]
fn it_can_be_chosen_as_every_track_can() {
    let snapshots = played(&Source::default(), 60, 100_000..100_001, 16_000);
    let chosen = |text: &str| snapshots.last().unwrap().only(Selection::parse(text).unwrap()).unwrap();
    let made = chosen("v0,a16");
    let (index, manifest) = (hls::multivariant(&made, ""), dash::manifest(&made, "/time", ""));
    assert!(index.contains("URI=\"a16.m3u8\"") && !index.contains("a0.m3u8"), "{index}");
    assert!(manifest.contains("<Representation id=\"a16\"") && !manifest.contains("id=\"a0\""), "{manifest}");
    assert!(!hls::multivariant(&chosen("a0"), "").contains("a16"));
}

#[test]
fn nothing_is_told_of_it_before_it_has_been_there() {
    let snapshots = played(&Source::default(), 60, 0..15_000, 12_000);
    let index = hls::multivariant(snapshots.last().unwrap(), "");
    assert!(!index.contains("a16") && !dash::manifest(snapshots.last().unwrap(), "/time", "").contains("a16"), "{index}");
}
