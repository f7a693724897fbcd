//! What is read from the bytes, as far as rules ask for it.

use crate::fmp4::boxes::{BoxRef, FourCc};
use crate::fmp4::reader::{self, Movie, MovieFragment, MovieSample, MovieTrack, ReadError};
use crate::media::{Kind, Span, Timescale, Timestamp};

use super::codec;

/// The sync byte of an MPEG transport stream, and the distance of its packets.
const TRANSPORT_SYNC: u8 = 0x47;
const TRANSPORT_PACKET: usize = 188;

/// What kind of file a segment is, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// Boxes of ISO/IEC 14496-12: the only kind that is looked into.
    Mp4,
    /// An MPEG transport stream.
    Transport,
    /// WebVTT.
    Vtt,
    /// Anything else, such as packed audio.
    Other,
}

/// An init segment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Init {
    /// Major brand, then the compatible ones.
    pub brands: Vec<FourCc>,
    /// Its tracks, in order.
    pub tracks: Vec<Announced>,
    pub(super) movie: Vec<MovieTrack>,
}

/// A track as its init segment announces it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// track_ID.
    pub number: u32,
    /// Pictures, sound, or [`Kind::Data`] for text and everything else.
    pub kind: Kind,
    /// Ticks per second.
    pub timescale: Timescale,
    /// Type of the sample entry, such as `avc1`.
    pub entry: FourCc,
    /// The codec's name by RFC 6381, as its configuration tells it; `None` where it does not.
    pub codec: Option<String>,
    /// Width and height of its pictures in pixels.
    pub picture: Option<(u16, u16)>,
    /// Channels of its sound.
    pub channels: Option<u16>,
}

/// The bytes of a segment, a part, or several of them laid end to end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Media {
    /// One for each track that has samples in it, in the order of their first fragment.
    pub runs: Vec<Run>,
    /// Length of the bytes.
    pub bytes: u64,
}

/// The samples of one track in a [`Media`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// track_ID.
    pub track: u32,
    /// What it carries.
    pub kind: Kind,
    /// The first `tfdt`.
    pub begin: Timestamp,
    /// Decoding time of the last sample and its duration.
    pub end: Timestamp,
    /// The earliest presentation time.
    pub earliest: Timestamp,
    /// How many samples there are; at least 1.
    pub samples: usize,
    /// Whether the first sample is a sync sample.
    pub begins_with_sync: bool,
    /// How many sync samples there are.
    pub sync_samples: usize,
    /// The shortest and the longest duration of a sample but the last, whose duration is often guessed; of the last where it is alone.
    pub sample_span: (Span, Span),
    /// `mfhd` sequence numbers of its first and last fragment.
    pub sequence: (u32, u32),
    /// The first place within where a fragment does not begin where the one before it ended: what was expected, and what came.
    pub torn: Option<(Timestamp, Timestamp)>,
}

impl Init {
    /// The track that a stream is judged by: the first with pictures, else the first.
    pub fn lead(&self) -> Option<&Announced> {
        self.tracks.iter().find(|track| track.kind == Kind::Video).or(self.tracks.first())
    }
}

impl Media {
    /// The run of the track that a stream is judged by: the first with pictures, else the first.
    pub fn lead(&self) -> Option<&Run> {
        self.runs.iter().find(|run| run.kind == Kind::Video).or(self.runs.first())
    }
}

impl Run {
    /// How long its samples last together, in decoding time.
    pub fn duration(&self) -> Span {
        self.end.since(self.begin)
    }

    /// Frames per second where all samples last equally long within a millisecond, as times of RTMP allow.
    pub fn frame_rate(&self) -> Option<f64> {
        let (shortest, longest) = self.sample_span;
        let steady = longest.nanos() - shortest.nanos() <= Span::from_millis(1).nanos() && self.duration() > Span::ZERO;
        steady.then(|| self.samples as f64 / self.duration().as_secs_f64())
    }
}

