//! Segments that have left memory: files of some minutes each in a directory on disk, written beside the segmenter and read in pieces.
//!
//! Each stream has a [`Reel`], which takes slots and gives places. A file grows at its end only and holds some dozens of slots, so that a day
//! of a stream is a few hundred files; it is removed when nobody holds a place in it any more. Nothing here survives the gateway: what a
//! crash leaves behind is removed at the next start.
//!
//! What does not belong here: which slots are to be spooled and for how long they are kept, which is the window's business, and HTTP.

mod folder;
mod health;
mod reading;
mod reel;
mod volume;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::segment::budget::Budget;
use crate::segment::options::SPOOL_SLACK;
use folder::Folder;
use health::Health;
use volume::Removal;

pub use folder::OpenError;
pub use health::Errors;
pub use reading::Reading;
pub use reel::Reel;

/// Writes at a time, of all streams together: a disk gets no faster by more.
const WRITERS: usize = 2;
/// Reads at a time, of all viewers together.
const READERS: usize = 32;
/// When the disk is full, this part, one in so many, of what is in the spool makes room.
const ROOM: u64 = 16;
/// How long no more is written then than was there, unless the disk turns out to be full once more.
const FULL_TIME: Duration = Duration::from_secs(300);
/// How long writes in progress are waited for when the gateway stops.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// A directory for segments, of this gateway alone.
#[derive(Debug)]
pub struct Spool {
    folder: Folder,
    budget: Arc<Budget>,
    /// The budget's limit as configured.
    limit: u64,
    /// Until when the budget's limit is lower, because the disk was full.
    full_until: Mutex<Option<Instant>>,
    next: AtomicU64,
    writers: Semaphore,
    readers: Semaphore,
    removals: mpsc::UnboundedSender<Removal>,
    health: Arc<Health>,
    is_closed: Arc<AtomicBool>,
}

impl Spool {
    /// Makes a folder of its own in `directory`, removes what an earlier gateway left in it, and keeps at most `limit` bytes there. Its files
    /// are written and removed on `runtime`.
    ///
    /// # Errors
    /// When the folder cannot be made, is not ours, or belongs to a gateway that is running.
    pub fn open(directory: &Path, limit: u64, runtime: &Handle) -> Result<Arc<Self>, OpenError> {
        let folder = Folder::open(directory)?;
        let health = Arc::new(Health::default());
        let (removals, to_remove) = mpsc::unbounded_channel();
        let is_closed = Arc::<AtomicBool>::default();
        runtime.spawn(volume::remove_all(to_remove, Arc::clone(&is_closed), Arc::clone(&health)));
        Ok(Arc::new(Self {
            folder,
            budget: Budget::new(limit, SPOOL_SLACK),
            limit,
            full_until: Mutex::default(),
            next: AtomicU64::new(1),
            writers: Semaphore::new(WRITERS),
            readers: Semaphore::new(READERS),
            removals,
            health,
            is_closed,
        }))
    }

    /// Bytes in it, and how many there may be.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// What has gone wrong.
    pub fn errors(&self) -> Errors {
        self.health.errors()
    }

    /// Removes all files and gives the directory free; nothing is written from here on.
    pub async fn close(self: &Arc<Self>) {
        self.is_closed.store(true, Ordering::Release);
        let _idle = timeout(CLOSE_PATIENCE, self.writers.acquire_many(WRITERS as u32)).await;
        let spool = Arc::clone(self);
        let _ = spawn_blocking(move || spool.folder.close()).await;
    }

    /// A segment was written.
    fn wrote(&self) {
        self.health.written();
    }

    /// A segment could not be written. If the disk is full, the oldest segments make room for it.
    fn failed(&self, error: &io::Error) {
        if !reel::is_full(error) {
            return self.health.write_failed(error);
        }
        let used = self.budget.used();
        self.health.is_full(used);
        self.budget.set_limit(used - used / ROOM);
        *self.full_until.lock() = Some(Instant::now() + FULL_TIME);
    }

    /// Lets the spool grow again when the disk was full a while ago.
    fn try_to_grow(&self) {
        if self.full_until.lock().take_if(|until| *until <= Instant::now()).is_some() {
            self.budget.set_limit(self.limit);
        }
    }

    fn next_number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    fn path_of(&self, number: u64) -> PathBuf {
        self.folder.volume(number)
    }
}

#[cfg(test)]
mod tests;
