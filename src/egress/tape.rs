//! What viewers get alike. While a turn of the hub lasts the batches of some are kept for others who are due the same. For a crowd the bytes are
//! laid down once in a file in memory: the system then sends the file's pages to each socket as they are, where a write would copy the bytes for every viewer.
//!
//! A file is only appended to, as what was sent stays with the sockets until their viewers have it. When it is full the next one begins,
//! and of the old one the system keeps the pages that are still on their way.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpStream;

use super::batch::{Batch, MAX_SLICES, io_slices};
use super::pump::Step;

/// Viewers who get a batch by writes before it is laid down: that costs about as much as one of the writes, and saves a part of each.
const CROWD: u32 = 8;
/// Batches told apart at a time: those who watch one stream may do so by several protocols and in several dialects.
const KINDS: usize = 4;
/// The fewest bytes worth laying down: fewer are copied as soon as their pages are found.
const LEAST: usize = 16 << 10;
/// Media that was gathered for less is written: of that, only keyframes are so large, and writes have the last of a crowd served sooner.
const GATHERED: Duration = Duration::from_millis(30);
/// The most bytes of one file.
const REEL: usize = 4 << 20;

/// What one worker has laid down.
#[derive(Debug, Default)]
pub(super) struct Tape {
    reel: Option<Reel>,
    batches: [Alike; KINDS],
    /// Which of them is forgotten first.
    oldest: usize,
    /// Whether the reel was written to since the last [`Tape::rest`].
    is_used: bool,
    /// Whether media is gathered for so long that it pays.
    is_worth_it: bool,
    /// The system does not send from files to sockets.
    is_refused: bool,
    /// Bytes sent from files that are not counted yet.
    sent: u64,
}

/// A batch that some viewers got one after another.
#[derive(Debug, Default)]
struct Alike {
    slices: Vec<Bytes>,
    bytes: usize,
    /// By which others are found that are due the same.
    step: Option<Step>,
    viewers: u32,
    place: Option<Place>,
}

/// A batch for one more viewer.
#[derive(Debug)]
pub(super) struct Again<'a> {
    alike: &'a Alike,
    /// Where what is left of it lies.
    place: Option<Place>,
    sent: &'a mut u64,
}

/// Where the unsent rest of a batch lies.
#[derive(Clone, Debug)]
pub(super) struct Place {
    file: Arc<File>,
    at: u64,
}

/// A file that is being filled.
#[derive(Debug)]
struct Reel {
    file: Arc<File>,
    end: usize,
}

impl Tape {
    /// Media is gathered for that long from now on.
    pub fn suit(&mut self, window: Duration) {
        self.is_worth_it = window >= GATHERED;
    }

    /// Keeps a batch for others who are due the same in this turn, before it is written.
    pub fn keep(&mut self, batch: &Batch) {
        if batch.step().is_some() {
            self.begin(batch);
        }
    }

    /// The batch that a viewer is due, if one of those kept is: `takes` says whether it takes that step.
    pub fn again(&mut self, mut takes: impl FnMut(&Step) -> bool) -> Option<Again<'_>> {
        let at = self.batches.iter().position(|alike| alike.step.as_ref().is_some_and(&mut takes))?;
        self.serve(at);
        let alike = &self.batches[at];
        Some(Again { alike, place: alike.place.clone(), sent: &mut self.sent })
    }

    /// Where the batch of one more viewer lies; none where it is to be written.
    pub fn place(&mut self, batch: &Batch) -> Option<Place> {
        if !self.lays(batch.len()) {
            return None;
        }
        let known = self.batches.iter().position(|alike| is_same(&alike.slices, batch.unwritten()));
        let at = known.unwrap_or_else(|| self.begin(batch));
        self.serve(at);
        self.batches[at].place.clone()
    }

    /// Whether so many bytes are laid down for a crowd.
    fn lays(&self, bytes: usize) -> bool {
        self.is_worth_it && !self.is_refused && (LEAST..=REEL).contains(&bytes)
    }

    fn begin(&mut self, batch: &Batch) -> usize {
        let at = self.oldest;
        self.oldest = (at + 1) % KINDS;
        self.batches[at].begin(batch.unwritten(), batch.len(), batch.step());
        at
    }

    /// Counts one more viewer, and lays down what a crowd gets.
    fn serve(&mut self, at: usize) {
        let lays = self.lays(self.batches[at].bytes);
        let alike = &mut self.batches[at];
        alike.viewers += 1;
        if alike.viewers == CROWD && lays {
            // Without memory or another open file the crowd goes on with writes.
            alike.place = lay(&mut self.reel, &alike.slices, alike.bytes).ok();
            self.is_used = true;
        }
    }

    /// Notes that so many bytes were sent from a place.
    pub fn sent(&mut self, bytes: usize) {
        self.sent += bytes as u64;
    }

    /// The bytes sent from files since it was asked last.
    pub fn take_sent(&mut self) -> u64 {
        std::mem::take(&mut self.sent)
    }

    /// Whether an error means that this system does not send from files at all. It is not tried again then.
    pub fn is_refused(&mut self, error: &io::Error) -> bool {
        let refusals = [io::ErrorKind::InvalidInput, io::ErrorKind::Unsupported, io::ErrorKind::PermissionDenied];
        if refusals.contains(&error.kind()) {
            self.is_refused = true;
            self.batches.iter_mut().for_each(|alike| alike.place = None);
        }
        self.is_refused
    }

    /// Lets go of the batches: the sweep is over.
    pub fn forget(&mut self) {
        for alike in &mut self.batches {
            alike.begin(&[], 0, None);
        }
    }

    /// Gives the file's memory back if no crowd needed it since the last time.
    pub fn rest(&mut self) {
        if !std::mem::take(&mut self.is_used) {
            self.reel = None;
        }
    }
}

