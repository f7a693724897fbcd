//! Playlists as a player reads them: what can be played, which parts there are, what comes next. Independent of the library's own writer.

use crate::check::Fault;

/// The media playlists of the first variant and of its sound.
#[derive(Debug, PartialEq, Eq)]
pub struct Multivariant {
    /// Pictures first; a variant without a group of its own carries its sound itself.
    pub playlists: Vec<String>,
}

/// A media playlist.
#[derive(Debug, PartialEq, Eq)]
pub struct Media {
    /// The parts it lists, oldest first.
    pub parts: Vec<Part>,
    /// The newest init segment.
    pub map: Option<String>,
    /// The part that comes next, where it is hinted at.
    pub hint: Option<String>,
    /// Whether delta updates are made.
    pub can_skip: bool,
    /// What to wait for next: `_HLS_msn` and `_HLS_part`.
    pub next: (u64, u64),
}

/// A part of a segment.
#[derive(Debug, PartialEq, Eq)]
pub struct Part {
    pub uri: String,
    /// The segment's number and the part's place in it.
    pub place: (u64, u64),
    pub independent: bool,
}

/// Reads a multivariant playlist.
pub fn multivariant(text: &str) -> Result<Multivariant, Fault> {
    let mut lines = text.lines();
    let variant = lines.find(|line| line.starts_with("#EXT-X-STREAM-INF:")).ok_or(Fault::Playlist("no variant"))?;
    let uri = lines.find(|line| !line.starts_with('#')).ok_or(Fault::Playlist("a variant without an address"))?;
    let is_sound = |line: &&str| line.starts_with("#EXT-X-MEDIA:") && attribute(line, "GROUP-ID") == attribute(variant, "AUDIO");
    let sound = attribute(variant, "AUDIO").and_then(|_| text.lines().find(is_sound)).and_then(|line| attribute(line, "URI"));
    Ok(Multivariant { playlists: [uri].into_iter().chain(sound).map(str::to_owned).collect() })
}

/// Reads a media playlist, whole or as a delta update.
pub fn media(text: &str) -> Result<Media, Fault> {
    let (mut parts, mut map, mut hint, mut can_skip) = (Vec::new(), None, None, false);
    let mut msn = None;
    let mut in_segment = 0;
    for line in text.lines() {
        let (tag, value) = line.split_once(':').unwrap_or((line, ""));
        match tag {
            "#EXT-X-MEDIA-SEQUENCE" => msn = Some(number(value)?),
            "#EXT-X-SKIP" => {
                msn = msn.zip(attribute(line, "SKIPPED-SEGMENTS")).and_then(|(msn, skipped)| Some(msn + number(skipped).ok()?))
            }
            "#EXT-X-SERVER-CONTROL" => can_skip = attribute(line, "CAN-SKIP-UNTIL").is_some(),
            "#EXT-X-MAP" => map = attribute(line, "URI").map(str::to_owned),
            "#EXT-X-PRELOAD-HINT" if attribute(line, "TYPE") == Some("PART") => hint = attribute(line, "URI").map(str::to_owned),
            "#EXT-X-PART" => {
                let uri = attribute(line, "URI").ok_or(Fault::Playlist("a part without an address"))?.to_owned();
                let place = (msn.ok_or(Fault::Playlist("a part before the first number"))?, in_segment);
                parts.push(Part { uri, place, independent: attribute(line, "INDEPENDENT") == Some("YES") });
                in_segment += 1;
            }
            _ if !line.is_empty() && !line.starts_with('#') => (msn, in_segment) = (msn.map(|msn| msn + 1), 0),
            _ => {}
        }
    }
    let next = (msn.ok_or(Fault::Playlist("no EXT-X-MEDIA-SEQUENCE"))?, in_segment);
    Ok(Media { parts, map, hint, can_skip, next })
}

/// An attribute's value, without quotes.
fn attribute<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = line.split_once(':')?.1;
    while let Some((found, value)) = rest.split_once('=') {
        let (value, behind) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => value.split_at(value.find(',').unwrap_or(value.len())),
        };
        if found == name {
            return Some(value);
        }
        rest = behind.strip_prefix(',')?;
    }
    None
}

fn number(text: &str) -> Result<u64, Fault> {
    text.trim().parse().map_err(|_| Fault::Playlist("a number that is none"))
}
