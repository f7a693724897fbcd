//! One viewer: a connection for each track, on which it asks for segment after segment and reads each while it is being made; and once a
//! segment for the manifest, whose timeline changes as often.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use bytes::Bytes;
use mio::net::TcpStream;

use super::arrivals::Arrivals;
use super::manifest::{self, Template};
use crate::check::{Checker, Fault, Seen, TRACKS, Track};
use crate::crowd::Member;
use crate::fmp4::Fmp4;
use crate::stamp;
use crate::tally::Tally;
use crate::wire::{Piece, Wire};

/// What all viewers know: how to ask, and which chunk has come to whom.
#[derive(Debug)]
pub struct Lore {
    pub host: String,
    pub manifest: String,
    pub templates: Vec<Template>,
    pub arrivals: Arrivals,
}

/// A viewer.
#[derive(Debug)]
pub struct Viewer {
    lanes: Vec<Lane>,
    /// Where this one reads manifests for those who join later; the others only fetch them.
    text: Option<Vec<u8>>,
    checker: Checker,
    opened: u64,
    started: bool,
    received: u64,
}

#[derive(Debug)]
struct Lane {
    track: Track,
    socket: TcpStream,
    /// What of the request is unsent.
    request: Bytes,
    wire: Wire,
    fmp4: Fmp4,
    /// What the answer in progress is.
    job: Job,
    /// The segment that is asked for next.
    next: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Job {
    Manifest,
    Init,
    Segment,
}

impl Lore {
    /// The request for a file, whose address is relative to the manifest.
    pub fn request(&self, file: &str) -> Bytes {
        let folder = self.manifest.rsplit_once('/').map_or("", |(folder, _)| folder);
        let Self { host, .. } = self;
        format!("GET {folder}/{file} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: fanout\r\nAccept: */*\r\n\r\n").into()
    }

    fn manifest(&self) -> Bytes {
        self.request(self.manifest.rsplit('/').next().unwrap_or_default())
    }
}

impl Viewer {
    /// Begins to connect; asks for the init segments first, then from the segment in progress on.
    pub fn join(address: SocketAddr, leads: bool, lore: &Lore) -> Result<Self, Fault> {
        let lane = |(template, track): (&Template, Track)| {
            let (socket, request) = (TcpStream::connect(address)?, lore.request(&template.init));
            Ok(Lane { track, socket, request, wire: Wire::new(false), fmp4: Fmp4::default(), job: Job::Init, next: template.open })
        };
        let lanes = lore.templates.iter().zip(TRACKS).map(lane).collect::<io::Result<_>>();
        let lanes = lanes.map_err(|error| Fault::Connection(error.kind()))?;
        let text = leads.then(Vec::new);
        Ok(Self { lanes, text, checker: Checker::default(), opened: stamp::now(), started: false, received: 0 })
    }

    /// Reads what a connection has brought, and asks on where an answer is whole.
    fn take(&mut self, number: usize, mut input: &[u8], lore: &mut Lore, tally: &mut Tally) -> Result<(), Fault> {
        let now = stamp::now();
        let Some(lane) = self.lanes.get_mut(number) else { return Ok(()) };
        loop {
            match lane.wire.take(&mut input)? {
                Piece::Media(text) if lane.job == Job::Manifest => self.text.iter_mut().for_each(|kept| kept.extend_from_slice(text)),
                Piece::Media(mut media) => {
                    while let Some(unit) = lane.fmp4.take(&mut media)? {
                        let frame = unit.stamp.ok_or(Fault::NoStamp)?.frame;
                        if unit.track != lane.track {
                            return Err(Fault::Playlist("a segment of another track"));
                        }
                        match self.checker.take(unit)? {
                            Seen::FirstKey(_) => {
                                self.started = true;
                                tally.first_key(now.saturating_sub(self.opened));
                            }
                            // Between segments of one track nothing may be missing, not even before a keyframe.
                            Seen::Picture { missing: 1.., .. } => return Err(Fault::PartsMissing),
                            Seen::Picture { .. } | Seen::Sound(_) => {}
                        }
                        // A keyframe in a fragment of its own, for those who scrub, comes with the fragment behind it.
                        let alone = unit.track == Track::Video && unit.is_key;
                        if lane.fmp4.is_between_samples() && !alone {
                            tally.answers += 1;
                            lore.arrivals.note(lane.track, frame, now);
                        }
                    }
                }
                Piece::End => {
                    if !lane.fmp4.is_between_boxes() {
                        return Err(Fault::Fragment("the segment ends within a box"));
                    }
                    if let Some(text) = self.text.as_mut().map(std::mem::take).filter(|_| lane.job == Job::Manifest) {
                        lore.templates = manifest::templates(&String::from_utf8_lossy(&text))?;
                    }
                    lane.go_on(lore);
                    lane.write()?;
                }
                Piece::Answer(_) | Piece::Close => return Err(Fault::Closed),
                Piece::Nothing => return Ok(()),
            }
        }
    }
}

impl Lane {
    fn go_on(&mut self, lore: &Lore) {
        if self.job == Job::Segment && self.track == Track::Video {
            (self.job, self.request) = (Job::Manifest, lore.manifest());
            return;
        }
        let Some(template) = lore.templates.get(self.track as usize) else { return };
        (self.job, self.request) = (Job::Segment, lore.request(&template.segment(self.next)));
        self.next += 1;
    }

    fn write(&mut self) -> Result<(), Fault> {
        while !self.request.is_empty() {
            match self.socket.write(&self.request) {
                Ok(count) => drop(self.request.split_to(count)),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected) => return Ok(()),
                Err(error) => return Err(Fault::Connection(error.kind())),
            }
        }
        Ok(())
    }
}

impl Member for Viewer {
    type Lore = Lore;
    const CONNECTIONS: usize = TRACKS.len();

    fn socket(&mut self, number: usize) -> Option<&mut TcpStream> {
        self.lanes.get_mut(number).map(|lane| &mut lane.socket)
    }

    fn serve(&mut self, number: usize, writable: bool, buffer: &mut [u8], lore: &mut Lore, tally: &mut Tally) -> Result<bool, Fault> {
        if let Some(lane) = self.lanes.get_mut(number).filter(|_| writable) {
            lane.write()?;
        }
        while let Some(lane) = self.lanes.get_mut(number) {
            match lane.socket.read(buffer) {
                Ok(0) => return Err(Fault::Closed),
                Ok(count) => {
                    self.received += count as u64;
                    tally.burst(count);
                    self.take(number, buffer.get(..count).unwrap_or_default(), lore, tally)?;
                    // Less than was asked for: the socket is empty, and the poll will tell when more comes.
                    if count < buffer.len() {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Fault::Connection(error.kind())),
            }
        }
        Ok(false)
    }

    fn has_started(&self) -> bool {
        self.started
    }

    fn received(&self) -> u64 {
        self.received
    }
}
