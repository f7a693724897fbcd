//! The merge window: how long a worker gathers media before it writes.

use std::time::Duration;

/// A sweep this late says that the worker is busy.
const LATE: Duration = Duration::from_millis(2);
/// A sweep no later than this says that it is calm.
const PUNCTUAL: Duration = Duration::from_micros(500);
/// The shortest window worth having; also the runtime's timer resolution.
const SHORTEST: Duration = Duration::from_millis(1);

/// The least while the worker is on time, widening as it gets late: one write of two frames costs little more than one of one.
#[derive(Debug)]
pub struct MergeWindow {
    width: Duration,
    least: Duration,
    bound: Duration,
}

impl MergeWindow {
    /// A window of `least`, never wider than `bound`.
    pub fn new(least: Duration, bound: Duration) -> Self {
        Self { width: least, least, bound }
    }

    /// How long to gather before the next sweep.
    pub fn width(&self) -> Duration {
        self.width
    }

    /// Learns from a sweep that began `late` after it was due.
    pub fn learn(&mut self, late: Duration) {
        if late > LATE {
            self.width = self.width.mul_f64(1.25).max(SHORTEST).min(self.bound);
        } else if late < PUNCTUAL {
            self.width = self.width.mul_f64(0.9);
            if self.width < SHORTEST {
                self.width = Duration::ZERO;
            }
            self.width = self.width.max(self.least);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_widens_to_its_bound_under_load_and_closes_in_calm() {
        let mut window = MergeWindow::new(Duration::ZERO, Duration::from_millis(100));
        assert_eq!(window.width(), Duration::ZERO);
        for _ in 0..50 {
            window.learn(Duration::from_millis(3));
        }
        assert_eq!(window.width(), Duration::from_millis(100));
        window.learn(Duration::from_millis(1));
        assert_eq!(window.width(), Duration::from_millis(100), "neither late nor punctual changes nothing");
        for _ in 0..50 {
            window.learn(Duration::ZERO);
        }
        assert_eq!(window.width(), Duration::ZERO);
    }

    #[test]
    fn who_wants_media_gathered_always_gets_it_so_and_wider_under_load() {
        let least = Duration::from_millis(30);
        let mut window = MergeWindow::new(least, Duration::from_millis(100));
        (0..50).for_each(|_| window.learn(Duration::ZERO));
        assert_eq!(window.width(), least);
        window.learn(Duration::from_millis(3));
        assert!(window.width() > least);
    }

    #[test]
    fn a_bound_of_zero_always_writes_at_once() {
        let mut window = MergeWindow::new(Duration::ZERO, Duration::ZERO);
        window.learn(Duration::from_secs(1));
        assert_eq!(window.width(), Duration::ZERO);
    }
}
