//! The merge window: how long a worker gathers media before it writes.

use std::time::{Duration, Instant};

/// A sweep that begins so late though its hub was free says that others keep the worker or its core busy.
const LATE: Duration = Duration::from_millis(2);
/// The share of its time that a hub works when it is busy: the window widens.
const BUSY: f64 = 0.8;
/// The share below which it is calm: the window closes.
const CALM: f64 = 0.65;
/// How far back the share of time reaches: some sweeps, so that a keyframe alone widens nothing.
const MEMORY: Duration = Duration::from_millis(250);
/// The shortest window worth having; also the runtime's timer resolution.
const SHORTEST: Duration = Duration::from_millis(1);

/// The least while the worker is at ease, widening as it gets busy: one write of two frames costs little more than one of one.
///
/// How long viewers wait behind one another within a sweep says nothing: merging would only add to it.
#[derive(Debug)]
pub struct MergeWindow {
    width: Duration,
    least: Duration,
    bound: Duration,
    /// The share of its time that the hub worked lately.
    load: f64,
    learnt: Instant,
}

impl MergeWindow {
    /// A window of `least`, never wider than `bound`.
    pub fn new(least: Duration, bound: Duration, now: Instant) -> Self {
        Self { width: least, least, bound, load: 0.0, learnt: now }
    }

    /// How long to gather before the next sweep.
    pub fn width(&self) -> Duration {
        self.width
    }

    /// Learns from a sweep that begins `now`, so `late` after it was due and its hub was free, which has worked for `worked` since the
    /// sweep before.
    pub fn learn(&mut self, now: Instant, late: Duration, worked: Duration) {
        let passed = now.saturating_duration_since(self.learnt).as_secs_f64();
        self.learnt = now;
        if passed > 0.0 {
            let weight = passed / (passed + MEMORY.as_secs_f64());
            self.load += weight * ((worked.as_secs_f64() / passed).min(1.0) - self.load);
        }
        if late > LATE || self.load > BUSY {
            self.width = self.width.mul_f64(1.25).max(SHORTEST).min(self.bound);
        } else if self.load < CALM {
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

    const PERIOD: Duration = Duration::from_millis(33);
    const NEVER: Duration = Duration::ZERO;

    /// So many sweeps, a picture apart, each so late and with so much work before it.
    fn sweep(window: &mut MergeWindow, times: u32, late: Duration, worked: Duration) {
        for _ in 0..times {
            let now = window.learnt + PERIOD;
            window.learn(now, late, worked);
        }
    }

    fn window(least: Duration, bound: Duration) -> MergeWindow {
        MergeWindow::new(least, bound, Instant::now())
    }

    #[test]
    fn the_window_widens_to_its_bound_under_load_and_closes_in_calm() {
        let bound = Duration::from_millis(100);
        let mut window = window(NEVER, bound);
        assert_eq!(window.width(), NEVER);
        sweep(&mut window, 60, NEVER, PERIOD.mul_f64(0.95));
        assert_eq!(window.width(), bound);
        sweep(&mut window, 60, NEVER, PERIOD.mul_f64(0.7));
        assert_eq!(window.width(), bound, "neither busy nor calm changes nothing");
        sweep(&mut window, 60, NEVER, PERIOD / 2);
        assert_eq!(window.width(), NEVER);
    }

    #[test]
    fn one_long_sweep_changes_nothing() {
        let mut window = window(NEVER, Duration::from_millis(100));
        sweep(&mut window, 30, NEVER, PERIOD / 5);
        sweep(&mut window, 1, NEVER, PERIOD);
        assert_eq!(window.width(), NEVER);
    }

    #[test]
    fn a_hub_that_others_hold_up_merges_too() {
        let mut window = window(NEVER, Duration::from_millis(100));
        sweep(&mut window, 50, 2 * LATE, NEVER);
        assert_eq!(window.width(), Duration::from_millis(100));
    }

    #[test]
    fn who_wants_media_gathered_always_gets_it_so_and_wider_under_load() {
        let least = Duration::from_millis(30);
        let mut window = window(least, Duration::from_millis(100));
        sweep(&mut window, 50, NEVER, NEVER);
        assert_eq!(window.width(), least);
        sweep(&mut window, 1, 2 * LATE, NEVER);
        assert!(window.width() > least);
    }

    #[test]
    fn a_bound_of_zero_always_writes_at_once() {
        let mut window = window(NEVER, NEVER);
        sweep(&mut window, 50, Duration::from_secs(1), PERIOD);
        assert_eq!(window.width(), NEVER);
    }
}
