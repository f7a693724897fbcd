//! Readers that share a gate ask the window once for all of them, and get what each would have got by itself.

use std::sync::Arc;

use proptest::prelude::*;

use super::{Tick, tick};
use crate::bus::{Bounds, Budget, Channel, From, Gate, Read, Subscriber, Why};
use crate::media::Span;

/// Heads, so that readers see which one they got.
const NAMES: [&str; 3] = ["first", "second", "third"];

/// What one read found, in words.
fn read(reader: &mut Subscriber<Tick>, entries: usize) -> String {
    let mut numbers = Vec::new();
    match reader.visit(Budget { entries, bytes: 1_000 }, |tick| numbers.push(tick.number)) {
        Read::Batch => format!("{numbers:?}"),
        Read::Head { head, why } => format!("{head} {why:?}"),
        Read::Empty => "nothing".to_owned(),
        Read::End(end) => format!("{end:?}"),
    }
}

proptest! {
    #[test]
    fn sharing_changes_nothing(steps in prop::collection::vec((0_usize..7, 1_usize..150), 1..120)) {
        let channel = Channel::<Tick>::new(Bounds { span: Span::from_secs(3_600), lag: Span::from_secs(3_600), ..Bounds::default() });
        let mut publisher = channel.lease();
        let gate = Arc::new(Gate::new());
        let mut pairs = Vec::new();
        let (mut next, mut heads) = (0, 0);
        for (step, amount) in steps {
            match step {
                0 | 1 => for _ in 0..amount {
                    publisher.push(tick(next, next % 10 == 0)).unwrap();
                    next += 1;
                },
                2 => {
                    heads += 1;
                    publisher.set_head(Arc::new(NAMES[heads % NAMES.len()]), Why::Config).unwrap();
                }
                3 => pairs.push((
                    channel.join(From::NewestSync, &Arc::new(Gate::new())),
                    channel.join(From::NewestSync, &gate),
                )),
                4 => for (alone, shared) in &mut pairs {
                    prop_assert_eq!(alone.skip(), shared.skip());
                },
                _ => for (alone, shared) in &mut pairs {
                    prop_assert_eq!(read(alone, amount), read(shared, amount));
                    prop_assert_eq!(alone.lag(), shared.lag());
                },
            }
        }
    }

    #[test]
    fn what_the_window_let_go_is_announced_or_was_shared(steps in prop::collection::vec((any::<bool>(), 1_usize..60), 1..100)) {
        let channel = Channel::<Tick>::new(Bounds { entries: 20, ..Bounds::default() });
        let mut publisher = channel.lease();
        publisher.set_head(Arc::new("head"), Why::Config).unwrap();
        let gate = Arc::new(Gate::new());
        let mut readers = [1, 1, 3].map(|every| (every, None, channel.join(From::NewestSync, &gate)));
        let mut next = 0;
        for (nth, (pushes, amount)) in steps.into_iter().enumerate() {
            if pushes {
                for _ in 0..amount {
                    publisher.push(tick(next, next % 7 == 0)).unwrap();
                    next += 1;
                }
                continue;
            }
            for (every, last, reader) in &mut readers {
                if nth % *every != 0 {
                    continue;
                }
                let mut numbers = Vec::new();
                match reader.visit(Budget { entries: amount, bytes: usize::MAX }, |tick| numbers.push(tick.number)) {
                    Read::Head { .. } => *last = None,
                    _ => for number in numbers {
                        prop_assert!(last.map_or(number % 7 == 0, |last| number == last + 1), "{:?} then {}", last, number);
                        *last = Some(number);
                    },
                }
            }
        }
    }
}
