//! Reading from the spool, in pieces and without holding up anybody.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::Spool;
use crate::segment::body::Place;

/// Bytes that are read at once, and held for a viewer at a time.
const PIECE: usize = 256 << 10;
/// A disk that takes longer for a piece is not waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// A body, or a stretch of one, on its way to a viewer. What it is read from stays there meanwhile.
#[derive(Debug)]
pub struct Reading {
    spool: Arc<Spool>,
    place: Place,
    /// What was read and not taken.
    piece: Bytes,
    /// Bytes of the body that are still to be read.
    rest: Range<usize>,
}

impl Spool {
    /// Begins to read a range of the bytes at `place`.
    ///
    /// # Errors
    /// When its first piece cannot be read. Counted, and told once.
    pub async fn read(self: &Arc<Self>, place: &Place, range: Range<usize>) -> io::Result<Reading> {
        let mut reading = Reading { spool: Arc::clone(self), place: place.clone(), piece: Bytes::new(), rest: range };
        reading.advance().await?;
        Ok(reading)
    }

    /// Does something that blocks.
    async fn on_disk<T: Send + 'static>(&self, work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
        let done = async {
            let _turn = self.readers.acquire().await.map_err(io::Error::other)?;
            spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
        };
        let done = timeout(PATIENCE, done).await.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()));
        done.inspect_err(|error| self.health.read_failed(error))
    }
}

impl Reading {
    /// All of it, piece by piece; one that fails is the last.
    pub fn into_pieces(self) -> impl Stream<Item = io::Result<Bytes>> + Send {
        stream::try_unfold(self, |mut reading| async move {
            if reading.piece.is_empty() {
                reading.advance().await?;
            }
            let piece = std::mem::take(&mut reading.piece);
            Ok((!piece.is_empty()).then_some((piece, reading)))
        })
    }

    /// Reads the next piece. The file is opened anew for each, so that open files are as few as reads, however many viewers take their time.
    async fn advance(&mut self) -> io::Result<()> {
        let length = self.rest.len().min(PIECE);
        if length == 0 {
            return Ok(());
        }
        let (path, at) = (self.spool.path_of(self.place.volume.number()), self.place.offset + self.rest.start as u64);
        let read = move || {
            let mut piece = vec![0; length];
            File::open(path)?.read_exact_at(&mut piece, at)?;
            Ok(Bytes::from(piece))
        };
        self.piece = self.spool.on_disk(read).await?;
        self.rest.start += length;
        Ok(())
    }
}
