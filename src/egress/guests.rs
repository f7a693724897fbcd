//! Viewers on a worker whose sockets its hub cannot write to: encrypted ones, and those of HTTP/2. Each is a task of its own, but all of one
//! channel hang behind one gate and are woken in the hub's sweep. So a push rings once for all of them, a newcomer costs the
//! publisher no more than any other, and their media is gathered while the worker is busy.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::task::Context;
use std::time::Instant;

use parking_lot::Mutex;

use super::agenda::Agenda;
use super::hub::Hub;
use super::merge::MergeWindow;
use super::viewer::Viewer;
use crate::bus::Gate;

/// The guests of one hub, by the channels they watch.
#[derive(Debug, Default)]
pub(super) struct Guests(Mutex<Circles>);

#[derive(Debug, Default)]
struct Circles {
    /// Those who watch a channel.
    by_channel: HashMap<usize, BTreeMap<u64, Arc<Gate>>>,
    /// When they are to be woken.
    agenda: Agenda,
    last: u64,
}

/// A viewer's place among the guests of its worker's hub, given up when it is dropped.
#[derive(Debug)]
pub(super) struct Guest {
    /// Rung for this viewer alone.
    gate: Arc<Gate>,
    place: Option<(Hub, usize, u64)>,
}

impl Guest {
    /// Lets a viewer join its channel, as a guest of `hub`, or by itself where there is none.
    pub fn join(viewer: &mut Viewer, hub: Option<Hub>) -> Self {
        let gate = Arc::new(Gate::new());
        let Some(hub) = hub else {
            viewer.attach(&gate);
            return Self { gate, place: None };
        };
        let channel = viewer.source().key();
        let number = hub.guests().admit(channel, viewer, &gate);
        Self { gate, place: Some((hub, channel, number)) }
    }

    /// What rings for the viewer.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if let Some((hub, channel, number)) = &self.place {
            hub.guests().leave(*channel, *number);
        }
    }
}

impl Guests {
    fn admit(&self, channel: usize, viewer: &mut Viewer, gate: &Arc<Gate>) -> u64 {
        let mut circles = self.0.lock();
        circles.last += 1;
        let number = circles.last;
        circles.by_channel.entry(channel).or_default().insert(number, Arc::clone(gate));
        viewer.attach(circles.agenda.gate(channel));
        number
    }

    fn leave(&self, channel: usize, number: u64) {
        let mut circles = self.0.lock();
        if let Some(members) = circles.by_channel.get_mut(&channel) {
            members.remove(&number);
            if members.is_empty() {
                circles.by_channel.remove(&channel);
                circles.agenda.forget(channel);
            }
        }
    }

    /// When the first of them are to be woken; none where there is nothing new for any.
    pub fn poll_due(&self, cx: &mut Context<'_>, window: &MergeWindow) -> Option<Instant> {
        self.0.lock().agenda.poll_due(cx, window)
    }

    /// Wakes those whose time has come; whether there are any.
    pub fn wake(&self, now: Instant) -> bool {
        let mut circles = self.0.lock();
        let due = circles.agenda.take_due(now).channels;
        let gates = due.iter().filter_map(|channel| circles.by_channel.get(channel)).flat_map(BTreeMap::values);
        gates.map(|gate| gate.ring()).count() > 0
    }

    /// Lets all of them look at their deadlines, so that none needs a timer.
    pub fn remind(&self) {
        self.0.lock().by_channel.values().flat_map(BTreeMap::values).for_each(|gate| gate.ring());
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.lock().by_channel.values().map(BTreeMap::len).sum()
    }
}
