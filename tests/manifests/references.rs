//! Producer reference times: in the parts, and in the manifest.

use std::collections::BTreeMap;
use std::sync::Arc;

use sluicegate::dash;
use sluicegate::media::{Kind, TrackId};
use sluicegate::segment::options::Options;
use sluicegate::segment::segmenter::{Boundary, Segmenter};
use sluicegate::segment::snapshot::Snapshot;

use super::boxes;
use super::source::{EPOCH, Source, program, wall};

/// The time is that of the encoder's output (ISO/IEC 14496-12 §8.16.5).
const ENCODER_OUTPUT: u32 = 1;

/// A stream whose network hiccups, and when each sample came, by track and presentation time in ticks.
struct Stage {
    segmenter: Segmenter,
    source: Source,
    came: BTreeMap<(TrackId, i64), i64>,
}

impl Stage {
    fn new() -> Self {
        let source = Source { b_frames: 2, ..Source::default() };
        Self { segmenter: Segmenter::new(Options::default(), program(source.tracks(31))).0, source, came: BTreeMap::new() }
    }

    fn play(&mut self, from: i64, to: i64, late: i64) {
        for (at, sample) in self.source.samples(from, to) {
            // What is sent within a quarter of a second comes at its end, from time to time.
            let at = if (at / 1_000) % 3 == 1 { (at / 250 + 1) * 250 } else { at } + late;
            self.came.insert((sample.track, sample.pts().ticks()), EPOCH + at);
            self.segmenter.push(sample, wall(at));
        }
    }

    fn snapshot(&mut self) -> Arc<Snapshot> {
        self.segmenter.snapshot().unwrap()
    }
}

#[test]
fn each_part_tells_when_its_first_picture_or_sound_arrived() {
    let mut stage = Stage::new();
    stage.play(0, 14_000, 120);
    let snapshot = stage.snapshot();
    let mut told = 0;
    for segment in snapshot.slots.iter().flat_map(|slot| &slot.segments) {
        let file = boxes::file(&segment.body);
        let samples = boxes::samples(&file);
        let references = boxes::references(&file);
        let shown = |sample: &boxes::Found| sample.decode_time + sample.offset;
        assert_eq!(references[0].1.media_time, samples.iter().map(shown).min().unwrap(), "of the picture that is shown first");
        assert_eq!(segment.arrived.unix_millis(), stage.came[&(segment.track(), shown(&samples[0]))]);
        for (_, reference) in references {
            assert_eq!(reference.flags, ENCODER_OUTPUT);
            assert_eq!(reference.unix_millis, stage.came[&(segment.track(), reference.media_time)]);
            told += 1;
        }
    }
    assert!(told > 70, "{told} of two tracks");
}

#[test]
fn the_manifest_tells_of_the_period_in_progress_and_counts_latency_from_there() {
    let mut stage = Stage::new();
    stage.play(0, 9_000, 120);
    stage.segmenter.away(wall(9_120));
    stage.segmenter.head(program(stage.source.tracks(31)), Boundary::Break, wall(14_000));
    stage.play(9_000, 15_000, 5_000);
    let snapshot = stage.snapshot();
    let text = dash::manifest(&snapshot, "/time", "");
    let period = snapshot.slots.last().unwrap().period.as_ref().unwrap();
    assert_eq!(period.arrived.unix_millis(), stage.came[&(TrackId::VIDEO, period.start.ticks())]);
    let told: Vec<_> = text.lines().map(str::trim).filter(|line| line.starts_with("<ProducerReferenceTime")).collect();
    let expected = |id: u32, at: i64| {
        format!(
            "<ProducerReferenceTime id=\"{id}\" inband=\"true\" type=\"encoder\" wallClockTime=\"{}\" presentationTime=\"{at}\">",
            period.arrived
        )
    };
    let sets = [(1, TrackId::VIDEO), (101, TrackId::AUDIO)].map(|(id, track)| {
        let init = period.inits.iter().find(|init| init.track.id == track).unwrap();
        expected(id, period.start.rescale(init.track.timescale))
    });
    assert_eq!(told, sets, "of one period alone");
    assert_eq!(period.inits[0].track.id.kind, Kind::Video);

    let latency =
        |text: &str, target: i64| text.contains(&format!("<Latency target=\"{target}\" ")) && text.contains("referenceId=\"1\"/>");
    assert_eq!(period.wall, period.arrived);
    assert!(latency(&text, 1_170), "three and a half parts: {text}");

    // A part that comes late puts the live edge behind the moment at which its first picture came.
    let mut stage = Stage::new();
    stage.play(0, 6_500, 120);
    let snapshot = stage.snapshot();
    let period = snapshot.slots.last().unwrap().period.as_ref().unwrap();
    let before = period.wall.since(period.arrived).millis();
    assert_eq!(before, 250, "the second segment ended with what came at the end of a quarter of a second");
    assert!(latency(&dash::manifest(&snapshot, "/time", ""), 1_170 + before));
}
