//! The I-frame playlist of a video track, for scrubbing (RFC 8216bis §4.4.3.6).

use std::fmt::Write;
use std::sync::Arc;

use crate::media::{Timescale, Timestamp, TrackId, WallClock};
use crate::segment::request::{FIRST_GENERATION, Request, carried_query};
use crate::segment::snapshot::{Init, MediaSequence, Phase, Segment, Slot, Snapshot};

use super::dateranges;
use super::text::{seconds, uri};

/// `EXT-X-VERSION`: what `EXT-X-MAP` needs beside `EXT-X-I-FRAMES-ONLY`, which with byte ranges needs 4.
const VERSION: u32 = 5;
/// Ticks in which durations are written.
const MICROS: u32 = 1_000_000;

/// The I-frame playlist of `track`; `None` where the stream has no such track.
///
/// `query` is the viewer's own, as for [`media`](super::media()). Each picture is a byte range of the whole segment that holds it, so that
/// caches keep one file for all. What cannot be scrubbed, as the track has no media there or a segment does not begin with a keyframe, is a
/// gap, so that no picture lasts longer than the target duration, which is the same in all playlists of a live stream (§6.2.4).
pub fn iframes(snapshot: &Snapshot, track: TrackId, query: &str) -> Option<String> {
    if !snapshot.has_track(track) {
        return None;
    }
    let mut text = String::with_capacity(512 + 200 * snapshot.slots.len());
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

/// What the playlist has of a segment: a picture, or a stretch that shows none.
struct Entry {
    start: Timestamp,
    end: Timestamp,
    /// `EXT-X-BYTERANGE` of a picture.
    range: Option<String>,
}

impl<'a> Writer<'a> {
    fn write(&mut self, out: &mut String) -> std::fmt::Result {
        let snapshot = self.snapshot;
        writeln!(out, "#EXTM3U")?;
        writeln!(out, "#EXT-X-VERSION:{VERSION}")?;
        writeln!(out, "#EXT-X-TARGETDURATION:{}", snapshot.target_duration)?;
        writeln!(out, "#EXT-X-MEDIA-SEQUENCE:{}", snapshot.first().0 + self.ahead())?;
        writeln!(out, "#EXT-X-DISCONTINUITY-SEQUENCE:{}", snapshot.discontinuity_sequence)?;
        writeln!(out, "#EXT-X-I-FRAMES-ONLY")?;
        dateranges::write(out, snapshot)?;
        for slot in &snapshot.slots {
            self.slot(out, slot)?;
        }
        if snapshot.phase == Phase::Ended {
            writeln!(out, "#EXT-X-ENDLIST")?;
        }
        Ok(())
    }

    /// By how much the numbers run ahead of the media sequence at the first listed slot.
    fn ahead(&self) -> u64 {
        let listed = self.snapshot.slots.iter().find_map(|slot| slot.segment(self.track)).map(|segment| segment.iframes.ahead);
        let newest = || self.snapshot.tracks.iter().find(|status| status.track.id == self.track).map(|status| status.iframes_ahead);
        listed.or_else(newest).unwrap_or_default()
    }

    fn slot(&mut self, out: &mut String, slot: &'a Slot) -> std::fmt::Result {
        if slot.discontinuity {
            writeln!(out, "#EXT-X-DISCONTINUITY")?;
        }
        let wall = slot.wall_of(self.track);
        let Some(segment) = slot.segment(self.track) else {
            return self.entry(out, (slot.msn, FIRST_GENERATION), wall, slot.duration.nanos() / 1_000, None);
        };
        self.map(out, &segment.init, slot.discontinuity)?;
        for Entry { start, end, range } in entries(segment) {
            let wall = wall.plus(start.since(segment.start));
            self.entry(out, (slot.msn, segment.init.generation), wall, micros(end) - micros(start), range)?;
        }
        Ok(())
    }

    fn entry(
        &self,
        out: &mut String,
        segment: (MediaSequence, u32),
        wall: WallClock,
        micros: i64,
        range: Option<String>,
    ) -> std::fmt::Result {
        let (msn, generation) = segment;
        writeln!(out, "#EXT-X-PROGRAM-DATE-TIME:{wall}")?;
        if range.is_none() {
            writeln!(out, "#EXT-X-GAP")?;
        }
        writeln!(out, "#EXTINF:{},", seconds(micros))?;
        if let Some(range) = range {
            writeln!(out, "#EXT-X-BYTERANGE:{range}")?;
        }
        writeln!(out, "{}", uri(Request::Segment { track: self.track, epoch: self.snapshot.epoch, generation, msn }, &self.query))
    }

    /// Names the init segment where it is the first, another than before, or comes after a discontinuity.
    fn map(&mut self, out: &mut String, init: &'a Arc<Init>, discontinuity: bool) -> std::fmt::Result {
        if self.init.is_some_and(|last| last.generation == init.generation) && !discontinuity {
            return Ok(());
        }
        self.init = Some(init);
        let request = Request::Init { track: self.track, epoch: self.snapshot.epoch, generation: init.generation };
        // All of it: on a connection that it keeps, FFmpeg (seen in 5.1) ends a request without a range where the one before ended.
        writeln!(out, "#EXT-X-MAP:URI=\"{}\",BYTERANGE=\"{}@0\"", uri(request, &self.query), init.bytes.len())
    }
}

/// The pictures of a segment, each up to the next, and what comes before the first where a decoder cannot start.
fn entries(segment: &Segment) -> impl Iterator<Item = Entry> {
    let end = segment.start.plus_ticks(segment.duration);
    let first = segment.iframes.pictures.first().map_or(end, |first| first.start);
    let before = (!segment.independent).then_some(Entry { start: segment.start, end: first, range: None });
    let pictures = segment.pictures().map(|(picture, span)| {
        let range = format!("{}@{}", picture.range.len(), picture.range.start);
        Entry { start: picture.start, end: picture.start.plus(span), range: Some(range) }
    });
    before.into_iter().chain(pictures)
}

fn micros(at: Timestamp) -> i64 {
    at.rescale(Timescale::new(MICROS).expect("a million is not zero"))
}
