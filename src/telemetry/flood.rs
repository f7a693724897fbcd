//! Keeps a flood of the same out of the log, which lives on the same machine: peers can come, be told of and go thousands of times a second.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Lines of one kind that may be written at once: the viewers of a well-visited stream, who all leave when it ends.
const BURST: u32 = 1_000;
/// Lines of one kind in a second for as long as it goes on: a day of them has a few hundred megabytes.
const PER_SECOND: u32 = 20;
/// Between two lines that tell how many were left out.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// What all loggers of this process have written of each kind.
static KINDS: LazyLock<Kinds> = LazyLock::new(Kinds::default);

/// Leaves lines out of the log that come too fast. A kind of lines is what one place in the code writes, so that the rest is told as ever. Lines
/// below [`Level::INFO`] are for whoever looks for something, who wants all of them.
#[derive(Debug, Default)]
pub(super) struct Dam(Option<Kinds>);

/// The lines of each kind. Cheap to clone.
#[derive(Clone, Debug, Default)]
struct Kinds(Arc<Mutex<HashMap<Identifier, Kind>>>);

/// What may still be written of one kind.
#[derive(Debug)]
struct Kind {
    left: u32,
    /// Until when `left` counts what has come back.
    filled: Instant,
    /// Left out since that was last told.
    untold: u64,
    /// What lines of this kind say.
    words: String,
}

/// Takes the words of a line, without its fields.
#[derive(Default)]
struct Words(String);

/// Tells of each kind how many lines were left out since the last time. To be called once every [`INTERVAL`].
pub fn sum_up() {
    KINDS.sum_up();
}

impl Kinds {
    fn admit(&self, event: &Event<'_>, now: Instant) -> bool {
        let mut kinds = self.0.lock();
        let kind = match kinds.entry(event.metadata().callsite()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let mut words = Words::default();
                event.record(&mut words);
                place.insert(Kind { left: BURST, filled: now, untold: 0, words: words.0 })
            }
        };
        kind.admit(now)
    }

    fn sum_up(&self) {
        // Told when the lock is free: what is told here is a line, too.
        let untold: Vec<_> = self.0.lock().values_mut().filter_map(Kind::take_untold).collect();
        for (words, lines) in untold {
            tracing::warn!(lines, "left out, as there are too many at once: \"{words}\"");
        }
    }
}

impl Kind {
    fn admit(&mut self, now: Instant) -> bool {
        let seconds = now.saturating_duration_since(self.filled).as_secs();
        if seconds > 0 {
            self.left = u32::try_from(seconds).unwrap_or(u32::MAX).saturating_mul(PER_SECOND).saturating_add(self.left).min(BURST);
            self.filled = now;
        }
        let admitted = self.left > 0;
        if admitted {
            self.left -= 1;
        } else {
            self.untold += 1;
        }
        admitted
    }

    fn take_untold(&mut self) -> Option<(String, u64)> {
        (self.untold > 0).then(|| (self.words.clone(), std::mem::take(&mut self.untold)))
    }
}

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

impl<S: Subscriber> Layer<S> for Dam {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let kinds = self.0.as_ref().unwrap_or(&KINDS);
        *event.metadata().level() > Level::INFO || kinds.admit(event, Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::mpsc;

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// Each line on its own.
    #[derive(Clone)]
    struct Paper(mpsc::Sender<String>);

    impl io::Write for Paper {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            let _ = self.0.send(String::from_utf8_lossy(line).into_owned());
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_flood_is_counted_and_all_else_is_told_line_by_line() {
        const FLOOD: u64 = 5_000;
        let (lines, log) = mpsc::channel();
        let kinds = Kinds::default();
        let writer =
            tracing_subscriber::fmt().with_ansi(false).with_max_level(Level::DEBUG).with_writer(move || Paper(lines.clone())).finish();
        tracing::subscriber::with_default(writer.with(Dam(Some(kinds.clone()))), || {
            for number in 0..FLOOD {
                tracing::info!(number, "viewer left");
                tracing::debug!(number, "looked at");
            }
            tracing::info!("publishing");
            kinds.sum_up();
            kinds.sum_up();
        });
        let log: Vec<String> = log.try_iter().collect();
        let count = |words: &str| log.iter().filter(|line| line.contains(words)).count() as u64;
        let told = count("viewer left number=");
        assert!((u64::from(BURST)..FLOOD).contains(&told), "{told}");
        assert_eq!((count("looked at"), count("publishing")), (FLOOD, 1));
        let untold = format!("left out, as there are too many at once: \"viewer left\" lines={}", FLOOD - told);
        assert_eq!((count(&untold), count("left out")), (1, 1), "{:?}", log.last());
    }

    #[test]
    fn what_was_used_comes_back_by_the_second() {
        let start = Instant::now();
        let mut kind = Kind { left: BURST, filled: start, untold: 0, words: String::new() };
        let mut told_at = |seconds: u64, lines: u32| {
            let now = start + Duration::from_secs(seconds);
            (0..lines).filter(|_| kind.admit(now)).count() as u32
        };
        assert_eq!((told_at(0, 2 * BURST), told_at(1, BURST), told_at(3, BURST)), (BURST, PER_SECOND, 2 * PER_SECOND));
        assert_eq!(told_at(86_400, 2 * BURST), BURST, "and no more than were there at first");
    }
}
