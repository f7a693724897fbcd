//! Slots through a reel, to a disk and back.

use std::fs::{self, File, OpenOptions};
use std::ops::Range;

use bytes::Bytes;
use futures_util::TryStreamExt;

use crate::media::codec::{AacConfig, AudioShape};
use crate::media::{Codec, Span, Timestamp, Track, TrackId, WallClock};
use crate::segment::body::Spooled;
use crate::segment::iframes::IFrames;
use crate::segment::pieces::Pieces;
use crate::segment::snapshot::{Init, MediaSequence, Segment, Slot};

use super::*;

/// Nothing here takes longer unless it hangs.
const TEST_PATIENCE: Duration = Duration::from_secs(20);

/// Bytes of a part, of which segments in memory consist.
const PART: usize = 300;

/// A slot with a segment of each size, filled with bytes that tell it apart.
fn slot(n: u64, sizes: &[usize]) -> Arc<Slot> {
    let shape = AudioShape { sample_rate: 48_000, channels: 2, frame_samples: 1024 };
    let codec = Codec::Aac(AacConfig { record: Bytes::new(), object_type: 2, shape });
    let init = Arc::new(Init { track: Arc::new(Track::new(TrackId::AUDIO, codec)), generation: 1, bytes: Bytes::new() });
    let start = Timestamp::from_millis(0);
    let segment = |(track, size): (usize, &usize)| {
        let body = (0..*size).map(|at| (n as usize * 31 + track * 7 + at / 251 + at) as u8).collect::<Bytes>();
        let body: Pieces = (0..*size).step_by(PART).map(|at| body.slice(at..(at + PART).min(*size))).collect();
        let init = Arc::clone(&init);
        Arc::new(Segment {
            init,
            start,
            arrived: WallClock::from_unix_millis(0),
            duration: 96_000,
            independent: true,
            parts: Box::default(),
            iframes: IFrames::default(),
            body: body.into(),
        })
    };
    let segments = sizes.iter().enumerate().map(segment).collect();
    let (msn, wall, duration) = (MediaSequence(n), WallClock::from_unix_millis(0), Span::from_secs(2));
    Arc::new(Slot { msn, start, wall, duration, discontinuity: false, period: None, segments })
}

fn open(directory: &Path, limit: u64) -> Arc<Spool> {
    Spool::open(directory, limit, &Handle::current()).unwrap()
}

fn files(directory: &Path) -> Vec<String> {
    let folder = directory.join("sluicegate-spool");
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name != "SPOOL").collect();
    names.sort();
    names
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waited = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(TEST_PATIENCE, waited).await.unwrap_or_else(|_| panic!("never: {what}"));
}

impl Reel {
    async fn offer(&self, slot: &Arc<Slot>) {
        self.offers.send(Arc::downgrade(slot)).await.unwrap();
    }

    async fn taken(&mut self) -> Spooled {
        timeout(TEST_PATIENCE, self.spooled.recv()).await.expect("it is spooled").unwrap()
    }

    async fn put(&mut self, slot: &Arc<Slot>) -> Spooled {
        self.offer(slot).await;
        self.taken().await
    }
}

async fn read(spool: &Arc<Spool>, spooled: &Spooled, segment: usize, range: Range<usize>) -> io::Result<Vec<Bytes>> {
    spool.read(&spooled.places[segment], range).await?.into_pieces().try_collect().await
}

