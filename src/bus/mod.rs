//! The media bus: a window of entries, channels that publish and subscribe to it, the registry of live streams, and
//! the clock that all of them go by.
//!
//! Knows no wire format and no runtime: whoever waits does so on a [`Gate`], which any executor can drive.

mod audience;
pub mod channel;
pub mod gate;
pub mod ladder;
pub mod name;
pub mod ready;
pub mod registry;
pub mod stream;
mod sync;
pub mod viewing;
pub mod wall;
pub mod window;

pub use channel::{Channel, Publisher, Revoked, Step, Subscriber};
pub use gate::Gate;
pub use ladder::{DemandGuard, Ladder};
pub use name::{NameError, StreamName};
pub use ready::{Bell, Ready};
pub use registry::{Announcements, Departure, PublishRefused, Registry, Session, Takeover};
pub use stream::{LeftOut, PublisherInfo, Rendition, Sent, State, Stream, Totals, ViewerGuard};
pub use viewing::Viewing;
pub use window::{Bounds, Budget, Cause, Cursor, End, Entry, From, Lag, Read, Seq, Why, Window};

#[cfg(test)]
mod tests;
