//! When each chunk came to the viewers. A chunk is known by the number of its last frame.

use std::collections::BTreeMap;

use crate::check::{TRACKS, Track};
use crate::delays::Delays;
use crate::publish::Sent;

/// The times at which viewers had a chunk whole, by the number of its last frame.
#[derive(Debug, Default)]
pub struct Arrivals([BTreeMap<u64, Vec<u64>>; TRACKS.len()]);

impl Arrivals {
    /// A viewer has the chunk whole whose last frame is this.
    pub fn note(&mut self, track: Track, last_frame: u64, at: u64) {
        self.0[track as usize].entry(last_frame).or_default().push(at);
    }

    /// How long the chunks that were complete within an interval took to each of so many viewers. Complete is a chunk when the publisher had
    /// sent the frame behind its last one, for only that tells how long the last one lasts.
    pub fn delays(&self, sent: &Sent, interval: (u64, u64), viewers: usize) -> Delays {
        let mut delays = Delays::default();
        for track in TRACKS {
            for (last_frame, arrivals) in &self.0[track as usize] {
                let Some(complete) = sent.at(track, last_frame + 1) else { continue };
                delays.add(track, complete, arrivals, interval, viewers);
            }
        }
        delays
    }
}
