//! Bytes that all streams share, in memory or in the spool: who may have how many.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Bytes for all streams together.
#[derive(Debug)]
pub struct Budget {
    limit: AtomicU64,
    slack: u64,
    used: AtomicU64,
    users: AtomicUsize,
}

/// One stream's part in a [`Budget`]; what it uses is given back when it is dropped.
#[derive(Debug)]
pub struct Share {
    budget: Arc<Budget>,
    used: AtomicU64,
}

/// How many bytes a stream may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Allowance {
    /// Above it the oldest should go.
    pub keep: u64,
    /// Above it the oldest must go.
    pub most: u64,
}

impl Allowance {
    /// No limit.
    pub const UNLIMITED: Self = Self { keep: u64::MAX, most: u64::MAX };

    /// That of somebody who shares `limit` with nobody and leaves the `slack`th part of it free.
    pub const fn of(limit: u64, slack: u64) -> Self {
        Self { keep: limit - limit / slack, most: limit }
    }

    /// What satisfies both.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        Self { keep: self.keep.min(other.keep), most: self.most.min(other.most) }
    }
}

impl Budget {
    /// That many bytes, the `slack`th part of which should stay free.
    pub fn new(limit: u64, slack: u64) -> Arc<Self> {
        Arc::new(Self { limit: limit.into(), slack, used: AtomicU64::new(0), users: AtomicUsize::new(0) })
    }

    /// Another stream wants to use some.
    pub fn join(self: &Arc<Self>) -> Share {
        self.users.fetch_add(1, Ordering::Relaxed);
        Share { budget: Arc::clone(self), used: AtomicU64::new(0) }
    }

    /// How many there are.
    pub fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    /// Changes how many there are. What is used beyond them is to be given back, not taken away.
    pub fn set_limit(&self, limit: u64) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// How many are used.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }
}

impl Share {
    /// How many this stream uses.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// This stream uses so many now.
    pub fn set(&self, bytes: u64) {
        let before = self.used.swap(bytes, Ordering::Relaxed);
        if bytes >= before {
            self.budget.used.fetch_add(bytes - before, Ordering::Relaxed);
        } else {
            self.budget.used.fetch_sub(before - bytes, Ordering::Relaxed);
        }
    }

    /// Takes so many more, if the whole limit allows it.
    pub fn take(&self, bytes: u64) -> bool {
        let taken = self
            .budget
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| used.checked_add(bytes).filter(|used| *used <= self.budget.limit()));
        if taken.is_ok() {
            self.used.fetch_add(bytes, Ordering::Relaxed);
        }
        taken.is_ok()
    }

    /// Gives so many back.
    pub fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        self.budget.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// How many this stream may have: an equal part at least, and beyond it whatever the others leave. So those above their equal part make
    /// room for those below it.
    pub fn allowance(&self) -> Allowance {
        let limit = self.budget.limit();
        let others = self.budget.used().saturating_sub(self.used());
        let users = self.budget.users.load(Ordering::Relaxed).max(1) as u64;
        let of = |limit: u64| (limit / users).max(limit.saturating_sub(others));
        Allowance { keep: of(Allowance::of(limit, self.budget.slack).keep), most: of(limit) }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
        self.budget.users.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_stream_may_have_all_and_two_make_room_for_each_other() {
        let budget = Budget::new(1_000, 4);
        let first = budget.join();
        assert_eq!(first.allowance(), Allowance { keep: 750, most: 1_000 });
        first.set(900);
        let second = budget.join();
        assert_eq!(second.allowance(), Allowance { keep: 375, most: 500 }, "an equal part is everybody's");
        second.set(300);
        assert_eq!(budget.used(), 1_200);
        assert_eq!(first.allowance(), Allowance { keep: 450, most: 700 }, "who has more than that leaves the others theirs");
        drop(second);
        assert_eq!((budget.used(), first.allowance().most), (900, 1_000));
    }

    #[test]
    fn nothing_is_taken_beyond_the_limit_and_all_is_given_back() {
        let budget = Budget::new(100, 4);
        let (first, second) = (budget.join(), budget.join());
        assert!(first.take(60) && second.take(40) && !second.take(1));
        first.give_back(10);
        assert!(second.take(10));
        assert_eq!((first.used(), second.used(), budget.used()), (50, 50, 100));
        budget.set_limit(80);
        assert!(!first.take(1));
        drop((first, second));
        assert_eq!(budget.used(), 0);
    }
}
