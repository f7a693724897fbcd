//! The ladder: renditions made of the source, by a process of its own.
//!
//! Here is what is decided without decoding anything: which rungs a source gets, and what the worker `sluicegate-ladder` is told and tells. No
//! libav belongs here; the worker alone names it.

pub mod ladder;
pub mod level;
pub mod plan;
pub mod report;
pub mod sound;
#[cfg(feature = "server")]
pub mod supervisor;

#[cfg(test)]
mod tests;
