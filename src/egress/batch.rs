//! A bounded run of shared slices on its way into one vectored write.

use std::io::IoSlice;

use bytes::{Buf, Bytes};

use super::pump::Step;

/// Slices offered to one vectored write: a whole [`Budget`](crate::bus::Budget) with its heads and framing, far below the system's 1,024.
pub const MAX_SLICES: usize = 80;
/// Slices that a batch has room for while it waits: those of a picture and some sound, with their framing.
const AT_REST: usize = 8;

/// Slices of shared bytes, and how far they have been written.
#[derive(Debug, Default)]
pub struct Batch {
    slices: Vec<Bytes>,
    /// The first slice not yet wholly written.
    first: usize,
    bytes: usize,
    /// The last [`Batch::size_line`], and for how many bytes it is.
    line: (usize, Bytes),
    /// What it is, if others may be due the same.
    step: Option<Step>,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a slice.
    pub fn push(&mut self, slice: Bytes) {
        if !slice.is_empty() {
            self.bytes += slice.len();
            self.slices.push(slice);
        }
    }

    /// How many slices were pushed: a place for [`Batch::insert`].
    pub fn mark(&self) -> usize {
        self.slices.len()
    }

    /// Puts a slice before those pushed since `mark`.
    pub fn insert(&mut self, mark: usize, slice: Bytes) {
        self.bytes += slice.len();
        self.slices.insert(mark, slice);
    }

    /// The line before a chunk of so many bytes in HTTP/1.1 (RFC 9112 §7.1). Written once for all who get as much one after another, as those
    /// who watch the same stream do.
    pub fn size_line(&mut self, bytes: usize) -> Bytes {
        if self.line.0 != bytes {
            self.line = (bytes, format!("{bytes:x}\r\n").into());
        }
        self.line.1.clone()
    }

    /// Says what it is; none where it holds what is for one viewer alone.
    pub fn note_step(&mut self, step: Option<Step>) {
        self.step = step;
    }

    /// What it is, if others may be due the same.
    pub fn step(&self) -> Option<Step> {
        self.step
    }

    /// Bytes not yet written.
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Whether all is written.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// What is not yet written, in order.
    pub fn unwritten(&self) -> &[Bytes] {
        &self.slices[self.first..]
    }

    /// What is not yet written, in order, for one write.
    pub fn io_slices<'a, 'b>(&'a self, room: &'b mut [IoSlice<'a>; MAX_SLICES]) -> &'b [IoSlice<'a>] {
        io_slices(self.unwritten(), room)
    }

    /// Notes that the first `written` bytes have been written; lets go of them.
    pub fn advance(&mut self, written: usize) {
        let mut left = written.min(self.bytes);
        self.bytes -= left;
        while let Some(slice) = self.slices.get_mut(self.first) {
            if left < slice.len() {
                slice.advance(left);
                break;
            }
            left -= slice.len();
            *slice = Bytes::new();
            self.first += 1;
        }
        if self.is_empty() {
            self.clear();
        }
    }

    /// Takes the next slice out, for writers that take one at a time.
    pub fn pop(&mut self) -> Option<Bytes> {
        let slice = std::mem::take(self.slices.get_mut(self.first)?);
        self.first += 1;
        self.bytes -= slice.len();
        if self.is_empty() {
            self.clear();
        }
        Some(slice)
    }

    /// Gives back the room that a burst took, if everything is written: for those who keep a batch of their own while they wait.
    pub fn rest(&mut self) {
        if self.is_empty() && self.slices.capacity() > AT_REST {
            self.slices = Vec::new();
        }
    }

    /// Drops everything, keeping the room.
    pub fn clear(&mut self) {
        self.slices.clear();
        self.first = 0;
        self.bytes = 0;
        self.step = None;
    }
}

/// Slices as one write takes them: as many as fit.
pub(super) fn io_slices<'a, 'b>(slices: &'a [Bytes], room: &'b mut [IoSlice<'a>; MAX_SLICES]) -> &'b [IoSlice<'a>] {
    for (slot, slice) in room.iter_mut().zip(slices) {
        *slot = IoSlice::new(slice);
    }
    room.get(..slices.len()).unwrap_or(room)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unwritten(batch: &Batch) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        batch.io_slices(&mut slices).iter().flat_map(|s| s.to_vec()).collect()
    }

    #[test]
    fn a_write_may_stop_anywhere() {
        for written in 0..=6 {
            let mut batch = Batch::new();
            for part in [&b"ab"[..], b"c", b"def"] {
                batch.push(Bytes::from_static(part));
            }
            batch.advance(written);
            assert_eq!(unwritten(&batch), b"abcdef"[written..]);
            assert_eq!(batch.len(), 6 - written);
        }
    }

    #[test]
    fn a_burst_leaves_no_room_behind_once_it_is_written() {
        let mut batch = Batch::new();
        for _ in 0..MAX_SLICES {
            batch.push(Bytes::from_static(b"tag"));
        }
        batch.advance(1);
        batch.rest();
        assert_eq!(batch.len(), 3 * MAX_SLICES - 1, "nothing unwritten is lost");
        batch.advance(batch.len());
        batch.rest();
        assert!(batch.slices.capacity() <= AT_REST);
    }

    #[test]
    fn framing_goes_before_what_was_pushed_since_the_mark() {
        let mut batch = Batch::new();
        batch.push(Bytes::from_static(b"head"));
        let mark = batch.mark();
        batch.push(Bytes::from_static(b"data"));
        batch.insert(mark, Bytes::from_static(b"4:"));
        assert_eq!(unwritten(&batch), b"head4:data");
    }
}
