//! The outlets of all live streams.

use std::sync::Arc;

use dashmap::DashMap;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::shelf::Shelf;
use super::variants::{TooManyVariants, Variants};
use crate::bus::{Registry, Stream, StreamName};
use crate::feed::{self, FlvUnit, Fragment, Lazy, RtmpUnit, RtmpVariant};
use crate::flv::FlvVariant;
use crate::media::{Epoch, Selection};
use crate::segment;

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
    feeds: feed::Options,
    segments: segment::options::Options,
    runtime: Handle,
}

impl Outlet {
    fn new(stream: &Arc<Stream>, feeds: &feed::Options, segments: &segment::options::Options, runtime: &Handle) -> Arc<Self> {
        let samples = &stream.source().samples;
        let (tell, snapshots) = watch::channel(None);
        runtime.spawn(segment::task::run(Arc::clone(stream), segments.clone(), tell));
        Arc::new(Self {
            stream: Arc::clone(stream),
            flv: Variants::new(Arc::clone(samples), feeds, runtime.clone()),
            rtmp: Variants::new(Arc::clone(samples), feeds, runtime.clone()),
            fragments: Variants::new(Arc::clone(samples), feeds, runtime.clone()),
            shelf: Shelf::new(snapshots),
        })
    }

    /// The stream.
    pub fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// FLV tags.
    ///
    /// # Errors
    /// When more different variants are watched than one stream offers.
    pub fn flv(&self, variant: FlvVariant) -> Result<Arc<Lazy<FlvUnit>>, TooManyVariants> {
        self.flv.of(variant)
    }

    /// RTMP messages.
    ///
    /// # Errors
    /// When more different variants are played than one stream offers.
    pub fn rtmp(&self, variant: RtmpVariant) -> Result<Arc<Lazy<RtmpUnit>>, TooManyVariants> {
        self.rtmp.of(variant)
    }

    /// Muxed fragments of the chosen tracks, one picture or up to 100 ms of sound each.
    ///
    /// # Errors
    /// When more different selections are watched than one stream offers.
    pub fn fragments(&self, selection: Selection) -> Result<Arc<Lazy<Fragment>>, TooManyVariants> {
        self.fragments.of(selection)
    }

    /// Segments, for HLS and DASH.
    pub fn shelf(&self) -> &Shelf {
        &self.shelf
    }
}

impl Outlets {
    /// No outlets yet. Their feeds and segmenters will run on `runtime`, which should not be a viewer worker's.
    pub fn new(feeds: feed::Options, segments: segment::options::Options, runtime: Handle) -> Arc<Self> {
        Arc::new(Self { by_name: DashMap::new(), feeds, segments, runtime })
    }

    /// The outlet of a stream, opened if this is the first that is heard of it.
    pub fn of(&self, stream: &Arc<Stream>) -> Arc<Outlet> {
        let open = || Outlet::new(stream, &self.feeds, &self.segments, &self.runtime);
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
