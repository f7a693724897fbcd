//! N viewers on one thread: one poll, one buffer, edge-triggered.

use std::io::{self, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use crate::check::Fault;
use crate::stamp;
use crate::tally::Tally;
use crate::target::Play;
use crate::viewer::{self, Viewer};

/// Up to this many viewers are all parsed.
pub const PARSED_WHOLE: usize = 2_000;
/// Beyond, one in so many is.
pub const PARSED_ONE_IN: usize = 50;

/// One read takes all that a socket usually holds.
const BUFFER: usize = 256 << 10;
const EVENTS: usize = 1024;

/// The viewers and what they saw.
#[derive(Debug)]
pub struct Load {
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    viewers: Vec<Slot>,
    /// Those who asked and read nothing.
    stuck: Vec<TcpStream>,
    /// What they counted.
    pub tally: Tally,
}

#[derive(Debug)]
struct Slot {
    /// None once its connection has ended.
    viewer: Option<Viewer>,
    received_before: u64,
    started: bool,
    faulted: bool,
}

impl Load {
    /// Nobody yet.
    pub fn new() -> io::Result<Self> {
        let (poll, events) = (Poll::new()?, Events::with_capacity(EVENTS));
        Ok(Self { poll, events, buffer: vec![0; BUFFER], viewers: Vec::new(), stuck: Vec::new(), tally: Tally::default() })
    }

    /// Lets `count` viewers join in turns what there is to watch, so many a second, serving all that are there meanwhile; and with each so many of them one who is stuck.
    pub fn join(&mut self, plays: &[Play], count: usize, per_second: u32, stuck_one_in: Option<u32>) -> io::Result<()> {
        let requests: Vec<_> = plays.iter().map(|play| (play, viewer::request(play))).collect();
        let started = Instant::now();
        for (index, (play, request)) in requests.iter().cycle().take(count).enumerate() {
            let parsed = count <= PARSED_WHOLE || index % PARSED_ONE_IN == 0;
            let viewer = match Viewer::connect(play, request.clone(), parsed) {
                Ok(mut viewer) => {
                    self.poll.registry().register(viewer.socket(), Token(index), Interest::READABLE | Interest::WRITABLE)?;
                    Some(viewer)
                }
                Err(error) => {
                    self.tally.fault(&Fault::Connection(error.kind()));
                    None
                }
            };
            if stuck_one_in.is_some_and(|one_in| (index / plays.len().max(1)).is_multiple_of(one_in as usize)) {
                self.stuck.push(stuck(play, request)?);
            }
            self.viewers.push(Slot { faulted: viewer.is_none(), viewer, received_before: 0, started: false });
            self.run_until(started + Duration::from_secs(1) * (index as u32 + 1) / per_second.max(1))?;
        }
        Ok(())
    }

    /// Serves the viewers until then.
    pub fn run_until(&mut self, deadline: Instant) -> io::Result<()> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.poll.poll(&mut self.events, Some(left)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            }
            for event in &self.events {
                let Some(slot) = self.viewers.get_mut(event.token().0) else { continue };
                slot.serve(event.is_writable(), &mut self.buffer, &mut self.tally);
            }
            if left.is_zero() {
                return Ok(());
            }
        }
    }

    /// Serves until every viewer has its first keyframe, or it is too late.
    pub fn run_until_started(&mut self, deadline: Instant) -> io::Result<()> {
        const STEP: Duration = Duration::from_millis(50);
        while Instant::now() < deadline && self.viewers.iter().any(|slot| !slot.started && !slot.faulted) {
            self.run_until(deadline.min(Instant::now() + STEP))?;
        }
        Ok(())
    }

    /// The measured interval begins now.
    pub fn begin(&mut self) {
        for slot in &mut self.viewers {
            slot.received_before = slot.viewer.as_ref().map_or(0, |viewer| viewer.received);
        }
        self.tally.begin(stamp::now());
    }

    /// Viewers that nothing reached are faulty too.
    pub fn finish(mut self) -> Tally {
        for slot in &mut self.viewers {
            let silent = slot.viewer.as_ref().is_some_and(|viewer| viewer.received == slot.received_before);
            let fault = if silent { Some(Fault::Silent) } else { (!slot.started).then_some(Fault::NeverStarted) };
            if let Some(fault) = fault.filter(|_| !slot.faulted) {
                self.tally.fault(&fault);
            }
        }
        self.tally
    }
}

/// A connection that asks and then reads nothing, for as long as it is kept.
fn stuck(play: &Play, request: &[u8]) -> io::Result<TcpStream> {
    let mut socket = TcpStream::connect(play.address)?;
    socket.write_all(request)?;
    Ok(socket)
}

impl Slot {
    fn serve(&mut self, writable: bool, buffer: &mut [u8], tally: &mut Tally) {
        let Some(viewer) = &mut self.viewer else { return };
        let mut result = if writable { viewer.writable() } else { Ok(()) };
        if result.is_ok() {
            result = viewer.readable(buffer, tally);
        }
        self.started |= viewer.started;
        let Err(fault) = result else { return };
        if !self.faulted {
            self.faulted = true;
            tally.fault(&fault);
        }
        match fault {
            Fault::Closed | Fault::Connection(_) => self.viewer = None,
            // It goes on weighing on the server as it would.
            _ => viewer.give_up(),
        }
    }
}
