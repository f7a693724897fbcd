//! RTMP: sans-IO layers (handshake, chunk, message, command, session) and the thin server around them.

pub mod address;
pub mod chunk;
pub mod client;
pub mod command;
pub mod handshake;
mod link;
pub mod message;
#[cfg(feature = "server")]
pub mod server;
pub mod session;
pub mod status;
pub mod unit;
