//! Reads FLV as it streams by: headers and the first bytes of each body, the rest is passed over. It does not use the library's own
//! reader, which keeps whole bodies: the ruler has to be lighter than what it measures, and independent of it.

use crate::check::{Fault, Track, Unit};
use crate::gather::{Gather, skip};
use crate::stamp::{SEARCHED, Stamp};

/// FLV's file header together with PreviousTagSize0.
const FILE_HEADER: usize = 13;
const TAG_HEADER: usize = 11;

/// Where the reader is.
#[derive(Debug, Default)]
pub struct Flv {
    state: State,
    gather: Gather,
}

#[derive(Debug, Default, Clone, Copy)]
enum State {
    #[default]
    File,
    Tag,
    Beginning(Tag),
    Rest(Tag, Option<Unit>, u64),
    Trailer(Tag, Option<Unit>),
}

#[derive(Debug, Clone, Copy)]
struct Tag {
    kind: u8,
    length: u32,
    timestamp: u32,
}

impl Flv {
    /// The next access unit, once its tag is complete; `None` when `input` is used up.
    pub fn take(&mut self, input: &mut &[u8]) -> Result<Option<Unit>, Fault> {
        loop {
            match &mut self.state {
                State::File => {
                    if !self.gather.fill(input, FILE_HEADER) {
                        return Ok(None);
                    }
                    let header = self.gather.bytes();
                    if !header.starts_with(b"FLV\x01") {
                        return Err(Fault::NotFlv([header[0], header[1], header[2], header[3]]));
                    }
                    self.next(State::Tag);
                }
                State::Tag => {
                    if !self.gather.fill(input, TAG_HEADER) {
                        return Ok(None);
                    }
                    let tag = tag(self.gather.bytes())?;
                    self.next(State::Beginning(tag));
                }
                &mut State::Beginning(tag) => {
                    let wanted = SEARCHED.min(tag.length as usize);
                    if !self.gather.fill(input, wanted) {
                        return Ok(None);
                    }
                    let unit = unit(tag.kind, tag.timestamp, self.gather.bytes());
                    self.next(State::Rest(tag, unit, u64::from(tag.length) - wanted as u64));
                }
                State::Rest(tag, unit, left) => {
                    let (tag, unit) = (*tag, *unit);
                    if !skip(input, left) {
                        return Ok(None);
                    }
                    self.next(State::Trailer(tag, unit));
                }
                &mut State::Trailer(tag, unit) => {
                    if !self.gather.fill(input, 4) {
                        return Ok(None);
                    }
                    let found = self.gather.bytes().iter().fold(0, |value, byte| value << 8 | u32::from(*byte));
                    let expected = tag.length + TAG_HEADER as u32;
                    if found != expected {
                        return Err(Fault::Trailer { found, expected });
                    }
                    self.next(State::Tag);
                    if unit.is_some() {
                        return Ok(unit);
                    }
                }
            }
        }
    }

    fn next(&mut self, state: State) {
        self.gather.clear();
        self.state = state;
    }
}

fn tag(header: &[u8]) -> Result<Tag, Fault> {
    let [kind, l0, l1, l2, t0, t1, t2, t3, ..] = *header else { return Err(Fault::TagType(0)) };
    if !matches!(kind, 8 | 9 | 15 | 18) {
        return Err(Fault::TagType(kind));
    }
    Ok(Tag { kind, length: u32::from_be_bytes([0, l0, l1, l2]), timestamp: u32::from_be_bytes([t3, t0, t1, t2]) })
}

/// The access unit of a tag by the beginning of its body; none for configurations and script data.
pub fn unit(kind: u8, timestamp: u32, beginning: &[u8]) -> Option<Unit> {
    let &[first, packet, ..] = beginning else { return None };
    let dts = u64::from(timestamp);
    match kind {
        8 if first >> 4 == 10 && packet == 0 => None,
        8 => Some(Unit { track: Track::Audio, dts, is_key: true, stamp: Stamp::find(beginning) }),
        9 => {
            // Enhanced RTMP: coded frames are packet types 1 and 3.
            let coded = if first & 0x80 != 0 { matches!(first & 0x0f, 1 | 3) } else { packet == 1 };
            let is_key = first >> 4 & 7 == 1;
            coded.then(|| Unit { track: Track::Video, dts, is_key, stamp: Stamp::find(beginning) })
        }
        _ => None,
    }
}