impl Alike {
    fn begin(&mut self, slices: &[Bytes], bytes: usize, step: Option<Step>) {
        self.slices.clear();
        self.slices.extend_from_slice(slices);
        (self.bytes, self.step, self.viewers, self.place) = (bytes, step, 0, None);
    }
}

impl Again<'_> {
    /// Bytes of it.
    pub fn len(&self) -> usize {
        self.alike.bytes
    }

    /// Sends as much of it as the socket takes at once.
    pub fn send(&mut self, io: &TcpStream) -> io::Result<usize> {
        let Some(place) = &mut self.place else {
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            return io.try_write_vectored(io_slices(&self.alike.slices, &mut slices));
        };
        place.send(io, self.alike.bytes).inspect(|sent| *self.sent += *sent as u64)
    }

    /// Appends all of it. What was not sent lies at the place that is returned, if anywhere.
    pub fn put(self, out: &mut Batch) -> Option<Place> {
        self.alike.slices.iter().for_each(|slice| out.push(slice.clone()));
        self.place
    }
}

impl Place {
    /// Sends some of the next `len` bytes, as far as the socket takes them.
    pub fn send(&mut self, io: &TcpStream, len: usize) -> io::Result<usize> {
        io.try_io(tokio::io::Interest::WRITABLE, || system::send(io, &self.file, &mut self.at, len))
    }
}

/// The same bytes in the same memory. Each is held, so that no other can take its place there.
fn is_same(these: &[Bytes], those: &[Bytes]) -> bool {
    let at = |slice: &Bytes| (slice.as_ptr(), slice.len());
    these.len() == those.len() && these.iter().zip(those).all(|(this, that)| at(this) == at(that))
}

/// Appends a batch.
fn lay(reel: &mut Option<Reel>, batch: &[Bytes], bytes: usize) -> io::Result<Place> {
    let reel = match reel {
        Some(reel) if reel.end + bytes <= REEL => reel,
        full => full.insert(Reel { file: Arc::new(system::open()?), end: 0 }),
    };
    let mut slices = [IoSlice::new(&[]); MAX_SLICES];
    let at = reel.end;
    let written = (&*reel.file).write_vectored(io_slices(batch, &mut slices))?;
    reel.end += written;
    if written < bytes {
        return Err(io::ErrorKind::WriteZero.into());
    }
    Ok(Place { file: Arc::clone(&reel.file), at: at as u64 })
}

/// What Linux has for this.
#[cfg(target_os = "linux")]
mod system {
    use std::fs::File;
    use std::io;

    use rustix::fs::{MemfdFlags, memfd_create, sendfile};
    use tokio::net::TcpStream;

    pub fn open() -> io::Result<File> {
        Ok(memfd_create("sluicegate-tape", MemfdFlags::CLOEXEC)?.into())
    }

    /// Moves `at` on by what was sent.
    pub fn send(io: &TcpStream, file: &File, at: &mut u64, len: usize) -> io::Result<usize> {
        Ok(sendfile(io, file, Some(at), len)?)
    }
}

/// Elsewhere everything is written.
#[cfg(not(target_os = "linux"))]
mod system {
    use std::fs::File;
    use std::io;

    use tokio::net::TcpStream;

    pub fn open() -> io::Result<File> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn send(_: &TcpStream, _: &File, _: &mut u64, _: usize) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::*;

    /// A picture with a frame around it, as each viewer gets it: other slices of the same memory.
    fn batch(picture: &Bytes) -> Batch {
        let mut batch = Batch::new();
        batch.push(Bytes::from_static(b"frame"));
        batch.push(picture.slice(1..));
        batch
    }

    fn picture(byte: u8, bytes: usize) -> Bytes {
        Bytes::from(vec![byte; bytes + 1])
    }

