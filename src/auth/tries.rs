//! Patience with those who guess keys.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::net::household;

/// Over how long wrong keys are counted.
const WINDOW: Duration = Duration::from_secs(60);
/// Wrong keys from one address within [`WINDOW`] from which on all of its keys are answered late, the right ones, too: otherwise an answer
/// that does not come at once would be a wrong key's, and a guesser would hang up and try the next. None that is right is ever refused,
/// for a whole house may share the address. An encoder with an old key that reconnects every two seconds stays below.
const TOO_MANY: u32 = 40;
/// How long the first wrong key's answer takes; each further one doubles it.
const DELAY: Duration = Duration::from_millis(250);
/// Longest delay: within the least time that `rtmp.publish_timeout_s` can give a connection to publish.
const LONGEST_DELAY: Duration = Duration::from_secs(4);
/// Addresses that are remembered; a crowd beyond it makes us forget those who guessed least.
const MAX_ADDRESSES: usize = 4_096;

/// Wrong keys by the address they came from.
#[derive(Debug, Default)]
pub(super) struct Tries {
    failed: Mutex<HashMap<IpAddr, Failed>>,
}

/// How a key is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Verdict {
    /// For how long its answer is held back.
    pub(super) delay: Duration,
    /// Whether its address guesses.
    pub(super) is_suspect: bool,
}

#[derive(Debug)]
struct Failed {
    count: u32,
    since: Instant,
}

impl Tries {
    /// A right key: answered at once, unless its address has guessed too often of late.
    pub(super) fn pass(&self, address: IpAddr, now: Instant) -> Verdict {
        let failed = self.failed.lock();
        let is_suspect = failed.get(&household(address)).is_some_and(|failed| failed.count >= TOO_MANY && failed.is_fresh(now));
        Verdict { delay: if is_suspect { LONGEST_DELAY } else { Duration::ZERO }, is_suspect }
    }

    /// Notes a wrong key.
    pub(super) fn note(&self, address: IpAddr, now: Instant) -> Verdict {
        let address = household(address);
        let mut failed = self.failed.lock();
        if failed.len() >= MAX_ADDRESSES && !failed.contains_key(&address) {
            failed.retain(|_, failed| failed.is_fresh(now));
            if failed.len() >= MAX_ADDRESSES
                && let Some(least) = failed.iter().min_by_key(|(_, failed)| failed.count).map(|(address, _)| *address)
            {
                failed.remove(&least);
            }
        }
        let entry = failed.entry(address).or_insert(Failed { count: 0, since: now });
        if !entry.is_fresh(now) {
            *entry = Failed { count: 0, since: now };
        }
        let is_suspect = entry.count >= TOO_MANY;
        let delay = DELAY.saturating_mul(1 << entry.count.min(16)).min(LONGEST_DELAY);
        entry.count = entry.count.saturating_add(1);
        Verdict { delay, is_suspect }
    }
}

impl Failed {
    fn is_fresh(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) < WINDOW
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "192.0.2.1";
    const AT_ONCE: Verdict = Verdict { delay: Duration::ZERO, is_suspect: false };

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_wrong_key_is_answered_later_than_the_one_before() {
        let (tries, now) = (Tries::default(), Instant::now());
        let delays: Vec<_> = (0..6).map(|_| tries.note(address(HERE), now).delay.as_millis()).collect();
        assert_eq!(delays, [250, 500, 1_000, 2_000, 4_000, 4_000]);
        assert_eq!(tries.note(address("192.0.2.2"), now).delay, DELAY, "its neighbour has done nothing");
    }

    #[test]
    fn a_guesser_is_suspect_for_the_rest_of_the_minute() {
        let (tries, now) = (Tries::default(), Instant::now());
        for _ in 0..TOO_MANY {
            assert_eq!(tries.pass(address("2001:db8::1"), now), AT_ONCE);
            assert!(!tries.note(address("2001:db8::1"), now).is_suspect);
        }
        let late = Verdict { delay: LONGEST_DELAY, is_suspect: true };
        assert_eq!(tries.note(address("2001:db8::1"), now), late);
        assert_eq!(tries.pass(address("2001:db8::2"), now), late, "a household's addresses count as one");
        assert_eq!(tries.pass(address(HERE), now), AT_ONCE);
        assert_eq!(tries.pass(address("2001:db8::1"), now + WINDOW), AT_ONCE);
        assert_eq!(tries.note(address("2001:db8::1"), now + WINDOW), Verdict { delay: DELAY, is_suspect: false });
    }

    #[test]
    fn a_crowd_of_addresses_is_bounded_and_does_not_hide_who_guesses_most() {
        let (tries, now) = (Tries::default(), Instant::now());
        for _ in 0..TOO_MANY {
            tries.note(address(HERE), now);
        }
        for n in 0..2 * MAX_ADDRESSES as u32 {
            tries.note(IpAddr::from((0x0A00_0000 + n).to_be_bytes()), now);
        }
        assert_eq!(tries.failed.lock().len(), MAX_ADDRESSES);
        assert!(tries.pass(address(HERE), now).is_suspect);
    }
}
