//! RTMP: sans-IO layers (handshake, chunk, message, command, session) and the thin server around them.

pub mod chunk;
pub mod handshake;
