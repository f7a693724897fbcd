//! The feeds of one format of one stream: one for each different set of tracks, or form, that somebody watches.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tracing::Span;

use crate::bus::Channel;
use crate::feed::{self, Lazy, Unit};
use crate::media::{Sample, TrackSet};

/// The most variants of a format that one stream offers at a time beside the default, which is always there. Each that runs keeps a window
/// of its own; an encoder's ladder of five with two languages has ten.
pub const MAX_VARIANTS: usize = 16;

/// A limit of variants is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TooManyVariants {
    /// [`MAX_VARIANTS`].
    #[error(
        "too many different selections of this stream are watched: {MAX_VARIANTS} is the most; watch the default, or one that others watch"
    )]
    OfStream,
    /// [`feed::Options::max_variants`], which it holds.
    #[error(
        "too many different selections of all streams are watched: {0} is the most (feeds.max_variants); watch the default, or one that \
         others watch"
    )]
    OfGateway(usize),
}

/// What the feeds of all streams share.
#[derive(Clone, Debug)]
pub(super) struct Means {
    pub(super) options: feed::Options,
    /// Where feeds run.
    pub(super) runtime: Handle,
    /// What the log calls the feeds of one stream.
    pub(super) span: Span,
    /// One for each of [`feed::Options::max_variants`].
    pub(super) places: Arc<Semaphore>,
}

/// The feeds of one format, by variant.
pub(super) struct Variants<T: Unit> {
    source: Arc<Channel<Sample>>,
    means: Means,
    default: Arc<Lazy<T>>,
    /// Kept by those who watch, and by themselves while they run.
    others: Mutex<HashMap<T::Variant, Weak<Lazy<T>>>>,
}

impl TooManyVariants {
    /// Whose limit it is, in one word for metrics.
    fn label(self) -> &'static str {
        match self {
            Self::OfStream => "stream",
            Self::OfGateway(_) => "gateway",
        }
    }
}

impl<T: Unit> Variants<T> {
    /// Feeds of the samples in `source`.
    pub(super) fn new(source: Arc<Channel<Sample>>, means: &Means) -> Self {
        let default =
            Lazy::new(Arc::clone(&source), T::Variant::default(), &means.options, means.runtime.clone(), means.span.clone(), None);
        Self { source, means: means.clone(), default, others: Mutex::default() }
    }

    /// The feed of a variant of a program with these tracks. However a variant is spelt, who gets the same shares one feed.
    pub(super) fn of(&self, variant: T::Variant, tracks: &TrackSet) -> Result<Arc<Lazy<T>>, TooManyVariants> {
        let variant = T::canonical(variant, tracks);
        if variant == T::Variant::default() {
            return Ok(Arc::clone(&self.default));
        }
        let mut others = self.others.lock();
        if let Some(known) = others.get(&variant).and_then(Weak::upgrade) {
            return Ok(known);
        }
        others.retain(|_, feed| feed.strong_count() > 0);
        let feed = self.open(variant, others.len()).inspect_err(|error| {
            metrics::counter!("sluicegate_variants_refused_total", "limit" => error.label()).increment(1);
        })?;
        others.insert(variant, Arc::downgrade(&feed));
        Ok(feed)
    }

