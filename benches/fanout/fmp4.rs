//! Reads fragmented MP4 as it streams by: init segments and `moof` boxes whole, of each sample only its beginning.

use std::collections::VecDeque;

use sluicegate::fmp4::boxes::{BoxRef, FourCc, walk};
use sluicegate::fmp4::reader::{self, Defaults};

use crate::check::{Fault, Track, Unit};
use crate::gather::{Gather, skip};
use crate::stamp::{SEARCHED, Stamp};

/// The largest `moov` or `moof` that is kept for reading.
const MAX_KEPT: u64 = 1 << 20;
/// Most samples in one fragment.
const MAX_SAMPLES: u32 = 4_096;
const NON_SYNC: u32 = 0x1_0000;

/// Where the reader is.
#[derive(Debug, Default)]
pub struct Fmp4 {
    state: State,
    gather: Gather,
    tracks: Vec<Announced>,
    /// The samples whose bytes are still to come, in their order.
    samples: VecDeque<Sample>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Header,
    Kept(FourCc, u64),
    Passed(u64),
    /// Inside `mdat`, so many bytes before its end.
    Media(u64),
}

#[derive(Debug, Clone, Copy)]
struct Announced {
    number: u32,
    track: Track,
    defaults: Defaults,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    unit: Unit,
    /// Bytes still to come.
    left: u64,
    beginning_read: bool,
}

impl Fmp4 {
    /// The next access unit, once its bytes are complete; `None` when `input` is used up.
    pub fn take(&mut self, input: &mut &[u8]) -> Result<Option<Unit>, Fault> {
        loop {
            match &mut self.state {
                State::Header => {
                    if !self.gather.fill(input, 8) {
                        return Ok(None);
                    }
                    self.state = header(self.gather.bytes())?;
                    if !matches!(self.state, State::Kept(..)) {
                        self.gather.clear();
                    }
                }
                &mut State::Kept(kind, size) => {
                    if !self.gather.fill(input, size as usize) {
                        return Ok(None);
                    }
                    match &kind {
                        b"moov" => self.tracks = announced(self.gather.bytes())?,
                        _ => self.samples = fragment(self.gather.bytes(), &self.tracks)?,
                    }
                    self.next(State::Header);
                }
                State::Passed(left) => {
                    if !skip(input, left) {
                        return Ok(None);
                    }
                    self.next(State::Header);
                }
                State::Media(left) => {
                    let Some(sample) = self.samples.front_mut() else {
                        if *left > 0 {
                            return Err(Fault::Fragment("mdat holds more than its samples"));
                        }
                        self.next(State::Header);
                        continue;
                    };
                    let available = input.len() as u64;
                    let complete = sample.take(&mut self.gather, input);
                    *left = left.checked_sub(available - input.len() as u64).ok_or(Fault::Fragment("a sample lies outside mdat"))?;
                    if !complete {
                        return Ok(None);
                    }
                    let unit = sample.unit;
                    self.samples.pop_front();
                    return Ok(Some(unit));
                }
            }
        }
    }

    /// Whether every box that began has ended.
    pub fn is_between_boxes(&self) -> bool {
        matches!(self.state, State::Header) && self.gather.bytes().is_empty()
    }

    /// Whether the unit taken last was the last one of its fragment.
    pub fn is_between_samples(&self) -> bool {
        self.samples.is_empty()
    }

    fn next(&mut self, state: State) {
        self.gather.clear();
        self.state = state;
    }
}

impl Sample {
    /// True once all its bytes have come.
    fn take(&mut self, gather: &mut Gather, input: &mut &[u8]) -> bool {
        if !self.beginning_read {
            let wanted = SEARCHED.min(self.left as usize);
            if !gather.fill(input, wanted) {
                return false;
            }
            self.unit.stamp = Stamp::find(gather.bytes());
            gather.clear();
            self.left -= wanted as u64;
            self.beginning_read = true;
        }
        skip(input, &mut self.left)
    }
}

fn header(bytes: &[u8]) -> Result<State, Fault> {
    let [s0, s1, s2, s3, k0, k1, k2, k3, ..] = *bytes else { return Err(Fault::Fragment("a box header is cut short")) };
    let (size, kind) = (u64::from(u32::from_be_bytes([s0, s1, s2, s3])), [k0, k1, k2, k3]);
    let broken = || Fault::Box { kind: kind.escape_ascii().to_string(), size };
    // Sizes of 64 bits and boxes to the end of the file have no place in a live stream.
    let body = size.checked_sub(8).ok_or_else(broken)?;
    match &kind {
        b"moov" | b"moof" if size > MAX_KEPT => Err(broken()),
        b"moov" | b"moof" => Ok(State::Kept(kind, size)),
        b"mdat" => Ok(State::Media(body)),
        _ if kind.iter().all(u8::is_ascii_graphic) => Ok(State::Passed(body)),
        _ => Err(broken()),
    }
}

