//! The tags of a media playlist.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::media::{Span, WallClock};

use super::super::model::{DateRange, Header, Hint, Key, Map, Media, Part, Report, Segment, ServerControl, Skip};
use super::super::notes::Notes;
use super::super::tag::{Scope, Tag};
use super::super::value;
use super::attributes::Attributes;
use super::lines::excerpt;
use super::{integer, rules};

/// `KEYFORMAT` where none is told (§4.4.4.4).
const IDENTITY: &str = "identity";
/// Most keys that are in force at once, each of its own format; what is more is not remembered.
const MAX_KEYS: usize = 16;

/// What has been read of a media playlist.
#[derive(Debug, Default)]
pub struct Reader {
    list: Media,
    /// The segment whose tags are being read.
    next: Segment,
    /// Whether any tag of it has come, and whether its `EXTINF` has.
    begun: bool,
    inf: Option<u32>,
    /// A byte range without offset: its line and length.
    range: Option<(u32, u64, Option<u64>)>,
    map: Option<Arc<Map>>,
    keys: Option<Arc<Vec<Key>>>,
    bit_rate: Option<u64>,
    /// Where the last byte range of a resource ended.
    ends: HashMap<String, u64>,
}

impl Reader {
    pub fn tag<'a>(&mut self, tag: Tag, text: &str, line: u32, attributes: impl FnOnce() -> Attributes<'a>, notes: &mut Notes<'_>) {
        if tag.scope() == Scope::Segment && !self.begun {
            self.begun = true;
            self.next.line = line;
        }
        match tag {
            Tag::TargetDuration => self.list.target_duration = integer(tag, text, line, notes),
            Tag::MediaSequence => self.list.media_sequence = integer(tag, text, line, notes).unwrap_or_default(),
            Tag::DiscontinuitySequence => self.list.discontinuity_sequence = integer(tag, text, line, notes).unwrap_or_default(),
            Tag::EndList => self.list.ended = true,
            Tag::PlaylistType => self.playlist_type(text, line, notes),
            Tag::IFramesOnly => self.list.iframes_only = true,
            Tag::PartInf => self.list.part_target = part_target(attributes(), notes),
            Tag::ServerControl => self.list.server_control = Some(server_control(attributes(), notes)),
            Tag::Skip => self.list.skip = skip(attributes(), notes),
            Tag::PreloadHint => self.list.hints.extend(hint(attributes(), notes)),
            Tag::RenditionReport => self.list.reports.extend(report(attributes(), notes)),
            Tag::DateRange => self.list.date_ranges.push(date_range(attributes(), notes)),
            Tag::Inf => self.inf(text, line, notes),
            Tag::ByteRange => self.byte_range(text, line, notes),
            Tag::Discontinuity => self.next.discontinuity = true,
            Tag::Key => self.key(attributes(), notes),
            Tag::Map => self.map = map(attributes(), notes).or(self.map.take()),
            Tag::ProgramDateTime => self.date(text, line, notes),
            Tag::Gap => self.next.gap = true,
            Tag::BitRate => self.bit_rate = integer(tag, text, line, notes),
            Tag::Part => self.part(attributes(), notes),
            _ => {}
        }
    }

    fn playlist_type(&mut self, text: &str, line: u32, notes: &mut Notes<'_>) {
        if !matches!(text, "EVENT" | "VOD") {
            notes.at(&rules::VALUE, line, format_args!("{} is {:?}, not EVENT or VOD", Tag::PlaylistType, excerpt(text)));
        }
        self.list.playlist_type = Some(text.to_owned());
    }

    fn inf(&mut self, text: &str, line: u32, notes: &mut Notes<'_>) {
        let (seconds, title) = text.split_once(',').map_or((text, None), |(seconds, title)| (seconds, Some(title)));
        let duration = value::seconds(seconds);
        if duration.is_none() || title.is_none() {
            notes.at(&rules::VALUE, line, format_args!("EXTINF is a duration and a comma, not {:?}", excerpt(text)));
        }
        if self.inf.replace(line).is_some() {
            notes.at(&rules::SEGMENT_LINES, line, "a second EXTINF for one segment");
        }
        self.next.duration = duration.unwrap_or_default();
    }

    fn byte_range(&mut self, text: &str, line: u32, notes: &mut Notes<'_>) {
        match value::byte_range(text) {
            Some((length, offset)) => self.range = Some((line, length, offset)),
            None => notes.at(&rules::VALUE, line, format_args!("{} of {:?} is no byte range", Tag::ByteRange, excerpt(text))),
        }
    }

    fn date(&mut self, text: &str, line: u32, notes: &mut Notes<'_>) {
        match text.parse::<WallClock>() {
            Ok(date) => self.next.date = Some(date),
            Err(error) => notes.at(&rules::VALUE, line, format_args!("{} of {:?}: {error}", Tag::ProgramDateTime, excerpt(text))),
        }
    }

    fn key(&mut self, mut attributes: Attributes<'_>, notes: &mut Notes<'_>) {
        attributes.require(&["METHOD"], notes);
        let Some(method) = attributes.word("METHOD", notes) else { return };
        if method == "NONE" {
            self.keys = Some(Arc::default());
            return;
        }
        attributes.require(&["URI"], notes);
        let key_format = attributes.quoted("KEYFORMAT", notes).unwrap_or_else(|| IDENTITY.to_owned());
        let (uri, iv) = (attributes.quoted("URI", notes), attributes.hexadecimal("IV", notes));
        // One of the same format takes the place of the one before; those of other formats stay, unless segments lie between.
        let stays = |known: &&Key| known.key_format != key_format;
        let before = self.keys.iter().flat_map(|keys| keys.iter());
        let mut keys: Vec<_> = before.filter(stays).take(MAX_KEYS - 1).cloned().collect();
        keys.push(Key { method, uri, iv, key_format });
        self.keys = Some(Arc::new(keys));
    }

    fn part(&mut self, mut attributes: Attributes<'_>, notes: &mut Notes<'_>) {
        attributes.require(&["URI", "DURATION"], notes);
        let uri = attributes.quoted("URI", notes).unwrap_or_default();
        let range = attributes.range("BYTERANGE", self.ends.get(&uri).copied(), notes);
        self.end_at(&uri, range.as_ref());
        let part = Part {
            line: attributes.line(),
            duration: attributes.seconds("DURATION", notes).unwrap_or_default(),
            independent: attributes.flag("INDEPENDENT", notes).unwrap_or_default(),
            gap: attributes.flag("GAP", notes).unwrap_or_default(),
            uri,
            range,
        };
        self.next.parts.push(part);
    }

    /// Remembers where a range of `uri` ended, for one that follows it.
    fn end_at(&mut self, uri: &str, range: Option<&Range<u64>>) {
        if let Some(range) = range {
            self.ends.insert(uri.to_owned(), range.end);
        }
    }

    /// The address of the segment whose tags have been read.
    pub fn uri(&mut self, line: u32, uri: String, notes: &mut Notes<'_>) {
        if self.inf.take().is_none() {
            notes.at(&rules::SEGMENT_LINES, line, "an address without EXTINF");
            if !self.begun {
                return;
            }
        }
        let mut segment = self.segment();
        if let Some((at, length, offset)) = self.range.take() {
            // Parts of the segment may end where it does: the ranges of segments go on from segments.
            let before = self.list.segments.last().filter(|last| last.uri == uri).and_then(|last| last.range.as_ref());
            match offset.or(before.map(|range| range.end)) {
                Some(start) => segment.range = Some(value::range(start, length)),
                None => notes.at(&rules::BYTE_RANGE, at, "no range of the same resource before it"),
            }
        }
        segment.line = line;
        segment.uri = uri;
        self.list.segments.push(segment);
    }

    /// The segment whose tags have been read; begins the next.
    fn segment(&mut self) -> Segment {
        self.begun = false;
        Segment { map: self.map.clone(), keys: self.keys.clone(), bit_rate: self.bit_rate, ..std::mem::take(&mut self.next) }
    }

    pub fn finish(mut self, header: Header, notes: &mut Notes<'_>) -> Media {
        if let Some(line) = self.inf.take() {
            notes.at(&rules::SEGMENT_LINES, line, "an EXTINF without address");
        }
        if self.begun {
            let mut open = self.segment();
            open.duration = open.parts.iter().fold(Span::ZERO, |sum, part| sum + part.duration);
            self.list.open = Some(open);
        }
        let mut list = self.list;
        list.header = header;
        list.count();
        list
    }
}

