//! A segment that is being made, on its way to a viewer: what there is of it, and then each part as it comes.

use bytes::Bytes;

use super::shelf::{Outlook, Place};
use crate::segment::request::Request;
use crate::segment::snapshot::{Init, MediaSequence, OpenSegment, Part, Phase, Progress, Segment, Snapshot, TrackStatus};
use crate::segment::task::Snapshots;

/// Reads one segment part by part until it is whole.
#[derive(Debug)]
pub struct Flow {
    snapshots: Snapshots,
    segment: Request,
    /// Parts that were read, and their bytes.
    read: usize,
    sent: usize,
    _place: Place,
}

/// A segment went before all of it was read: its reader was too slow, or the stream ended without it. What was read must not pass for all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the segment went before all of it was read")]
pub struct Gone;

/// How far a segment has come.
enum State<'a> {
    /// It has not begun.
    Ahead,
    /// There are these parts so far.
    Filling(&'a [Part]),
    /// There will be no more.
    Whole(&'a Segment),
    /// It was announced, as the one after a segment of the track always is, in progress or not, and then the publisher or the track went away,
    /// or changed its init segment.
    Lost,
    /// There is none of that number, and never will be.
    Absent,
}

impl Flow {
    /// Reads the segment of that name.
    pub(super) fn new(snapshots: Snapshots, segment: Request, place: Place) -> Self {
        Self { snapshots, segment, read: 0, sent: 0, _place: place }
    }

    /// The next part, as soon as it is there; `None` once the segment is whole. Cancel safe.
    pub async fn next(&mut self) -> Option<Result<Bytes, Gone>> {
        loop {
            if let Some(found) = self.look() {
                if let Some(Ok(bytes)) = &found {
                    self.read += 1;
                    self.sent += bytes.len();
                }
                return found;
            }
            if self.snapshots.changed().await.is_err() {
                return Some(Err(Gone));
            }
        }
    }

    /// The next part or, inside, none where there will be no other; nothing where it is still to come.
    fn look(&mut self) -> Option<Option<Result<Bytes, Gone>>> {
        let snapshot = self.snapshots.borrow_and_update();
        let Some(snapshot) = snapshot.as_ref() else { return Some(Some(Err(Gone))) };
        match state(snapshot, &self.segment) {
            State::Ahead => None,
            State::Filling(parts) => parts.get(self.read).map(|part| Some(Ok(part.bytes.clone()))),
            // One that is a while old has no parts any more, but their bytes are its pieces.
            State::Whole(segment) => Some(match segment.body.in_memory() {
                Some(pieces) => pieces.as_slice().get(self.read).cloned().map(Ok),
                None => (self.sent < segment.body.len()).then_some(Err(Gone)),
            }),
            State::Lost | State::Absent => Some(Some(Err(Gone))),
        }
    }
}

/// What is to be expected of a segment that is not whole.
pub(super) fn outlook(snapshot: &Snapshot, request: &Request) -> Outlook {
    match state(snapshot, request) {
        State::Ahead | State::Filling([]) => Outlook::Coming,
        State::Filling(_) => Outlook::Flowing,
        State::Lost => Outlook::Lost,
        State::Whole(_) | State::Absent => Outlook::Never,
    }
}

fn state<'a>(snapshot: &'a Snapshot, request: &Request) -> State<'a> {
    let Request::Segment { track, epoch, generation, msn } = *request else { return State::Absent };
    if epoch != snapshot.epoch {
        return State::Absent;
    }
    let is_of = |init: &Init| init.generation == generation;
    // A rung may stop in the middle of a segment, of which nothing is left, when the one behind it has been announced.
    let announced_by = if track.is_rung() { 1..=2 } else { 1..=1 };
    // Or before it has one, in a period that was told of with it.
    let begins = || {
        let mut told = snapshot.coming.iter().flat_map(|period| &period.inits);
        told.any(|init| init.track.id == track && is_of(init)) && snapshot.open.first().is_some_and(|open| open.msn == msn)
    };
    let lost = || {
        let mut before = announced_by.clone().filter_map(|by| snapshot.segment(track, MediaSequence(msn.0.checked_sub(by)?)));
        if before.any(|before| is_of(&before.init)) || begins() { State::Lost } else { State::Absent }
    };
    if let Some(segment) = snapshot.segment(track, msn) {
        return if is_of(&segment.init) { State::Whole(segment) } else { lost() };
    }
    let mut open = snapshot.open.iter().filter(|open| open.track() == track);
    match open.clone().find(|open| open.msn == msn) {
        Some(open) if !is_of(&open.init) => return lost(),
        Some(OpenSegment { progress: Progress::Filling(parts), .. }) => return State::Filling(parts),
        Some(OpenSegment { progress: Progress::Whole(segment), .. }) => return State::Whole(segment),
        Some(OpenSegment { progress: Progress::Gap(_), .. }) => return lost(),
        None => {}
    }
    let newest = open.next_back().map(|open| open.msn).or(snapshot.slots.last().map(|slot| slot.msn));
    let is_next = newest.is_some_and(|newest| msn == newest.next());
    let goes_on = |status: &TrackStatus| status.next_part.is_some() && is_of(&status.init);
    let may_come = is_next && snapshot.phase != Phase::Ended && snapshot.status(track).is_some_and(goes_on);
    if may_come { State::Ahead } else { lost() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::sync::watch;

    use super::*;
    use crate::media::codec::{AvcConfig, VideoShape};
    use crate::media::{Codec, Epoch, Metadata, Program, Sample, Timescale, Timestamp, Track, TrackId, TrackSet, WallClock};
    use crate::outlet::{File, Media, NotHeld, Shelf};
    use crate::segment::body::{Body, Place, Spooled, Volume};
    use crate::segment::budget::Allowance;
    use crate::segment::options::Options;
    use crate::segment::segmenter::{Boundary, Segmenter};
    use crate::segment::window::Limits;

    const EPOCH: Epoch = Epoch(1_790_000_000_000);
    const MSN: MediaSequence = MediaSequence(1_790_000_003);

    /// A stream of pictures alone, ten a second, and a reader of the segment that is being made after seven seconds.
    struct Stage {
        segmenter: Segmenter,
        frames: i64,
        tell: watch::Sender<Option<Arc<Snapshot>>>,
    }

    /// Pictures alone, coded at that level.
    fn program(level: u8) -> Arc<Program> {
        let record = Bytes::from(vec![1, 0x64, 0, level, 0xff, 0xe0, 0]);
        let codec = Codec::Avc(AvcConfig { record, length_size: 4, shape: VideoShape::new(1280, 720) });
        let tracks = TrackSet::new([Track::new(TrackId::VIDEO, codec)]);
        Arc::new(Program { epoch: EPOCH, tracks, metadata: Metadata::default() })
    }

    impl Stage {
        async fn new() -> (Self, Flow) {
            let (segmenter, _) = Segmenter::new(Options::default(), program(0x2a));
            let (tell, snapshots) = watch::channel(None);
            let mut stage = Self { segmenter, frames: 0, tell };
            stage.play(70);
            let request = Request::Segment { track: TrackId::VIDEO, epoch: EPOCH, generation: 1, msn: MSN };
            match Shelf::new(snapshots.clone(), snapshots, 10).media(&request, Duration::ZERO).await {
                Ok(Media::Flowing(flow)) => (stage, flow),
                other => panic!("{other:?}"),
            }
        }

        fn play(&mut self, frames: i64) {
            for frame in self.frames..self.frames + frames {
                let now = WallClock::from_unix_millis(EPOCH.0 as i64 + frame * 100);
                let (dts, data) = (Timestamp::new(frame * 9_000, Timescale::VIDEO), Bytes::from(vec![frame as u8; 50]));
                self.segmenter.push(Sample { track: TrackId::VIDEO, dts, cts: 0, is_sync: frame % 20 == 0, data }, now);
                self.segmenter.tick(now);
            }
            self.frames += frames;
            self.tell.send_replace(self.segmenter.snapshot());
        }

        fn whole(&self) -> Vec<u8> {
            let snapshot = self.tell.borrow().clone().unwrap();
            snapshot.segment(TrackId::VIDEO, MSN).unwrap().body.in_memory().unwrap().as_slice().concat()
        }
    }

    /// What comes until the end, or until it breaks off.
    async fn rest(flow: &mut Flow) -> Result<Vec<u8>, Gone> {
        let mut all = Vec::new();
        while let Some(part) = flow.next().await {
            all.extend_from_slice(&part?);
        }
        Ok(all)
    }

    #[tokio::test]
    async fn parts_come_one_by_one_and_are_the_segment() {
        let (mut stage, mut flow) = Stage::new().await;
        let mut all = flow.next().await.unwrap().unwrap().to_vec();
        stage.play(30);
        all.extend(rest(&mut flow).await.unwrap());
        assert_eq!(all, stage.whole());
    }

    #[tokio::test]
    async fn a_segment_that_was_announced_and_never_came_is_one_of_no_media() {
        let (mut stage, flow) = Stage::new().await;
        let snapshots = flow.snapshots.clone();
        let now = WallClock::from_unix_millis(EPOCH.0 as i64 + 7_000);
        stage.segmenter.away(now);
        stage.tell.send_replace(stage.segmenter.snapshot());
        let shelf = Shelf::new(snapshots.clone(), snapshots, 10);
        let ask =
            async |msn| shelf.media(&Request::Segment { track: TrackId::VIDEO, epoch: EPOCH, generation: 1, msn }, Duration::ZERO).await;
        assert_eq!(ask(MSN.next()).await.unwrap_err(), NotHeld::Late, "the publisher may be back before it is due");
        for seconds in 8..20 {
            stage.segmenter.tick(WallClock::from_unix_millis(EPOCH.0 as i64 + seconds * 1_000));
        }
        stage.tell.send_replace(stage.segmenter.snapshot());
        assert!(matches!(ask(MSN.next()).await, Ok(Media::Whole(File::Nothing))));
        assert!(matches!(ask(MSN.next().next()).await, Ok(Media::Absent)), "nobody announced that one");
        // A stream that ends has announced one more as well.
        let (mut stage, flow) = Stage::new().await;
        let snapshots = flow.snapshots.clone();
        stage.segmenter.end(now);
        stage.tell.send_replace(stage.segmenter.snapshot());
        let shelf = Shelf::new(snapshots.clone(), snapshots, 10);
        let ask =
            async |msn| shelf.media(&Request::Segment { track: TrackId::VIDEO, epoch: EPOCH, generation: 1, msn }, Duration::ZERO).await;
        assert!(matches!(ask(MSN.next()).await, Ok(Media::Whole(File::Nothing))));
        assert!(matches!(ask(MSN.next().next()).await, Ok(Media::Absent)));
    }

    #[tokio::test]
    async fn what_needs_another_init_segment_than_was_told_has_another_name() {
        let (mut stage, flow) = Stage::new().await;
        let snapshots = flow.snapshots.clone();
        let now = WallClock::from_unix_millis(EPOCH.0 as i64 + 7_000);
        stage.segmenter.head(program(0x1f), Boundary::Break, now);
        stage.tell.send_replace(stage.segmenter.snapshot());
        let shelf = Shelf::new(snapshots.clone(), snapshots, 10);
        let ask = async |generation| {
            shelf.media(&Request::Segment { track: TrackId::VIDEO, epoch: EPOCH, generation, msn: MSN.next() }, Duration::ZERO).await
        };
        let is_nothing = |found| matches!(found, Ok(Media::Whole(File::Nothing)));
        assert!(is_nothing(ask(1).await), "it will never come");
        assert_eq!(ask(2).await.unwrap_err(), NotHeld::Late, "this one will");
        stage.play(20);
        assert!(is_nothing(ask(1).await) && matches!(ask(2).await, Ok(Media::Flowing(_))));
        stage.play(20);
        assert!(is_nothing(ask(1).await));
        assert!(matches!(ask(2).await, Ok(Media::Whole(File::Body(Body::Memory(_))))));
        assert!(matches!(ask(3).await, Ok(Media::Absent)));
    }

    #[tokio::test]
    async fn a_time_names_the_segment_that_begins_then_and_is_waited_for() {
        let (mut stage, flow) = Stage::new().await;
        let snapshots = flow.snapshots.clone();
        let shelf = Shelf::new(snapshots.clone(), snapshots, 10);
        let ask = async |epoch, seconds: u64| {
            let request = Request::SegmentFrom { track: TrackId::VIDEO, epoch, generation: 1, time: seconds * 90_000 };
            shelf.media(&request, Duration::ZERO).await
        };
        assert!(matches!(ask(EPOCH, 4).await, Ok(Media::Whole(_))));
        assert!(matches!(ask(EPOCH, 6).await, Ok(Media::Flowing(_))));
        assert_eq!(ask(EPOCH, 8).await.unwrap_err(), NotHeld::Late);
        assert!(matches!(ask(EPOCH, 60).await, Ok(Media::Absent)));
        assert!(matches!(ask(Epoch(EPOCH.0 + 1), 4).await, Ok(Media::Absent)));
        stage.play(20);
        assert!(matches!(ask(EPOCH, 8).await, Ok(Media::Flowing(_))));
        assert!(
            matches!(ask(EPOCH, 6).await, Ok(Media::Whole(File::Body(Body::Memory(pieces)))) if pieces.as_slice().concat() == stage.whole())
        );
    }

    #[tokio::test]
    async fn a_reader_that_is_slower_than_parts_are_kept_gets_the_rest_of_the_segment() {
        let (mut stage, mut flow) = Stage::new().await;
        let mut all = flow.next().await.unwrap().unwrap().to_vec();
        stage.play(300);
        assert!(stage.tell.borrow().as_ref().unwrap().segment(TrackId::VIDEO, MSN).unwrap().parts.is_empty());
        all.extend(rest(&mut flow).await.unwrap());
        assert_eq!(all, stage.whole());
    }

    #[tokio::test]
    async fn what_cannot_be_read_on_breaks_off_and_does_not_pass_for_whole() {
        // Its segment left memory.
        let (mut stage, mut flow) = Stage::new().await;
        flow.next().await.unwrap().unwrap();
        stage.play(200);
        stage.segmenter.set_limits(Limits { memory: Allowance { keep: 0, most: u64::MAX }, spool: u64::MAX });
        while let Some(slot) = stage.segmenter.offer() {
            let place = Place { volume: Volume::new(1, ()), offset: 0, length: slot.segments[0].body.len() };
            stage.segmenter.spooled(&Spooled { msn: slot.msn, places: vec![place] });
        }
        stage.play(20);
        let snapshot = stage.tell.borrow().clone().unwrap();
        assert!(matches!(snapshot.segment(TrackId::VIDEO, MSN).unwrap().body, Body::Spooled(_)));
        assert_eq!(rest(&mut flow).await, Err(Gone));
        // It is no longer there at all.
        let (mut stage, mut flow) = Stage::new().await;
        flow.next().await.unwrap().unwrap();
        stage.play(2_000);
        assert_eq!(rest(&mut flow).await, Err(Gone));
        // Nobody makes it any more.
        let (stage, mut flow) = Stage::new().await;
        drop(stage);
        assert_eq!(rest(&mut flow).await, Err(Gone));
    }
}