fn announced(moov: &[u8]) -> Result<Vec<Announced>, Fault> {
    let movie = reader::read(moov).map_err(|_| Fault::Fragment("moov cannot be read"))?;
    let track = |found: &reader::MovieTrack| Announced {
        number: found.number,
        track: if found.handler == *b"vide" { Track::Video } else { Track::Audio },
        defaults: found.defaults,
    };
    Ok(movie.tracks.iter().map(track).collect())
}

/// The samples of a `moof`, in the order of their bytes.
fn fragment(moof: &[u8], tracks: &[Announced]) -> Result<VecDeque<Sample>, Fault> {
    let mut runs = Vec::new();
    for traf in children(moof, 8)?.into_iter().filter(|found| found.kind == *b"traf") {
        let mut announced = None;
        let mut dts = 0;
        for found in traf.children(0) {
            let found = found.map_err(|_| Fault::Fragment("traf is broken"))?;
            let mut fields = Fields(found.body);
            match &found.kind {
                b"tfhd" => announced = Some(track_header(&mut fields, tracks)?),
                b"tfdt" => {
                    dts = if fields.u32()? >> 24 == 1 {
                        u64::from(fields.u32()?) << 32 | u64::from(fields.u32()?)
                    } else {
                        fields.u32()?.into()
                    }
                }
                b"trun" => {
                    let announced = announced.ok_or(Fault::Fragment("trun comes before tfhd"))?;
                    runs.push(run(&mut fields, announced, &mut dts)?);
                }
                _ => {}
            }
        }
    }
    runs.sort_by_key(|(offset, _)| *offset);
    if runs.first().is_some_and(|(offset, _)| *offset as usize != moof.len() + 8) {
        return Err(Fault::Fragment("the first sample does not begin with mdat"));
    }
    Ok(runs.into_iter().flat_map(|(_, samples)| samples).collect())
}

fn children(data: &[u8], from: usize) -> Result<Vec<BoxRef<'_>>, Fault> {
    walk(data.get(from..).unwrap_or_default()).collect::<Result<_, _>>().map_err(|_| Fault::Fragment("moof is broken"))
}

fn track_header(fields: &mut Fields<'_>, tracks: &[Announced]) -> Result<Announced, Fault> {
    let flags = fields.u32()?;
    let number = fields.u32()?;
    let mut found = *tracks.iter().find(|track| track.number == number).ok_or(Fault::Fragment("a track was not announced"))?;
    for (bit, words) in [(0x01, 2), (0x02, 1)] {
        for _ in 0..if flags & bit != 0 { words } else { 0 } {
            fields.u32()?;
        }
    }
    let Defaults { duration, size, flags: sample_flags } = &mut found.defaults;
    for (bit, field) in [(0x08, duration), (0x10, size), (0x20, sample_flags)] {
        if flags & bit != 0 {
            *field = fields.u32()?;
        }
    }
    Ok(found)
}

/// The samples of a `trun`, behind the offset of the first from the beginning of `moof`.
fn run(fields: &mut Fields<'_>, announced: Announced, dts: &mut u64) -> Result<(u32, Vec<Sample>), Fault> {
    let flags = fields.u32()?;
    let count = fields.u32()?;
    if flags & 0x001 == 0 || count > MAX_SAMPLES {
        return Err(Fault::Fragment("trun has no data offset, or too many samples"));
    }
    let offset = fields.u32()?;
    let first_flags = if flags & 0x004 != 0 { Some(fields.u32()?) } else { None };
    let mut samples = Vec::new();
    for index in 0..count {
        let duration = if flags & 0x100 != 0 { fields.u32()? } else { announced.defaults.duration };
        let size = if flags & 0x200 != 0 { fields.u32()? } else { announced.defaults.size };
        let own = if flags & 0x400 != 0 { fields.u32()? } else { first_flags.filter(|_| index == 0).unwrap_or(announced.defaults.flags) };
        if flags & 0x800 != 0 {
            fields.u32()?;
        }
        let unit = Unit { track: announced.track, dts: *dts, is_key: own & NON_SYNC == 0, stamp: None };
        samples.push(Sample { unit, left: size.into(), beginning_read: false });
        *dts = dts.saturating_add(duration.into());
    }
    Ok((offset, samples))
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn u32(&mut self) -> Result<u32, Fault> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Fault::Fragment("a box ends within its fields"))?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*taken))
    }
}
