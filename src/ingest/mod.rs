//! The one way in: FLV bodies become repaired, settled samples on a publisher.
//!
//! [`Ingest`] demultiplexes what a publisher sends, waits until its tracks are known (*settling*), lets the stream begin at a picture that
//! can be decoded, repairs its timeline and pushes samples onto the bus. It serves every protocol that carries FLV bodies, takes time as
//! an argument and never waits. It knows no connection: who may publish, and how a peer is told, is for its owner.

mod error;
mod held;
mod left;
mod limits;
mod notes;
mod options;
mod publication;
mod tracks;
mod words;

#[cfg(test)]
mod tests;

pub use error::IngestError;
pub use options::Options;
pub use publication::Ingest;