    fn open(&self, variant: T::Variant, others: usize) -> Result<Arc<Lazy<T>>, TooManyVariants> {
        let Means { options, runtime, span, places } = &self.means;
        if others >= MAX_VARIANTS {
            return Err(TooManyVariants::OfStream);
        }
        let place = Arc::clone(places).try_acquire_owned().map_err(|_| TooManyVariants::OfGateway(options.max_variants))?;
        Ok(Lazy::new(Arc::clone(&self.source), variant, options, runtime.clone(), span.clone(), Some(place)))
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
    use crate::feed::{FlvUnit, RtmpUnit, RtmpVariant};
    use crate::flv::{Dialect, FlvVariant, HevcForm};
    use crate::media::codec::mp3::Mp3Config;
    use crate::media::{AudioShape, Codec, Kind, Pick, Selection, Track, TrackId};

    fn means(max_variants: usize) -> Means {
        let options = feed::Options { linger_s: 1, max_variants };
        Means { options, runtime: Handle::current(), span: Span::none(), places: Arc::new(Semaphore::new(max_variants)) }
    }

    fn variants<T: Unit>(means: &Means) -> Variants<T> {
        Variants::new(Channel::new(Bounds::default()), means)
    }

    fn sounds(count: u8) -> TrackSet {
        let shape = AudioShape { sample_rate: 44_100, channels: 2, frame_samples: 1_152 };
        let track = |index| Track::new(TrackId { kind: Kind::Audio, index }, Codec::Mp3(Mp3Config { shape }));
        TrackSet::new((0..count).map(track))
    }

    fn variant(audio: u8) -> FlvVariant {
        let selection = Selection { audio: Pick::Track(audio), ..Selection::default() };
        FlvVariant { selection, ..FlvVariant::default() }
    }

    #[tokio::test]
    async fn viewers_of_one_variant_share_its_feed() {
        let (variants, tracks) = (variants::<FlvUnit>(&means(9)), sounds(4));
        let first = variants.of(variant(1), &tracks).unwrap();
        assert!(Arc::ptr_eq(&first, &variants.of(variant(1), &tracks).unwrap()));
        assert!(!Arc::ptr_eq(&first, &variants.of(variant(2), &tracks).unwrap()));
    }

    #[tokio::test]
    async fn other_words_for_what_is_watched_take_no_place() {
        let (means, tracks) = (means(0), sounds(1));
        let (flv, rtmp) = (variants::<FlvUnit>(&means), variants::<RtmpUnit>(&means));
        for text in ["a0", "a*", "v*", "v*,a0", "novideo", "novideo,a0", "all"] {
            let selection = Selection::parse(text).unwrap();
            let spelt = FlvVariant { selection, hevc: HevcForm::Legacy, nanos: true, ..FlvVariant::default() };
            assert!(Arc::ptr_eq(&flv.of(spelt, &tracks).unwrap(), &flv.default), "{text}");
            let spelt = RtmpVariant { selection, nanos: false };
            assert!(Arc::ptr_eq(&rtmp.of(spelt, &tracks).unwrap(), &rtmp.default), "{text}");
        }
        let enhanced = FlvVariant { dialect: Dialect::Enhanced, ..FlvVariant::default() };
        assert_eq!(flv.of(enhanced, &tracks).err(), Some(TooManyVariants::OfGateway(0)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_house_still_has_the_default_and_what_is_watched_and_forgets_the_rest() {
        let (variants, tracks) = (variants::<FlvUnit>(&means(99)), sounds(MAX_VARIANTS as u8 + 2));
        let mut watched = Vec::new();
        for index in 0..MAX_VARIANTS as u8 {
            watched.push(variants.of(variant(index + 1), &tracks).unwrap().acquire().await);
        }
        let one_more = variant(MAX_VARIANTS as u8 + 1);
        assert_eq!(variants.of(one_more, &tracks).err(), Some(TooManyVariants::OfStream));
        assert!(variants.of(FlvVariant::default(), &tracks).is_ok());
        assert!(variants.of(variant(3), &tracks).is_ok());
        drop(watched.pop());
        tokio::time::sleep(std::time::Duration::from_secs(30)).await;
        assert!(variants.of(one_more, &tracks).is_ok(), "the one that nobody watches made room");
        assert_eq!(variants.others.lock().len(), MAX_VARIANTS);
    }

    #[tokio::test(start_paused = true)]
    async fn streams_share_the_places_and_a_feed_that_stops_gives_its_back() {
        let (means, tracks) = (means(1), sounds(3));
        let (one, two) = (variants::<FlvUnit>(&means), variants::<FlvUnit>(&means));
        let watched = one.of(variant(1), &tracks).unwrap().acquire().await;
        assert_eq!(two.of(variant(1), &tracks).err(), Some(TooManyVariants::OfGateway(1)));
        assert!(two.of(variant(0), &tracks).is_ok(), "the default takes no place");
        drop(watched);
        assert!(one.of(variant(1), &tracks).is_ok_and(|lingering| lingering.is_running()));
        tokio::time::sleep(std::time::Duration::from_secs(30)).await;
        assert!(two.of(variant(1), &tracks).is_ok(), "though nobody asked the first stream again");
    }
}
