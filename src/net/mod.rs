//! Listening, accepting, TLS, permits and the worker threads that serve viewers.

pub mod accept;
pub mod hello;
pub mod listen;
pub mod permits;
pub mod throttle;
pub mod tls;
pub mod transport;
pub mod workers;

pub use accept::{Acceptor, ConnectionId};
pub use hello::Hello;
pub use listen::{Buffers, SocketOptions, listen};
pub use permits::{Limits, Permit, Permits, Refused, household};
pub use throttle::Throttle;
pub use tls::Tls;
pub use transport::Transport;
pub use workers::{Seat, Serve, Workers};
