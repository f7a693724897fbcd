//! Init segments: `ftyp` and `moov` (ISO/IEC 23000-19 §7.3.1).

use bytes::Bytes;
use mp4_atom::{Dinf, Dref, Encode, Ftyp, Hdlr, Mdhd, Mvhd, Smhd, Stco, Stsc, Stsz, Stts, Tkhd, Trex, Url, Vmhd};

use super::boxes::{close, open, open_full};
use super::error::Error;
use super::fragment::SYNC_FLAGS;
use super::layout::TrackNumber;
use super::sample_entry;
use crate::media::{Kind, Track};

/// The undetermined language of ISO 639-2.
const UNDETERMINED: &str = "und";
/// Ticks per second of the movie header; nothing is measured in it, since a live movie announces no duration.
const MOVIE_TIMESCALE: u32 = 1_000;
/// The longest language tag that is passed on; RFC 5646 §4.4.1 asks readers to take at least this many characters.
const MAX_LANGUAGE: usize = 35;

/// The init segment of these tracks: one for a CMAF track, several for a muxed stream.
///
/// The first track gets track_ID 1, the second 2 and so on ([`TrackNumber::at`]); give video first. All durations are zero, as for
/// anything live. Fails for no track, for script data, and for a picture that 16 bits cannot measure.
pub fn init_segment(tracks: &[&Track]) -> Result<Bytes, Error> {
    if tracks.is_empty() {
        return Err(Error::NoTracks);
    }
    let mut out = Vec::with_capacity(1024);
    Ftyp {
        major_brand: b"iso6".into(),
        minor_version: 0,
        compatible_brands: vec![b"iso6".into(), b"cmfc".into(), b"mp41".into(), b"dash".into()],
    }
    .encode(&mut out)?;

    let moov = open(&mut out, *b"moov");
    let next_track_id = TrackNumber::at(tracks.len()).get();
    Mvhd { timescale: MOVIE_TIMESCALE, rate: 1.into(), volume: 1.into(), next_track_id, ..Default::default() }.encode(&mut out)?;
    for (position, track) in tracks.iter().enumerate() {
        trak(&mut out, track, TrackNumber::at(position))?;
    }
    let mvex = open(&mut out, *b"mvex");
    for (position, track) in tracks.iter().enumerate() {
        trex(&mut out, track, TrackNumber::at(position))?;
    }
    close(&mut out, mvex);
    close(&mut out, moov);
    Ok(out.into())
}

fn trak(out: &mut Vec<u8>, track: &Track, number: TrackNumber) -> Result<(), Error> {
    let this = open(out, *b"trak");
    let mut tkhd = Tkhd { track_id: number.get(), enabled: true, in_movie: true, ..Default::default() };
    if let Some(shape) = track.codec.video() {
        let (width, height) = sample_entry::picture_size(track.id, shape.width, shape.height)?;
        (tkhd.width, tkhd.height) = (width.into(), height.into());
    }
    if track.id.kind == Kind::Audio {
        tkhd.volume = 1.into();
        tkhd.alternate_group = 1;
    }
    tkhd.encode(out)?;

    let mdia = open(out, *b"mdia");
    let language = track.language.as_deref().filter(|tag| is_language(tag));
    Mdhd { timescale: track.timescale.hz(), language: packed_language(language).to_owned(), ..Default::default() }.encode(out)?;
    let (handler, name) = match track.id.kind {
        Kind::Video => (b"vide", "Video"),
        Kind::Audio => (b"soun", "Audio"),
        Kind::Data => return Err(Error::NoSampleEntry { track: track.id, codec: track.codec.name() }),
    };
    Hdlr { handler: handler.into(), name: name.to_owned() }.encode(out)?;
    if let Some(tag) = language {
        extended_language(out, tag);
    }
    minf(out, track)?;
    close(out, mdia);
    close(out, this);
    Ok(())
}

fn minf(out: &mut Vec<u8>, track: &Track) -> Result<(), Error> {
    let this = open(out, *b"minf");
    match track.id.kind {
        Kind::Video => Vmhd::default().encode(out)?,
        Kind::Audio | Kind::Data => Smhd::default().encode(out)?,
    }
    let in_this_file = Url { location: String::new() };
    Dinf { dref: Dref { entries: vec![in_this_file.into()] } }.encode(out)?;

    let stbl = open(out, *b"stbl");
    let stsd = open_full(out, *b"stsd", 0, 0);
    out.extend_from_slice(&1u32.to_be_bytes());
    sample_entry::write(out, track)?;
    close(out, stsd);
    Stts::default().encode(out)?;
    Stsc::default().encode(out)?;
    Stsz::default().encode(out)?;
    Stco::default().encode(out)?;
    close(out, stbl);
    close(out, this);
    Ok(())
}

fn trex(out: &mut Vec<u8>, track: &Track, number: TrackNumber) -> Result<(), Error> {
    let default_sample_flags = if track.id.kind == Kind::Audio { SYNC_FLAGS } else { 0 };
    Trex { track_id: number.get(), default_sample_description_index: 1, default_sample_flags, ..Default::default() }.encode(out)?;
    Ok(())
}

/// Whether the text can be a language tag: bounded, letters, digits and hyphens.
fn is_language(tag: &str) -> bool {
    (2..=MAX_LANGUAGE).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// The three letters that `mdhd` has room for; a two-letter tag stands in `elng` alone.
fn packed_language(tag: Option<&str>) -> &str {
    let primary = tag.and_then(|tag| tag.split('-').next()).unwrap_or(UNDETERMINED);
    let three_letters = primary.len() == 3 && primary.bytes().all(|b| b.is_ascii_lowercase());
    if three_letters { primary } else { UNDETERMINED }
}

/// The whole RFC 5646 tag (ISO/IEC 14496-12 §8.4.6).
fn extended_language(out: &mut Vec<u8>, tag: &str) {
    let this = open_full(out, *b"elng", 0, 0);
    out.extend_from_slice(tag.as_bytes());
    out.push(0);
    close(out, this);
}
