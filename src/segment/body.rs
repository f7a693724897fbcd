//! Where a segment's bytes are: in memory, or in a file of the spool.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::pieces::Pieces;
use super::snapshot::MediaSequence;

/// The bytes of a segment, an init segment or a part.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body {
    /// Here.
    Memory(Pieces),
    /// In the spool, to be read by whoever knows its files.
    Spooled(Place),
}

/// A stretch of a spool's file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The file.
    pub volume: Arc<Volume>,
    /// Bytes of the file before it.
    pub offset: u64,
    /// Its own bytes.
    pub length: usize,
}

/// A file that holds bodies one behind the other. It stays where it is as long as anybody holds a place in it.
pub struct Volume {
    number: u64,
    /// Whatever its owner wants to hear the end of.
    _hold: Box<dyn Any + Send + Sync>,
}

/// Tells that the segments of a slot lie in the spool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spooled {
    /// The slot.
    pub msn: MediaSequence,
    /// Where each of its segments lies, in their order.
    pub places: Vec<Place>,
}

impl Body {
    /// Bytes of the file.
    pub fn len(&self) -> usize {
        match self {
            Self::Memory(pieces) => pieces.len(),
            Self::Spooled(place) => place.length,
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes, where they are in memory.
    pub fn in_memory(&self) -> Option<&Pieces> {
        match self {
            Self::Memory(pieces) => Some(pieces),
            Self::Spooled(_) => None,
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Memory(bytes.into())
    }
}

impl From<Pieces> for Body {
    fn from(pieces: Pieces) -> Self {
        Self::Memory(pieces)
    }
}

impl Volume {
    /// The file of that number. `hold` is dropped when the last place in it is, and so tells that it can go.
    pub fn new(number: u64, hold: impl Any + Send + Sync) -> Arc<Self> {
        Arc::new(Self { number, _hold: Box::new(hold) })
    }

    /// Which file of its spool it is.
    pub fn number(&self) -> u64 {
        self.number
    }
}

impl fmt::Debug for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Volume({})", self.number)
    }
}

impl PartialEq for Volume {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Volume {}
