//! Who may connect: a bound on all connections and one for each address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// How many connections are taken at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Most connections at a time.
    pub max_connections: usize,
    /// Most connections at a time from one IPv4 address or one IPv6 /64; 0 for no limit. Viewers behind one NAT or proxy share it.
    pub max_per_address: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_connections: 20_000, max_per_address: 0 }
    }
}

/// Why a connection is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// [`Limits::max_connections`] is reached.
    #[error("all {0} connections are taken")]
    Full(usize),
    /// [`Limits::max_per_address`] is reached.
    #[error("{0} connections from one address, which is the limit")]
    PerAddress(usize),
}

/// Counts connections.
#[derive(Debug)]
pub struct Permits {
    limits: Limits,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// Kept only where addresses are limited; never larger than [`Limits::max_connections`].
    by_address: HashMap<IpAddr, usize>,
}

/// One connection's permission; dropping it gives it back.
#[derive(Debug)]
pub struct Permit {
    permits: Arc<Permits>,
    address: IpAddr,
}

impl Refused {
    /// The limit in one word, for metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Full(_) => "full",
            Self::PerAddress(_) => "per_address",
        }
    }
}

impl Permits {
    /// Nothing taken yet.
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, taken: Mutex::default() })
    }

    /// Asks for one connection from `address`.
    ///
    /// # Errors
    /// Says which limit is reached.
    pub fn take(self: &Arc<Self>, address: IpAddr) -> Result<Permit, Refused> {
        let address = household(address);
        let mut taken = self.taken.lock();
        if taken.all >= self.limits.max_connections {
            return Err(Refused::Full(taken.all));
        }
        if self.limits.max_per_address > 0 {
            let count = taken.by_address.entry(address).or_default();
            if *count >= self.limits.max_per_address {
                return Err(Refused::PerAddress(*count));
            }
            *count += 1;
        }
        taken.all += 1;
        Ok(Permit { permits: Arc::clone(self), address })
    }

    /// Connections right now.
    pub fn taken(&self) -> usize {
        self.taken.lock().all
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut taken = self.permits.taken.lock();
        taken.all -= 1;
        if let Some(count) = taken.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}

/// What one customer of a network is usually given: an IPv4 address, or an IPv6 /64 of addresses.
pub fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permit_given_back_can_be_taken_again() {
        let permits = Permits::new(Limits { max_connections: 2, max_per_address: 1 });
        let (one, other, third) = ("::1".parse().unwrap(), "10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let first = permits.take(one).expect("the first of its address");
        assert_eq!(permits.take(one).unwrap_err(), Refused::PerAddress(1));
        assert_eq!(permits.take("::2".parse().unwrap()).unwrap_err(), Refused::PerAddress(1), "one /64 counts as one");
        let _second = permits.take(other).expect("another address");
        assert_eq!(permits.take(third).unwrap_err(), Refused::Full(2));
        drop(first);
        assert!(permits.take(one).is_ok());
    }
}
