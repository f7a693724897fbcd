//! When each channel that is watched on a worker is to be written.
//!
//! What a look at it costs grows with the channels that have news, not with those that are watched: most workers carry a few streams
//! with crowds, some carry hundreds with a viewer each.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::merge::{MergeWindow, Waiting};
use crate::bus::{Bell, Gate, Ready};

/// The channels, by their keys, and what waits of them.
#[derive(Debug, Default)]
pub struct Agenda {
    channels: HashMap<usize, Channel>,
    /// Those whose gates have rung.
    rung: Arc<Ready>,
    /// Reused for taking those.
    taken: Vec<usize>,
    /// Those of which something waits, in the order in which they are due.
    due: BTreeSet<(Instant, usize)>,
}

/// What is to be written now.
#[derive(PartialEq, Eq, Debug, Default)]
pub struct Due {
    /// The channels, in the order in which they were due.
    pub channels: Vec<usize>,
    /// For how long the media of one of them was gathered at most.
    pub gathered: Duration,
}

#[derive(Debug)]
struct Channel {
    gate: Arc<Gate>,
    bell: Arc<Bell>,
    waker: Waker,
    waiting: Waiting,
}

impl Agenda {
    /// The gate that is rung for all who watch a channel here.
    pub fn gate(&mut self, key: usize) -> &Arc<Gate> {
        let rung = &self.rung;
        let channel = self.channels.entry(key).or_insert_with(|| {
            let bell = rung.bell(key);
            let waker = bell.waker();
            // Listed, so that the gate is looked at and then wakes.
            waker.wake_by_ref();
            Channel { gate: Arc::new(Gate::new()), bell, waker, waiting: Waiting::default() }
        });
        &channel.gate
    }

    /// Nobody watches the channel here any more.
    pub fn forget(&mut self, key: usize) {
        if let Some(due) = self.channels.remove(&key).and_then(|channel| channel.waiting.due()) {
            self.due.remove(&(due, key));
        }
    }

    /// Hears what has rung. When the first channel is due; none where nothing waits.
    pub fn poll_due(&mut self, cx: &mut Context<'_>, window: &MergeWindow) -> Option<Instant> {
        while self.rung.poll_rung(cx).is_ready() {
            self.rung.take(&mut self.taken);
            for key in self.taken.drain(..) {
                let Some(channel) = self.channels.get_mut(&key) else { continue };
                let before = channel.waiting.due();
                channel.hear(window);
                let due = channel.waiting.due();
                if due != before {
                    before.map(|before| self.due.remove(&(before, key)));
                    due.map(|due| self.due.insert((due, key)));
                }
            }
        }
        self.due.first().map(|(due, _)| *due)
    }

    /// The channels that are due; they wait no longer.
    pub fn take_due(&mut self, now: Instant) -> Due {
        let mut taken = Due::default();
        while let Some(&(due, key)) = self.due.first().filter(|(due, _)| *due <= now) {
            self.due.remove(&(due, key));
            if let Some(gathered) = self.channels.get_mut(&key).and_then(|channel| channel.take(now)) {
                taken.channels.push(key);
                taken.gathered = taken.gathered.max(gathered);
            }
        }
        taken
    }
}

impl Channel {
    /// Until the gate is silent, so that it lists the channel at its next ring: of those that wait already, at its next beat.
    fn hear(&mut self, window: &MergeWindow) {
        self.bell.rearm();
        let mut cx = Context::from_waker(&self.waker);
        while let Poll::Ready(ring) = self.gate.poll_ring(&mut cx) {
            self.waiting.rung(ring, window);
            self.gate.doze(true);
        }
    }

