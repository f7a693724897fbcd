//! Samples as FLV bodies, on their way into units that carry one each.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::lazy::{Item, Maker, Unit};
use crate::bus::Why;
use crate::flv::{FlvVariant, MessageBody, Muxer, Origin};
use crate::media::{Program, Sample};

/// A unit that carries one FLV body.
pub trait Carrier: Unit {
    /// What goes before the first unit, stamped with `timestamp_ms`, which counts from `origin`.
    fn head(muxer: &Muxer, origin: Origin, timestamp_ms: u32) -> Self::Head;

    /// The unit of a sample's body.
    fn carry(body: &MessageBody, timestamp_ms: u32, sample: &Sample) -> Self;
}

/// Makes such units.
pub struct BodyMaker<T> {
    variant: FlvVariant,
    muxer: Option<Muxer>,
    /// Why the head is due; it goes out stamped with the sample behind it.
    due: Option<Why>,
    /// What stamps count from; known with the first sample.
    origin: Option<Origin>,
    carrier: PhantomData<fn() -> T>,
}

impl<T> BodyMaker<T> {
    /// A maker for one variant.
    pub fn new(variant: FlvVariant) -> Self {
        Self { variant, muxer: None, due: None, origin: None, carrier: PhantomData }
    }
}

impl<T: Carrier> Maker<T> for BodyMaker<T> {
    fn program(&mut self, program: Arc<Program>, why: Why, _: &mut Vec<Item<T>>) {
        let muxer = Muxer::new(self.variant, program);
        // Players begin anew behind each configuration, so what they are not told must not look like one.
        let is_news = why != Why::Config || self.muxer.as_ref().is_none_or(|before| !before.tells_as(&muxer));
        self.muxer = Some(muxer);
        if is_news {
            self.due = Some(why);
        }
    }

    fn sample(&mut self, sample: Sample, out: &mut Vec<Item<T>>) {
        let Some(muxer) = &self.muxer else { return };
        // Tracks that are left out have no body, and the head does not promise them.
        let body = muxer.sample(&sample);
        // Where none of the tracks is carried the head goes out alone, so that viewers are told and do not wait.
        if body.is_none() && muxer.is_playable() {
            return;
        }
        let origin = match self.origin {
            Some(origin) if !is_outgrown(origin, &sample, muxer) => origin,
            _ => Origin::of(sample.dts),
        };
        // Time begins anew: who watches is let go at this head and comes again.
        if self.origin.replace(origin).is_some_and(|before| before != origin) {
            self.due.get_or_insert(Why::Config);
        }
        let timestamp_ms = origin.stamp(muxer.timestamp(&sample));
        if let Some(why) = self.due.take() {
            out.push(Item::Head(Arc::new(T::head(muxer, origin, timestamp_ms)), why));
        }
        if let Some(body) = body {
            out.push(Item::Unit(T::carry(&body, timestamp_ms, &sample)));
        }
    }

    fn flush(&mut self, _: &mut Vec<Item<T>>) {}
}

/// Whether stamps must count from elsewhere at this sample: where viewers can join, or where no stamp is left.
fn is_outgrown(origin: Origin, sample: &Sample, muxer: &Muxer) -> bool {
    let joins = sample.is_sync && muxer.leading() == Some(sample.track);
    joins && Origin::of(sample.dts) != origin || !origin.reaches(sample.dts)
}

impl<T> fmt::Debug for BodyMaker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyMaker").field("variant", &self.variant).field("due", &self.due).finish_non_exhaustive()
    }
}
