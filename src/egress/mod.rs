//! The one way out: whatever is pushed to viewers goes through here.
//!
//! A [`Pump`] walks a cursor over a channel of shared wire units and gives batches of shared bytes; a [`Viewer`] adds what its
//! protocol wants around them; a [`Hub`] writes the batches of all viewers of one worker, and wakes those who must write themselves. Knows no
//! media format: that is [`Wire`]'s business.

mod agenda;
pub mod batch;
pub mod body;
pub mod control;
mod guests;
pub mod hub;
mod merge;
pub mod options;
pub mod pump;
mod roster;
pub mod solo;
pub mod talk;
mod tape;
#[cfg(test)]
mod tests;
mod turn;
pub mod viewer;

pub use batch::Batch;
pub use body::ViewerBody;
pub use hub::{Hub, Hubs, Newcomer, prepare};
pub use options::{Counters, Options, Policy};
pub use pump::{Filled, Kinds, Over, Pump, Source, Step, Turn, Unfit, Wire};
pub use talk::{Breach, Talk, Unanswered, Wish};
pub use viewer::{Departure, Envelope, Viewer, Who};