/// What kind of file begins with these bytes.
pub fn container(data: &[u8]) -> Container {
    let is_box = |kind: &[u8]| matches!(kind, b"styp" | b"ftyp" | b"moof" | b"moov" | b"sidx" | b"emsg" | b"prft" | b"free" | b"mdat");
    match data {
        [TRANSPORT_SYNC, ..] if data.get(TRANSPORT_PACKET).is_none_or(|byte| *byte == TRANSPORT_SYNC) => Container::Transport,
        _ if data.get(4..8).is_some_and(is_box) => Container::Mp4,
        _ if data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data).starts_with(b"WEBVTT") => Container::Vtt,
        _ => Container::Other,
    }
}

/// Reads an init segment.
///
/// # Errors
/// When its boxes cannot be read, or a track tells no timescale.
pub fn read_init(data: &[u8]) -> Result<Init, ReadError> {
    let movie = reader::read(data)?;
    let tracks = movie.tracks.iter().filter_map(announced).collect();
    Ok(Init { brands: movie.brands, tracks, movie: movie.tracks })
}

fn announced(track: &MovieTrack) -> Option<Announced> {
    let kind = match &track.handler {
        b"vide" => Kind::Video,
        b"soun" => Kind::Audio,
        _ => Kind::Data,
    };
    Some(Announced {
        number: track.number,
        kind,
        timescale: Timescale::new(track.timescale)?,
        entry: track.entry,
        codec: codec::name(track.entry, track.config.as_ref()),
        picture: track.picture,
        channels: track.sound.map(|(channels, _)| channels),
    })
}

/// Reads the fragments of a segment or part whose init segment is `init`.
///
/// # Errors
/// When the boxes cannot be read, or belong to a track that was not announced.
pub fn read_media(init: &Init, data: &[u8]) -> Result<Media, ReadError> {
    let movie = reader::read_after(&init.movie, data)?;
    let run = |track: &Announced| run(track, &movie);
    let mut runs: Vec<Run> = init.tracks.iter().filter_map(run).collect();
    let first = |run: &Run| movie.fragments.iter().position(|fragment| fragment.track == run.track);
    runs.sort_by_key(first);
    Ok(Media { runs, bytes: data.len() as u64 })
}

fn run(track: &Announced, movie: &Movie) -> Option<Run> {
    let fragments = || movie.fragments.iter().filter(|fragment| fragment.track == track.number && !fragment.samples.is_empty());
    let samples = || fragments().flat_map(|fragment| &fragment.samples);
    let (first, last) = (samples().next()?, samples().next_back()?);
    let at = |ticks: i128| Timestamp::new(i64::try_from(ticks).unwrap_or(i64::MAX), track.timescale);
    let decoded = |ticks: u64| at(ticks.into());
    let end_of = |fragment: &MovieFragment| fragment.samples.last().map_or(fragment.base_decode_time, end);
    let torn = fragments().zip(fragments().skip(1)).find(|(before, after)| end_of(before) != after.base_decode_time);
    let count = samples().count();
    let steady = || samples().take(count.saturating_sub(1).max(1)).map(|sample| sample.duration);
    let span = |ticks: Option<u32>| Span::from_ticks(ticks.unwrap_or_default().into(), track.timescale);
    Some(Run {
        track: track.number,
        kind: track.kind,
        begin: decoded(first.dts),
        end: decoded(end(last)),
        earliest: at(samples().map(MovieSample::pts).min()?),
        samples: count,
        begins_with_sync: first.is_sync(),
        sync_samples: samples().filter(|sample| sample.is_sync()).count(),
        sample_span: (span(steady().min()), span(steady().max())),
        sequence: (fragments().next()?.sequence, fragments().next_back()?.sequence),
        torn: torn.map(|(before, after)| (decoded(end_of(before)), decoded(after.base_decode_time))),
    })
}

fn end(sample: &MovieSample) -> u64 {
    sample.dts.saturating_add(sample.duration.into())
}

/// The first child of that type, where it can be read.
pub(super) fn child<'a>(parent: &BoxRef<'a>, kind: &FourCc) -> Option<BoxRef<'a>> {
    parent.children(0).map_while(Result::ok).find(|found| found.kind == *kind)
}
