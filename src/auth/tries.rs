//! Patience with those who guess keys.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::net::household;

/// Over how long wrong keys are counted.
const WINDOW: Duration = Duration::from_secs(60);
/// Wrong keys from one address within [`WINDOW`] after which all of its keys are refused unseen, the right ones, too. An encoder with an
/// old key that reconnects every two seconds stays below.
const TOO_MANY: u32 = 40;
/// How long the first wrong key's answer takes; each further one doubles it.
const DELAY: Duration = Duration::from_millis(250);
/// Longest delay: within the time that a connection has to publish.
const LONGEST_DELAY: Duration = Duration::from_secs(4);
/// Addresses that are remembered; a crowd beyond it makes us forget those who guessed least.
const MAX_ADDRESSES: usize = 4_096;

/// Wrong keys by the address they came from.
#[derive(Debug, Default)]
pub(super) struct Tries {
    failed: Mutex<HashMap<IpAddr, Failed>>,
}

#[derive(Debug)]
struct Failed {
    count: u32,
    since: Instant,
}

impl Tries {
    /// Whether an address has guessed too often of late.
    pub(super) fn exhausted(&self, address: IpAddr, now: Instant) -> bool {
        let failed = self.failed.lock();
        failed.get(&household(address)).is_some_and(|failed| failed.count >= TOO_MANY && failed.is_fresh(now))
    }

    /// Notes a wrong key. Returns how long its answer is to be held back: a right one is answered at once, so an encoder beside a
    /// guesser, behind the same address, waits for nothing.
    pub(super) fn note(&self, address: IpAddr, now: Instant) -> Duration {
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
        entry.count += 1;
        DELAY.saturating_mul(1 << (entry.count - 1).min(16)).min(LONGEST_DELAY)
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

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_wrong_key_is_answered_later_than_the_one_before() {
        let (tries, now) = (Tries::default(), Instant::now());
        let delays: Vec<_> = (0..6).map(|_| tries.note(address(HERE), now).as_millis()).collect();
        assert_eq!(delays, [250, 500, 1_000, 2_000, 4_000, 4_000]);
        assert_eq!(tries.note(address("192.0.2.2"), now), DELAY, "its neighbour has done nothing");
    }

    #[test]
    fn a_guesser_is_refused_for_the_rest_of_the_minute() {
        let (tries, now) = (Tries::default(), Instant::now());
        for _ in 0..TOO_MANY {
            assert!(!tries.exhausted(address("2001:db8::1"), now));
            tries.note(address("2001:db8::1"), now);
        }
        assert!(tries.exhausted(address("2001:db8::2"), now), "a household's addresses count as one");
        assert!(!tries.exhausted(address(HERE), now));
        assert!(!tries.exhausted(address("2001:db8::1"), now + WINDOW));
        assert_eq!(tries.note(address("2001:db8::1"), now + WINDOW), DELAY);
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
        assert!(tries.exhausted(address(HERE), now));
    }
}
