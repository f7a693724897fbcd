//! What a playlist says, as values. Lines are counted from 1.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::media::{Span, WallClock};

use super::tag::Tag;

/// A playlist of either kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Playlist {
    /// Tells which renditions there are.
    Multivariant(Box<Multivariant>),
    /// Lists the segments of one rendition.
    Media(Box<Media>),
}

/// What both kinds of playlists have.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Header {
    /// `EXT-X-VERSION`.
    pub version: Option<u64>,
    /// Whether there is an `EXT-X-INDEPENDENT-SEGMENTS`.
    pub independent_segments: bool,
    /// `EXT-X-START`.
    pub start: Option<Start>,
    /// The variables that `EXT-X-DEFINE` sets, by name.
    pub variables: BTreeMap<String, String>,
    /// Whether a variable comes from the query of the playlist's address.
    pub query_variables: bool,
    /// Each tag known, by line.
    pub tags: Vec<(u32, Tag)>,
}

impl Header {
    /// The line of the first `tag`.
    pub fn line_of(&self, tag: Tag) -> Option<u32> {
        self.lines_of(tag).next()
    }

    /// The lines of every `tag`.
    pub fn lines_of(&self, tag: Tag) -> impl Iterator<Item = u32> {
        self.tags.iter().filter(move |(_, known)| *known == tag).map(|(line, _)| *line)
    }

    /// Whether `tag` stands anywhere.
    pub fn has(&self, tag: Tag) -> bool {
        self.line_of(tag).is_some()
    }
}

/// `EXT-X-START` (§4.4.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// `TIME-OFFSET`: from the beginning of the playlist, or from its end when negative.
    pub offset: Span,
    /// `PRECISE`.
    pub precise: bool,
}

/// A media playlist, whole or a delta update (with a [`skip`](Self::skip)).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Media {
    /// What both kinds of playlists have.
    pub header: Header,
    /// `EXT-X-TARGETDURATION`, in seconds.
    pub target_duration: Option<u64>,
    /// `EXT-X-MEDIA-SEQUENCE`; 0 without one. In a delta update that of the first segment skipped.
    pub media_sequence: u64,
    /// `EXT-X-DISCONTINUITY-SEQUENCE`; 0 without one.
    pub discontinuity_sequence: u64,
    /// `EXT-X-PLAYLIST-TYPE`: `EVENT` or `VOD`.
    pub playlist_type: Option<String>,
    /// Whether there is an `EXT-X-I-FRAMES-ONLY`.
    pub iframes_only: bool,
    /// `PART-TARGET` of `EXT-X-PART-INF`.
    pub part_target: Option<Span>,
    /// `EXT-X-SERVER-CONTROL`.
    pub server_control: Option<ServerControl>,
    /// `EXT-X-SKIP`.
    pub skip: Option<Skip>,
    /// The whole segments listed, oldest first.
    pub segments: Vec<Segment>,
    /// What is listed of the segment in progress: its parts, and the tags before them. Its `uri` is empty, and its `duration` that of its
    /// parts.
    pub open: Option<Segment>,
    /// `EXT-X-PRELOAD-HINT`s.
    pub hints: Vec<Hint>,
    /// `EXT-X-RENDITION-REPORT`s.
    pub reports: Vec<Report>,
    /// `EXT-X-DATERANGE`s.
    pub date_ranges: Vec<DateRange>,
    /// Whether there is an `EXT-X-ENDLIST`.
    pub ended: bool,
}

