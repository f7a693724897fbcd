//! A small reader of fragmented MP4: enough to check what was written, ours or another's, sample by sample.

use std::ops::Range;

use super::boxes::{BoxError, BoxRef, FourCc, walk};

/// Most tracks that are read from one file.
pub const MAX_TRACKS: usize = 64;
/// Most samples that are read from one file: `trun` can announce 2^32 of them in twenty bytes.
pub const MAX_SAMPLES: usize = 1 << 20;

/// Bytes of a VisualSampleEntry before its child boxes.
const VISUAL_FIELDS: usize = 78;
/// Bytes of an AudioSampleEntry before its child boxes.
const AUDIO_FIELDS: usize = 28;
/// Bytes of a SampleEntry of another kind, before its own fields.
const OTHER_FIELDS: usize = 8;
/// Bytes of a VisualSampleEntry before its width, and of an AudioSampleEntry before its channel count.
const SIZE_AT: usize = 24;
const CHANNELS_AT: usize = 16;
/// The `sample_is_non_sync_sample` bit of sample flags.
const NON_SYNC_BIT: u32 = 0x0001_0000;

/// Why bytes could not be read as fragmented MP4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The boxes themselves are broken.
    #[error(transparent)]
    Box(#[from] BoxError),
    /// A box ends within a field.
    #[error("box {} at byte {at} ends within its fields", kind.escape_ascii())]
    Short {
        /// The box's type.
        kind: FourCc,
        /// Its position.
        at: usize,
    },
    /// A box that must be there is not.
    #[error("box {} at byte {at} holds no {}", parent.escape_ascii(), missing.escape_ascii())]
    Missing {
        /// The box that should hold it.
        parent: FourCc,
        /// That box's position.
        at: usize,
        /// The type that is missing.
        missing: FourCc,
    },
    /// A fragment of a track that no init segment announced.
    #[error("fragment at byte {at} is of track {track}, which was not announced")]
    UnknownTrack {
        /// Position of the `tfhd`.
        at: usize,
        /// Its track_ID.
        track: u32,
    },
    /// A fragment that does not count its data from its own `moof`, as CMAF demands.
    #[error("fragment at byte {at} does not count its data from its moof")]
    Base {
        /// Position of the `tfhd`.
        at: usize,
    },
    /// A sample that lies outside the bytes given.
    #[error("a sample of the run at byte {at} lies outside the file")]
    Outside {
        /// Position of the `trun`.
        at: usize,
    },
    /// More than [`MAX_TRACKS`] tracks or [`MAX_SAMPLES`] samples.
    #[error("box at byte {at} brings more tracks or samples than are read")]
    TooMany {
        /// Position of the box.
        at: usize,
    },
}

/// What a file of init segment and fragments holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Movie {
    /// Major brand, then the compatible ones.
    pub brands: Vec<FourCc>,
    /// The tracks of its `moov`.
    pub tracks: Vec<MovieTrack>,
    /// Its track fragments, in order.
    pub fragments: Vec<MovieFragment>,
}

/// A track as its init segment announces it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovieTrack {
    /// track_ID.
    pub number: u32,
    /// Handler type: `vide` or `soun`.
    pub handler: FourCc,
    /// Ticks per second.
    pub timescale: u32,
    /// Type of the first sample entry, such as `avc1`.
    pub entry: FourCc,
    /// Type and body of the first box in the sample entry, such as `avcC`.
    pub config: Option<(FourCc, Vec<u8>)>,
    /// Width and height of its pictures in pixels, as the sample entry has them; `None` for what is no video.
    pub picture: Option<(u16, u16)>,
    /// Channels and whole samples per second of its sound, as the sample entry has them; `None` for what is no sound.
    pub sound: Option<(u16, u16)>,
    /// Default duration, size and flags of its samples, from `trex`.
    pub defaults: Defaults,
}

/// Values that hold for samples which do not bring their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Defaults {
    /// Ticks.
    pub duration: u32,
    /// Bytes.
    pub size: u32,
    /// Sample flags.
    pub flags: u32,
}

/// One track fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovieFragment {
    /// The `mfhd` sequence number.
    pub sequence: u32,
    /// track_ID.
    pub track: u32,
    /// The `tfdt`, in ticks.
    pub base_decode_time: u64,
    /// Its samples.
    pub samples: Vec<MovieSample>,
}

/// One sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovieSample {
    /// Decoding time as written, in ticks.
    pub dts: u64,
    /// Ticks it lasts.
    pub duration: u32,
    /// Composition offset, in ticks.
    pub offset: i32,
    /// Sample flags.
    pub flags: u32,
    /// Where its bytes lie in the file.
    pub data: Range<usize>,
}

impl MovieSample {
    /// Whether the flags make it a sync sample.
    pub fn is_sync(&self) -> bool {
        self.flags & NON_SYNC_BIT == 0
    }

