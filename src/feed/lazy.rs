//! Feeds that run while somebody watches.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tracing::{Instrument as _, Span};

use crate::bus::{Budget, Cause, Channel, End, Entry, From, Gate, Publisher, Read, Revoked, Subscriber, Why};
use crate::media::{Kind, Program, Sample, Timestamp, TrackSet};

/// How feeds are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Seconds that a feed goes on after its last viewer has left, so that the next one need not start it anew.
    pub linger_s: u32,
    /// Most feeds at a time, of all streams together, beside the default one of each stream and format: each keeps a window of its own.
    pub max_variants: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { linger_s: 10, max_variants: 256 }
    }
}

/// What a feed makes.
#[derive(Debug)]
pub enum Item<T: Entry> {
    /// A head, in force from the next unit on.
    Head(Arc<T::Head>, Why),
    /// A unit.
    Unit(T),
}

/// A wire unit, and how to make it.
pub trait Unit: Entry<Head: Send + Sync> + fmt::Debug + Send + 'static {
    /// What its viewers share: which tracks, in which form.
    type Variant: Copy + fmt::Debug + Eq + Hash + Default + Send + Sync + 'static;
    /// Makes units from samples.
    type Maker: Maker<Self>;

    /// The one way to say the same of a program with these tracks: equal for all who get the same, so that they share a feed.
    fn canonical(variant: Self::Variant, tracks: &TrackSet) -> Self::Variant;

    /// A maker for one variant.
    fn maker(variant: Self::Variant) -> Self::Maker;
}

/// Makes one format's units from samples. Pure.
pub trait Maker<T: Entry>: Send + 'static {
    /// The program in force from the next sample on; `why` is never [`Why::Lagged`].
    fn program(&mut self, program: Arc<Program>, why: Why, out: &mut Vec<Item<T>>);

    /// The next sample.
    fn sample(&mut self, sample: Sample, out: &mut Vec<Item<T>>);

    /// No more samples: gives out what was held back.
    fn flush(&mut self, out: &mut Vec<Item<T>>);
}

/// A feed of one variant of a format that starts with its first viewer and stops some time after its last. It lives as long as somebody
/// holds it, watches, or it runs.
pub struct Lazy<T: Unit> {
    variant: T::Variant,
    source: Arc<Channel<Sample>>,
    linger: Duration,
    /// Where feeds run: never on a worker's thread, whose sweeps would hold them up.
    runtime: Handle,
    /// What the log calls it.
    span: Span,
    run: Mutex<Option<Run<T>>>,
    /// Its place among [`Options::max_variants`], held for its life.
    _place: Option<OwnedSemaphorePermit>,
}

/// A feed that runs, or has run to its stream's end.
struct Run<T: Unit> {
    channel: Arc<Channel<T>>,
    caught_up: watch::Receiver<bool>,
    users: usize,
}

/// Keeps a feed running.
pub struct FeedGuard<T: Unit> {
    lazy: Arc<Lazy<T>>,
    channel: Arc<Channel<T>>,
}

impl<T: Unit> Lazy<T> {
    /// A feed of the samples in `source`, for the viewers of one variant, that will run on `runtime` and within `span`. It keeps `place` for
    /// its life.
    pub fn new(
        source: Arc<Channel<Sample>>,
        variant: T::Variant,
        options: &Options,
        runtime: Handle,
        span: Span,
        place: Option<OwnedSemaphorePermit>,
    ) -> Arc<Self> {
        let linger = Duration::from_secs(options.linger_s.into());
        Arc::new(Self { variant, source, linger, runtime, span, run: Mutex::new(None), _place: place })
    }

    /// Starts the feed if it does not run. Returns when it has made what was already there, so that a viewer joins with the newest GOP.
    pub async fn acquire(self: &Arc<Self>) -> FeedGuard<T> {
        let (guard, mut caught_up) = self.enter();
        // An error means that the feed is over, which is as far as it will ever get.
        let _ = caught_up.wait_for(|caught_up| *caught_up).await;
        guard
    }

    /// Whether the feed runs.
    pub fn is_running(&self) -> bool {
        self.run.lock().is_some()
    }

    fn enter(self: &Arc<Self>) -> (FeedGuard<T>, watch::Receiver<bool>) {
        let mut slot = self.run.lock();
        let run = slot.get_or_insert_with(|| self.start());
        run.users += 1;
        (FeedGuard { lazy: Arc::clone(self), channel: Arc::clone(&run.channel) }, run.caught_up.clone())
    }

    fn start(self: &Arc<Self>) -> Run<T> {
        let channel = Channel::new(self.source.bounds());
        let (tell, caught_up) = watch::channel(false);
        let feed = Feed {
            samples: self.source.subscribe(From::NewestSync, &Arc::new(Gate::new())),
            maker: T::maker(self.variant),
            publisher: channel.lease(),
            overlap: Overlap::default(),
            items: Vec::new(),
        };
        self.runtime.spawn(feed.run(Arc::clone(self), Arc::clone(&channel), tell).instrument(self.span.clone()));
        Run { channel, caught_up, users: 0 }
    }

