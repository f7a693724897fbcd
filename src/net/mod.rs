//! Accepting connections: permits and the worker threads that serve viewers.

pub mod accept;
pub mod permits;
pub mod workers;

pub use accept::{Acceptor, ConnectionId, tune};
pub use permits::{Limits, Permit, Permits, Refused};
pub use workers::{Seat, Serve, Workers};
