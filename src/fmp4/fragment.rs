//! One fragment: `moof` and `mdat` of a single track, in one allocation of exactly their size (ISO/IEC 14496-12 §8.8).

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};

use super::boxes::HEADER;
use super::error::Error;
use super::fragmenter::TimedSample;
use super::layout::{Layout, Prft, ReorderDelay, TrackNumber};
use crate::media::{Span, Timestamp};

/// Most samples of one fragment: 10 s of sound at the shortest frames in use stay far below it.
pub const MAX_SAMPLES: usize = 16_384;
/// Most bytes of media in one fragment: twice the newest group of pictures that the stream keeps for joiners.
pub const MAX_BYTES: usize = 32 << 20;

/// Sample flags of a sync sample: depends on no other.
pub const SYNC_FLAGS: u32 = 0x0200_0000;
/// Sample flags of any other sample: depends on others, is no sync sample.
pub const NON_SYNC_FLAGS: u32 = 0x0101_0000;

const TFHD_DEFAULT_DURATION: u32 = 0x00_0008;
const TFHD_DEFAULT_FLAGS: u32 = 0x00_0020;
const TFHD_DEFAULT_BASE_IS_MOOF: u32 = 0x02_0000;
const TRUN_DATA_OFFSET: u32 = 0x001;
const TRUN_FIRST_SAMPLE_FLAGS: u32 = 0x004;
const TRUN_DURATION: u32 = 0x100;
const TRUN_SIZE: u32 = 0x200;
const TRUN_FLAGS: u32 = 0x400;
const TRUN_COMPOSITION_OFFSET: u32 = 0x800;

const MFHD_SIZE: usize = 16;
const TFDT_SIZE: usize = 20;
const PRFT_SIZE: usize = 32;
/// Seconds from the NTP epoch (1900) to the Unix epoch (1970).
const NTP_TO_UNIX: u64 = 2_208_988_800;

/// A `styp` as it begins a media segment: major brand `msdh`, compatible with `msdh`, `msix` and `cmfs`.
pub const STYP: &[u8; 28] = b"\0\0\0\x1cstypmsdh\0\0\0\0msdhmsixcmfs";

/// What a fragment holds, for whoever indexes or announces it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FragmentInfo {
    /// Decoding time of its first sample, on the stream's timeline.
    pub dts: Timestamp,
    /// The `tfdt`: base media decode time, in ticks of the track.
    pub base_decode_time: u64,
    /// Presentation time of the sample shown first, on the stream's timeline.
    pub earliest_pts: Timestamp,
    /// Sum of the samples' durations, in ticks of the track; the next fragment begins that much later, unless time is broken.
    pub ticks: i64,
    /// Whether it begins with a sync sample, so that playing can start here.
    pub starts_with_sync: bool,
    /// Number of samples.
    pub samples: usize,
}

impl FragmentInfo {
    /// What `samples` hold, or `None` for none.
    pub(super) fn of(samples: &[TimedSample], delay: ReorderDelay) -> Result<Self, Error> {
        let first = &samples.first().ok_or(Error::NoSamples)?.sample;
        let ticks = first.dts.ticks().saturating_add(i64::from(delay.0));
        let base_decode_time = u64::try_from(ticks).map_err(|_| Error::BeforeZero { track: first.track, ticks })?;
        Ok(Self {
            dts: first.dts,
            base_decode_time,
            earliest_pts: samples.iter().map(|timed| timed.sample.pts()).min().unwrap_or_else(|| first.pts()),
            ticks: samples.iter().map(|timed| i64::from(timed.duration)).sum(),
            starts_with_sync: first.is_sync,
            samples: samples.len(),
        })
    }

    /// Sum of the samples' durations.
    pub fn duration(&self) -> Span {
        Span::from_ticks(self.ticks, self.dts.scale())
    }
}

/// A written fragment, behind the room that was asked for.
#[derive(Debug)]
pub struct Fragment {
    /// What it holds.
    pub info: FragmentInfo,
    buffer: BytesMut,
    front: usize,
}

impl Fragment {
    /// The room in front, zeroed, for the transport's header; shorter headers stand at its end.
    pub fn front_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[..self.front]
    }

    /// Bytes behind the room in front.
    pub fn len(&self) -> usize {
        self.buffer.len() - self.front
    }

    /// Never true: a fragment has at least its boxes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The fragment without the room in front.
    pub fn freeze(self) -> Bytes {
        let front = self.front;
        self.buffer.freeze().slice(front..)
    }

    /// Room and fragment as one piece; the fragment begins at `reserve_front`.
    pub fn freeze_with_front(self) -> Bytes {
        self.buffer.freeze()
    }
}