fn part_target(mut attributes: Attributes<'_>, notes: &mut Notes<'_>) -> Option<Span> {
    attributes.require(&["PART-TARGET"], notes);
    attributes.seconds("PART-TARGET", notes)
}

fn server_control(mut attributes: Attributes<'_>, notes: &mut Notes<'_>) -> ServerControl {
    attributes.require(&[], notes);
    ServerControl {
        can_block_reload: attributes.flag("CAN-BLOCK-RELOAD", notes).unwrap_or_default(),
        can_skip_until: attributes.seconds("CAN-SKIP-UNTIL", notes),
        can_skip_dateranges: attributes.flag("CAN-SKIP-DATERANGES", notes).unwrap_or_default(),
        hold_back: attributes.seconds("HOLD-BACK", notes),
        part_hold_back: attributes.seconds("PART-HOLD-BACK", notes),
    }
}

fn skip(mut attributes: Attributes<'_>, notes: &mut Notes<'_>) -> Option<Skip> {
    attributes.require(&["SKIPPED-SEGMENTS"], notes);
    let segments = attributes.integer("SKIPPED-SEGMENTS", notes)?;
    let removed = attributes.quoted("RECENTLY-REMOVED-DATERANGES", notes);
    let ids = |list: String| list.split('\t').filter(|id| !id.is_empty()).map(str::to_owned).collect();
    Some(Skip { segments, removed_dateranges: removed.map(ids) })
}

