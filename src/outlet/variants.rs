//! The feeds of one format of one stream: one for each different set of tracks, or form, that somebody watches.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::runtime::Handle;

use crate::bus::Channel;
use crate::feed::{self, Lazy, Unit};
use crate::media::Sample;

/// The most variants of a format that one stream offers at a time beside the default, which is always there. Each that runs keeps a window
/// of its own; an encoder's ladder of five with two languages has ten.
pub const MAX_VARIANTS: usize = 16;

/// The limit of variants is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "too many different selections of this stream are watched: {MAX_VARIANTS} is the most; watch the default, or one that others watch"
)]
pub struct TooManyVariants;

/// The feeds of one format, by variant.
pub(super) struct Variants<T: Unit> {
    source: Arc<Channel<Sample>>,
    options: feed::Options,
    runtime: Handle,
    default: Arc<Lazy<T>>,
    others: Mutex<HashMap<T::Variant, Arc<Lazy<T>>>>,
}

impl<T: Unit> Variants<T> {
    /// Feeds of the samples in `source` that will run on `runtime`.
    pub(super) fn new(source: Arc<Channel<Sample>>, options: &feed::Options, runtime: Handle) -> Self {
        let default = Arc::new(Lazy::new(Arc::clone(&source), T::Variant::default(), options, runtime.clone()));
        Self { source, options: *options, runtime, default, others: Mutex::default() }
    }

    /// The feed of a variant. Those that nobody holds and that do not run any more are forgotten on the way.
    pub(super) fn of(&self, variant: T::Variant) -> Result<Arc<Lazy<T>>, TooManyVariants> {
        if variant == T::Variant::default() {
            return Ok(Arc::clone(&self.default));
        }
        let mut others = self.others.lock();
        if let Some(known) = others.get(&variant) {
            return Ok(Arc::clone(known));
        }
        others.retain(|_, feed| Arc::strong_count(feed) > 1 || feed.is_running());
        if others.len() >= MAX_VARIANTS {
            return Err(TooManyVariants);
        }
        let feed = Arc::new(Lazy::new(Arc::clone(&self.source), variant, &self.options, self.runtime.clone()));
        others.insert(variant, Arc::clone(&feed));
        Ok(feed)
    }
}

impl<T: Unit> fmt::Debug for Variants<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Variants").field("default", &self.default).field("others", &self.others.lock().len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::Bounds;
    use crate::feed::FlvUnit;
    use crate::flv::FlvVariant;
    use crate::media::{Pick, Selection};

    fn variants() -> Variants<FlvUnit> {
        Variants::new(Channel::new(Bounds::default()), &feed::Options { linger_s: 1 }, Handle::current())
    }

    fn variant(index: u8, audio: u8) -> FlvVariant {
        let selection = Selection { video: Pick::Track(index), audio: Pick::Track(audio) };
        FlvVariant { selection, ..FlvVariant::default() }
    }

    #[tokio::test]
    async fn viewers_of_one_variant_share_its_feed() {
        let variants = variants();
        let first = variants.of(variant(1, 0)).unwrap();
        assert!(Arc::ptr_eq(&first, &variants.of(variant(1, 0)).unwrap()));
        assert!(!Arc::ptr_eq(&first, &variants.of(variant(2, 0)).unwrap()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_house_still_has_the_default_and_what_is_watched_and_forgets_the_rest() {
        let variants = variants();
        let mut watched = Vec::new();
        for index in 0..MAX_VARIANTS as u8 {
            watched.push(variants.of(variant(index % 16, index / 16)).unwrap().acquire().await);
        }
        assert_eq!(variants.of(variant(0, 9)).err(), Some(TooManyVariants));
        assert!(variants.of(FlvVariant::default()).is_ok());
        assert!(variants.of(variant(3, 0)).is_ok());
        drop(watched.pop());
        tokio::time::sleep(std::time::Duration::from_secs(30)).await;
        assert!(variants.of(variant(0, 9)).is_ok(), "the one that nobody watches made room");
        assert_eq!(variants.others.lock().len(), MAX_VARIANTS);
    }
}
