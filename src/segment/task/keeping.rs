//! What a stream's segments may take up, and their way to the spool.

use std::sync::{Arc, Weak};

use tokio::sync::mpsc;

use crate::segment::body::Spooled;
use crate::segment::budget::Share;
use crate::segment::options::Options;
use crate::segment::segmenter::Segmenter;
use crate::segment::snapshot::Slot;
use crate::segment::window::Limits;

/// Where segments are kept.
#[derive(Debug)]
pub struct Keeping {
    /// The stream's part of the memory that all streams share.
    pub memory: Arc<Share>,
    /// What takes segments that should leave memory, where there is a spool.
    pub spool: Option<Handover>,
}

/// A stream's way to the spool.
#[derive(Debug)]
pub struct Handover {
    /// Takes slots, oldest first. They stay in memory until they are told to be spooled, or are forgotten.
    pub offers: mpsc::Sender<Weak<Slot>>,
    /// Tells where they are, in the same order.
    pub spooled: mpsc::Receiver<Spooled>,
    /// The stream's part of the disk.
    pub share: Arc<Share>,
}

/// What there is to keep segments in.
pub(super) struct Stock {
    /// What the stream may hold if it shares nothing with others.
    alone: Limits,
    memory: Arc<Share>,
    spool: Option<(mpsc::Sender<Weak<Slot>>, Arc<Share>)>,
}

/// Tells what was spooled; never where there is no spool.
pub(super) struct Incoming(Option<mpsc::Receiver<Spooled>>);

impl Stock {
    pub fn new(keeping: Keeping, options: &Options) -> (Self, Incoming) {
        let (spooled, spool) = keeping.spool.map(|way| (way.spooled, (way.offers, way.share))).unzip();
        (Self { alone: options.limits(), memory: keeping.memory, spool }, Incoming(spooled))
    }

    pub fn has_spool(&self) -> bool {
        self.spool.is_some()
    }

    /// Tells the segmenter what it may hold now, and the spool what should leave memory.
    pub fn keep(&self, segmenter: &mut Segmenter) {
        self.memory.set(segmenter.held());
        let spool = self.spool.as_ref().map_or(self.alone.spool, |(_, share)| share.allowance().keep);
        segmenter.set_limits(Limits { memory: self.alone.memory.min(self.memory.allowance()), spool });
        while let Some((offers, _)) = &self.spool
            && let Ok(place) = offers.try_reserve()
            && let Some(slot) = segmenter.offer()
        {
            place.send(Arc::downgrade(&slot));
        }
    }
}

impl Incoming {
    /// Cancel safe.
    pub async fn next(&mut self) -> Option<Spooled> {
        match &mut self.0 {
            Some(spooled) => spooled.recv().await,
            None => std::future::pending().await,
        }
    }
}
