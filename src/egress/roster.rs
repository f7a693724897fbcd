//! Who a hub serves: its viewers in slots, grouped by the channel they watch, and the list of those whose sockets are ready.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use super::agenda::{Agenda, Due};
use super::batch::Batch;
use super::viewer::Viewer;
use crate::bus::{Bell, Ready};
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
    bell: Arc<Bell>,
    /// Nothing can be written until the socket says so.
    pub blocked: bool,
    /// The sending side is closed; the client's close is waited for.
    pub finished: bool,
    channel: usize,
    /// Its place among those who watch that channel.
    place: usize,
    /// Gives the connection's place free when it is dropped.
    pub _seat: Seat,
}

/// All viewers of a hub.
#[derive(Debug, Default)]
pub struct Roster {
    slots: Vec<Option<Client>>,
    free: Vec<usize>,
    /// The slots of those who watch a channel.
    groups: HashMap<usize, Vec<usize>>,
    /// When each of the channels is to be written.
    pub agenda: Agenda,
    /// Slots whose sockets have something to say.
    pub ready: Arc<Ready>,
}

impl Roster {
    /// Takes a viewer in; it has joined its channel when this returns.
    pub fn admit(&mut self, io: TcpStream, mut viewer: Viewer, seat: Seat) -> usize {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        let key = viewer.source().key();
        viewer.attach(self.agenda.gate(key));
        let members = self.groups.entry(key).or_default();
        let place = members.len();
        members.push(slot);
        let bell = self.ready.bell(slot);
        self.slots[slot] = Some(Client {
            io,
            viewer,
            unsent: None,
            waker: bell.waker(),
            bell,
            blocked: false,
            finished: false,
            channel: key,
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
        if let Some(members) = self.groups.get_mut(&client.channel) {
            members.swap_remove(client.place);
            if let Some(moved) = members.get(client.place)
                && let Some(Some(moved)) = self.slots.get_mut(*moved)
            {
                moved.place = client.place;
            }
            if members.is_empty() {
                self.groups.remove(&client.channel);
                self.agenda.forget(client.channel);
            }
        }
        Some(client)
    }

    /// The slots of those whose channels are due, and for how long the media of one of them was gathered at most.
    pub fn take_due(&mut self, now: Instant) -> (Vec<usize>, Duration) {
        let Due { channels, gathered } = self.agenda.take_due(now);
        (channels.iter().filter_map(|channel| self.groups.get(channel)).flatten().copied().collect(), gathered)
    }

    /// How many slots there are, taken or free.
    pub fn slots(&self) -> usize {
        self.slots.len()
    }

    /// How many viewers there are.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}

impl Client {
    /// Lets the next wake of the socket be listed again. To be called before the socket is polled.
    pub fn rearm(&self) {
        self.bell.rearm();
    }
}
