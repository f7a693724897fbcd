//! The media playlist of one track, whole or as a delta update, with parts where the stream has any.

use std::fmt::Write;
use std::sync::Arc;

use crate::media::{Span, Timescale, Timestamp, TrackId};
use crate::segment::listing::{self, Entry, Media};
use crate::segment::request::{FIRST_GENERATION, Request, carried_query};
use crate::segment::snapshot::{Init, Part, PartNumber, Phase, Segment, Snapshot};

use super::dateranges;
use super::text::{VERSION, seconds, uri};

/// `EXT-X-VERSION` of a playlist with `EXT-X-SKIP` (RFC 8216bis §8).
const VERSION_FOR_SKIP: u32 = 9;
/// Target durations behind the end beyond which parts are listed no more (RFC 8216bis §4.4.4.9).
const PARTS_WITHIN: i64 = 3;
/// Target durations behind the end that a delta update always lists: `CAN-SKIP-UNTIL` may not be less (RFC 8216bis §4.4.3.8).
const LISTED_BY_DELTA: i64 = 6;
/// Target durations that players stay behind the end: `HOLD-BACK` may not be less (RFC 8216bis §4.4.3.8).
const HOLD_BACK: i64 = 3;
/// Part targets that players of parts stay behind the end: `PART-HOLD-BACK` must be two and should be three (RFC 8216bis §4.4.3.8).
const PART_HOLD_BACK: i64 = 3;
/// Ticks in which durations are written.
const MICROS: u32 = 1_000_000;