/// Writes the samples, which must be of one track and follow each other without a gap, as one fragment.
///
/// The bytes are, in order: the room in front, `styp`, `prft` and events where asked for, `moof`, `mdat`.
pub fn write(samples: &[TimedSample], layout: &Layout) -> Result<Fragment, Error> {
    let info = FragmentInfo::of(samples, layout.delay)?;
    check(samples, layout)?;
    let run = Run::of(samples, layout.delay);
    let media: usize = samples.iter().map(|timed| timed.sample.data.len()).sum();

    let prefix = if layout.styp { STYP.len() } else { 0 } + if layout.prft.is_some() { PRFT_SIZE } else { 0 };
    let total = layout.reserve_front + prefix + layout.events.len() + run.moof_size(samples.len()) + HEADER + media;
    let mut out = BytesMut::with_capacity(total);
    out.put_bytes(0, layout.reserve_front);
    if layout.styp {
        out.put_slice(STYP);
    }
    if let Some(prft) = layout.prft {
        put_prft(&mut out, layout.track, prft, info.earliest_pts);
    }
    out.put_slice(&layout.events);
    put_moof(&mut out, samples, layout, &run, info.base_decode_time);
    put_header(&mut out, HEADER + media, b"mdat");
    for timed in samples {
        out.put_slice(&timed.sample.data);
    }
    debug_assert_eq!(out.len(), total, "a fragment is written into exactly the room it needs");
    Ok(Fragment { info, buffer: out, front: layout.reserve_front })
}

/// Which values the samples share, so that they are written once.
struct Run {
    duration: Option<u32>,
    flags: Flags,
    offsets: bool,
}

/// How sample flags are written most briefly.
#[derive(Clone, Copy)]
enum Flags {
    Default(u32),
    First { first: u32, rest: u32 },
    Each,
}

impl Run {
    fn of(samples: &[TimedSample], delay: ReorderDelay) -> Self {
        let first = samples.first().map_or(0, |timed| timed.duration);
        Self {
            duration: samples.iter().all(|timed| timed.duration == first).then_some(first),
            flags: Flags::of(samples),
            offsets: samples.iter().any(|timed| timed.sample.cts != delay.0),
        }
    }

    fn tfhd_flags(&self) -> u32 {
        let duration = if self.duration.is_some() { TFHD_DEFAULT_DURATION } else { 0 };
        let flags = if matches!(self.flags, Flags::Each) { 0 } else { TFHD_DEFAULT_FLAGS };
        TFHD_DEFAULT_BASE_IS_MOOF | duration | flags
    }

    fn trun_flags(&self) -> u32 {
        let duration = if self.duration.is_none() { TRUN_DURATION } else { 0 };
        let flags = match self.flags {
            Flags::Default(_) => 0,
            Flags::First { .. } => TRUN_FIRST_SAMPLE_FLAGS,
            Flags::Each => TRUN_FLAGS,
        };
        let offsets = if self.offsets { TRUN_COMPOSITION_OFFSET } else { 0 };
        TRUN_DATA_OFFSET | duration | TRUN_SIZE | flags | offsets
    }

    fn tfhd_size(&self) -> usize {
        HEADER + 8 + 4 * (self.tfhd_flags() & (TFHD_DEFAULT_DURATION | TFHD_DEFAULT_FLAGS)).count_ones() as usize
    }

    fn trun_size(&self, samples: usize) -> usize {
        let flags = self.trun_flags();
        let once = (flags & (TRUN_DATA_OFFSET | TRUN_FIRST_SAMPLE_FLAGS)).count_ones() as usize;
        let each = (flags & (TRUN_DURATION | TRUN_SIZE | TRUN_FLAGS | TRUN_COMPOSITION_OFFSET)).count_ones() as usize;
        HEADER + 8 + 4 * (once + each * samples)
    }

    fn traf_size(&self, samples: usize) -> usize {
        HEADER + self.tfhd_size() + TFDT_SIZE + self.trun_size(samples)
    }

    fn moof_size(&self, samples: usize) -> usize {
        HEADER + MFHD_SIZE + self.traf_size(samples)
    }
}

impl Flags {
    fn of(samples: &[TimedSample]) -> Self {
        let Some((first, rest)) = samples.split_first() else { return Self::Each };
        let first = flags_of(first);
        let second = rest.first().map_or(first, flags_of);
        if rest.iter().any(|timed| flags_of(timed) != second) {
            Self::Each
        } else if second == first {
            Self::Default(first)
        } else {
            Self::First { first, rest: second }
        }
    }
}