impl Media {
    /// The segments in order, with the one in progress.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = &Segment> {
        self.segments.iter().chain(&self.open)
    }

    /// The number that the next whole segment will have.
    pub fn next_msn(&self) -> u64 {
        self.segments.last().map_or_else(|| self.first_listed(), |last| last.msn.saturating_add(1))
    }

    /// The number of the first segment that is listed: after those skipped in a delta update.
    pub fn first_listed(&self) -> u64 {
        self.media_sequence.saturating_add(self.skip.as_ref().map_or(0, |skip| skip.segments))
    }

    /// Counts what follows from the order of segments: their numbers, discontinuity sequence numbers and dates.
    pub(super) fn count(&mut self) {
        let (mut msn, mut discontinuity_sequence) = (self.first_listed(), self.discontinuity_sequence);
        let mut clock: Option<(WallClock, Span)> = None;
        for segment in self.segments.iter_mut().chain(&mut self.open) {
            discontinuity_sequence = discontinuity_sequence.saturating_add(u64::from(segment.discontinuity));
            let counted = clock.filter(|_| !segment.discontinuity);
            clock = segment.date.map(|date| (date, Span::ZERO)).or(counted);
            segment.wall = clock.map(|(date, since)| date.plus(since));
            clock = clock.map(|(date, since)| (date, since + segment.duration));
            (segment.msn, segment.discontinuity_sequence) = (msn, discontinuity_sequence);
            msn = msn.saturating_add(1);
        }
    }

    /// How long the listed segments and parts are together.
    pub fn duration(&self) -> Span {
        self.all().fold(Span::ZERO, |sum, segment| sum + segment.duration)
    }
}

/// `EXT-X-SERVER-CONTROL` (§4.4.3.8).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerControl {
    /// `CAN-BLOCK-RELOAD`.
    pub can_block_reload: bool,
    /// `CAN-SKIP-UNTIL`.
    pub can_skip_until: Option<Span>,
    /// `CAN-SKIP-DATERANGES`.
    pub can_skip_dateranges: bool,
    /// `HOLD-BACK`.
    pub hold_back: Option<Span>,
    /// `PART-HOLD-BACK`.
    pub part_hold_back: Option<Span>,
}

/// `EXT-X-SKIP` (§4.4.5.2).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Skip {
    /// `SKIPPED-SEGMENTS`.
    pub segments: u64,
    /// `RECENTLY-REMOVED-DATERANGES`: the IDs; with it, older date ranges are skipped as well.
    pub removed_dateranges: Option<Vec<String>>,
}

/// A segment: whole, or in progress (see [`Media::open`]).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Segment {
    /// The line of its address; of its first tag while it is in progress.
    pub line: u32,
    /// Its media sequence number.
    pub msn: u64,
    /// Its address as written, variables replaced.
    pub uri: String,
    /// `EXTINF`.
    pub duration: Span,
    /// `EXT-X-BYTERANGE`: the bytes of the resource.
    pub range: Option<Range<u64>>,
    /// Whether an `EXT-X-DISCONTINUITY` stands before it.
    pub discontinuity: bool,
    /// Its discontinuity sequence number: that of the playlist and the tags up to here. Counts from 0 behind what a delta update skips.
    pub discontinuity_sequence: u64,
    /// `EXT-X-PROGRAM-DATE-TIME`, where one stands before it.
    pub date: Option<WallClock>,
    /// Its date, its own or counted on from an earlier one since the last discontinuity.
    pub wall: Option<WallClock>,
    /// The `EXT-X-MAP` in force; none before the first in this text.
    pub map: Option<Arc<Map>>,
    /// The `EXT-X-KEY`s in force; none before the first in this text, empty after `METHOD=NONE`.
    pub keys: Option<Arc<Vec<Key>>>,
    /// Whether an `EXT-X-GAP` stands before it.
    pub gap: bool,
    /// `EXT-X-BITRATE` in force, in kbit/s.
    pub bit_rate: Option<u64>,
    /// Its parts, where they are listed.
    pub parts: Vec<Part>,
}

/// `EXT-X-PART` (§4.4.4.9).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Part {
    /// Its line.
    pub line: u32,
    /// `URI`.
    pub uri: String,
    /// `DURATION`.
    pub duration: Span,
    /// `INDEPENDENT`.
    pub independent: bool,
    /// `GAP`.
    pub gap: bool,
    /// `BYTERANGE`: the bytes of the resource.
    pub range: Option<Range<u64>>,
}

/// `EXT-X-MAP` (§4.4.4.5).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Map {
    /// `URI`.
    pub uri: String,
    /// `BYTERANGE`: the bytes of the resource.
    pub range: Option<Range<u64>>,
}

/// `EXT-X-KEY` (§4.4.4.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// `METHOD`.
    pub method: String,
    /// `URI`.
    pub uri: Option<String>,
    /// `IV`.
    pub iv: Option<String>,
    /// `KEYFORMAT`; `identity` without one.
    pub key_format: String,
}