/// The media playlist of `track`; `None` where the stream has no such track.
///
/// `query` is the viewer's own and is carried over to the addresses in the playlist, but for `_HLS_` directives. A slot in which the
/// track has no media is written as a gap, so that all playlists of a stream have the same numbers. With `delta`, what lies further back
/// than `CAN-SKIP-UNTIL` is left out (RFC 8216bis §6.2.5.1), unless the stream has ended or nothing lies there.
pub fn media(snapshot: &Snapshot, track: TrackId, query: &str, delta: bool) -> Option<String> {
    if !snapshot.has_track(track) {
        return None;
    }
    let entries: Vec<_> = listing::entries(snapshot, track).collect();
    let mut text = String::with_capacity(1_024 + 160 * entries.len());
    let mut writer = Writer { snapshot, track, query: carried_query(query), init: None };
    writer.write(&mut text, &entries, delta && snapshot.phase != Phase::Ended).expect("a String takes all that is written to it");
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
    fn write(&mut self, out: &mut String, entries: &[Entry<'a>], delta: bool) -> std::fmt::Result {
        let snapshot = self.snapshot;
        let target_duration = i64::from(snapshot.target_duration);
        let distances = distances(entries);
        let skip_until = Span::from_secs(target_duration * LISTED_BY_DELTA);
        let skipped = if delta { distances.iter().take_while(|(_, end)| *end > skip_until).count() } else { 0 };
        writeln!(out, "#EXTM3U")?;
        writeln!(out, "#EXT-X-VERSION:{}", if skipped > 0 { VERSION_FOR_SKIP } else { VERSION })?;
        let is_independent = |entry: &Entry<'_>| match entry.media {
            Media::Whole(segment) => segment.independent,
            Media::Open(open) => open.parts().first().is_none_or(|part| part.independent),
            Media::Gap(_) => true,
        };
        if entries.iter().all(is_independent) {
            writeln!(out, "#EXT-X-INDEPENDENT-SEGMENTS")?;
        }
        writeln!(out, "#EXT-X-TARGETDURATION:{target_duration}")?;
        self.server_control(out, target_duration)?;
        writeln!(out, "#EXT-X-MEDIA-SEQUENCE:{}", snapshot.first().0)?;
        writeln!(out, "#EXT-X-DISCONTINUITY-SEQUENCE:{}", snapshot.discontinuity_sequence)?;
        if skipped > 0 {
            writeln!(out, "#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}")?;
            // A map stays in force for what follows it, here too.
            self.init = entries[..skipped].iter().rev().find_map(Self::init_of);
        }
        // In delta updates, too: skipping them is not offered, as there are few (`CAN-SKIP-DATERANGES`).
        dateranges::write(out, snapshot)?;
        let parts_within = Span::from_secs(target_duration * PARTS_WITHIN);
        for (entry, (begin, _)) in entries.iter().zip(distances).skip(skipped) {
            self.entry(out, entry, begin <= parts_within)?;
        }
        match snapshot.phase {
            Phase::Ended => return writeln!(out, "#EXT-X-ENDLIST"),
            Phase::Live => self.hints(out)?,
            Phase::Away => {}
        }
        self.reports(out)
    }

    fn server_control(&self, out: &mut String, target_duration: i64) -> std::fmt::Result {
        let (skip_until, hold_back) = (target_duration * LISTED_BY_DELTA, target_duration * HOLD_BACK);
        write!(out, "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL={skip_until}.0,HOLD-BACK={hold_back}.0")?;
        let Some(part_target) = self.snapshot.part_target else { return writeln!(out) };
        // Rounded up: no part is longer.
        let millis = (part_target.nanos() + 999_999) / 1_000_000;
        let decimal = |millis: i64| format!("{}.{:03}", millis / 1_000, millis % 1_000);
        writeln!(out, ",PART-HOLD-BACK={}", decimal(millis * PART_HOLD_BACK))?;
        writeln!(out, "#EXT-X-PART-INF:PART-TARGET={}", decimal(millis))
    }

    fn init_of(entry: &Entry<'a>) -> Option<&'a Arc<Init>> {
        match entry.media {
            Media::Whole(segment) => Some(&segment.init),
            Media::Open(open) => Some(&open.init),
            Media::Gap(_) => None,
        }
    }

    fn entry(&mut self, out: &mut String, entry: &Entry<'a>, with_parts: bool) -> std::fmt::Result {
        if entry.discontinuity {
            writeln!(out, "#EXT-X-DISCONTINUITY")?;
        }
        if let Some(init) = Self::init_of(entry) {
            self.map(out, init, entry.discontinuity)?;
        }
        writeln!(out, "#EXT-X-PROGRAM-DATE-TIME:{}", entry.wall)?;
        if with_parts && self.snapshot.part_target.is_some() {
            for part in entry.parts() {
                self.part(out, part, entry.scale())?;
            }
        }
        let micros = match entry.media {
            Media::Open(_) => return Ok(()),
            Media::Whole(segment) => micros(segment),
            Media::Gap(length) => {
                writeln!(out, "#EXT-X-GAP")?;
                length.nanos() / 1_000
            }
        };
        writeln!(out, "#EXTINF:{},", seconds(micros))?;
        // A gap is of no configuration.
        let generation = Self::init_of(entry).map_or(FIRST_GENERATION, |init| init.generation);
        let request = Request::Segment { track: self.track, epoch: self.snapshot.epoch, generation, msn: entry.msn };
        writeln!(out, "{}", uri(request, &self.query))
    }

    fn part(&self, out: &mut String, part: &Part, scale: Timescale) -> std::fmt::Result {
        let micros = Span::from_ticks(part.duration, scale).nanos() / 1_000;
        write!(out, "#EXT-X-PART:DURATION={},URI=\"{}\"", seconds(micros), self.part_uri(part.number))?;
        writeln!(out, "{}", if part.independent { ",INDEPENDENT=YES" } else { "" })
    }

    /// What comes next, so that players can ask for it before it is there. Parts are numbered without regard to segments, so the hint holds
    /// even where a keyframe ends the segment early.
    fn hints(&self, out: &mut String) -> std::fmt::Result {
        let Some(status) = self.snapshot.status(self.track).filter(|_| self.snapshot.part_target.is_some()) else { return Ok(()) };
        let Some(next_part) = status.next_part else { return Ok(()) };
        if self.init.is_none_or(|last| last.generation != status.init.generation) {
            writeln!(out, "#EXT-X-PRELOAD-HINT:TYPE=MAP,URI=\"{}\"", self.init_uri(&status.init))?;
        }
        writeln!(out, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{}\"", self.part_uri(next_part))
    }

    /// How far the other playlists have come, so that players can change to them without asking first.
    fn reports(&self, out: &mut String) -> std::fmt::Result {
        let others = self.snapshot.tracks.iter().map(|status| status.track.id).filter(|other| *other != self.track);
        for (other, edge) in others.filter_map(|other| Some((other, listing::edge(self.snapshot, other)?))) {
            let (msn, parts) = match edge.open_parts {
                0 => (edge.whole, edge.whole_parts),
                parts => (edge.whole.next(), parts),
            };
            write!(out, "#EXT-X-RENDITION-REPORT:URI=\"{}\",LAST-MSN={}", uri(Request::MediaPlaylist(other), &self.query), msn.0)?;
            match self.snapshot.part_target {
                Some(_) if parts > 0 => writeln!(out, ",LAST-PART={}", parts - 1)?,
                _ => writeln!(out)?,
            }
        }
        Ok(())
    }

    /// Names the init segment where it is the first, another than before, or comes after a discontinuity.
    fn map(&mut self, out: &mut String, init: &'a Arc<Init>, discontinuity: bool) -> std::fmt::Result {
        if self.init.is_some_and(|last| last.generation == init.generation) && !discontinuity {
            return Ok(());
        }
        self.init = Some(init);
        writeln!(out, "#EXT-X-MAP:URI=\"{}\"", self.init_uri(init))
    }

    fn init_uri(&self, init: &Init) -> String {
        let request = Request::Init { track: self.track, epoch: self.snapshot.epoch, generation: init.generation };
        uri(request, &self.query)
    }

    fn part_uri(&self, number: PartNumber) -> String {
        uri(Request::Part { track: self.track, epoch: self.snapshot.epoch, number }, &self.query)
    }
}

/// How far the beginning and the end of each entry lie before the end of the playlist.
fn distances(entries: &[Entry<'_>]) -> Vec<(Span, Span)> {
    let mut end = Span::ZERO;
    let mut distances: Vec<_> = entries
        .iter()
        .rev()
        .map(|entry| {
            let begin = end + entry.span();
            (begin, std::mem::replace(&mut end, begin))
        })
        .collect();
    distances.reverse();
    distances
}

/// A segment's duration, as the difference of its rounded ends: so the sum over a playlist is off by a microsecond at most.
fn micros(segment: &Segment) -> i64 {
    let scale = Timescale::new(MICROS).expect("a million is not zero");
    let end: Timestamp = segment.start.plus_ticks(segment.duration);
    end.rescale(scale) - segment.start.rescale(scale)
}
