//! Feeds a segmenter from the bus, tells it the time and what it may hold, and hands to the spool what should leave memory.

mod keeping;
mod rungs;
mod told;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tracing::{info, warn};

use crate::bus::{Budget, Cause, End, From, Gate, LeftOut, Read, State, Stream, Subscriber, Why, wall};
use crate::media::{Program, Sample, TrackId, WallClock};

use super::body::Spooled;
use super::options::Options;
use super::segmenter::{Boundary, Segmenter};
use super::snapshot::Snapshot;
use keeping::Stock;
use rungs::Rungs;
use told::Told;

pub use keeping::{Handover, Keeping};

/// How often the time is told: gaps are never later than this.
const TICK: Duration = Duration::from_millis(250);

/// What viewers can know, renewed with every part; `None` before the first few segments exist. The last value stays when the stream ends.
pub type Snapshots = watch::Receiver<Option<Arc<Snapshot>>>;

/// Tells viewers what they can know: first those who wait for media, then those who wait to read of it. So with thousands of both the
/// media, which is what is waited for, does not queue behind the playlists.
#[derive(Debug)]
pub struct Announcer {
    media: watch::Sender<Option<Arc<Snapshot>>>,
    lists: watch::Sender<Option<Arc<Snapshot>>>,
}

/// Segments a stream's source and its rungs until the stream ends; run it on a task of its own.
///
/// A stream that is unpublished ends for its viewers too. At a shutdown it does not: its playlists stay as for a publisher that is away,
/// so that players survive a restart. Returns early when nobody is left to be told.
pub async fn run(stream: Arc<Stream>, options: Options, keeping: Keeping, announcer: Announcer) {
    let _fall = Fall(Arc::clone(&stream));
    let gate = Arc::new(Gate::new());
    let mut subscriber = stream.source().samples.subscribe(From::NewestSync, &gate);
    let rungs = Rungs::new(&gate);
    let (stock, mut spooled) = Stock::new(keeping, &options);
    let mut feed = Feed {
        stream,
        rungs,
        options,
        stock,
        segmenter: None,
        away: false,
        left_out: BTreeMap::new(),
        told: Told::default(),
        sent: 0,
        announcer,
    };
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut samples = Vec::new();
    loop {
        let Feed { stream, rungs, segmenter, announcer, .. } = &mut feed;
        let read = tokio::select! {
            // Only a drained channel lets time pass, so that no sample arrives after the publisher was seen to be away.
            biased;
            () = announcer.unheard() => return,
            Some(spooled) = spooled.next() => {
                feed.spooled(&spooled);
                continue;
            }
            read = next(&mut subscriber, &mut samples, |now| segmenter.as_mut().is_some_and(|to| rungs.hand_over(stream, to, now))) => Some(read),
            _ = ticks.tick() => None,
        };
        let now = wall::now();
        let ended = feed.take(read, &mut samples, now);
        feed.keep();
        feed.report();
        feed.announce(now);
        if ended {
            return;
        }
    }
}

/// Held while a stream is segmented: where that ends in a panic, the stream fails. What comes behind the last segment cannot be told, so
/// its encoder has to come back, to numbers and addresses of their own.
struct Fall(Arc<Stream>);

impl Drop for Fall {
    fn drop(&mut self) {
        if std::thread::panicking() {
            warn!(stream = %self.0.name(), "segmenting broke down: the stream ends, and its publisher has to come back");
            self.0.fail(Instant::now());
        }
    }
}

/// What comes next of the source; nothing where `rungs` says that something of them has. Cancel safe.
async fn next(source: &mut Subscriber<Sample>, samples: &mut Vec<Sample>, mut rungs: impl FnMut(WallClock) -> bool) -> Read<Sample> {
    loop {
        match source.read(Budget::default(), samples) {
            Read::Empty => {}
            found => return found,
        }
        if rungs(wall::now()) {
            return Read::Empty;
        }
        source.gate().rung().await;
    }
}

impl Announcer {
    /// Nothing to tell yet; the ears of those who wait for media, and of those who wait for playlists and manifests.
    pub fn new() -> (Self, Snapshots, Snapshots) {
        let ((media, of_media), (lists, of_lists)) = (watch::channel(None), watch::channel(None));
        (Self { media, lists }, of_media, of_lists)
    }

    /// Returns whether it is the first.
    fn announce(&self, snapshot: Arc<Snapshot>) -> bool {
        let before = self.media.send_replace(Some(Arc::clone(&snapshot)));
        self.lists.send_replace(Some(snapshot));
        before.is_none()
    }

