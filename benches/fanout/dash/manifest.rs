//! A manifest as a player reads it: for each track the address of its init segment, and of the segment in progress. Independent of the
//! library's own writer.

use crate::check::{Fault, TRACKS, Track};

/// How the segments of one track are named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// The init segment's address.
    pub init: String,
    /// A segment's address, before and behind its number.
    media: (String, String),
    /// The number of the segment in progress.
    pub open: u64,
}

impl Template {
    /// The address of a segment.
    pub fn segment(&self, number: u64) -> String {
        let (before, behind) = &self.media;
        format!("{before}{number}{behind}")
    }
}

/// The templates of the first representation of each track in the newest period, pictures first.
///
/// Only a manifest of low latency will do: its timeline ends with the segment in progress and one that is foretold.
pub fn templates(text: &str) -> Result<Vec<Template>, Fault> {
    let (_, period) = text.rsplit_once("<Period").ok_or(Fault::Playlist("no Period"))?;
    let sets: Vec<_> = period.split("<AdaptationSet").skip(1).collect();
    let named = |track| if track == Track::Video { "video" } else { "audio" };
    let of = |track| sets.iter().find(|set| attribute(set, "contentType") == Some(named(track)));
    TRACKS.into_iter().filter_map(of).map(|set| template(set)).collect()
}

fn template(set: &str) -> Result<Template, Fault> {
    let (_, template) = set.split_once("<SegmentTemplate").ok_or(Fault::Playlist("no SegmentTemplate"))?;
    let (head, timeline) = template.split_once("<SegmentTimeline").ok_or(Fault::Playlist("no SegmentTimeline"))?;
    let timeline = timeline.split("</SegmentTimeline").next().unwrap_or_default();
    if attribute(head, "availabilityTimeComplete") != Some("false") {
        return Err(Fault::Playlist("not of low latency"));
    }
    let segments: u64 =
        timeline.split("<S ").skip(1).map(|run| 1 + attribute(run, "r").and_then(|more| more.parse().ok()).unwrap_or(0)).sum();
    let first: u64 = attribute(head, "startNumber").and_then(|number| number.parse().ok()).ok_or(Fault::Playlist("no startNumber"))?;
    let named = |name| attribute(head, name).ok_or(Fault::Playlist("an address is missing"));
    let (before, behind) = named("media")?.split_once("$Number$").ok_or(Fault::Playlist("segments without a number"))?;
    let open = (first + segments).checked_sub(2).ok_or(Fault::Playlist("no segment in progress"))?;
    Ok(Template { init: named("initialization")?.to_owned(), media: (before.to_owned(), behind.to_owned()), open })
}

/// An attribute of the first tag in `text`, whose name stands before it.
fn attribute<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let tag = text.split('>').next()?;
    let mut words = tag.split('"');
    while let (Some(key), Some(value)) = (words.next(), words.next()) {
        if key.trim().strip_suffix('=') == Some(name) {
            return Some(value);
        }
    }
    None
}
