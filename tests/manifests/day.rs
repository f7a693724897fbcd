//! A stream that lasts a day, with an hour to go back to: nothing grows but its numbers.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use sluicegate::hls;
use sluicegate::media::TrackId;
use sluicegate::segment::body::{Body, Place, Spooled, Volume};
use sluicegate::segment::budget::Allowance;
use sluicegate::segment::options::Options;
use sluicegate::segment::request::Request;
use sluicegate::segment::segmenter::Segmenter;
use sluicegate::segment::snapshot::{Slot, Snapshot};
use sluicegate::segment::window::Limits;

use super::source::{Source, program, wall};

const HOUR: i64 = 3_600_000;
const MEMORY: u64 = 200_000;
/// Slots of a volume.
const SLOTS: usize = 64;

/// A disk: volumes by number, each gone when nobody holds a place in it.
#[derive(Default)]
struct Disk {
    volumes: Arc<Mutex<BTreeMap<u64, Vec<u8>>>>,
    filling: Option<(Arc<Volume>, usize)>,
    next: u64,
}

struct Hold(u64, Arc<Mutex<BTreeMap<u64, Vec<u8>>>>);

impl Drop for Hold {
    fn drop(&mut self) {
        self.1.lock().remove(&self.0);
    }
}

impl Disk {
    fn write(&mut self, slot: &Slot) -> Spooled {
        let (volume, slots) = self.filling.take().filter(|(_, slots)| *slots < SLOTS).unwrap_or_else(|| {
            self.next += 1;
            self.volumes.lock().insert(self.next, Vec::new());
            (Volume::new(self.next, Hold(self.next, Arc::clone(&self.volumes))), 0)
        });
        let mut volumes = self.volumes.lock();
        let file = volumes.get_mut(&volume.number()).unwrap();
        let bodies = slot.segments.iter().map(|segment| super::boxes::file(&segment.body));
        let places = bodies.map(|body| {
            let offset = file.len() as u64;
            file.extend_from_slice(&body);
            Place { volume: Arc::clone(&volume), offset, length: body.len() }
        });
        let places = places.collect();
        drop(volumes);
        self.filling = Some((volume, slots + 1));
        Spooled { msn: slot.msn, places }
    }

    fn read(&self, body: &Body) -> Vec<u8> {
        match body {
            Body::Memory(_) => super::boxes::file(body),
            Body::Spooled(place) => {
                let from = place.offset as usize;
                self.volumes.lock()[&place.volume.number()][from..from + place.length].to_vec()
            }
        }
    }

    fn used(&self) -> (usize, usize) {
        let volumes = self.volumes.lock();
        (volumes.len(), volumes.values().map(Vec::len).sum())
    }
}

/// What a listed segment says it is: the numbers of its samples.
fn names(bytes: &[u8]) -> Vec<String> {
    super::boxes::samples(bytes).iter().map(|sample| String::from_utf8_lossy(&sample.data).split(';').next().unwrap().to_owned()).collect()
}

fn look(disk: &Disk, snapshot: &Snapshot) {
    let text = hls::media(snapshot, TrackId::VIDEO, "", false).unwrap();
    let listed: Vec<_> = text.lines().filter(|line| line.ends_with(".m4s") && !line.starts_with('#')).collect();
    // The oldest, the newest, and some between.
    for name in listed.iter().step_by(97).chain(listed.last()) {
        let file = disk.read(&snapshot.media(&Request::parse(name).unwrap()).expect("what is listed is there"));
        let Request::Segment { msn, .. } = Request::parse(name).unwrap() else { unreachable!() };
        let slot = snapshot.slot(msn).unwrap();
        let expected = (0..2).map(|frame| format!("v0@{}", slot.start.ticks() + frame * 90_000));
        assert_eq!(names(&file), expected.collect::<Vec<_>>());
    }
}

#[test]
fn a_stream_that_lasts_a_day_grows_in_nothing_but_numbers() {
    let source = Source { frames_per_second: 1, gops: vec![2], sample_rate: Some(2_000), size: 400, ..Source::default() };
    let options = Options { window_ms: HOUR as u64, ..Options::default() };
    let (mut segmenter, _) = Segmenter::new(options, program(source.tracks(31)));
    segmenter.set_limits(Limits { memory: Allowance::of(MEMORY, 4), spool: u64::MAX });
    let mut disk = Disk::default();
    // What viewers hold: as a task's watch channel does, the newest snapshot and no other.
    let mut shown: Option<Arc<Snapshot>> = None;
    let mut hours = Vec::new();
    for hour in 0..24 {
        for (arrival, sample) in source.samples(hour * HOUR, (hour + 1) * HOUR) {
            let now = wall(arrival + 100);
            segmenter.push(sample, now);
            segmenter.tick(now);
            while let Some(slot) = segmenter.offer() {
                let spooled = disk.write(&slot);
                segmenter.spooled(&spooled);
            }
            shown = segmenter.snapshot().or(shown);
        }
        let snapshot = shown.as_ref().unwrap();
        look(&disk, snapshot);
        assert!(segmenter.held() <= MEMORY && snapshot.usage.memory <= MEMORY, "{:?}", snapshot.usage);
        assert_eq!(snapshot.counters.evicted_segments + snapshot.counters.overflowed_segments, 0);
        hours.push((snapshot.slots.len(), snapshot.retained.len(), snapshot.inits.len(), disk.used()));
    }
    // An hour is listed, and as much can be fetched, with what came and went meanwhile; after that each hour is like the one before.
    let (listed, retained, inits, (volumes, bytes)) = hours[2];
    assert_eq!((listed, retained, inits), (1_800, 1_802, 2));
    assert!(volumes <= 3_602 / SLOTS + 2, "{volumes}");
    for hour in &hours[3..] {
        assert_eq!((hour.0, hour.1, hour.2), (listed, retained, inits), "{hours:?}");
        assert!(hour.3.0.abs_diff(volumes) <= 1 && hour.3.1.abs_diff(bytes) < bytes / 20, "{hours:?}");
    }
    drop((segmenter, shown));
    disk.filling = None;
    assert_eq!(disk.used(), (0, 0), "and in the end it is gone");
}
