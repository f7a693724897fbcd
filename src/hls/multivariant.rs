//! The multivariant playlist: which renditions there are and what it takes to play them.

use std::fmt::Write;

use crate::media::codec::aac;
use crate::media::color::VideoRange;
use crate::media::{Captions, Codec, Kind, Rung, TrackId};
use crate::segment::request::{Request, carried_query};
use crate::segment::snapshot::{Rate, Snapshot, TrackStatus};

use super::captions::ClosedCaptions;
use super::text::{quotable, uri};

/// The multivariant playlist. Video and audio are renditions of their own: each video track is a variant, once with each group of audio
/// tracks that share a codec; without video, each such group is a variant. The leading video track comes first, for that is what players
/// begin with; the others follow by size. Each video track has an I-frame playlist besides. A rung that has had no segment yet is listed by
/// what it is to be, with the leading track's colours and captions.
///
/// Where no sound is in a codec that plays everywhere, the video tracks are listed without sound as well, behind all variants that have
/// some: a player that finds no variant it can decode refuses the stream, while its pictures would play. Players that can decode the sound
/// begin with it, as it comes first; Shaka leaves variants without sound aside as long as there are others.
///
/// Where that is asked for, the sound is listed without pictures at the end, as Apple wants it for mobile lines; hls.js, Shaka and Chromium
/// by itself leave it aside.
///
/// `query` is the viewer's own and is carried over to the addresses in the playlist, but for `_HLS_` directives.
pub fn multivariant(snapshot: &Snapshot, query: &str) -> String {
    let query = carried_query(query);
    let mut text = String::with_capacity(1_024);
    write(&mut text, snapshot, &query).expect("a String takes all that is written to it");
    text
}

/// Audio tracks with one codec, under one `GROUP-ID`.
///
/// Groups should have the same members (RFC 8216 §4.3.4.2.1), and have where a publisher sends the same sound in several codecs. Where it
/// sends other languages in another codec they cannot, and a player that changes to a variant with that group has those languages alone.
struct Group<'a> {
    id: String,
    tracks: Vec<&'a TrackStatus>,
}

fn write(out: &mut String, snapshot: &Snapshot, query: &str) -> std::fmt::Result {
    let of = |kind| snapshot.tracks.iter().filter(move |status| status.track.id.kind == kind);
    let groups = group(of(Kind::Audio));
    let mut video: Vec<_> = of(Kind::Video).collect();
    video.get_mut(1..).unwrap_or_default().sort_by_key(|status| std::cmp::Reverse(Picture::of(status).pixels()));
    let mut pictures: Vec<_> = video.iter().map(|status| Picture::of(status)).collect();
    if let Some(leading) = pictures.first().cloned() {
        pictures.extend(snapshot.expected.iter().map(|rung| leading.made_into(rung)));
        pictures[1..].sort_by_key(|picture| std::cmp::Reverse(picture.pixels()));
    }
    writeln!(out, "#EXTM3U")?;
    let captions = ClosedCaptions::of(&video);
    writeln!(out, "#EXT-X-VERSION:{}", captions.version())?;
    if snapshot.independent {
        writeln!(out, "#EXT-X-INDEPENDENT-SEGMENTS")?;
    }
    // A single audio track by itself is a plain variant and needs no group.
    let grouped = !video.is_empty() || groups.iter().any(|group| group.tracks.len() > 1);
    for group in groups.iter().filter(|_| grouped) {
        for (position, status) in group.tracks.iter().enumerate() {
            rendition(out, group, position, status, query)?;
        }
    }
    captions.write_media(out)?;
    for picture in &pictures {
        for group in &groups {
            variant(out, Some((picture, &captions)), Some((group, true)), query)?;
        }
    }
    let silent = pictures.iter().filter(|_| !groups.iter().any(Group::plays_everywhere));
    for picture in silent {
        variant(out, Some((picture, &captions)), None, query)?;
    }
    for group in groups.iter().filter(|_| video.is_empty() || snapshot.audio_only) {
        variant(out, None, Some((group, grouped)), query)?;
    }
    for status in &video {
        iframes(out, status, query)?;
    }
    Ok(())
}

impl Group<'_> {
    /// Whether browsers (with Media Source Extensions) and Apple's players decode it: AAC but for its newest kind, FLAC and, since Safari
    /// 17, Opus. MP3 in MP4 is refused by Chromium, AC-3 and E-AC-3 by Chromium and Firefox.
    fn plays_everywhere(&self) -> bool {
        match self.tracks.first().map(|status| &status.track.codec) {
            Some(Codec::Aac(config)) => config.object_type != aac::USAC,
            Some(Codec::Flac(_) | Codec::Opus(_)) => true,
            _ => false,
        }
    }
}

/// What a variant tells of its pictures.
#[derive(Clone)]
struct Picture {
    track: TrackId,
    codecs: String,
    size: Option<(u32, u32)>,
    frame_rate: Option<f64>,
    range: Option<VideoRange>,
    captions: Captions,
    rate: Rate,
}

impl Picture {
    fn of(status: &TrackStatus) -> Self {
        let track = &status.track;
        Self {
            track: track.id,
            codecs: track.codec.rfc6381(),
            size: track.codec.video().map(|shape| (shape.width, shape.height)),
            frame_rate: status.frame_rate,
            range: track.color.range(),
            captions: track.captions,
            rate: status.rate,
        }
    }

    /// The rung that is to be made from these pictures.
    fn made_into(&self, rung: &Rung) -> Self {
        Self {
            track: rung.track,
            codecs: rung.codecs.clone(),
            size: Some((rung.width, rung.height)),
            frame_rate: rung.frame_rate,
            rate: Rate { peak: rung.peak, average: rung.bit_rate },
            ..self.clone()
        }
    }

