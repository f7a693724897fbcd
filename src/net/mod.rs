//! Accepting connections: permits and the worker threads that serve viewers.

pub mod permits;
pub mod workers;

pub use permits::{Limits, Permit, Permits, Refused};
pub use workers::{Seat, Serve, Workers};
