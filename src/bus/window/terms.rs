//! What a window holds, how much of it, and what its readers are told.

use std::sync::Arc;

use crate::media::{Kind, Program, Sample, Span, Timestamp};

/// Something a [`Window`](super::Window) can hold: a sample, or a wire unit made from samples.
pub trait Entry: Clone {
    /// What a joiner must know before the first entry: a program, a preamble, an init segment.
    type Head: std::fmt::Debug;
    /// When the entry happens on the stream's timeline.
    fn time(&self) -> Timestamp;
    /// What the entry weighs against the window's byte bound.
    fn bytes(&self) -> usize;
    /// Whether it is of the leading track, given the head in force: the pictures, or else the sound, at whose pace the stream goes.
    fn leads(&self, head: &Self::Head) -> bool;
    /// Whether it can be made something of without those before it.
    fn is_sync(&self) -> bool;
    /// Whether a viewer can start with it.
    fn joins(&self, head: &Self::Head) -> bool {
        self.is_sync() && self.leads(head)
    }
}

impl Entry for Sample {
    type Head = Program;

    fn time(&self) -> Timestamp {
        self.dts
    }

    fn bytes(&self) -> usize {
        self.data.len()
    }

    /// The leading video track's do; where there is none, all but script data.
    fn leads(&self, program: &Program) -> bool {
        match program.tracks.video() {
            Some(video) => self.track == video.id,
            None => self.track.kind != Kind::Data,
        }
    }

    fn is_sync(&self) -> bool {
        self.is_sync
    }
}

/// An entry's number in its window: counts up by one, is never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Seq(pub u64);

/// How much a window keeps. Whichever bound is met first holds; the newest entry is always kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Longest media time from the oldest entry to the newest. Beyond it even the newest GOP loses its beginning.
    pub span: Span,
    /// Most bytes, by [`Entry::bytes`].
    pub bytes: usize,
    /// Most entries: bounds what empty entries and still clocks could pile up.
    pub entries: usize,
    /// Entries before the newest GOP are kept this long for readers that are behind.
    pub lag: Span,
}

impl Default for Bounds {
    /// A GOP of up to 10 s and 16 MiB, and 4 s behind it for slow readers.
    fn default() -> Self {
        Self { span: Span::from_secs(10), bytes: 16 << 20, entries: 8_192, lag: Span::from_secs(4) }
    }
}

/// How much one [`Window::read`](super::Window::read) may take.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Most entries, so that a read clones little under its lock.
    pub entries: usize,
    /// Most bytes; the first entry is taken whatever its size.
    pub bytes: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { entries: 64, bytes: 1 << 20 }
    }
}

/// Where a new cursor starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum From {
    /// At the newest entry that joins; where there is none, at the next to come.
    NewestSync,
    /// At the next entry to come that joins.
    NextSync,
}

/// Why a head is delivered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// The reader is new here.
    Joined,
    /// The configuration or the track set changed; time runs on.
    Config,
    /// The sequence of samples was broken off and taken up again.
    Break(Cause),
    /// The reader was overtaken or chose to skip, and goes on at a sync entry.
    Lagged {
        /// Entries it never saw.
        entries: u64,
        /// Media time it never saw.
        span: Span,
    },
}

/// What broke a sequence of samples.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// Another connection took the publication up.
    Publisher,
    /// The publisher's timestamps jumped beyond repair and were anchored anew.
    Timestamps,
    /// A feed in between lost entries.
    Loss,
}

/// Why a window ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum End {
    /// The publisher said it was done, or did not come back within the grace.
    #[error("the stream has ended")]
    Unpublished,
    /// The gateway is shutting down.
    #[error("the gateway is shutting down")]
    Shutdown,
    /// A mistake of ours broke what serves it: whoever publishes or plays it has to come back.
    #[error("the gateway has failed to serve it; try again")]
    Failed,
}

/// How far a cursor is behind the newest entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Lag {
    /// Entries not yet read.
    pub entries: u64,
    /// Media time not yet read.
    pub span: Span,
}

/// What one [`Window::read`](super::Window::read) found.
#[derive(Debug)]
pub enum Read<T: Entry> {
    /// Entries were appended to the reader's buffer.
    Batch,
    /// From the next entry on this head is in force.
    Head {
        /// The head.
        head: Arc<T::Head>,
        /// Why it comes now.
        why: Why,
    },
    /// Nothing new.
    Empty,
    /// Nothing will ever be new again.
    End(End),
}

impl Why {
    /// The one of two reasons that counts where both hold: a break outweighs a loss of entries, which outweighs a changed configuration.
    pub(super) fn or_stronger(self, other: Self) -> Self {
        let weight = |why: Self| match why {
            Self::Joined => 0,
            Self::Config => 1,
            Self::Lagged { .. } => 2,
            Self::Break(_) => 3,
        };
        if weight(other) >= weight(self) { other } else { self }
    }
}