fn bytes(slot: &Slot, segment: usize) -> Bytes {
    slot.segments[segment].body.in_memory().unwrap().as_slice().concat().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_spooled_is_read_back_in_pieces_and_ranges() {
    let directory = tempfile::tempdir().unwrap();
    let spool = open(directory.path(), 1 << 30);
    let mut reel = spool.reel(&Handle::current());
    let slots: Vec<_> = (0..5).map(|n| slot(n, &[700_000 + n as usize, 1_000])).collect();
    let mut spooled = Vec::new();
    for slot in &slots {
        spooled.push(reel.put(slot).await);
    }
    assert_eq!(files(directory.path()), ["1.segments"], "many slots share a file");
    for (slot, spooled) in slots.iter().zip(&spooled) {
        assert_eq!(slot.msn, spooled.msn);
        let whole = read(&spool, spooled, 0, 0..bytes(slot, 0).len()).await.unwrap();
        assert_eq!(whole.iter().map(Bytes::len).max(), Some(256 << 10), "nobody holds more at a time");
        assert_eq!(whole.concat(), bytes(slot, 0));
        for range in [0..1, 5..5, 262_143..262_145, 300_000..700_000, 699_999..700_000] {
            let read = read(&spool, spooled, 0, range.clone()).await.unwrap();
            assert_eq!(read.concat(), bytes(slot, 0).slice(range));
        }
        assert_eq!(read(&spool, spooled, 1, 0..1_000).await.unwrap(), [bytes(slot, 1)]);
    }
    let all: usize = slots.iter().map(|slot| slot.in_memory() as usize).sum();
    assert_eq!((spool.budget().used(), spool.errors()), (all as u64, Errors::default()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_when_the_last_place_in_it_does_and_not_before() {
    let directory = tempfile::tempdir().unwrap();
    let spool = open(directory.path(), 1 << 30);
    let mut reel = spool.reel(&Handle::current());
    let mut spooled = Vec::new();
    for n in 0..130 {
        spooled.push(reel.put(&slot(n, &[100])).await);
    }
    assert_eq!(files(directory.path()), ["1.segments", "2.segments", "3.segments"], "64 slots a file");
    let last = spooled.split_off(128);
    spooled.truncate(64);
    // The file goes first, and then what it took of the budget.
    until("the second file goes", || spool.budget().used() == 6_600).await;
    assert_eq!(files(directory.path()), ["1.segments", "3.segments"]);

    // Somebody still reads what nobody lists any more.
    let reading = spool.read(&spooled[63].places[0], 0..100).await.unwrap();
    drop((spooled, reel));
    assert_eq!(reading.into_pieces().try_collect::<Vec<_>>().await.unwrap().concat(), bytes(&slot(63, &[100]), 0));
    until("the first file goes", || files(directory.path()).len() == 1).await;
    assert_eq!(
        read(&spool, &last[1], 0, 0..100).await.unwrap().concat(),
        bytes(&slot(129, &[100]), 0),
        "a stream that ended is still there"
    );
    drop(last);
    until("all is gone", || files(directory.path()).is_empty() && spool.budget().used() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_beyond_the_limit_until_something_goes() {
    let directory = tempfile::tempdir().unwrap();
    let spool = open(directory.path(), 10_000);
    let mut reel = spool.reel(&Handle::current());
    let mut spooled = Vec::new();
    for n in 0..10 {
        spooled.push(reel.put(&slot(n, &[1_000])).await);
    }
    assert!(files(directory.path()).len() >= 10, "a file is a small part of what there is");
    let waits = slot(10, &[1_000]);
    reel.offer(&waits).await;
    assert!(timeout(Duration::from_millis(600), reel.spooled.recv()).await.is_err(), "there is no room");
    assert_eq!((spool.budget().used(), spool.errors()), (10_000, Errors::default()), "which is no error");
    spooled.remove(0);
    assert_eq!(reel.taken().await.msn, MediaSequence(10));

    // What is forgotten while it waits is passed over.
    let (gone, comes) = (slot(11, &[1_000]), slot(12, &[1_000]));
    reel.offer(&gone).await;
    reel.offer(&comes).await;
    drop(gone);
    spooled.clear();
    assert_eq!(reel.taken().await.msn, MediaSequence(12));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_streams_share_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let spool = open(directory.path(), 16_000);
    let (mut first, mut second) = (spool.reel(&Handle::current()), spool.reel(&Handle::current()));
    let mut spooled = Vec::new();
    for n in 0..12 {
        spooled.push(first.put(&slot(n, &[1_000])).await);
    }
    let other = second.put(&slot(0, &[1_000])).await;
    assert_eq!((first.share.used(), second.share.used()), (12_000, 1_000));
    assert_eq!(first.share.allowance().keep, 14_000);
    let more = second.put(&slot(1, &[3_000])).await;
    assert_eq!(first.share.allowance().keep, 11_000, "who has more than an equal part makes room");
    assert_eq!(second.share.allowance().keep, 7_500, "which everybody has");
    drop((other, more, second));
    until("it leaves", || spool.budget().used() == 12_000 && first.share.allowance().keep == 15_000).await;
}

/// A disk that is full until there is a file `room` beside the volumes.
fn create_on_full_disk(path: &Path) -> io::Result<File> {
    let has_room = path.with_file_name("room").exists();
    if has_room { folder::create(path) } else { OpenOptions::new().write(true).open("/dev/full") }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_what_is_there_makes_room() {
    let directory = tempfile::tempdir().unwrap();
    let spool = open(directory.path(), 1 << 30);
    let mut before = spool.reel(&Handle::current());
    let _there = before.put(&slot(0, &[16_000])).await;
    let mut reel = spool.reel_into(&Handle::current(), create_on_full_disk);
    let waits = slot(1, &[1_000]);
    reel.offer(&waits).await;
    until("the disk is found full", || spool.errors().writes == 1).await;
    // Now the window of the other stream would let go of something.
    assert_eq!((spool.budget().limit(), spool.budget().used()), (15_000, 16_000));
    assert!(before.share.allowance().keep < 16_000);
    fs::write(directory.path().join("sluicegate-spool/room"), "").unwrap();
    *spool.full_until.lock() = Some(Instant::now());
    assert_eq!(reel.taken().await.msn, MediaSequence(1), "it is tried again");
    assert_eq!((spool.budget().limit(), spool.errors().writes), (1 << 30, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fails_is_tried_again_and_keeps_what_it_has() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("sluicegate-spool");
    let spool = open(directory.path(), 1 << 30);
    let mut reel = spool.reel(&Handle::current());
    let first = slot(0, &[1_000]);
    let spooled = reel.put(&first).await;
    let mut other = spool.reel(&Handle::current());
    // As when a disk is pulled out: no file can be made there, for whatever reason.
    fs::rename(&folder, directory.path().join("away")).unwrap();
    let waits = slot(1, &[1_000]);
    other.offer(&waits).await;
    until("it fails", || spool.errors().writes > 0).await;
    assert_eq!(read(&spool, &spooled, 0, 0..9).await.unwrap_err().kind(), io::ErrorKind::NotFound);
    assert_eq!((spool.errors().reads, spool.budget().used()), (1, 1_000));
    fs::rename(directory.path().join("away"), &folder).unwrap();
    assert_eq!(other.taken().await.msn, MediaSequence(1));
    assert_eq!(read(&spool, &spooled, 0, 0..1_000).await.unwrap(), [bytes(&first, 0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_leaves_nothing_behind_and_gives_the_directory_free() {
    let directory = tempfile::tempdir().unwrap();
    let spool = open(directory.path(), 1 << 30);
    let mut reel = spool.reel(&Handle::current());
    let spooled = reel.put(&slot(0, &[1_000])).await;
    assert!(matches!(Spool::open(directory.path(), 1, &Handle::current()), Err(OpenError::InUse(_))));
    spool.close().await;
    assert!(files(directory.path()).is_empty());
    let late = slot(1, &[1_000]);
    reel.offer(&late).await;
    assert!(timeout(TEST_PATIENCE, reel.spooled.recv()).await.unwrap().is_none(), "nothing is taken any more");
    let next = open(directory.path(), 1 << 30);
    let mut reel = next.reel(&Handle::current());
    reel.put(&slot(0, &[1_000])).await;
    // What the first one still holds is none of the second's business.
    drop((spooled, spool));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(files(directory.path()), ["1.segments"]);
}

#[test]
fn what_is_kept_of_a_segment_in_the_spool_is_little() {
    // ARCHITECTURE.md tells what that comes to.
    assert!(size_of::<Segment>() <= 136, "{}", size_of::<Segment>());
}
