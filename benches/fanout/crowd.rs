//! N viewers who ask again and again, on one thread: one poll, one buffer, edge-triggered. What they ask for is their own affair.

use std::io;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::check::Fault;
use crate::stamp;
use crate::tally::Tally;

/// One read takes all that a socket usually holds.
const BUFFER: usize = 256 << 10;
const EVENTS: usize = 1024;

/// One viewer with connections of its own.
pub trait Member {
    /// What all viewers know together.
    type Lore;
    /// Connections at most.
    const CONNECTIONS: usize;

    /// The socket of that number, below [`Member::CONNECTIONS`], for the poll to watch.
    fn socket(&mut self, number: usize) -> Option<&mut TcpStream>;

    /// Serves a connection. Returns whether others were opened, for the poll to watch.
    fn serve(&mut self, number: usize, writable: bool, buffer: &mut [u8], lore: &mut Self::Lore, tally: &mut Tally) -> Result<bool, Fault>;

    /// Whether its first independent picture has come, or it waits for none.
    fn has_started(&self) -> bool;

    /// Bytes received.
    fn received(&self) -> u64;
}

/// The viewers, what they know and what they counted.
#[derive(Debug)]
pub struct Crowd<M: Member> {
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    members: Vec<Slot<M>>,
    /// What they know together.
    pub lore: M::Lore,
    /// What they counted.
    pub tally: Tally,
}

#[derive(Debug)]
struct Slot<M> {
    /// None once something went wrong with it.
    member: Option<M>,
    received_before: u64,
}

impl<M: Member> Crowd<M> {
    /// Nobody yet.
    pub fn new(lore: M::Lore) -> io::Result<Self> {
        let (poll, events) = (Poll::new()?, Events::with_capacity(EVENTS));
        Ok(Self { poll, events, buffer: vec![0; BUFFER], members: Vec::new(), lore, tally: Tally::default() })
    }

    /// Lets `count` viewers join, so many a second, serving all that are there meanwhile.
    pub fn join(&mut self, count: usize, per_second: u32, member: impl Fn(usize, &M::Lore) -> Result<M, Fault>) -> io::Result<()> {
        let started = Instant::now();
        for index in 0..count {
            let member = member(index, &self.lore).inspect_err(|fault| self.tally.fault(fault)).ok();
            self.members.push(Slot { member, received_before: 0 });
            self.watch(index, 0..M::CONNECTIONS)?;
            self.run_until(started + Duration::from_secs(1) * (index as u32 + 1) / per_second.max(1))?;
        }
        Ok(())
    }

    /// Serves the viewers until then.
    pub fn run_until(&mut self, deadline: Instant) -> io::Result<()> {
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.poll.poll(&mut events, Some(left)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            }
            for event in &events {
                self.serve(event.token().0, event.is_writable())?;
            }
            if left.is_zero() {
                self.events = events;
                return Ok(());
            }
        }
    }

    /// Serves until every viewer has its first picture, or it is too late.
    pub fn run_until_started(&mut self, deadline: Instant) -> io::Result<()> {
        const STEP: Duration = Duration::from_millis(50);
        let waits = |slot: &Slot<M>| slot.member.as_ref().is_some_and(|member| !member.has_started());
        while Instant::now() < deadline && self.members.iter().any(waits) {
            self.run_until(deadline.min(Instant::now() + STEP))?;
        }
        Ok(())
    }

    /// Tells every viewer something.
    pub fn tell(&mut self, mut what: impl FnMut(&mut M, &M::Lore) -> Result<(), Fault>) {
        for slot in &mut self.members {
            let told = slot.member.as_mut().map_or(Ok(()), |member| what(member, &self.lore));
            slot.settle(told, &mut self.tally);
        }
    }

    /// The measured interval begins now.
    pub fn begin(&mut self) {
        for slot in &mut self.members {
            slot.received_before = slot.member.as_ref().map_or(0, M::received);
        }
        self.tally.begin(stamp::now());
    }

    /// Viewers that nothing reached are faulty too.
    pub fn finish(&mut self) {
        for slot in &self.members {
            let Some(member) = &slot.member else { continue };
            if member.received() == slot.received_before {
                self.tally.fault(&Fault::Silent);
            } else if !member.has_started() {
                self.tally.fault(&Fault::NeverStarted);
            }
        }
    }

    fn serve(&mut self, token: usize, writable: bool) -> io::Result<()> {
        let (index, number) = (token / M::CONNECTIONS, token % M::CONNECTIONS);
        let Some(slot) = self.members.get_mut(index) else { return Ok(()) };
        let Some(member) = &mut slot.member else { return Ok(()) };
        let served = member.serve(number, writable, &mut self.buffer, &mut self.lore, &mut self.tally);
        let opened = *served.as_ref().unwrap_or(&false);
        slot.settle(served, &mut self.tally);
        // The first connection is watched already.
        if opened { self.watch(index, 1..M::CONNECTIONS) } else { Ok(()) }
    }

    fn watch(&mut self, index: usize, numbers: std::ops::Range<usize>) -> io::Result<()> {
        let Some(member) = self.members[index].member.as_mut() else { return Ok(()) };
        for number in numbers {
            let Some(socket) = member.socket(number) else { continue };
            let token = Token(index * M::CONNECTIONS + number);
            self.poll.registry().register(socket, token, Interest::READABLE | Interest::WRITABLE)?;
        }
        Ok(())
    }
}

impl<M> Slot<M> {
    /// A viewer that something went wrong with leaves.
    fn settle<T>(&mut self, result: Result<T, Fault>, tally: &mut Tally) {
        if let Err(fault) = result {
            tally.fault(&fault);
            self.member = None;
        }
    }
}
