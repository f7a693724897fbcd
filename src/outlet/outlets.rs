//! The outlets of all live streams.

use std::sync::Arc;

use dashmap::DashMap;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::shelf::Shelf;
use super::variants::{Means, TooManyVariants, Variants};
use crate::bus::{Registry, Stream, StreamName};
use crate::feed::{self, FlvUnit, Fragment, Lazy, RtmpUnit, RtmpVariant};
use crate::flv::FlvVariant;
use crate::media::{Epoch, Program, Selection};
use crate::segment;
use crate::segment::task::Announcer;

/// All that one stream offers to viewers.
#[derive(Debug)]
pub struct Outlet {
    stream: Arc<Stream>,
    flv: Variants<FlvUnit>,
    rtmp: Variants<RtmpUnit>,
    fragments: Variants<Fragment>,
    shelf: Shelf,
}

/// The outlets of all streams.
#[derive(Debug)]
pub struct Outlets {
    by_name: DashMap<StreamName, Arc<Outlet>>,
    means: Means,
    segments: segment::options::Options,
}

impl Outlet {
    fn new(stream: &Arc<Stream>, means: &Means, segments: &segment::options::Options) -> Arc<Self> {
        let samples = &stream.source().samples;
        let (announcer, media, lists) = Announcer::new();
        means.runtime.spawn(segment::task::run(Arc::clone(stream), segments.clone(), announcer));
        Arc::new(Self {
            stream: Arc::clone(stream),
            flv: Variants::new(Arc::clone(samples), means),
            rtmp: Variants::new(Arc::clone(samples), means),
            fragments: Variants::new(Arc::clone(samples), means),
            shelf: Shelf::new(media, lists, segments.max_held),
        })
    }

    /// The stream.
    pub fn stream(&self) -> &Arc<Stream> {
        &self.stream
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
    /// As [`Outlet::flv`].
    pub fn rtmp(&self, variant: RtmpVariant, program: &Program) -> Result<Arc<Lazy<RtmpUnit>>, TooManyVariants> {
        self.rtmp.of(variant, &program.tracks)
    }

    /// Muxed fragments of the chosen tracks, one picture or up to 100 ms of sound each.
    ///
    /// # Errors
    /// As [`Outlet::flv`].
    pub fn fragments(&self, selection: Selection, program: &Program) -> Result<Arc<Lazy<Fragment>>, TooManyVariants> {
        self.fragments.of(selection, &program.tracks)
    }

    /// Segments, for HLS and DASH.
    pub fn shelf(&self) -> &Shelf {
        &self.shelf
    }
}

impl Outlets {
    /// No outlets yet. Their feeds and segmenters will run on `runtime`, which should not be a viewer worker's.
    pub fn new(feeds: feed::Options, segments: segment::options::Options, runtime: Handle) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(feeds.max_variants));
        Arc::new(Self { by_name: DashMap::new(), means: Means { options: feeds, runtime, places }, segments })
    }

    /// How many feeds there are, of all streams together, beside the default ones.
    pub fn variants(&self) -> usize {
        self.means.options.max_variants.saturating_sub(self.means.places.available_permits())
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
