//! When the machine cannot keep up: which rung goes, and when it comes back. Pure; time comes in.

use std::collections::VecDeque;
use std::time::Duration;

/// So far behind, in milliseconds of media, is too far, unless the worker is catching up.
pub const TOO_FAR_MS: u64 = 600;
/// So far behind is at ease.
const AT_EASE_MS: u64 = 200;
/// Over so long it is seen whether the worker catches up; a rung that goes is given as long to make a difference.
const WINDOW: Duration = Duration::from_secs(1);
/// By so much less behind at the end of the window counts as catching up: a tenth faster than the source.
const CATCH_UP_MS: u64 = 100;
/// Ease of so long lets a rung come back; twice as long after each time that it had to go again.
const FIRST_REST: Duration = Duration::from_secs(10);
const LONGEST_REST: Duration = Duration::from_secs(320);

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// Give this rung up.
    Shed(usize),
    /// Take it up again at the next sync sample.
    Restore(usize),
    /// There is no rung left to give up: pass over the rest of the GOP.
    Skip,
}

/// Decides by how far the worker is behind.
///
/// A worker that starts is given a whole GOP at once, and one that was stopped has to make up for it: neither is overload as long as it
/// gets nearer.
pub struct Overload {
    /// Rungs that may go, the first to go last.
    at_work: Vec<usize>,
    /// Rungs that went, the last one last, and how long each has to rest.
    resting: Vec<(usize, Duration)>,
    rests: Vec<Duration>,
    /// When it was how far behind, within the window and since it is too far.
    past: VecDeque<(Duration, u64)>,
    at_ease_since: Option<Duration>,
}

impl Overload {
    /// `order` as [`sluicegate::transcode::ladder::shedding_order`] gives it. The last of it is never given up.
    pub fn new(order: Vec<usize>) -> Self {
        let rests = vec![FIRST_REST; order.len()];
        let at_work = order.into_iter().rev().collect();
        Self { at_work, resting: Vec::new(), rests, past: VecDeque::new(), at_ease_since: None }
    }

    /// At `now` (since some beginning) the worker is `behind_ms` behind.
    pub fn observe(&mut self, now: Duration, behind_ms: u64) -> Option<Change> {
        if behind_ms > AT_EASE_MS {
            self.at_ease_since = None;
        }
        if behind_ms > TOO_FAR_MS {
            self.past.push_back((now, behind_ms));
            while self.past.get(1).is_some_and(|(at, _)| now.saturating_sub(*at) >= WINDOW) {
                self.past.pop_front();
            }
            return if self.catches_up(now, behind_ms) { None } else { Some(self.less()) };
        }
        // Whether it catches up is seen from when it was too far behind: what comes in at once is no sign.
        self.past.clear();
        let since = *self.at_ease_since.get_or_insert(now);
        let &(rung, rest) = self.resting.last().filter(|_| behind_ms <= AT_EASE_MS)?;
        if now.saturating_sub(since) < rest {
            return None;
        }
        self.resting.pop();
        self.at_work.push(rung);
        self.at_ease_since = Some(now);
        Some(Change::Restore(rung))
    }

    fn catches_up(&self, now: Duration, behind_ms: u64) -> bool {
        match self.past.front() {
            Some((at, was)) if now.saturating_sub(*at) >= WINDOW => behind_ms + CATCH_UP_MS <= *was,
            // Too early to tell.
            _ => true,
        }
    }

    fn less(&mut self) -> Change {
        self.past.clear();
        if self.at_work.len() <= 1 {
            return Change::Skip;
        }
        let rung = self.at_work.pop().expect("more than one is at work");
        let rest = self.rests[rung];
        self.rests[rung] = (rest * 2).min(LONGEST_REST);
        self.resting.push((rung, rest));
        Change::Shed(rung)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of `behind` for each quarter of a second from `from` on, in seconds and changes.
    fn follow(overload: &mut Overload, from: f64, quarters: u32, behind: impl Fn(f64) -> u64) -> Vec<(f64, Change)> {
        let at = |quarter: u32| from + f64::from(quarter) / 4.0;
        let mut seen = |at: f64| overload.observe(Duration::from_secs_f64(at), behind(at)).map(|change| (at, change));
        (0..quarters).filter_map(|quarter| seen(at(quarter))).collect()
    }

    #[test]
    fn rungs_go_one_by_one_while_it_falls_behind() {
        let mut overload = Overload::new(vec![2, 0, 1]);
        let changes = follow(&mut overload, 0.0, 24, |at| (at * 400.0) as u64);
        assert_eq!(changes, [(2.75, Change::Shed(2)), (4.0, Change::Shed(0)), (5.25, Change::Skip)]);
    }

    #[test]
    fn a_worker_that_catches_up_gives_up_nothing() {
        let mut overload = Overload::new(vec![0, 1]);
        assert_eq!(follow(&mut overload, 0.0, 60, |at| 10_000u64.saturating_sub((at * 500.0) as u64)), []);
    }

    #[test]
    fn what_comes_in_at_once_is_given_time() {
        let mut overload = Overload::new(vec![0, 1]);
        assert_eq!(follow(&mut overload, 0.0, 40, |_| 30), []);
        assert_eq!(follow(&mut overload, 10.0, 40, |at| 3_000u64.saturating_sub(((at - 10.0) * 500.0) as u64)), []);
    }

    #[test]
    fn rungs_come_back_last_gone_first_and_later_each_time() {
        let mut overload = Overload::new(vec![0, 1, 2]);
        let lost = follow(&mut overload, 0.0, 12, |_| 1_000);
        assert_eq!(lost, [(1.0, Change::Shed(0)), (2.25, Change::Shed(1))]);
        let back = follow(&mut overload, 3.0, 100, |_| 50);
        assert_eq!(back, [(13.0, Change::Restore(1)), (23.0, Change::Restore(0))]);
        let lost = follow(&mut overload, 30.0, 8, |_| 1_000);
        assert_eq!(lost[0], (31.0, Change::Shed(0)));
        let back = follow(&mut overload, 32.0, 90, |_| 50);
        assert_eq!(back, [(52.0, Change::Restore(0))]);
    }

    #[test]
    fn what_is_neither_far_nor_at_ease_changes_nothing() {
        let mut overload = Overload::new(vec![0, 1]);
        follow(&mut overload, 0.0, 5, |_| 1_000);
        assert_eq!(follow(&mut overload, 2.0, 200, |_| 400), []);
    }
}
