//! The media playlist of one track.

use std::fmt::Write;
use std::sync::Arc;

use crate::media::{Timescale, Timestamp, TrackId};
use crate::segment::request::{Request, carried_query};
use crate::segment::snapshot::{Init, Phase, Segment, Slot, Snapshot};

use super::text::{VERSION, seconds, uri};

/// Ticks in which durations are written.
const MICROS: u32 = 1_000_000;

/// The media playlist of `track`; `None` where the stream has no such track.
///
/// `query` is the viewer's own and is carried over to the addresses in the playlist, but for `_HLS_` directives. A slot in which the
/// track has no media is written as a gap, so that all playlists of a stream have the same numbers.
pub fn media(snapshot: &Snapshot, track: TrackId, query: &str) -> Option<String> {
    if !snapshot.has_track(track) {
        return None;
    }
    let mut text = String::with_capacity(512 + 160 * snapshot.slots.len());
    let mut writer = Writer { snapshot, track, query: carried_query(query), init: None };
    writer.write(&mut text).expect("a String takes all that is written to it");
    Some(text)
}

struct Writer<'a> {
    snapshot: &'a Snapshot,
    track: TrackId,
    query: String,
    /// The init segment that the last `EXT-X-MAP` named.
    init: Option<&'a Arc<Init>>,
}

impl<'a> Writer<'a> {
    fn write(&mut self, out: &mut String) -> std::fmt::Result {
        let snapshot = self.snapshot;
        writeln!(out, "#EXTM3U")?;
        writeln!(out, "#EXT-X-VERSION:{VERSION}")?;
        let mut segments = snapshot.slots.iter().filter_map(|slot| slot.segment(self.track));
        if segments.all(|segment| segment.independent) {
            writeln!(out, "#EXT-X-INDEPENDENT-SEGMENTS")?;
        }
        writeln!(out, "#EXT-X-TARGETDURATION:{}", snapshot.target_duration)?;
        writeln!(out, "#EXT-X-MEDIA-SEQUENCE:{}", snapshot.first().0)?;
        writeln!(out, "#EXT-X-DISCONTINUITY-SEQUENCE:{}", snapshot.discontinuity_sequence)?;
        for slot in &snapshot.slots {
            self.slot(out, slot)?;
        }
        if snapshot.phase == Phase::Ended {
            writeln!(out, "#EXT-X-ENDLIST")?;
        }
        Ok(())
    }

    fn slot(&mut self, out: &mut String, slot: &'a Slot) -> std::fmt::Result {
        let segment = slot.segment(self.track);
        if slot.discontinuity {
            writeln!(out, "#EXT-X-DISCONTINUITY")?;
        }
        if let Some(segment) = segment {
            self.map(out, &segment.init, slot.discontinuity)?;
        }
        writeln!(out, "#EXT-X-PROGRAM-DATE-TIME:{}", slot.wall_of(self.track))?;
        if segment.is_none() {
            writeln!(out, "#EXT-X-GAP")?;
        }
        writeln!(out, "#EXTINF:{},", seconds(segment.map_or(slot.duration.nanos() / 1_000, |segment| micros(segment))))?;
        let request = Request::Segment { track: self.track, epoch: self.snapshot.epoch, msn: slot.msn };
        writeln!(out, "{}", uri(request, &self.query))
    }

    /// Names the init segment where it is the first, another than before, or comes after a discontinuity.
    fn map(&mut self, out: &mut String, init: &'a Arc<Init>, discontinuity: bool) -> std::fmt::Result {
        if self.init.is_some_and(|last| last.generation == init.generation) && !discontinuity {
            return Ok(());
        }
        self.init = Some(init);
        let request = Request::Init { track: self.track, epoch: self.snapshot.epoch, generation: init.generation };
        writeln!(out, "#EXT-X-MAP:URI=\"{}\"", uri(request, &self.query))
    }
}

/// A segment's duration, as the difference of its rounded ends: so the sum over a playlist is off by a microsecond at most.
fn micros(segment: &Segment) -> i64 {
    let scale = Timescale::new(MICROS).expect("a million is not zero");
    let end: Timestamp = segment.start.plus_ticks(segment.duration);
    end.rescale(scale) - segment.start.rescale(scale)
}
