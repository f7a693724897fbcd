//! The outlets of all live streams.

use std::sync::Arc;

use dashmap::DashMap;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tracing::Span;

use super::shelf::Shelf;
use super::variants::{Means, TooManyVariants, Variants};
use crate::bus::ladder::RungRendition;
use crate::bus::{Channel, Registry, Stream, StreamName};
use crate::feed::{self, FlvUnit, Fragment, Lazy, RtmpUnit, RtmpVariant};
use crate::flv::FlvVariant;
use crate::media::{Epoch, Program, Sample, Selection};
use crate::segment;
use crate::segment::budget::{Budget, Share};
use crate::segment::options::MEMORY_SLACK;
use crate::segment::task::{Announcer, Handover, Keeping};
use crate::spool::Spool;

/// All that one stream offers to viewers.
#[derive(Debug)]
pub struct Outlet {
    stream: Arc<Stream>,
    source: Arc<Feeds>,
    /// Of rungs that somebody has asked for; at most one for each that there is.
    rungs: Mutex<Vec<Arc<Feeds>>>,
    means: Means,
    shelf: Shelf,
    spool: Option<Arc<Spool>>,
    /// What the shelf's last segments take up counts as long as they are here.
    _memory: Arc<Share>,
}

/// The feeds of one channel of samples: a stream's source, or one of its rungs.
#[derive(Debug)]
pub struct Feeds {
    samples: Arc<Channel<Sample>>,
    flv: Variants<FlvUnit>,
    rtmp: Variants<RtmpUnit>,
    fragments: Variants<Fragment>,
}

/// The outlets of all streams.
#[derive(Debug)]
pub struct Outlets {
    by_name: DashMap<StreamName, Arc<Outlet>>,
    means: Means,
    segments: Segments,
}

/// How segments are made, and where they are kept.
#[derive(Debug)]
struct Segments {
    options: segment::options::Options,
    memory: Arc<Budget>,
    spool: Option<Arc<Spool>>,
}

impl Outlet {
    fn new(stream: &Arc<Stream>, means: &Means, segments: &Segments) -> Arc<Self> {
        let means = Means { span: tracing::error_span!("feed", stream = %stream.name()), ..means.clone() };
        let (announcer, media, lists) = Announcer::new();
        let memory = Arc::new(segments.memory.join());
        let keeping = Keeping { memory: Arc::clone(&memory), spool: segments.handover(&means.runtime) };
        means.runtime.spawn(segment::task::run(Arc::clone(stream), segments.options.clone(), keeping, announcer));
        Arc::new(Self {
            stream: Arc::clone(stream),
            source: Feeds::new(&stream.source().samples, &means),
            rungs: Mutex::default(),
            means,
            shelf: Shelf::new(media, lists, segments.options.max_held),
            spool: segments.spool.clone(),
            _memory: memory,
        })
    }

    /// The stream.
    pub fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// The feeds of the source or, where one is named, of a rung.
    pub fn feeds(&self, rung: Option<&RungRendition>) -> Arc<Feeds> {
        let Some(rung) = rung else { return Arc::clone(&self.source) };
        let mut known = self.rungs.lock();
        let there = self.stream.ladder().rungs();
        known.retain(|feeds| there.iter().any(|rung| Arc::ptr_eq(&rung.samples, &feeds.samples)));
        if let Some(feeds) = known.iter().find(|feeds| Arc::ptr_eq(&feeds.samples, &rung.samples)) {
            return Arc::clone(feeds);
        }
        let feeds = Feeds::new(&rung.samples, &self.means);
        known.push(Arc::clone(&feeds));
        feeds
    }

    /// Segments, for HLS and DASH.
    pub fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// Where those of them are that have left memory.
    pub fn spool(&self) -> Option<&Arc<Spool>> {
        self.spool.as_ref()
    }
}

impl Feeds {
    fn new(samples: &Arc<Channel<Sample>>, means: &Means) -> Arc<Self> {
        Arc::new(Self {
            samples: Arc::clone(samples),
            flv: Variants::new(Arc::clone(samples), means),
            rtmp: Variants::new(Arc::clone(samples), means),
            fragments: Variants::new(Arc::clone(samples), means),
        })
    }