    /// For how long it has waited, where it is due.
    fn take(&mut self, now: Instant) -> Option<Duration> {
        let gathered = self.waiting.take(now)?;
        self.gate.doze(false);
        // What has rung by now, and woke nobody, is written with the rest.
        self.bell.rearm();
        while self.gate.poll_ring(&mut Context::from_waker(&self.waker)).is_ready() {}
        Some(gathered)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;
    use std::time::Duration;

    use super::*;

    const WINDOW: Duration = Duration::from_millis(50);

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// An agenda of three channels, looked at once, and what wakes whoever waits for it.
    struct Desk {
        agenda: Agenda,
        gates: [Arc<Gate>; 3],
        window: MergeWindow,
        wakes: Arc<Wakes>,
    }

    impl Desk {
        fn new() -> Self {
            let mut agenda = Agenda::default();
            let gates = [1, 2, 3].map(|key| Arc::clone(agenda.gate(key)));
            let window = MergeWindow::new(WINDOW, WINDOW, Instant::now());
            let mut desk = Self { agenda, gates, window, wakes: Arc::default() };
            assert_eq!(desk.look(), None);
            desk
        }

        fn look(&mut self) -> Option<Instant> {
            let waker = Waker::from(Arc::clone(&self.wakes));
            self.agenda.poll_due(&mut Context::from_waker(&waker), &self.window)
        }

        fn wakes(&self) -> usize {
            self.wakes.0.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn channels_are_due_in_the_order_in_which_they_rang() {
        let mut desk = Desk::new();
        desk.gates[1].ring();
        desk.gates[0].ring();
        assert_eq!(desk.wakes(), 1, "one wake for all that ring before it is looked");
        let first = desk.look().expect("two channels wait");
        assert_eq!(desk.agenda.take_due(first - Duration::from_nanos(1)), Due::default());
        assert_eq!(desk.agenda.take_due(first), Due { channels: vec![2], gathered: WINDOW });
        let second = desk.look().expect("one is left");
        assert!(second > first);
        assert_eq!(desk.agenda.take_due(second + WINDOW), Due { channels: vec![1], gathered: 2 * WINDOW });
        assert_eq!(desk.look(), None);
    }

    #[test]
    fn what_rings_again_is_heard_while_it_waits() {
        let mut desk = Desk::new();
        desk.gates[0].ring();
        let due = desk.look().expect("it waits");
        desk.gates[0].ring();
        assert_eq!(desk.wakes(), 1, "sound wakes nobody while something waits");
        assert_eq!(desk.look(), Some(due), "it is due since the first ring");
        desk.gates[0].beat(2 * WINDOW);
        assert_eq!(desk.wakes(), 2);
        assert!(desk.look().expect("it waits") < due, "nothing more comes that is worth waiting for");
        desk.gates[0].ring();
        assert_eq!(desk.agenda.take_due(due).channels, [1]);
        assert_eq!(desk.look(), None, "what rang before is written, too");
        desk.gates[0].ring();
        assert_eq!(desk.wakes(), 3, "and now that nothing waits sound wakes again");
        assert!(desk.look().is_some());
    }

    #[test]
    fn a_channel_that_comes_back_begins_anew() {
        let mut desk = Desk::new();
        desk.gates[0].ring();
        desk.agenda.forget(1);
        let gate = Arc::clone(desk.agenda.gate(1));
        assert_eq!(desk.look(), None, "what the one before rang is of no account");
        gate.ring();
        let due = desk.look().expect("it waits");
        assert_eq!(desk.agenda.take_due(due).channels, [1]);
    }

    #[test]
    fn a_channel_that_nobody_watches_is_never_due() {
        let mut desk = Desk::new();
        desk.gates.iter().for_each(|gate| gate.ring());
        assert!(desk.look().is_some());
        desk.agenda.forget(1);
        desk.gates[2].ring();
        desk.agenda.forget(3);
        let due = desk.look().expect("one is left");
        assert_eq!(desk.agenda.take_due(due + WINDOW).channels, [2]);
        desk.gates[0].ring();
        assert_eq!(desk.look(), None);
    }

    #[test]
    fn a_new_channel_is_heard_from_its_first_ring() {
        let mut desk = Desk::new();
        let gate = Arc::clone(desk.agenda.gate(4));
        assert!(Arc::ptr_eq(&gate, desk.agenda.gate(4)), "all who watch it here have the same");
        assert_eq!(desk.wakes(), 1, "so that it is looked at");
        assert_eq!(desk.look(), None);
        gate.ring();
        assert_eq!(desk.wakes(), 2);
        assert!(desk.look().is_some());
    }
}
