//! N viewers of Low-Latency HLS on one thread: one poll, one buffer, edge-triggered.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use super::library::{Library, Step};
use super::player::{CONNECTIONS, Habit, Player};
use crate::check::Fault;
use crate::load::PARSED_ONE_IN;
use crate::stamp;
use crate::tally::Tally;

/// One read takes all that a socket usually holds.
const BUFFER: usize = 256 << 10;
const EVENTS: usize = 1024;

/// The viewers, what they know and what they counted.
#[derive(Debug)]
pub struct Crowd {
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    address: SocketAddr,
    habit: Habit,
    players: Vec<Slot>,
    /// What they know together.
    pub library: Library,
    /// What they counted.
    pub tally: Tally,
}

#[derive(Debug)]
struct Slot {
    /// None once something went wrong with it.
    player: Option<Player>,
    received_before: u64,
}

impl Crowd {
    /// Nobody yet.
    pub fn new(address: SocketAddr, habit: Habit, library: Library) -> io::Result<Self> {
        let (poll, events) = (Poll::new()?, Events::with_capacity(EVENTS));
        let (buffer, players) = (vec![0; BUFFER], Vec::new());
        Ok(Self { poll, events, buffer, address, habit, players, library, tally: Tally::default() })
    }

    /// Lets `count` viewers of the multivariant playlist at `path` join, so many a second.
    pub fn join(&mut self, path: &str, count: usize, per_second: u32) -> io::Result<()> {
        let (path, started): (Rc<str>, _) = (path.into(), Instant::now());
        for index in 0..count {
            let checked = index % PARSED_ONE_IN == 0;
            let joined = Player::join(self.address, &path, &self.library, self.habit, checked);
            let player = joined.inspect_err(|fault| self.tally.fault(fault)).ok();
            self.players.push(Slot { player, received_before: 0 });
            self.watch(index, 0..CONNECTIONS)?;
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
        let waits = |slot: &Slot| slot.player.as_ref().is_some_and(|player| !player.started);
        while Instant::now() < deadline && self.players.iter().any(waits) {
            self.run_until(deadline.min(Instant::now() + STEP))?;
        }
        Ok(())
    }

    /// Tells all viewers to fetch what was recorded, each step at its time.
    pub fn replay(&mut self, steps: &[Step]) -> io::Result<()> {
        let started = Instant::now();
        for step in steps {
            self.run_until(started + Duration::from_nanos(step.at))?;
            for slot in &mut self.players {
                let told = slot.player.as_mut().map_or(Ok(()), |player| player.tell(step.track, &step.files, &self.library));
                slot.settle(told, &mut self.tally);
            }
        }
        Ok(())
    }

    /// The measured interval begins now.
    pub fn begin(&mut self) {
        for slot in &mut self.players {
            slot.received_before = slot.player.as_ref().map_or(0, |player| player.received);
        }
        self.tally.begin(stamp::now());
    }

    /// Viewers that nothing reached are faulty too.
    pub fn finish(&mut self) {
        for slot in &self.players {
            let Some(player) = &slot.player else { continue };
            if player.received == slot.received_before {
                self.tally.fault(&Fault::Silent);
            } else if !player.started && self.habit != Habit::Told {
                self.tally.fault(&Fault::NeverStarted);
            }
        }
    }

    fn serve(&mut self, token: usize, writable: bool) -> io::Result<()> {
        let (index, number) = (token / CONNECTIONS, token % CONNECTIONS);
        let Some(slot) = self.players.get_mut(index) else { return Ok(()) };
        let Some(player) = &mut slot.player else { return Ok(()) };
        let served = player.serve(number, writable, &mut self.buffer, &mut self.library, &mut self.tally);
        let opened = *served.as_ref().unwrap_or(&false);
        slot.settle(served, &mut self.tally);
        // The first connection is watched already.
        if opened { self.watch(index, 1..CONNECTIONS) } else { Ok(()) }
    }

    fn watch(&mut self, index: usize, numbers: std::ops::Range<usize>) -> io::Result<()> {
        let Some(player) = self.players[index].player.as_mut() else { return Ok(()) };
        for number in numbers {
            let Some(socket) = player.socket(number) else { continue };
            let token = Token(index * CONNECTIONS + number);
            self.poll.registry().register(socket, token, Interest::READABLE | Interest::WRITABLE)?;
        }
        Ok(())
    }
}

impl Slot {
    /// A viewer that something went wrong with leaves.
    fn settle<T>(&mut self, result: Result<T, Fault>, tally: &mut Tally) {
        if let Err(fault) = result {
            tally.fault(&fault);
            self.player = None;
        }
    }
}
