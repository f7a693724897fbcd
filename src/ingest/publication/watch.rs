//! What the operator should know of a publication, and what is counted.

use std::time::{Duration, Instant};

use super::Ingest;
use crate::bus::Why;
use crate::ingest::error::{IngestError, START_LIMIT};

/// Between two looks at the window for what the operator should know.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// What was looked at, and told.
#[derive(Debug, Default)]
pub(super) struct Watch {
    looked: Option<Instant>,
    pub(super) first_media: Option<Instant>,
    warned_gop: bool,
    pub(super) warned_ahead: bool,
}

impl Ingest {
    /// Counts something that was not used, and keeps why for the log.
    pub(super) fn dropped(&mut self, why: impl std::fmt::Display) {
        self.session.stream().received().count_dropped();
        self.report.dropped(why);
    }

    /// Counts what could not be held any longer.
    pub(super) fn count_gone(&mut self, gone: usize) {
        for _ in 0..gone {
            self.dropped("more media than can be held until the stream starts");
        }
    }

    /// Counts what the demuxer left out.
    pub(super) fn count_drops(&mut self) {
        let drops = self.demuxer.drops();
        if drops.codec > self.drops.codec
            && let Some(codec) = self.demuxer.uncarried()
        {
            self.dropped(codec);
        }
        if drops.vvc > self.drops.vvc {
            if self.drops.vvc == 0 {
                tracing::warn!("the publisher sends VVC (H.266), which is not carried: set rtmp.vvc = true to carry it");
            }
            self.dropped("VVC, which rtmp.vvc = true would carry");
        }
        if drops.packet > self.drops.packet {
            self.dropped("a packet type that has no use here");
        }
        self.drops = drops;
    }

    /// Tells the operator what he should know, about once a second.
    ///
    /// # Errors
    /// When nothing playable has come for too long.
    pub(super) fn watch(&mut self, now: Instant) -> Result<(), IngestError> {
        self.report.tell(now);
        if self.watch.looked.is_some_and(|looked| now.saturating_duration_since(looked) < WATCH_INTERVAL) {
            return Ok(());
        }
        self.watch.looked = Some(now);
        let waits = self.watch.first_media.filter(|_| self.newest.is_none());
        if waits.is_some_and(|since| now.saturating_duration_since(since) >= START_LIMIT) {
            let last = self.report.last().unwrap_or("no codec configuration and no picture that can be decoded").to_owned();
            return Err(IngestError::NothingPlayable { last });
        }
        let silent = self.newest.map(|newest| self.tracks.leave_silent(newest)).unwrap_or_default();
        if !silent.is_empty() {
            tracing::warn!(tracks = ?silent, "no pictures come on these tracks while others go on: viewers are told that they are gone");
            self.set_head(Why::Config)?;
        }
        if !self.watch.warned_gop && self.session.stream().source().samples.inspect(|window| window.truncated()) > 0 {
            self.watch.warned_gop = true;
            tracing::warn!(
                "the distance between key frames is too long to keep: viewers who join must wait for the next one; \
                 set the encoder's keyframe interval to 2 s (in OBS: Output, Streaming, Keyframe Interval)"
            );
        }
        Ok(())
    }
}
