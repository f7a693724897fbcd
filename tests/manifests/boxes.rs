//! Reads fragments back from their boxes.

use sluicegate::fmp4::boxes::{BoxRef, walk};
use sluicegate::segment::body::Body;

/// A sample as a player finds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub decode_time: i64,
    pub duration: i64,
    pub offset: i64,
    pub is_sync: bool,
    pub data: Vec<u8>,
}

/// The bytes of a file that is in memory, laid end to end.
pub fn file(body: &Body) -> Vec<u8> {
    body.in_memory().expect("it is in memory").as_slice().concat()
}

/// The samples of a segment or part, in the order of its fragments; panics where the boxes are not as they should be.
pub fn samples(file: &[u8]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut run: Option<Vec<Found>> = None;
    let mut sizes = Vec::new();
    for (position, each) in walk(file).enumerate() {
        let each = each.unwrap();
        match &each.kind {
            b"styp" => assert_eq!(position, 0, "styp only at the beginning"),
            b"prft" | b"emsg" => assert!(run.is_none(), "what heads a part stands before its fragment"),
            b"moof" => {
                let (samples, lengths) = fragment(&each);
                run = Some(samples);
                sizes = lengths;
            }
            b"mdat" => {
                let mut body = each.body;
                for (mut sample, size) in run.take().unwrap().into_iter().zip(&sizes) {
                    let (data, rest) = body.split_at(*size);
                    sample.data = data.to_vec();
                    body = rest;
                    found.push(sample);
                }
                assert!(body.is_empty(), "mdat holds exactly its samples");
            }
            other => panic!("unexpected box {:?}", String::from_utf8_lossy(other)),
        }
    }
    found
}

/// A producer reference time as a player finds it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reference {
    pub flags: u32,
    pub unix_millis: i64,
    pub media_time: i64,
}

/// The producer reference times of a segment or part, each with the position of its box among the others.
pub fn references(file: &[u8]) -> Vec<(usize, Reference)> {
    let prfts = walk(file).map(Result::unwrap).enumerate().filter(|(_, each)| &each.kind == b"prft");
    prfts.map(|(position, prft)| (position, reference(prft.body))).collect()
}

fn reference(body: &[u8]) -> Reference {
    assert_eq!((body.len(), body[0], u32_at(body, 4)), (24, 1, 1), "version 1, of the only track");
    let (seconds, fraction) = (i64::from(u32_at(body, 8)) - 2_208_988_800, i64::from(u32_at(body, 12)));
    let unix_millis = seconds * 1_000 + ((fraction * 1_000 + (1 << 31)) >> 32);
    let media_time = i64::try_from(u64::from_be_bytes(body[16..24].try_into().unwrap())).unwrap();
    Reference { flags: u32_at(body, 0) & 0x00ff_ffff, unix_millis, media_time }
}

/// An event message as a player finds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub scheme: String,
    pub value: String,
    pub timescale: u32,
    pub at: u64,
    pub duration: u32,
    pub id: u32,
    pub data: Vec<u8>,
}

/// The event messages of a segment or part.
pub fn events(file: &[u8]) -> Vec<Event> {
    let emsgs = walk(file).map(Result::unwrap).filter(|each| &each.kind == b"emsg");
    emsgs.map(|emsg| event(emsg.body)).collect()
}

fn event(body: &[u8]) -> Event {
    assert_eq!(u32_at(body, 0), 1 << 24, "version 1");
    let mut texts = body[24..].splitn(3, |byte| *byte == 0).map(<[u8]>::to_vec);
    let mut text = || String::from_utf8(texts.next().unwrap()).unwrap();
    let (scheme, value) = (text(), text());
    let (timescale, at) = (u32_at(body, 4), u64::from_be_bytes(body[8..16].try_into().unwrap()));
    Event { scheme, value, timescale, at, duration: u32_at(body, 16), id: u32_at(body, 20), data: texts.next().unwrap() }
}

fn child<'a>(parent: &BoxRef<'a>, kind: &[u8; 4]) -> BoxRef<'a> {
    parent.children(0).map(Result::unwrap).find(|each| &each.kind == kind).unwrap()
}

fn u32_at(body: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(body[at..at + 4].try_into().unwrap())
}

fn fragment(moof: &BoxRef<'_>) -> (Vec<Found>, Vec<usize>) {
    let traf = child(moof, b"traf");
    let (tfhd, tfdt, trun) = (child(&traf, b"tfhd").body, child(&traf, b"tfdt").body, child(&traf, b"trun").body);
    let flags = u32_at(tfhd, 0);
    let mut at = 8;
    let mut next = |flag: u32| {
        (flags & flag != 0).then(|| {
            at += 4;
            u32_at(tfhd, at - 4)
        })
    };
    let (default_duration, default_flags) = (next(0x08), next(0x20));
    let mut decode_time = i64::try_from(u64::from_be_bytes(tfdt[4..12].try_into().unwrap())).unwrap();

    let (flags, count) = (u32_at(trun, 0), u32_at(trun, 4) as usize);
    let mut at = 12;
    let mut take = |present: bool| {
        present.then(|| {
            at += 4;
            u32_at(trun, at - 4)
        })
    };
    let first_flags = take(flags & 0x4 != 0);
    let mut found = Vec::new();
    let mut sizes = Vec::new();
    for n in 0..count {
        let duration = i64::from(take(flags & 0x100 != 0).or(default_duration).unwrap());
        sizes.push(take(flags & 0x200 != 0).unwrap() as usize);
        let own = take(flags & 0x400 != 0);
        let sample_flags = own.or(first_flags.filter(|_| n == 0)).or(default_flags).unwrap();
        let offset = take(flags & 0x800 != 0).map_or(0, |offset| i64::from(offset as i32));
        found.push(Found { decode_time, duration, offset, is_sync: sample_flags & 0x0001_0000 == 0, data: Vec::new() });
        decode_time += duration;
    }
    (found, sizes)
}
