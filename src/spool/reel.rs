//! What writes one stream's slots, one after another.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::volume::Filling;
use super::{Spool, folder};
use crate::segment::body::{Place, Spooled};
use crate::segment::budget::Share;
use crate::segment::pieces::Pieces;
use crate::segment::snapshot::Slot;

/// Slots that may wait to be written. They are in memory anyway, and are passed over if they are gone when it is their turn.
const OFFERS: usize = 4;
/// Slots in a file: what is gone from the window stays on disk until all of them are, two minutes with segments of two seconds.
const SLOTS: usize = 64;
/// A file is no larger than this part, one in so many, of what the stream may have, so that removing one leaves the others there.
const PARTS: u64 = 16;
/// A file takes no slot more at this length: removing large ones keeps some disks busy.
const LENGTH: u64 = 256 << 20;
/// How long a slot waits where there is no room for it.
const FULL_PAUSE: Duration = Duration::from_millis(250);
/// How long it waits after the disk has failed; twice as long each time, up to the second.
const FAILURE_PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// One stream's way to the spool. It ends when the offers do, and its files stay as long as somebody holds a place in them.
#[derive(Debug)]
pub struct Reel {
    /// Takes slots that should leave memory. A slot that nobody else holds when it is its turn is passed over.
    pub offers: mpsc::Sender<Weak<Slot>>,
    /// Tells where they are now.
    pub spooled: mpsc::Receiver<Spooled>,
    /// The stream's part of the disk.
    pub share: Arc<Share>,
}

/// Why a slot was not written.
#[derive(Debug)]
enum Refusal {
    /// There is no room for it yet.
    Full,
    /// The disk failed.
    Failed(io::Error),
    /// The gateway stops.
    Closed,
}

impl Spool {
    /// A reel for a stream, whose slots are written on `runtime`.
    pub fn reel(self: &Arc<Self>, runtime: &Handle) -> Reel {
        self.reel_into(runtime, folder::create)
    }

    pub(super) fn reel_into(self: &Arc<Self>, runtime: &Handle, create: fn(&Path) -> io::Result<File>) -> Reel {
        let (offers, offered) = mpsc::channel(OFFERS);
        let (told, spooled) = mpsc::channel(OFFERS);
        let share = Arc::new(self.budget.join());
        let writer = Writer { spool: Arc::clone(self), share: Arc::clone(&share), filling: None, create };
        runtime.spawn(writer.run(offered, told));
        Reel { offers, spooled, share }
    }
}

struct Writer {
    spool: Arc<Spool>,
    share: Arc<Share>,
    filling: Option<Filling>,
    create: fn(&Path) -> io::Result<File>,
}

impl Writer {
    async fn run(mut self, mut offered: mpsc::Receiver<Weak<Slot>>, told: mpsc::Sender<Spooled>) {
        while let Some(offer) = offered.recv().await {
            let mut pause = FAILURE_PAUSES.0;
            while let Some(slot) = offer.upgrade() {
                let refusal = match self.write(&slot).await {
                    Ok(places) => {
                        let _ = told.send(Spooled { msn: slot.msn, places }).await;
                        break;
                    }
                    Err(refusal) => refusal,
                };
                // It may be forgotten meanwhile.
                drop(slot);
                let wait = match refusal {
                    Refusal::Closed => return,
                    Refusal::Full => FULL_PAUSE,
                    Refusal::Failed(error) => {
                        self.spool.failed(&error);
                        let wait = pause;
                        pause = (pause * 2).min(FAILURE_PAUSES.1);
                        wait
                    }
                };
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = told.closed() => return,
                }
            }
        }
    }

    async fn write(&mut self, slot: &Slot) -> Result<Vec<Place>, Refusal> {
        let bodies: Vec<Pieces> = slot.segments.iter().filter_map(|segment| segment.body.in_memory().cloned()).collect();
        if self.spool.is_closed() {
            return Err(Refusal::Closed);
        }
        let most = LENGTH.min(self.share.allowance().most / PARTS);
        let mut filling = self.filling.take().filter(|filling| filling.slots() < SLOTS && filling.length() < most);
        self.spool.try_to_grow();
        if !self.share.take(slot.in_memory()) {
            // It goes on, unless it is all that there is to make room.
            self.filling = filling.filter(|filling| filling.length() < self.share.used());
            return Err(Refusal::Full);
        }
        let _turn = self.spool.writers.acquire().await.map_err(|_| Refusal::Closed)?;
        let (spool, share, create) = (Arc::clone(&self.spool), Arc::clone(&self.share), self.create);
        let write = move || {
            let mut filling = match filling.take() {
                Some(filling) => filling,
                None => {
                    let number = spool.next_number();
                    let path = spool.path_of(number);
                    Filling::new(create(&path)?, number, path, share, spool.removals.clone())
                }
            };
            let places = filling.append(&bodies)?;
            io::Result::Ok((filling, places))
        };
        match tokio::task::spawn_blocking(write).await.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok((filling, places)) => {
                self.filling = Some(filling);
                self.spool.wrote();
                Ok(places)
            }
            Err(error) => {
                self.share.give_back(slot.in_memory());
                Err(Refusal::Failed(error))
            }
        }
    }
}

/// Whether an error says that the disk has no room.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}
