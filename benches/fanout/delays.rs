//! How long parts and chunks took from complete to received.

use crate::check::{TRACKS, Track};

/// What completed so shortly before the interval's end may still be on its way.
const ON_THE_WAY: u64 = 1_000_000_000;

/// Of all viewers together.
#[derive(Debug, Default)]
pub struct Delays {
    /// In microseconds, by track.
    pub by_track: [Vec<u32>; TRACKS.len()],
    /// What viewers should have had within the interval and did not.
    pub missing: u64,
}

impl Delays {
    /// Counts one part that was complete at some moment and came to viewers at others, if it was complete within the interval.
    pub fn add(&mut self, track: Track, complete: u64, arrivals: &[u64], (began, ended): (u64, u64), viewers: usize) {
        if !(began..ended).contains(&complete) {
            return;
        }
        let took = arrivals.iter().map(|at| u32::try_from(at.saturating_sub(complete) / 1000).unwrap_or(u32::MAX));
        self.by_track[track as usize].extend(took);
        if complete + ON_THE_WAY < ended {
            self.missing += viewers.saturating_sub(arrivals.len()) as u64;
        }
    }
}
