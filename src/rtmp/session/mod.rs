//! The server's end of one connection, from the first byte to the last.
//!
//! Pure: bytes and time in, bytes and events out. It asks before it lets anyone publish or play, and knows neither streams nor users.

mod enhanced;
mod event;
mod media;
mod options;
mod play;
mod server;

#[cfg(test)]
mod tests;

pub use super::link::Error;
pub use event::{CloseReason, Deadline, Event, PlayControl, Request, RequestId, StaleRequest, UnpublishReason};
pub use options::Options;
pub use server::Session;
