//! One viewer: follows the playlist of each track and fetches every part, as players of Low-Latency HLS do. Knows what to ask for next; what
//! it got is judged by the [`Library`].

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use bytes::Bytes;
use mio::net::TcpStream;

use super::connection::{Answer, Connection};
use super::library::{FileId, Library, Listed};
use crate::check::{Fault, TRACKS, Track};
use crate::crowd::Member;
use crate::stamp;
use crate::tally::Tally;

/// How viewers go about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Habit {
    /// Reload, fetch what is new, reload: one connection for each track.
    Reload,
    /// The part that is hinted at is asked for ahead, on a second connection.
    Hints,
    /// Fetch what somebody else says, when he says it.
    Told,
}

/// A viewer.
#[derive(Debug)]
pub struct Player {
    address: SocketAddr,
    path: Rc<str>,
    habit: Habit,
    /// Whether it keeps whatever it gets, for the library to look at.
    checked: bool,
    opened: u64,
    lanes: [Lane; TRACKS.len()],
    started: bool,
    received: u64,
}

#[derive(Debug, Default)]
struct Lane {
    links: [Option<Link>; 2],
    listed: Option<Rc<Listed>>,
    /// The part that was asked for last.
    last: Option<FileId>,
    todo: VecDeque<FileId>,
}

#[derive(Debug)]
struct Link {
    connection: Connection,
    job: Job,
}

/// What an answer will be.
#[derive(Clone, Copy, Debug)]
enum Job {
    Multivariant,
    Playlist,
    File(FileId),
}

impl Player {
    /// Begins to connect; who is told needs no playlist to begin with.
    pub fn join(address: SocketAddr, path: &Rc<str>, library: &Library, habit: Habit, checked: bool) -> Result<Self, Fault> {
        let lanes = Default::default();
        let (opened, path) = (stamp::now(), Rc::clone(path));
        let mut player = Self { address, path, habit, checked, opened, lanes, started: false, received: 0 };
        match habit {
            Habit::Told => TRACKS.into_iter().try_for_each(|track| player.open(track, 0))?,
            Habit::Reload | Habit::Hints => {
                player.open(Track::Video, 0)?;
                player.ask(Track::Video, 0, library.request(&player.path), Job::Multivariant)?;
            }
        }
        Ok(player)
    }

    /// Tells it what to fetch of a track.
    pub fn tell(&mut self, track: Track, files: &[FileId], library: &Library) -> Result<(), Fault> {
        self.lanes[track as usize].todo.extend(files);
        self.go_on(track, library)
    }

    fn take(&mut self, track: Track, job: Job, answer: Answer<'_>, library: &mut Library, tally: &mut Tally) -> Result<bool, Fault> {
        let now = stamp::now();
        let body = answer.body.as_deref();
        match job {
            Job::Multivariant => {
                let tracks = library.multivariant(&self.path, body.unwrap_or_default())?;
                for track in TRACKS.into_iter().take(tracks) {
                    for role in 0..if self.habit == Habit::Hints { 2 } else { 1 } {
                        self.open(track, role)?;
                    }
                    let request = library.first_request(track).ok_or(Fault::Playlist("of no known track"))?;
                    self.ask(track, 0, request, Job::Playlist)?;
                }
                return Ok(true);
            }
            Job::Playlist => {
                let listed = library.listed(track, body.unwrap_or_default())?;
                let lane = &mut self.lanes[track as usize];
                if lane.last.is_none() {
                    lane.todo.extend(listed.init);
                }
                let new = listed.behind(lane.last)?;
                lane.todo.extend(new.iter().map(|part| part.file));
                lane.last = new.last().map(|part| part.file).or(lane.last);
                lane.listed = Some(listed);
            }
            Job::File(file) => {
                library.received(file, answer.length, body, now)?;
                if !self.started && self.habit != Habit::Told && track == Track::Video && library.is_part(file) {
                    self.started = true;
                    tally.first_key(now.saturating_sub(self.opened));
                }
            }
        }
        Ok(false)
    }

    /// Gives idle connections of a track something to do.
    fn go_on(&mut self, track: Track, library: &Library) -> Result<(), Fault> {
        let is_idle = |lane: &Lane, role: usize| lane.links[role].as_ref().is_some_and(|link| link.connection.is_idle());
        let fetcher = if self.habit == Habit::Hints { 1 } else { 0 };
        let lane = &mut self.lanes[track as usize];
        if is_idle(lane, fetcher) {
            let hint = lane.listed.as_ref().and_then(|listed| listed.hint).filter(|hint| fetcher == 1 && lane.last != Some(*hint));
            if let Some(file) = lane.todo.pop_front().or_else(|| hint.inspect(|hint| lane.last = Some(*hint))) {
                self.ask(track, fetcher, library.request_for(file), Job::File(file))?;
            }
        }
        let lane = &self.lanes[track as usize];
        if let Some(listed) = lane.listed.clone().filter(|_| is_idle(lane, 0)) {
            self.ask(track, 0, listed.reload.clone(), Job::Playlist)?;
        }
        Ok(())
    }

    fn open(&mut self, track: Track, role: usize) -> Result<(), Fault> {
        let link = &mut self.lanes[track as usize].links[role];
        if link.is_none() {
            let connection = Connection::open(self.address).map_err(|error: io::Error| Fault::Connection(error.kind()))?;
            *link = Some(Link { connection, job: Job::Playlist });
        }
        Ok(())
    }

    fn ask(&mut self, track: Track, role: usize, request: Bytes, job: Job) -> Result<(), Fault> {
        let keep = self.checked || !matches!(job, Job::File(_));
        let Some(link) = &mut self.lanes[track as usize].links[role] else { return Ok(()) };
        link.job = job;
        link.connection.ask(request, keep)
    }

    fn link(&mut self, number: usize) -> Option<&mut Link> {
        self.lanes[number / 2].links[number % 2].as_mut()
    }
}

impl Member for Player {
    type Lore = Library;
    /// For each track one that reloads, and one for hinted parts.
    const CONNECTIONS: usize = 2 * TRACKS.len();

    fn socket(&mut self, number: usize) -> Option<&mut TcpStream> {
        self.link(number).map(|link| link.connection.socket())
    }

    fn serve(&mut self, number: usize, writable: bool, buffer: &mut [u8], library: &mut Library, tally: &mut Tally) -> Result<bool, Fault> {
        let Some(link) = self.link(number) else { return Ok(false) };
        if writable {
            link.connection.write()?;
        }
        let (mut bytes, mut reads, job) = (0, 0, link.job);
        let answer = link.connection.read(buffer, &mut bytes, &mut reads);
        self.received += bytes;
        tally.bytes += bytes;
        tally.bursts += reads;
        let Some(answer) = answer? else { return Ok(false) };
        tally.answers += 1;
        let track = TRACKS[number / 2];
        let opened = self.take(track, job, answer, library, tally)?;
        self.go_on(track, library)?;
        Ok(opened)
    }

    fn has_started(&self) -> bool {
        self.started || self.habit == Habit::Told
    }

    fn received(&self) -> u64 {
        self.received
    }
}