    /// The samples that they are made of.
    pub fn samples(&self) -> &Arc<Channel<Sample>> {
        &self.samples
    }

    /// FLV tags of what `program` has for the variant.
    ///
    /// # Errors
    /// When more different variants are watched than one stream, or the gateway, offers.
    pub fn flv(&self, variant: FlvVariant, program: &Program) -> Result<Arc<Lazy<FlvUnit>>, TooManyVariants> {
        self.flv.of(variant, &program.tracks)
    }

    /// RTMP messages of what `program` has for the variant.
    ///
    /// # Errors
    /// As [`Feeds::flv`].
    pub fn rtmp(&self, variant: RtmpVariant, program: &Program) -> Result<Arc<Lazy<RtmpUnit>>, TooManyVariants> {
        self.rtmp.of(variant, &program.tracks)
    }

    /// Muxed fragments of the chosen tracks, one picture or up to a twentieth of a second of sound each.
    ///
    /// # Errors
    /// As [`Feeds::flv`].
    pub fn fragments(&self, selection: Selection, program: &Program) -> Result<Arc<Lazy<Fragment>>, TooManyVariants> {
        self.fragments.of(selection, &program.tracks)
    }
}

impl Segments {
    /// A stream's way to the spool, where there is one.
    fn handover(&self, runtime: &Handle) -> Option<Handover> {
        let reel = self.spool.as_ref()?.reel(runtime);
        Some(Handover { offers: reel.offers, spooled: reel.spooled, share: reel.share })
    }
}

impl Outlets {
    /// No outlets yet. Their feeds and segmenters will run on `runtime`, which should not be a viewer worker's. Segments that do not fit
    /// into memory go to the spool, where there is one.
    pub fn new(feeds: feed::Options, segments: segment::options::Options, spool: Option<Arc<Spool>>, runtime: Handle) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(feeds.max_variants));
        let memory = Budget::new(segments.total_memory_bytes as u64, MEMORY_SLACK);
        let segments = Segments { options: segments, memory, spool };
        Arc::new(Self { by_name: DashMap::new(), means: Means { options: feeds, runtime, span: Span::none(), places }, segments })
    }

    /// The memory that the segments of all streams share.
    pub fn memory(&self) -> &Budget {
        &self.segments.memory
    }

    /// Where segments go that do not fit into it.
    pub fn spool(&self) -> Option<&Arc<Spool>> {
        self.segments.spool.as_ref()
    }

    /// How many feeds there are, of all streams together, beside the default ones.
    pub fn variants(&self) -> usize {
        self.means.options.max_variants.saturating_sub(self.means.places.available_permits())
    }

    /// The outlet of a stream, if it is open.
    pub fn find(&self, stream: &Stream) -> Option<Arc<Outlet>> {
        self.by_name.get(stream.name()).filter(|held| held.stream.epoch() == stream.epoch()).map(|held| Arc::clone(&held))
    }

    /// The outlet of a stream, opened if this is the first that is heard of it.
    pub fn of(&self, stream: &Arc<Stream>) -> Arc<Outlet> {
        let open = || Outlet::new(stream, &self.means, &self.segments);
        let mut held = self.by_name.entry(stream.name().clone()).or_insert_with(open);
        // Another presentation under the same name is another stream; one that was forgotten meanwhile does not come back.
        if held.stream.epoch() < stream.epoch() {
            *held = open();
        }
        Arc::clone(&held)
    }

    /// Opens an outlet for every stream, so that segments are ready when the first viewer asks, and closes those of streams that are
    /// forgotten. To be called when the registry announces a change.
    pub fn follow(&self, registry: &Registry) {
        for stream in registry.list() {
            self.of(&stream);
        }
        let is_known = |name: &StreamName, epoch: Epoch| registry.find(name).is_some_and(|stream| stream.epoch() == epoch);
        self.by_name.retain(|name, outlet| is_known(name, outlet.stream.epoch()));
    }
}