/// `EXT-X-PRELOAD-HINT` (§4.4.5.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// Its line.
    pub line: u32,
    /// `TYPE`: `PART` or `MAP`.
    pub kind: String,
    /// `URI`.
    pub uri: String,
    /// `BYTERANGE-START`; 0 without one.
    pub start: u64,
    /// `BYTERANGE-LENGTH`; to the end without one.
    pub length: Option<u64>,
}

/// `EXT-X-RENDITION-REPORT` (§4.4.5.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its line.
    pub line: u32,
    /// `URI`.
    pub uri: String,
    /// `LAST-MSN`.
    pub last_msn: Option<u64>,
    /// `LAST-PART`.
    pub last_part: Option<u64>,
}

/// `EXT-X-DATERANGE` (§4.4.5.1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DateRange {
    /// Its line.
    pub line: u32,
    /// `ID`.
    pub id: String,
    /// `CLASS`.
    pub class: Option<String>,
    /// `START-DATE`.
    pub start: Option<WallClock>,
    /// `END-DATE`.
    pub end: Option<WallClock>,
    /// `DURATION`.
    pub duration: Option<Span>,
    /// `PLANNED-DURATION`.
    pub planned: Option<Span>,
    /// `END-ON-NEXT`.
    pub end_on_next: bool,
    /// All attributes by name, as written.
    pub attributes: BTreeMap<String, String>,
}

/// A multivariant playlist.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Multivariant {
    /// What both kinds of playlists have.
    pub header: Header,
    /// `EXT-X-MEDIA`s.
    pub renditions: Vec<Rendition>,
    /// `EXT-X-STREAM-INF`s, each with the address in the line that follows.
    pub variants: Vec<Variant>,
    /// `EXT-X-I-FRAME-STREAM-INF`s.
    pub iframes: Vec<Variant>,
}

/// `EXT-X-STREAM-INF` or `EXT-X-I-FRAME-STREAM-INF` (§4.4.6.2, §4.4.6.3).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Variant {
    /// The line of the tag.
    pub line: u32,
    /// The address of its playlist.
    pub uri: String,
    /// `BANDWIDTH`, in bit/s.
    pub bandwidth: Option<u64>,
    /// `AVERAGE-BANDWIDTH`, in bit/s.
    pub average_bandwidth: Option<u64>,
    /// `CODECS`, one by one.
    pub codecs: Option<Vec<String>>,
    /// `RESOLUTION`: width and height in pixels.
    pub resolution: Option<(u64, u64)>,
    /// `FRAME-RATE`, in frames per second.
    pub frame_rate: Option<f64>,
    /// `VIDEO-RANGE`.
    pub video_range: Option<String>,
    /// `AUDIO`: a group.
    pub audio: Option<String>,
    /// `VIDEO`: a group.
    pub video: Option<String>,
    /// `SUBTITLES`: a group.
    pub subtitles: Option<String>,
    /// `CLOSED-CAPTIONS`.
    pub closed_captions: Option<ClosedCaptions>,
    /// The names of all attributes, in the order written.
    pub attributes: Vec<String>,
}

/// `CLOSED-CAPTIONS` of a variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClosedCaptions {
    /// `NONE`: no variant has any.
    None,
    /// Those of a group.
    Group(String),
}

/// `EXT-X-MEDIA` (§4.4.6.1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rendition {
    /// Its line.
    pub line: u32,
    /// `TYPE`: `AUDIO`, `VIDEO`, `SUBTITLES` or `CLOSED-CAPTIONS`.
    pub kind: String,
    /// `URI`.
    pub uri: Option<String>,
    /// `GROUP-ID`.
    pub group: String,
    /// `NAME`.
    pub name: String,
    /// `LANGUAGE`.
    pub language: Option<String>,
    /// `ASSOC-LANGUAGE`.
    pub assoc_language: Option<String>,
    /// `DEFAULT`.
    pub default: bool,
    /// `AUTOSELECT`; none where it is not told.
    pub autoselect: Option<bool>,
    /// `FORCED`; none where it is not told.
    pub forced: Option<bool>,
    /// `INSTREAM-ID`.
    pub instream_id: Option<String>,
    /// `CHANNELS`.
    pub channels: Option<String>,
    /// `CHARACTERISTICS`.
    pub characteristics: Option<String>,
}
