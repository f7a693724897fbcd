//! Enhanced bodies made by a model: ModEx blocks, the three multitrack layouts, tracks that begin, go on and end. What comes out of the
//! demuxer is what the model says, track by track; a broken part costs itself and nothing else. The input is read as a list of choices.

use std::collections::BTreeMap;

use bytes::Bytes;
use sluicegate::flv::{Demuxer, Item, TagKind};
use sluicegate::media::{Kind, TrackId};

const MOST_BODIES: usize = 200;

/// Two configurations of each kind, and one that cannot be used.
const AVC: [&[u8]; 3] = [
    b"\x01\x64\0\x0a\xff\xe1\0\x18\x67\x64\0\x0a\xac\xd9\x44\x7b\x01\x10\0\0\x03\0\x10\0\0\x03\x03\x20\xf1\x22\x59\x60\x01\0\x05\x68\xef\x81\x87\x2c\xfd\xf8\xf8\0",
    b"\x01\x4d\x40\x1f\xff\xe1\0\x19\x67\x4d\x40\x1f\xd9\0\x50\x05\xbb\x01\x10\0\0\x03\0\x10\0\0\x03\x03\xc0\xf1\x83\x24\x80\x01\0\x05\x68\xeb\xc3\xcb\x20",
    b"\x01\x4d",
];
const AAC: [&[u8]; 3] = [b"\x12\x10", b"\x11\x90", b"\x12"];

struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    fn below(&mut self, limit: u8) -> u8 {
        self.byte() % limit
    }
}

/// What the model expects of one part of a body, in order.
#[derive(Debug, PartialEq)]
enum Expected {
    Config(TrackId),
    Coded { track: TrackId, cts_ms: i32, extra_nanos: u32, data: Vec<u8> },
    End(TrackId),
    Error,
}

/// The configuration of each track that has begun.
type Begun = BTreeMap<TrackId, u8>;

pub fn run(data: &[u8]) {
    let mut choices = Choices(data);
    let (mut demuxer, mut begun) = (Demuxer::new(), Begun::new());
    for at in 0..MOST_BODIES as u32 {
        if choices.0.is_empty() {
            return;
        }
        let kind = if choices.byte() & 1 == 0 { Kind::Video } else { Kind::Audio };
        let (body, expected) = body(kind, &mut choices, &mut begun);
        let tag = if kind == Kind::Video { TagKind::Video } else { TagKind::Audio };
        demuxer.push(tag, at, &Bytes::from(body));
        let found: Vec<_> = std::iter::from_fn(|| demuxer.poll()).map(|item| told(item, at)).collect();
        assert_eq!(found, expected);
    }
}

fn told(item: Result<Item, sluicegate::flv::DemuxError>, at: u32) -> Expected {
    match item {
        Ok(Item::Config { track, .. }) => Expected::Config(track),
        Ok(Item::Coded { track, dts_ms, cts_ms, extra_nanos, data, .. }) => {
            assert_eq!(dts_ms, at);
            Expected::Coded { track, cts_ms, extra_nanos, data: data.to_vec() }
        }
        Ok(Item::End { track }) => Expected::End(track),
        Ok(other) => panic!("{other:?} out of media"),
        Err(_) => Expected::Error,
    }
}

fn body(kind: Kind, choices: &mut Choices<'_>, begun: &mut Begun) -> (Vec<u8>, Vec<Expected>) {
    let (high, multitrack, four_cc): (u8, u8, &[u8]) = if kind == Kind::Video { (0x90, 6, b"avc1") } else { (0x90, 5, b"mp4a") };
    let packet_type = [0, 1, 1, 2, if kind == Kind::Video { 3 } else { 1 }][usize::from(choices.below(5))];
    let blocks = usize::from(choices.below(10));
    let layout = choices.below(5);
    let outer = if layout < 3 { multitrack } else { packet_type };
    let (mut out, mut nanos) = (vec![high | if blocks > 0 { 7 } else { outer }], 0);
    for block in 0..blocks {
        let (mod_type, next) = (choices.below(2), if block + 1 < blocks { 7 } else { outer });
        let size = [1, 2, 3, 4, 255, 256, 257, 65_536][usize::from(choices.below(8))];
        let data: Vec<u8> = (0..size).map(|at| if at < 3 { choices.byte() } else { 0 }).collect();
        match size {
            1..256 => out.push((size - 1) as u8),
            _ => out.extend([&[255][..], &((size - 1) as u16).to_be_bytes()].concat()),
        }
        out.extend_from_slice(&data);
        out.push(mod_type << 4 | next);
        if let (0, Some(&[high, middle, low])) = (mod_type, data.first_chunk()) {
            nanos = u32::from_be_bytes([0, high, middle, low]).min(999_999);
        }
    }
    let (mut expected, before) = (Vec::new(), begun.clone());
    let mut refused = blocks > 8;
    if layout >= 3 {
        out.extend_from_slice(four_cc);
        let (payload, result) = part(TrackId { kind, index: 0 }, packet_type, nanos, choices, begun, false);
        out.extend_from_slice(&payload);
        expected.extend(result);
    } else {
        out.push(layout << 4 | packet_type);
        if layout < 2 {
            out.extend_from_slice(four_cc);
        }
        let mut seen = Vec::new();
        for _ in 0..if layout == 0 { 1 } else { 1 + choices.below(4) } {
            let index = choices.below(18);
            refused |= index >= 16;
            let track = TrackId { kind, index };
            // Of several parts for one track the first counts.
            let (payload, result) = part(track, packet_type, nanos, choices, begun, seen.contains(&index));
            seen.push(index);
            if layout == 2 {
                out.extend_from_slice(four_cc);
            }
            out.push(index);
            if layout > 0 {
                out.extend_from_slice(&(payload.len() as u32).to_be_bytes()[1..]);
            }
            out.extend_from_slice(&payload);
            expected.extend(result);
        }
    }
    if refused {
        *begun = before;
        expected = vec![Expected::Error];
    }
    (out, expected)
}

/// One track's part of a body, and what comes of it.
fn part(
    track: TrackId,
    packet_type: u8,
    nanos: u32,
    choices: &mut Choices<'_>,
    begun: &mut Begun,
    is_repeated: bool,
) -> (Vec<u8>, Option<Expected>) {
    let is_video = track.kind == Kind::Video;
    let which = choices.below(8) % 3;
    let known = begun.get(&track).copied();
    let (payload, result) = match packet_type {
        0 => {
            let payload = if is_video { AVC } else { AAC }[usize::from(which)].to_vec();
            let result = match which {
                2 => Some(Expected::Error),
                _ if known == Some(which) => None,
                _ => Some(Expected::Config(track)),
            };
            (payload, result)
        }
        2 => (Vec::new(), known.map(|_| Expected::End(track))),
        _ => {
            let data =
                if is_video { vec![0, 0, 0, 2, if which == 0 { 0x65 } else { 0x41 }, choices.byte()] } else { vec![0x21, choices.byte()] };
            let cts = if is_video && packet_type == 1 { i32::from(choices.byte() as i8) } else { 0 };
            let head = if is_video && packet_type == 1 { cts.to_be_bytes()[1..].to_vec() } else { Vec::new() };
            let coded = Expected::Coded { track, cts_ms: cts, extra_nanos: nanos, data: data.clone() };
            ([head, data].concat(), Some(if known.is_some() { coded } else { Expected::Error }))
        }
    };
    if is_repeated {
        return (payload, None);
    }
    match packet_type {
        0 if which < 2 => drop(begun.insert(track, which)),
        2 => drop(begun.remove(&track)),
        _ => {}
    }
    (payload, result)
}
