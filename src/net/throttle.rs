//! What may happen thousands of times a second, and is logged once a second.

use std::time::{Duration, Instant};

/// Between two lines of the log while the same goes on: it may do so for hours, and the log lives on the same machine.
const TELL_INTERVAL: Duration = Duration::from_secs(1);

/// Counts what would be logged too often.
#[derive(Debug, Default)]
pub struct Throttle {
    told: Option<Instant>,
    times: u64,
}

impl Throttle {
    /// Counts one more. How many there were since the last line, if it is time for another.
    pub fn tell(&mut self, now: Instant) -> Option<u64> {
        self.times += 1;
        if self.told.is_some_and(|told| now.saturating_duration_since(told) < TELL_INTERVAL) {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_at_once_and_then_once_a_second() {
        let (mut throttle, start) = (Throttle::default(), Instant::now());
        let told: Vec<_> = (0..25).filter_map(|n| throttle.tell(start + Duration::from_millis(100) * n)).collect();
        assert_eq!(told, [1, 10, 10]);
    }
}