    fn framed(picture: &Bytes) -> Vec<u8> {
        [b"frame", &picture[1..]].concat()
    }

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let (near, far) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        (near.unwrap(), far.unwrap().0)
    }

    /// Where much is gathered.
    fn tape() -> Tape {
        let mut tape = Tape::default();
        tape.suit(GATHERED);
        tape
    }

    /// The place that the last of a crowd gets.
    fn laid(tape: &mut Tape, picture: &Bytes) -> Option<Place> {
        (0..CROWD).map(|_| tape.place(&batch(picture))).last().flatten()
    }

    #[tokio::test]
    async fn a_crowd_is_sent_what_is_laid_down_once() {
        let mut tape = tape();
        let pictures = [picture(1, LEAST), picture(2, LEAST)];
        for _ in 1..CROWD {
            assert!(pictures.iter().all(|picture| tape.place(&batch(picture)).is_none()), "a few are written to");
        }
        for _ in 0..3 {
            for picture in &pictures {
                let (near, mut far) = pair().await;
                let mut place = tape.place(&batch(picture)).expect("it is laid down");
                let expected = framed(picture);
                assert_eq!(place.send(&near, 100).unwrap(), 100);
                assert_eq!(place.send(&near, expected.len() - 100).unwrap(), expected.len() - 100, "it goes on behind what was sent");
                let mut heard = vec![0; expected.len()];
                far.read_exact(&mut heard).await.unwrap();
                assert_eq!(heard, expected);
            }
        }
        assert_eq!(tape.reel.unwrap().end, 2 * framed(&pictures[0]).len());
    }

    #[tokio::test]
    async fn what_is_kept_is_sent_again_from_memory_and_to_a_crowd_from_the_file() {
        let mut tape = tape();
        let mut kept = batch(&picture(1, LEAST));
        assert!(tape.again(|_| true).is_none(), "nothing is kept yet");
        tape.keep(&kept);
        assert!(tape.again(|_| true).is_none(), "it is for one alone");
        kept.note_step(Some(super::super::tests::a_step()));
        tape.keep(&kept);
        assert!(tape.again(|_| false).is_none());
        let expected = framed(&picture(1, LEAST));
        for nth in 1..2 * CROWD {
            let (near, mut far) = pair().await;
            let mut again = tape.again(|_| true).unwrap();
            assert_eq!((again.len(), again.send(&near).unwrap()), (expected.len(), expected.len()));
            let mut out = Batch::new();
            assert_eq!(again.put(&mut out).is_some(), nth >= CROWD);
            assert_eq!(out.unwritten().concat(), expected);
            let mut heard = vec![0; expected.len()];
            far.read_exact(&mut heard).await.unwrap();
            assert_eq!(heard, expected);
            assert_eq!(tape.take_sent() > 0, nth >= CROWD);
        }
        tape.forget();
        assert!(tape.again(|_| true).is_none());
    }

    #[tokio::test]
    async fn what_is_on_its_way_outlives_its_file() {
        let mut tape = tape();
        let (near, mut far) = pair().await;
        let first = picture(1, REEL / 4);
        let mut place = laid(&mut tape, &first).unwrap();
        let sent = place.send(&near, REEL / 4).unwrap();
        drop(place);
        for byte in 2..8 {
            assert!(laid(&mut tape, &picture(byte, REEL / 4)).is_some());
            tape.forget();
        }
        drop(tape);
        let mut heard = vec![0; sent];
        far.read_exact(&mut heard).await.unwrap();
        assert_eq!(heard, framed(&first)[..sent]);
    }

    #[test]
    fn what_is_small_or_as_large_as_a_file_is_written() {
        let mut tape = tape();
        assert!(laid(&mut tape, &picture(1, LEAST / 2)).is_none());
        assert!(laid(&mut tape, &picture(1, REEL)).is_none());
        assert!(tape.reel.is_none());
    }

    #[test]
    fn what_is_hardly_gathered_is_written() {
        let mut tape = tape();
        tape.suit(GATHERED - Duration::from_millis(1));
        assert!(laid(&mut tape, &picture(1, LEAST)).is_none() && tape.reel.is_none());
        tape.suit(GATHERED);
        assert!(laid(&mut tape, &picture(1, LEAST)).is_some());
    }

    #[test]
    fn memory_goes_back_when_the_crowd_has_gone() {
        let mut tape = tape();
        let picture = picture(1, LEAST);
        assert!(laid(&mut tape, &picture).is_some());
        tape.rest();
        assert!(tape.reel.is_some(), "it was needed lately");
        tape.forget();
        tape.rest();
        assert!(tape.reel.is_none());
        assert!(picture.is_unique(), "the bytes are let go of as well");
        assert!(laid(&mut tape, &picture).is_some(), "the next crowd gets another");
    }

    #[test]
    fn a_system_that_refuses_is_not_asked_again() {
        let mut tape = tape();
        assert!(!tape.is_refused(&io::ErrorKind::ConnectionReset.into()), "the viewer has left");
        assert!(laid(&mut tape, &picture(1, LEAST)).is_some());
        assert!(tape.is_refused(&io::ErrorKind::InvalidInput.into()));
        assert!(laid(&mut tape, &picture(1, LEAST)).is_none());
    }
}
