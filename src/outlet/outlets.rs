//! The outlets of all live streams.

use std::sync::Arc;

use dashmap::DashMap;
use tokio::runtime::Handle;

use crate::bus::{Registry, State, Stream, StreamName};
use crate::feed::{self, FlvUnit, Fragment, Lazy};
use crate::media::Epoch;

/// All that one stream offers to viewers.
#[derive(Debug)]
pub struct Outlet {
    flv: Lazy<FlvUnit>,
    fragments: Lazy<Fragment>,
}

/// The outlets of all streams, made when first asked for.
#[derive(Debug)]
pub struct Outlets {
    by_name: DashMap<StreamName, (Epoch, Arc<Outlet>)>,
    options: feed::Options,
    runtime: Handle,
}

impl Outlet {
    fn new(stream: &Stream, options: &feed::Options, runtime: &Handle) -> Arc<Self> {
        let samples = &stream.source().samples;
        Arc::new(Self {
            flv: Lazy::new(Arc::clone(samples), options, runtime.clone()),
            fragments: Lazy::new(Arc::clone(samples), options, runtime.clone()),
        })
    }

    /// FLV tags.
    pub fn flv(&self) -> &Lazy<FlvUnit> {
        &self.flv
    }

    /// Muxed fragments, one picture or up to 100 ms of sound each.
    pub fn fragments(&self) -> &Lazy<Fragment> {
        &self.fragments
    }
}

impl Outlets {
    /// No outlets yet. Their feeds will run on `runtime`, which should not be a viewer worker's.
    pub fn new(options: feed::Options, runtime: Handle) -> Arc<Self> {
        Arc::new(Self { by_name: DashMap::new(), options, runtime })
    }

    /// The outlet of a stream.
    pub fn of(&self, stream: &Arc<Stream>) -> Arc<Outlet> {
        let mut held = self
            .by_name
            .entry(stream.name().clone())
            .or_insert_with(|| (stream.epoch(), Outlet::new(stream, &self.options, &self.runtime)));
        // Another presentation under the same name is another stream.
        if held.0 != stream.epoch() {
            *held = (stream.epoch(), Outlet::new(stream, &self.options, &self.runtime));
        }
        Arc::clone(&held.1)
    }

    /// Forgets the outlets of streams that are gone. To be called when the registry announces a change.
    pub fn prune(&self, registry: &Registry) {
        let is_there = |name: &StreamName, epoch: Epoch| {
            registry.find(name).is_some_and(|stream| stream.epoch() == epoch && !matches!(stream.state(), State::Ended { .. }))
        };
        self.by_name.retain(|name, (epoch, _)| is_there(name, *epoch));
    }
}
