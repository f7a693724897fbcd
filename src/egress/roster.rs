//! Who a hub serves: its viewers in slots, grouped by the channel they watch, and the list of those whose sockets are ready.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

use parking_lot::Mutex;
use tokio::net::TcpStream;

use super::batch::Batch;
use super::merge::Waiting;
use super::viewer::Viewer;
use crate::bus::Gate;
use crate::net::workers::Seat;

/// A viewer with its socket.
#[derive(Debug)]
pub struct Client {
    pub io: TcpStream,
    pub viewer: Viewer,
    /// What the socket did not take yet; the rest of one batch at most.
    pub unsent: Option<Box<Batch>>,
    /// Rung by the socket.
    pub waker: Waker,
    socket: Arc<SocketWaker>,
    /// Nothing can be written until the socket says so.
    pub blocked: bool,
    /// The sending side is closed; the client's close is waited for.
    pub finished: bool,
    group: usize,
    /// Its place among the group's members.
    place: usize,
    /// Gives the connection's place free when it is dropped.
    pub _seat: Seat,
}

/// The viewers of one channel.
#[derive(Debug, Default)]
pub struct Group {
    pub gate: Arc<Gate>,
    pub members: Vec<usize>,
    /// What is new for them.
    pub waiting: Waiting,
}

/// All viewers of a hub.
#[derive(Debug, Default)]
pub struct Roster {
    slots: Vec<Option<Client>>,
    free: Vec<usize>,
    pub groups: HashMap<usize, Group>,
    ready: Arc<Ready>,
}

/// Slots whose sockets have something to say.
#[derive(Debug, Default)]
pub struct Ready {
    slots: Mutex<Vec<usize>>,
    /// Rings when the list is no longer empty.
    pub gate: Gate,
}

#[derive(Debug)]
struct SocketWaker {
    ready: Arc<Ready>,
    slot: usize,
    listed: AtomicBool,
}

impl Roster {
    /// Takes a viewer in; it has joined its channel when this returns.
    pub fn admit(&mut self, io: TcpStream, mut viewer: Viewer, seat: Seat) -> usize {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        let key = viewer.source().key();
        let group = self.groups.entry(key).or_default();
        viewer.attach(&group.gate);
        let place = group.members.len();
        group.members.push(slot);
        let socket = Arc::new(SocketWaker { ready: Arc::clone(&self.ready), slot, listed: AtomicBool::new(false) });
        self.slots[slot] = Some(Client {
            io,
            viewer,
            unsent: None,
            waker: Waker::from(Arc::clone(&socket)),
            socket,
            blocked: false,
            finished: false,
            group: key,
            place,
            _seat: seat,
        });
        slot
    }

    /// The viewer in a slot; none when it has left since.
    pub fn get(&mut self, slot: usize) -> Option<&mut Client> {
        self.slots.get_mut(slot)?.as_mut()
    }

    /// Lets a viewer go.
    pub fn remove(&mut self, slot: usize) -> Option<Client> {
        let client = self.slots.get_mut(slot)?.take()?;
        self.free.push(slot);
        if let Some(group) = self.groups.get_mut(&client.group) {
            group.members.swap_remove(client.place);
            if let Some(moved) = group.members.get(client.place)
                && let Some(Some(moved)) = self.slots.get_mut(*moved)
            {
                moved.place = client.place;
            }
            if group.members.is_empty() {
                self.groups.remove(&client.group);
            }
        }
        Some(client)
    }

    /// How many slots there are, taken or free.
    pub fn slots(&self) -> usize {
        self.slots.len()
    }

    /// How many viewers there are.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// The list of ready sockets.
    pub fn ready(&self) -> &Arc<Ready> {
        &self.ready
    }
}

impl Ready {
    /// Takes the listed slots out, into `out`.
    pub fn take(&self, out: &mut Vec<usize>) {
        out.append(&mut self.slots.lock());
    }
}

impl Client {
    /// Lets the next wake of the socket be listed again. To be called before the socket is polled.
    pub fn rearm(&self) {
        self.socket.listed.store(false, Ordering::Release);
    }
}

impl Wake for SocketWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.listed.swap(true, Ordering::AcqRel) {
            self.ready.slots.lock().push(self.slot);
            self.ready.gate.ring();
        }
    }
}