fn flags_of(timed: &TimedSample) -> u32 {
    if timed.sample.is_sync { SYNC_FLAGS } else { NON_SYNC_FLAGS }
}

/// Refuses samples that the boxes cannot express or a player would stumble over.
fn check(samples: &[TimedSample], layout: &Layout) -> Result<(), Error> {
    let Some(first) = samples.first().map(|timed| &timed.sample) else { return Err(Error::NoSamples) };
    let (track, scale) = (first.track, first.dts.scale());
    let bytes = samples.iter().map(|timed| timed.sample.data.len()).fold(0, usize::saturating_add);
    if samples.len() > MAX_SAMPLES || bytes > MAX_BYTES {
        return Err(Error::TooLarge { track, samples: samples.len(), bytes });
    }
    let mut expected = first.dts.ticks();
    for TimedSample { sample, duration } in samples {
        let at = sample.dts;
        if sample.track != track || at.scale() != scale {
            return Err(Error::WrongTrack { expected: track, scale: scale.hz(), got: sample.track, at });
        }
        if sample.data.is_empty() {
            return Err(Error::EmptySample { track, at });
        }
        if at.ticks() != expected {
            return Err(Error::Discontinuous { track, at, expected });
        }
        let ticks = i64::from(sample.cts) - i64::from(layout.delay.0);
        if i32::try_from(ticks).is_err() {
            return Err(Error::CompositionOffset { track, at, ticks });
        }
        expected = expected.saturating_add(i64::from(*duration));
    }
    Ok(())
}

fn put_header(out: &mut BytesMut, size: usize, kind: &[u8; 4]) {
    out.put_u32(u32::try_from(size).expect("a fragment is bounded far below 4 GiB"));
    out.put_slice(kind);
}

fn put_moof(out: &mut BytesMut, samples: &[TimedSample], layout: &Layout, run: &Run, base_decode_time: u64) {
    let moof = run.moof_size(samples.len());
    put_header(out, moof, b"moof");
    put_header(out, MFHD_SIZE, b"mfhd");
    out.put_u32(0);
    out.put_u32(layout.sequence.get());

    put_header(out, run.traf_size(samples.len()), b"traf");
    put_header(out, run.tfhd_size(), b"tfhd");
    out.put_u32(run.tfhd_flags());
    out.put_u32(layout.track.get());
    if let Some(duration) = run.duration {
        out.put_u32(duration);
    }
    match run.flags {
        Flags::Default(flags) | Flags::First { rest: flags, .. } => out.put_u32(flags),
        Flags::Each => {}
    }
    put_header(out, TFDT_SIZE, b"tfdt");
    out.put_u32(1 << 24);
    out.put_u64(base_decode_time);

    put_trun(out, samples, layout.delay, run, moof + HEADER);
}

fn put_trun(out: &mut BytesMut, samples: &[TimedSample], delay: ReorderDelay, run: &Run, data_offset: usize) {
    put_header(out, run.trun_size(samples.len()), b"trun");
    out.put_u32(1 << 24 | run.trun_flags());
    out.put_u32(samples.len() as u32);
    out.put_u32(data_offset as u32);
    if let Flags::First { first, .. } = run.flags {
        out.put_u32(first);
    }
    for timed in samples {
        if run.duration.is_none() {
            out.put_u32(timed.duration);
        }
        out.put_u32(timed.sample.data.len() as u32);
        if matches!(run.flags, Flags::Each) {
            out.put_u32(flags_of(timed));
        }
        if run.offsets {
            out.put_i32(timed.sample.cts.wrapping_sub(delay.0));
        }
    }
}

fn put_prft(out: &mut BytesMut, track: TrackNumber, prft: Prft, media_time: Timestamp) {
    put_header(out, PRFT_SIZE, b"prft");
    out.put_u32(1 << 24 | prft.meaning.flags());
    out.put_u32(track.get());
    out.put_u64(ntp(prft.unix));
    out.put_u64(media_time.ticks().max(0) as u64);
}

/// Time since the Unix epoch as an NTP timestamp: seconds since 1900 in the upper 32 bits, which wrap in 2036, and their fraction below.
fn ntp(unix: Duration) -> u64 {
    let seconds = unix.as_secs().wrapping_add(NTP_TO_UNIX);
    let fraction = (u64::from(unix.subsec_nanos()) << 32) / 1_000_000_000;
    seconds << 32 | fraction
}