    fn pixels(&self) -> u64 {
        self.size.map_or(0, |(width, height)| u64::from(width) * u64::from(height))
    }
}

fn group<'a>(tracks: impl Iterator<Item = &'a TrackStatus>) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for status in tracks {
        let codec = status.track.codec.rfc6381();
        match groups.iter_mut().find(|group| group.tracks.iter().any(|other| other.track.codec.rfc6381() == codec)) {
            Some(group) => group.tracks.push(status),
            None => groups.push(Group { id: format!("audio-{}", groups.len()), tracks: vec![status] }),
        }
    }
    groups
}

fn rendition(out: &mut String, group: &Group<'_>, position: usize, status: &TrackStatus, query: &str) -> std::fmt::Result {
    let track = &status.track;
    let default = if position == 0 { "YES" } else { "NO" };
    // A choice by language needs one answer (RFC 8216bis §4.4.6.1.1).
    let spoken_before = group.tracks[..position].iter().any(|other| language(other) == language(status));
    let autoselect = if spoken_before { "NO" } else { "YES" };
    write!(out, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"{}\",NAME=\"{}\"", group.id, name(group, position))?;
    if let Some(language) = language(status) {
        write!(out, ",LANGUAGE=\"{language}\"")?;
    }
    write!(out, ",DEFAULT={default},AUTOSELECT={autoselect}")?;
    // Only the channels that are coded: whether objects (JOC) come with them, the configuration does not tell.
    if let Some(shape) = track.codec.audio() {
        write!(out, ",CHANNELS=\"{}\"", shape.channels)?;
    }
    writeln!(out, ",URI=\"{}\"", uri(Request::MediaPlaylist(track.id), query))
}

fn language(status: &TrackStatus) -> Option<String> {
    status.track.language.as_deref().map(quotable).filter(|language| !language.is_empty())
}

/// A track's own name, else its language, else its position, so that groups in several codecs have members of the same names; each unique
/// in its group (RFC 8216 §4.3.4.1.1).
fn name(group: &Group<'_>, position: usize) -> String {
    let own = |(at, status): (usize, &&TrackStatus)| {
        let named = status.track.name.as_deref().or(status.track.language.as_deref()).map(quotable);
        named.filter(|name| !name.is_empty()).unwrap_or_else(|| format!("Audio {}", at + 1))
    };
    let mut names: Vec<String> = Vec::with_capacity(position + 1);
    for named in group.tracks.iter().enumerate().take(position + 1).map(own) {
        let mut counted = (2..).map(|n| format!("{named} ({n})"));
        let free = if names.contains(&named) { counted.find(|name| !names.contains(name)) } else { None };
        names.push(free.unwrap_or(named));
    }
    names.pop().unwrap_or_default()
}

fn variant(
    out: &mut String,
    video: Option<(&Picture, &ClosedCaptions)>,
    audio: Option<(&Group<'_>, bool)>,
    query: &str,
) -> std::fmt::Result {
    let (video, captions) = video.unzip();
    let sound = audio.map(|(group, _)| group.tracks.as_slice()).unwrap_or_default();
    let most = |rate: fn(&Rate) -> u64| {
        let sound = sound.iter().map(|status| rate(&status.rate)).max().unwrap_or_default();
        video.map_or(0, |picture| rate(&picture.rate)).saturating_add(sound)
    };
    let spoken = sound.first().map(|status| status.track.codec.rfc6381());
    let codecs: Vec<_> = video.map(|picture| picture.codecs.clone()).into_iter().chain(spoken).collect();
    write!(out, "#EXT-X-STREAM-INF:BANDWIDTH={},AVERAGE-BANDWIDTH={}", most(|rate| rate.peak), most(|rate| rate.average))?;
    write!(out, ",CODECS=\"{}\"", codecs.join(","))?;
    if let Some(picture) = video {
        resolution(out, picture)?;
        if let Some(rate) = picture.frame_rate {
            write!(out, ",FRAME-RATE={rate:.3}")?;
        }
        range(out, picture)?;
    }
    if let Some((group, true)) = audio {
        write!(out, ",AUDIO=\"{}\"", group.id)?;
    }
    if let Some((picture, captions)) = video.zip(captions) {
        captions.write_attribute(out, picture.captions)?;
    }
    let track = video.map(|picture| picture.track).or(sound.first().map(|status| status.track.id));
    writeln!(out)?;
    track.map_or(Ok(()), |track| writeln!(out, "{}", uri(Request::MediaPlaylist(track), query)))
}

/// The line of a video track's I-frame playlist.
fn iframes(out: &mut String, status: &TrackStatus, query: &str) -> std::fmt::Result {
    let (rate, picture) = (status.iframe_rate, Picture::of(status));
    let codec = &picture.codecs;
    write!(out, "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH={},AVERAGE-BANDWIDTH={},CODECS=\"{codec}\"", rate.peak, rate.average)?;
    resolution(out, &picture)?;
    range(out, &picture)?;
    writeln!(out, ",URI=\"{}\"", uri(Request::IFramePlaylist(status.track.id), query))
}

fn resolution(out: &mut String, picture: &Picture) -> std::fmt::Result {
    picture.size.map_or(Ok(()), |(width, height)| write!(out, ",RESOLUTION={width}x{height}"))
}

fn range(out: &mut String, picture: &Picture) -> std::fmt::Result {
    picture.range.map_or(Ok(()), |range| write!(out, ",VIDEO-RANGE={}", range.name()))
}