    async fn unheard(&self) {
        self.media.closed().await;
    }
}

struct Feed {
    stream: Arc<Stream>,
    rungs: Rungs,
    options: Options,
    stock: Stock,
    segmenter: Option<Segmenter>,
    away: bool,
    left_out: BTreeMap<TrackId, LeftOut>,
    told: Told,
    /// The state that was last announced.
    sent: u64,
    announcer: Announcer,
}

impl Feed {
    /// Returns whether the stream has ended.
    fn take(&mut self, read: Option<Read<Sample>>, samples: &mut Vec<Sample>, now: WallClock) -> bool {
        match read {
            Some(Read::Batch) => {
                self.away = false;
                let Some(segmenter) = &mut self.segmenter else { return false };
                samples.drain(..).for_each(|sample| segmenter.push(sample, now));
            }
            Some(Read::Head { head, why }) => self.head(head, why, now),
            Some(Read::Empty) => {}
            Some(Read::End(end)) => {
                match (&mut self.segmenter, end) {
                    (Some(segmenter), End::Unpublished) => segmenter.end(now),
                    (Some(segmenter), End::Shutdown | End::Failed) => segmenter.away(now),
                    (None, _) => {}
                }
                return true;
            }
            None => self.tick(now),
        }
        false
    }

    fn head(&mut self, program: Arc<Program>, why: Why, now: WallClock) {
        let boundary = match why {
            Why::Config => Boundary::Config,
            Why::Joined | Why::Lagged { .. } | Why::Break(Cause::Loss) => Boundary::Loss,
            Why::Break(Cause::Timestamps) => Boundary::Jump,
            Why::Break(Cause::Publisher) => Boundary::Break,
        };
        if let Why::Lagged { entries, span } = why {
            warn!(stream = %self.stream.name(), entries, ?span, "segmenting fell behind the publisher: samples were skipped");
        }
        let refused = match &mut self.segmenter {
            Some(segmenter) => segmenter.head(program, boundary, now),
            None => {
                let (segmenter, refused) = Segmenter::new(self.options.clone(), program);
                self.segmenter = Some(segmenter);
                refused
            }
        };
        for (track, error) in refused {
            warn!(stream = %self.stream.name(), %track, %error, "track left out of HLS and DASH");
        }
    }

    fn spooled(&mut self, spooled: &Spooled) {
        if let Some(segmenter) = &mut self.segmenter {
            segmenter.spooled(spooled);
        }
        self.keep();
    }

    fn keep(&mut self) {
        if let Some(segmenter) = &mut self.segmenter {
            self.stock.keep(segmenter);
        }
    }

    /// Tells which tracks are left out now.
    fn report(&mut self) {
        let Some(segmenter) = &self.segmenter else { return };
        let misaligned = segmenter.misaligned();
        let left_out: BTreeMap<_, _> = segmenter
            .left_out()
            .map(|track| (track, if misaligned.contains(&track) { LeftOut::Keyframes } else { LeftOut::Format }))
            .collect();
        if left_out == self.left_out {
            return;
        }
        for track in misaligned.iter().filter(|track| self.left_out.get(track) != Some(&LeftOut::Keyframes)) {
            warn!(
                stream = %self.stream.name(), %track,
                "its keyframes are not where those of the leading video track are, so players cannot change to it: it leaves HLS and DASH \
                 and stays at ?track={track} of the other exits; set the same keyframe interval on all tracks of the encoder, fixed and in \
                 seconds, and publish anew"
            );
        }
        self.stream.set_left_out(left_out.clone());
        self.left_out = left_out;
    }

    fn tick(&mut self, now: WallClock) {
        let Some(segmenter) = &mut self.segmenter else { return };
        if !self.away && matches!(self.stream.state(), State::Waiting { .. }) {
            self.away = true;
            segmenter.away(now);
        }
        segmenter.tick(now);
    }

    fn announce(&mut self, now: WallClock) {
        let Some(segmenter) = &mut self.segmenter else { return };
        if segmenter.state() == self.sent {
            return;
        }
        self.sent = segmenter.state();
        let Some(snapshot) = segmenter.snapshot() else { return };
        self.told.tell(&self.stream, &snapshot, self.stock.has_spool(), now);
        let target_duration = snapshot.target_duration;
        if self.announcer.announce(snapshot) {
            info!(stream = %self.stream.name(), target_duration, "HLS and DASH are ready");
        }
    }
}