    /// Takes the feed off if nobody uses it. Whoever comes next starts another.
    fn stop_if_unused(&self) -> bool {
        let mut run = self.run.lock();
        let unused = run.as_ref().is_none_or(|run| run.users == 0);
        if unused {
            *run = None;
        }
        unused
    }
}

impl<T: Unit> FeedGuard<T> {
    /// The units.
    pub fn channel(&self) -> &Arc<Channel<T>> {
        &self.channel
    }
}

impl<T: Unit> Drop for FeedGuard<T> {
    fn drop(&mut self) {
        if let Some(run) = self.lazy.run.lock().as_mut().filter(|run| Arc::ptr_eq(&run.channel, &self.channel)) {
            run.users -= 1;
        }
    }
}

impl<T: Unit> fmt::Debug for Lazy<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lazy").field("variant", &self.variant).field("running", &self.is_running()).finish_non_exhaustive()
    }
}

impl<T: Unit> fmt::Debug for FeedGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeedGuard").finish_non_exhaustive()
    }
}

/// Held while a feed works: where that ends in a panic, its viewers leave, to come back to a feed that is made anew. They would wait for
/// ever.
struct Fall<T: Unit> {
    lazy: Arc<Lazy<T>>,
    channel: Arc<Channel<T>>,
}

impl<T: Unit> Drop for Fall<T> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        tracing::error!(feed = ?self.lazy.variant, "a feed broke down: its viewers have to come back");
        self.lazy.run.lock().take_if(|run| Arc::ptr_eq(&run.channel, &self.channel));
        // Not as a stream that is over, which players do not come back to.
        self.channel.end(End::Failed);
    }
}

/// A feed at work.
struct Feed<T: Unit> {
    samples: Subscriber<Sample>,
    maker: T::Maker,
    publisher: Publisher<T>,
    overlap: Overlap,
    items: Vec<Item<T>>,
}

/// What a rung has twice. Whoever makes it anew begins with the source's newest keyframe, so that a segment in progress can still be whole; but
/// viewers here have had that, and must not see time run backwards.
#[derive(Debug, Default)]
struct Overlap {
    /// How far viewers have got.
    reached: Option<Timestamp>,
    lasts: bool,
}

impl Overlap {
    /// Samples may come again from here on.
    fn begin(&mut self) {
        self.lasts = self.reached.is_some();
    }

    /// Whether a sample is new, and a decoder can make something of it.
    fn passes(&mut self, sample: &Sample) -> bool {
        let is_rung = sample.track.is_rung() && sample.track.kind == Kind::Video;
        self.lasts &= !(is_rung && sample.is_sync && self.reached.is_none_or(|reached| sample.dts > reached));
        if is_rung && !self.lasts {
            self.reached = Some(sample.dts);
        }
        !self.lasts
    }
}

impl<T: Unit> Feed<T> {
    async fn run(mut self, lazy: Arc<Lazy<T>>, channel: Arc<Channel<T>>, caught_up: watch::Sender<bool>) {
        let _fall = Fall { lazy: Arc::clone(&lazy), channel: Arc::clone(&channel) };
        let mut batch = Vec::new();
        // Looked at now and then, so that no timer is set for each sample.
        let mut look = tokio::time::interval(lazy.linger.max(Duration::from_secs(1)));
        look.tick().await;
        let mut was_unused = false;
        loop {
            match self.samples.read(Budget::default(), &mut batch) {
                Read::Head { head, why } => self.program(head, why),
                Read::Batch => {
                    let news = batch.drain(..).filter(|sample| self.overlap.passes(sample));
                    news.for_each(|sample| self.maker.sample(sample, &mut self.items));
                }
                Read::Empty => {
                    caught_up.send_if_modified(|told| !std::mem::replace(told, true));
                    tokio::select! {
                        () = self.samples.gate().rung() => {}
                        _ = look.tick() => {
                            let unused = lazy.run.lock().as_ref().is_none_or(|run| run.users == 0);
                            // Unused at two looks in a row: for at least one linger.
                            if unused && was_unused && lazy.stop_if_unused() {
                                return;
                            }
                            was_unused = unused;
                        }
                    }
                }
                Read::End(end) => {
                    self.maker.flush(&mut self.items);
                    // Nobody else holds the lease; a failure could only say that the channel has ended.
                    let _ = self.publish();
                    channel.end(end);
                    return;
                }
            }
            if self.publish().is_err() {
                return;
            }
        }
    }

    fn program(&mut self, program: Arc<Program>, why: Why) {
        let why = match why {
            Why::Lagged { entries, .. } => {
                tracing::warn!(
                    entries,
                    "a feed fell behind the publisher: samples were skipped for all its viewers; is the machine overloaded?"
                );
                Why::Break(Cause::Loss)
            }
            why => why,
        };
        if matches!(why, Why::Break(_)) {
            self.overlap.begin();
        }
        self.maker.program(program, why, &mut self.items);
    }

    fn publish(&mut self) -> Result<(), Revoked> {
        for item in self.items.drain(..) {
            match item {
                Item::Head(head, why) => self.publisher.set_head(head, why)?,
                Item::Unit(unit) => {
                    self.publisher.push(unit)?;
                }
            }
        }
        Ok(())
    }
}
