//! The floor: the least that any server could spend. One thread writes the same tags in the same batches to every viewer by vectored
//! writes, and does nothing else: no RTMP, no parsing, no shared state, no metrics, one wake-up per batch for all.
//!
//! With `--tls` it encrypts for each viewer, by the library that the gateway has.
//!
//! It runs as a process of its own, `fanout --floor`, and answers every request with the stream.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustls::ServerConfig;
use sluicegate::flv::TagKind;

use crate::source::{GOP, Source, flv_preamble};
use crate::stamp;
use crate::tls::Writer;

/// Tags kept for viewers that lag: two GOPs with their sound.
const KEPT: usize = 6 * GOP as usize;
/// Slices in one write; Linux takes 1024.
const SLICES: usize = 128;
const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: video/x-flv\r\nConnection: close\r\n\r\n";

struct Floor {
    tags: VecDeque<Tag>,
    /// Number of the first tag kept.
    first: u64,
    preamble: Bytes,
    viewers: Vec<Viewer>,
    tls: Option<Arc<ServerConfig>>,
}

struct Tag {
    bytes: Bytes,
    is_key: bool,
}

struct Viewer {
    socket: Writer,
    /// What of the preamble is unsent.
    head: Bytes,
    /// The tag it is at, by number; none until there is a keyframe.
    at: Option<u64>,
    /// Bytes of that tag already sent.
    sent: usize,
}

/// Serves until `lifetime` is over, which ends it even where nobody else does. Prints the port it listens on.
pub fn serve(bitrate: u64, batch: Duration, lifetime: Duration, tls: Option<Arc<ServerConfig>>) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    listener.set_nonblocking(true)?;
    println!("{}", listener.local_addr()?.port());
    let preamble = [HEAD, &flv_preamble()].concat().into();
    let mut floor = Floor { tags: VecDeque::new(), first: 0, preamble, viewers: Vec::new(), tls };
    let mut source = Source::new(bitrate);
    let (started, epoch) = (Instant::now(), stamp::now());
    let mut tick = Duration::ZERO;
    while started.elapsed() < lifetime {
        tick = if batch.is_zero() { source.due() } else { tick + batch };
        thread::sleep((started + tick).saturating_duration_since(Instant::now()));
        while let Ok((socket, _)) = listener.accept() {
            floor.join(socket);
        }
        while source.due() <= started.elapsed() {
            // A picture is there when it is due, though it is made only now that it can be written.
            let packet = source.next(epoch + source.due().as_nanos() as u64);
            floor.push(Tag { bytes: packet.tag(), is_key: packet.is_key && packet.kind == TagKind::Video });
        }
        floor.write();
    }
    Ok(())
}

impl Floor {
    fn join(&mut self, socket: TcpStream) {
        // The request is on its way; a viewer that does not ask gets nothing.
        let waits = socket.set_read_timeout(Some(Duration::from_secs(1)));
        if let Ok(socket) = waits.and_then(|()| Writer::accept(socket, self.tls.as_ref())) {
            self.viewers.push(Viewer { socket, head: self.preamble.clone(), at: None, sent: 0 });
        }
    }

    fn push(&mut self, tag: Tag) {
        self.tags.push_back(tag);
        if self.tags.len() > KEPT {
            self.tags.pop_front();
            self.first += 1;
        }
    }

    fn write(&mut self) {
        let newest_key = self.tags.iter().rposition(|tag| tag.is_key).map(|at| self.first + at as u64);
        let (tags, first) = (&self.tags, self.first);
        self.viewers.retain_mut(|viewer| {
            // One that was overtaken goes on at the newest keyframe, if the tag it was in is complete on the wire.
            let overtaken = viewer.at.is_some_and(|at| at < first);
            if overtaken && viewer.sent > 0 {
                return false;
            }
            if overtaken || viewer.at.is_none() {
                viewer.at = newest_key;
            }
            match viewer.write(tags, first) {
                Ok(()) => true,
                Err(error) => error.kind() == io::ErrorKind::WouldBlock,
            }
        });
    }
}

impl Viewer {
    /// All that there is for it, until its socket is full.
    fn write(&mut self, tags: &VecDeque<Tag>, first: u64) -> io::Result<()> {
        let Some(at) = &mut self.at else { return Ok(()) };
        loop {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let pending = tags.range((*at - first) as usize..).map(|tag| &tag.bytes[..]);
            let mut count = 0;
            let mut offered = 0;
            for (slice, bytes) in slices.iter_mut().zip(std::iter::once(&self.head[..]).chain(pending)) {
                // The head comes first, then the tag already begun.
                let bytes = if count == 1 { &bytes[self.sent..] } else { bytes };
                *slice = IoSlice::new(bytes);
                offered += bytes.len();
                count += 1;
            }
            if offered == 0 {
                return Ok(());
            }
            let mut written = self.socket.write_vectored(&slices[..count])?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            let complete = written == offered;
            let of_head = written.min(self.head.len());
            self.head = self.head.slice(of_head..);
            written -= of_head;
            for tag in tags.range((*at - first) as usize..) {
                let left = tag.bytes.len() - self.sent;
                if written < left {
                    self.sent += written;
                    break;
                }
                written -= left;
                self.sent = 0;
                *at += 1;
            }
            if complete && count < SLICES {
                return Ok(());
            }
        }
    }
}