    /// Presentation time in ticks.
    pub fn pts(&self) -> i128 {
        i128::from(self.dts) + i128::from(self.offset)
    }
}

/// Reads an init segment and the fragments behind it, given as one piece; boxes of other types are passed over.
pub fn read(data: &[u8]) -> Result<Movie, ReadError> {
    read_after(&[], data)
}

/// Reads fragments whose init segment was read before: `tracks` are those that it announced, unless `data` announces others.
pub fn read_after(tracks: &[MovieTrack], data: &[u8]) -> Result<Movie, ReadError> {
    let mut movie = Movie { tracks: tracks.to_vec(), ..Movie::default() };
    let mut samples = 0;
    for found in walk(data) {
        let this = found?;
        match &this.kind {
            b"ftyp" => movie.brands = brands(&this)?,
            b"moov" => movie.tracks = moov(&this)?,
            b"moof" => {
                let sequence = Fields::of_full(&child(&this, *b"mfhd")?)?.u32()?;
                for traf in this.children(0) {
                    let traf = traf?;
                    if traf.kind == *b"traf" {
                        let fragment = read_traf(&this, &traf, sequence, &movie.tracks, MAX_SAMPLES - samples, data.len())?;
                        samples += fragment.samples.len();
                        movie.fragments.push(fragment);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(movie)
}

fn brands(ftyp: &BoxRef<'_>) -> Result<Vec<FourCc>, ReadError> {
    let mut fields = Fields::of(ftyp);
    let mut brands = vec![fields.array()?];
    fields.u32()?;
    while !fields.rest.is_empty() {
        brands.push(fields.array()?);
    }
    Ok(brands)
}

fn moov(moov: &BoxRef<'_>) -> Result<Vec<MovieTrack>, ReadError> {
    let mut tracks = Vec::new();
    for trak in moov.children(0) {
        let trak = trak?;
        if trak.kind == *b"trak" {
            if tracks.len() == MAX_TRACKS {
                return Err(ReadError::TooMany { at: trak.at });
            }
            tracks.push(read_trak(&trak)?);
        }
    }
    for trex in child(moov, *b"mvex")?.children(0) {
        let trex = trex?;
        if trex.kind == *b"trex" {
            let mut fields = Fields::of_full(&trex)?;
            let number = fields.u32()?;
            fields.u32()?; // sample description index
            let defaults = Defaults { duration: fields.u32()?, size: fields.u32()?, flags: fields.u32()? };
            let track = tracks.iter_mut().find(|track| track.number == number);
            track.ok_or(ReadError::UnknownTrack { at: trex.at, track: number })?.defaults = defaults;
        }
    }
    Ok(tracks)
}

fn read_trak(trak: &BoxRef<'_>) -> Result<MovieTrack, ReadError> {
    let tkhd = child(trak, *b"tkhd")?;
    let mut fields = Fields::of(&tkhd);
    let version = fields.u32()? >> 24;
    fields.skip(if version == 1 { 16 } else { 8 })?;
    let number = fields.u32()?;

    let mdia = child(trak, *b"mdia")?;
    let mdhd = child(&mdia, *b"mdhd")?;
    let mut fields = Fields::of(&mdhd);
    let version = fields.u32()? >> 24;
    fields.skip(if version == 1 { 16 } else { 8 })?;
    let timescale = fields.u32()?;
    let hdlr = child(&mdia, *b"hdlr")?;
    let mut fields = Fields::of_full(&hdlr)?;
    fields.skip(4)?;
    let handler = fields.array()?;

    let stbl = child(&child(&mdia, *b"minf")?, *b"stbl")?;
    let stsd = child(&stbl, *b"stsd")?;
    let missing = ReadError::Missing { parent: stsd.kind, at: stsd.at, missing: *b"****" };
    let entry = stsd.children(8).next().ok_or(missing)??;
    let mut fields = Fields::of(&entry);
    let (mut picture, mut sound) = (None, None);
    let own_fields = match &handler {
        b"vide" => {
            fields.skip(SIZE_AT)?;
            picture = Some((fields.u16()?, fields.u16()?));
            VISUAL_FIELDS
        }
        b"soun" => {
            fields.skip(CHANNELS_AT)?;
            let channels = fields.u16()?;
            fields.skip(6)?; // samplesize, pre_defined, reserved
            sound = Some((channels, fields.u16()?));
            AUDIO_FIELDS
        }
        _ => OTHER_FIELDS,
    };
    // Entries of other kinds have fields of their own, which are not known here.
    let config = entry.children(own_fields).next().and_then(Result::ok).map(|config| (config.kind, config.body.to_vec()));
    Ok(MovieTrack { number, handler, timescale, entry: entry.kind, config, picture, sound, defaults: Defaults::default() })
}

fn read_traf(
    moof: &BoxRef<'_>,
    traf: &BoxRef<'_>,
    sequence: u32,
    tracks: &[MovieTrack],
    room: usize,
    file: usize,
) -> Result<MovieFragment, ReadError> {
    let tfhd = child(traf, *b"tfhd")?;
    let mut fields = Fields::of(&tfhd);
    let flags = fields.u32()?;
    if flags & 0x02_0000 == 0 || flags & 0x1 != 0 {
        return Err(ReadError::Base { at: tfhd.at });
    }
    let number = fields.u32()?;
    let track = tracks.iter().find(|track| track.number == number);
    let mut defaults = track.ok_or(ReadError::UnknownTrack { at: tfhd.at, track: number })?.defaults;
    if flags & 0x02 != 0 {
        fields.skip(4)?;
    }
    for (bit, field) in [(0x08, &mut defaults.duration), (0x10, &mut defaults.size), (0x20, &mut defaults.flags)] {
        if flags & bit != 0 {
            *field = fields.u32()?;
        }
    }

    let tfdt = child(traf, *b"tfdt")?;
    let mut fields = Fields::of(&tfdt);
    let base_decode_time = if fields.u32()? >> 24 == 1 { fields.u64()? } else { u64::from(fields.u32()?) };
    let mut fragment = MovieFragment { sequence, track: number, base_decode_time, samples: Vec::new() };
    let mut place = Place { dts: base_decode_time, data: moof.at, origin: moof.at, file };
    for trun in traf.children(0) {
        let trun = trun?;
        if trun.kind == *b"trun" {
            read_trun(&trun, defaults, &mut place, &mut fragment.samples, room)?;
        }
    }
    Ok(fragment)
}

/// Where the next sample is: on the timeline and in the file.
struct Place {
    dts: u64,
    data: usize,
    origin: usize,
    file: usize,
}

fn read_trun(trun: &BoxRef<'_>, defaults: Defaults, place: &mut Place, out: &mut Vec<MovieSample>, room: usize) -> Result<(), ReadError> {
    let outside = ReadError::Outside { at: trun.at };
    let mut fields = Fields::of(trun);
    let flags = fields.u32()?;
    let count = fields.u32()?;
    if flags & 0x001 != 0 {
        let offset = i64::from(fields.u32()? as i32);
        let at = i64::try_from(place.origin).ok().and_then(|origin| origin.checked_add(offset));
        place.data = at.and_then(|at| usize::try_from(at).ok()).ok_or(outside)?;
    }
    let first_flags = if flags & 0x004 != 0 { Some(fields.u32()?) } else { None };
    for index in 0..count {
        if out.len() >= room {
            return Err(ReadError::TooMany { at: trun.at });
        }
        let duration = if flags & 0x100 != 0 { fields.u32()? } else { defaults.duration };
        let size = if flags & 0x200 != 0 { fields.u32()? } else { defaults.size };
        let own_flags = if flags & 0x400 != 0 { fields.u32()? } else { first_flags.filter(|_| index == 0).unwrap_or(defaults.flags) };
        let offset = if flags & 0x800 != 0 { fields.u32()? as i32 } else { 0 };
        let end = place.data.checked_add(size as usize).filter(|end| *end <= place.file).ok_or(outside)?;
        out.push(MovieSample { dts: place.dts, duration, offset, flags: own_flags, data: place.data..end });
        place.data = end;
        place.dts = place.dts.saturating_add(u64::from(duration));
    }
    Ok(())
}

/// The first child of that type.
fn child<'a>(parent: &BoxRef<'a>, kind: FourCc) -> Result<BoxRef<'a>, ReadError> {
    for found in parent.children(0) {
        let found = found?;
        if found.kind == kind {
            return Ok(found);
        }
    }
    Err(ReadError::Missing { parent: parent.kind, at: parent.at, missing: kind })
}

/// The fields of a box, one after another.
struct Fields<'a> {
    rest: &'a [u8],
    short: ReadError,
}

impl<'a> Fields<'a> {
    fn of(this: &BoxRef<'a>) -> Self {
        Self { rest: this.body, short: ReadError::Short { kind: this.kind, at: this.at } }
    }

    /// Behind version and flags.
    fn of_full(this: &BoxRef<'a>) -> Result<Self, ReadError> {
        let mut fields = Self::of(this);
        fields.skip(4)?;
        Ok(fields)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(self.short)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn skip(&mut self, bytes: usize) -> Result<(), ReadError> {
        self.rest = self.rest.get(bytes..).ok_or(self.short)?;
        Ok(())
    }

    fn u16(&mut self) -> Result<u16, ReadError> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, ReadError> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, ReadError> {
        self.array().map(u64::from_be_bytes)
    }
}