fn map(mut attributes: Attributes<'_>, notes: &mut Notes<'_>) -> Option<Arc<Map>> {
    attributes.require(&["URI"], notes);
    let uri = attributes.quoted("URI", notes)?;
    Some(Arc::new(Map { uri, range: attributes.range("BYTERANGE", None, notes) }))
}

fn hint(mut attributes: Attributes<'_>, notes: &mut Notes<'_>) -> Option<Hint> {
    attributes.require(&["TYPE", "URI"], notes);
    Some(Hint {
        line: attributes.line(),
        kind: attributes.word("TYPE", notes)?,
        uri: attributes.quoted("URI", notes)?,
        start: attributes.integer("BYTERANGE-START", notes).unwrap_or_default(),
        length: attributes.integer("BYTERANGE-LENGTH", notes),
    })
}

fn report(mut attributes: Attributes<'_>, notes: &mut Notes<'_>) -> Option<Report> {
    attributes.require(&["URI"], notes);
    Some(Report {
        line: attributes.line(),
        uri: attributes.quoted("URI", notes)?,
        last_msn: attributes.integer("LAST-MSN", notes),
        last_part: attributes.integer("LAST-PART", notes),
    })
}

fn date_range(mut attributes: Attributes<'_>, notes: &mut Notes<'_>) -> DateRange {
    attributes.require(&["ID"], notes);
    for name in ["SCTE35-CMD", "SCTE35-OUT", "SCTE35-IN"] {
        attributes.hexadecimal(name, notes);
    }
    DateRange {
        line: attributes.line(),
        id: attributes.quoted("ID", notes).unwrap_or_default(),
        class: attributes.quoted("CLASS", notes),
        start: attributes.date("START-DATE", notes),
        end: attributes.date("END-DATE", notes),
        duration: attributes.seconds("DURATION", notes),
        planned: attributes.seconds("PLANNED-DURATION", notes),
        end_on_next: attributes.flag("END-ON-NEXT", notes).unwrap_or_default(),
        attributes: attributes.written(),
    }
}
