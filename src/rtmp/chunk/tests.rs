use bytes::{BufMut, BytesMut};
use proptest::prelude::*;

use super::*;

fn message(csid: u32, timestamp: u32, type_id: u8, payload: impl Into<Bytes>) -> Message {
    Message { csid, timestamp, type_id, msid: 1, payload: payload.into() }
}

fn reader() -> Reader {
    Reader::new(Options::default())
}

fn read_all(reader: &mut Reader, bytes: &[u8]) -> Result<Vec<Message>, Error> {
    let mut input = BytesMut::from(bytes);
    let mut messages = Vec::new();
    while let Some(message) = reader.read(&mut input)? {
        messages.push(message);
    }
    Ok(messages)
}

/// A type-0 header on a short chunk stream id.
fn full(csid: u8, timestamp: u32, length: u32, type_id: u8) -> Vec<u8> {
    let mut out = vec![csid];
    out.put_uint(u64::from(timestamp.min(EXTENDED)), 3);
    out.put_uint(u64::from(length), 3);
    out.put_u8(type_id);
    out.put_u32_le(1);
    if timestamp >= EXTENDED {
        out.put_u32(timestamp);
    }
    out
}

fn set_chunk_size(size: u32) -> Vec<u8> {
    let mut out = full(2, 0, 4, SET_CHUNK_SIZE);
    out.put_u32(size);
    out
}

#[test]
fn golden_headers_both_ways() {
    let mut writer = Writer::default();
    let table: &[(Message, &[u8])] = &[
        (message(4, 1000, 8, &b"ab"[..]), &[0x04, 0, 3, 0xE8, 0, 0, 2, 8, 1, 0, 0, 0, b'a', b'b']),
        (message(4, 1020, 8, &b"cd"[..]), &[0x84, 0, 0, 20, b'c', b'd']),
        (message(4, 1040, 8, &b"ef"[..]), &[0xC4, b'e', b'f']),
        (message(4, 1060, 9, &b"g"[..]), &[0x44, 0, 0, 20, 0, 0, 1, 9, b'g']),
        (message(4, 1059, 9, &b"h"[..]), &[0x04, 0, 4, 0x23, 0, 0, 1, 9, 1, 0, 0, 0, b'h']),
        (message(64, 0, 9, &b"i"[..]), &[0x00, 0, 0, 0, 0, 0, 0, 1, 9, 1, 0, 0, 0, b'i']),
        (message(320, 0, 9, &b"j"[..]), &[0x01, 0, 1, 0, 0, 0, 0, 0, 1, 9, 1, 0, 0, 0, b'j']),
        (message(5, 0x0100_0000, 9, &b"k"[..]), &[0x05, 0xFF, 0xFF, 0xFF, 0, 0, 1, 9, 1, 0, 0, 0, 0x01, 0, 0, 0, b'k']),
    ];
    let mut reader = reader();
    for (message, bytes) in table {
        let mut out = BytesMut::new();
        writer.write(message, &mut out);
        assert_eq!(&out[..], *bytes, "{message:?}");
        assert_eq!(read_all(&mut reader, bytes).as_deref(), Ok(std::slice::from_ref(message)));
    }
}

#[test]
fn ids_in_a_longer_form_than_needed_are_the_same_chunk_stream() {
    let mut bytes = full(0, 5, 1, 8);
    bytes.insert(1, 6); // The two-byte form of 70.
    bytes.push(b'x');
    bytes.extend_from_slice(&[0xC1, 6, 0, b'y']); // The three-byte form of 70.
    let messages = read_all(&mut reader(), &bytes).expect("is legal");
    assert_eq!(messages.iter().map(|message| message.csid).collect::<Vec<_>>(), [70, 70]);
}

#[test]
fn messages_on_two_chunk_streams_interleave() {
    let bytes = [
        full(4, 10, 200, 8),
        vec![1; 128],
        full(6, 20, 300, 9),
        vec![2; 128],
        vec![0xC4],
        vec![1; 72],
        vec![0xC6],
        vec![2; 128],
        vec![0xC6],
        vec![2; 44],
    ]
    .concat();
    assert_eq!(read_all(&mut reader(), &bytes), Ok(vec![message(4, 10, 8, vec![1; 200]), message(6, 20, 9, vec![2; 300])]));
}

#[test]
fn a_new_chunk_size_also_counts_for_what_is_half_sent() {
    let bytes = [full(4, 0, 500, 8), vec![1; 128], set_chunk_size(1000), vec![0xC4], vec![1; 372]].concat();
    assert_eq!(read_all(&mut reader(), &bytes), Ok(vec![message(4, 0, 8, vec![1; 500])]));
}

#[test]
fn the_extended_timestamp_may_be_repeated_on_type_3_or_not() {
    let time = 0x0102_0304_u32;
    for repeated in [&time.to_be_bytes()[..], &[]] {
        let bytes = [full(4, time, 200, 9), vec![7; 128], vec![0xC4], repeated.to_vec(), vec![7; 72]].concat();
        assert_eq!(read_all(&mut reader(), &bytes), Ok(vec![message(4, time, 9, vec![7; 200])]), "repeated {repeated:?}");
    }
}

#[test]
fn two_bytes_left_without_a_repeated_timestamp_are_not_waited_behind() {
    let bytes = [full(4, 0x0102_0304, 130, 9), vec![7; 128], vec![0xC4, 7, 7]].concat();
    assert_eq!(read_all(&mut reader(), &bytes).map(|messages| messages.len()), Ok(1));
}

#[test]
fn an_extended_delta_is_a_delta() {
    let mut bytes = full(4, 1000, 1, 9);
    bytes.extend_from_slice(&[b'a', 0x84, 0xFF, 0xFF, 0xFF]);
    bytes.put_u32(u32::MAX - 4); // Five milliseconds back, as librtmp writes it.
    bytes.push(b'b');
    let messages = read_all(&mut reader(), &bytes).expect("is legal");
    assert_eq!(messages[1].timestamp, 995);
}

#[test]
fn type_3_repeats_the_last_delta() {
    let bytes = [full(4, 1000, 1, 8), vec![b'a', 0x84, 0, 0, 23, b'b', 0xC4, b'c', 0xC4, b'd']].concat();
    let times: Vec<u32> = read_all(&mut reader(), &bytes).expect("is legal").iter().map(|message| message.timestamp).collect();
    assert_eq!(times, [1000, 1023, 1046, 1069]);
}

#[test]
fn type_3_after_an_absolute_time_adds_it_when_short_and_repeats_it_when_long() {
    let short = [full(4, 40, 1, 8), vec![b'a', 0xC4, b'b']].concat();
    let mut reader = reader();
    assert_eq!(read_all(&mut reader, &short).expect("is legal")[1].timestamp, 80);
    assert_eq!(reader.repeated_absolutes(), 0);
    let long = [full(4, 60_000, 1, 8), vec![b'a', 0xC4, b'b', 0xC4, b'c']].concat();
    let times: Vec<u32> = read_all(&mut reader, &long).expect("is legal").iter().map(|message| message.timestamp).collect();
    assert_eq!(times, [60_000; 3]);
    assert_eq!(reader.repeated_absolutes(), 1);
}

#[test]
fn a_chunk_stream_may_begin_with_type_1_or_2() {
    let messages = read_all(&mut reader(), &[0x42, 0, 0, 9, 0, 0, 1, 4, b'x', 0x83, 0, 0, 5]).expect("is legal");
    assert_eq!(messages[0], Message { csid: 2, timestamp: 9, type_id: 4, msid: 0, payload: Bytes::from_static(b"x") });
    assert_eq!((messages[1].timestamp, messages[1].payload.len()), (5, 0));
}

#[test]
fn type_3_without_a_predecessor_is_refused() {
    let bytes = [full(4, 0, 1, 8), vec![b'x', 0xC5]].concat();
    assert_eq!(read_all(&mut reader(), &bytes), Err(Error::NoPredecessor { position: 13, csid: 5 }));
}

#[test]
fn a_new_header_inside_a_message_is_refused() {
    for fmt in 0..3 {
        let mut bytes = [full(4, 0, 200, 8), vec![1; 128], full(4, 0, 10, 8)].concat();
        bytes[140] |= fmt << 6;
        assert_eq!(read_all(&mut reader(), &bytes), Err(Error::Unfinished { position: 140, csid: 4, fmt, missing: 72 }));
    }
}

#[test]
fn a_message_of_16_mib_is_refused_by_its_header() {
    let error = read_all(&mut reader(), &full(4, 0, 0xFF_FFFF, 9)).expect_err("must be refused");
    assert_eq!(error, Error::MessageTooLong { position: 0, csid: 4, length: 0xFF_FFFF, limit: 8 << 20 });
    assert_eq!(error.to_string(), "chunk at byte 0: message of 16777215 bytes announced on chunk stream 4, limit 8388608");
}

#[test]
fn an_announced_length_reserves_nothing() {
    let mut reader = reader();
    assert_eq!(read_all(&mut reader, &[full(4, 0, 8 << 20, 9), vec![1; 128], vec![0xC4], vec![1; 72]].concat()), Ok(vec![]));
    assert!(reader.reserved() <= 256, "twice the first chunk at most: {}", reader.reserved());
    assert_eq!(reader.unfinished(), 200);
}

#[test]
fn half_messages_are_bounded_in_total() {
    let mut reader = Reader::new(Options { max_partial: 1000, ..Options::default() });
    let mut bytes = Vec::new();
    for csid in 3..20 {
        bytes.extend([full(csid, 0, 1 << 20, 9), vec![1; 128]].concat());
    }
    let error = read_all(&mut reader, &bytes).expect_err("must be refused");
    assert!(matches!(error, Error::TooMuchUnfinished { limit: 1000, .. }), "{error}");
}

#[test]
fn a_sixty_fifth_chunk_stream_is_refused() {
    let mut bytes = Vec::new();
    for id in 0..65 {
        let mut header = full(0, 0, 0, 9);
        header.insert(1, id);
        bytes.extend(header);
    }
    assert_eq!(read_all(&mut reader(), &bytes), Err(Error::TooManyChunkStreams { position: 64 * 13, csid: 128, limit: 64 }));
}

#[test]
fn chunk_size_zero_and_beyond_31_bits_are_refused_and_odd_ones_are_not() {
    for size in [0, 0x8000_0000, u32::MAX] {
        assert_eq!(read_all(&mut reader(), &set_chunk_size(size)), Err(Error::ChunkSize { position: 16, size }));
    }
    for size in [1, 127, 0xFF_FFFF, 0x7FFF_FFFF] {
        assert_eq!(read_all(&mut reader(), &set_chunk_size(size)), Ok(vec![]));
    }
    let short = [full(2, 0, 3, SET_CHUNK_SIZE), vec![0; 3]].concat();
    assert_eq!(read_all(&mut reader(), &short), Err(Error::ControlTooShort { position: 15, type_id: 1, length: 3 }));
}

#[test]
fn abort_drops_the_half_message_and_nothing_else() {
    let abort = |csid: u32| [full(2, 0, 4, ABORT), csid.to_be_bytes().to_vec()].concat();
    let bytes = [
        full(4, 10, 200, 8),
        vec![1; 128],
        full(6, 10, 130, 9),
        vec![2; 128],
        abort(4),
        abort(4),
        abort(99),
        vec![0xC6, 2, 2],
        full(4, 20, 1, 8),
        vec![3],
    ]
    .concat();
    let mut reader = reader();
    assert_eq!(read_all(&mut reader, &bytes), Ok(vec![message(6, 10, 9, vec![2; 130]), message(4, 20, 8, vec![3])]));
    assert_eq!(reader.unfinished(), 0);
}

#[test]
fn a_long_message_in_one_piece_is_not_copied() {
    let mut input = BytesMut::from(&[set_chunk_size(65_536), full(4, 0, 20_000, 9), vec![1; 20_000]].concat()[..]);
    let inside = input.as_ptr_range();
    let message = reader().read(&mut input).expect("is legal").expect("is whole");
    assert!(inside.contains(&message.payload.as_ptr()));
}

#[test]
fn a_short_message_does_not_hold_the_read_buffer() {
    let mut input = BytesMut::from(&[set_chunk_size(65_536), full(4, 0, 16_384, 8), vec![1; 16_384]].concat()[..]);
    let inside = input.as_ptr_range();
    let message = reader().read(&mut input).expect("is legal").expect("is whole");
    assert!(!inside.contains(&message.payload.as_ptr()));
}

fn any_time() -> impl Strategy<Value = u32> {
    prop_oneof![0..5000_u32, 0xFF_FF00..0x100_0100_u32, any::<u32>()]
}

fn any_message() -> impl Strategy<Value = Message> {
    let csid = prop_oneof![3..8_u32, 60..70_u32, 318..322_u32, Just(65_599)];
    (csid, any_time(), 8..10_u8, 0..2_u32, prop_oneof![0..10_usize, 100..700_usize]).prop_map(|(csid, timestamp, type_id, msid, length)| {
        // The payload can hold no run of bytes that reads as an extended timestamp by chance.
        Message { csid, timestamp, type_id, msid, payload: vec![0x5A; length].into() }
    })
}

fn feed(reader: &mut Reader, bytes: &[u8], cuts: &[usize]) -> Result<Vec<Message>, Error> {
    let (mut input, mut messages, mut rest, mut at) = (BytesMut::new(), Vec::new(), bytes, 0);
    while !rest.is_empty() {
        let (part, tail) = rest.split_at(cuts[at % cuts.len()].min(rest.len()));
        (rest, at) = (tail, at + 1);
        input.put_slice(part);
        while let Some(message) = reader.read(&mut input)? {
            messages.push(message);
        }
    }
    assert!(input.len() < 18, "only a header can be left behind");
    Ok(messages)
}

proptest! {
    #[test]
    fn what_is_written_reads_back_at_any_chunk_size_and_split(
        messages in prop::collection::vec(any_message(), 1..20),
        size in prop_oneof![1..300_u32, Just(65_536)],
        cuts in prop::collection::vec(1..400_usize, 1..8),
        independent in any::<bool>(),
    ) {
        let mut out = BytesMut::from(&set_chunk_size(size)[..]);
        let mut writer = Writer::default();
        writer.set_chunk_size(size);
        for message in &messages {
            if independent { write_independent(message, size, &mut out) } else { writer.write(message, &mut out) }
        }
        prop_assert_eq!(feed(&mut reader(), &out, &cuts), Ok(messages));
    }

    /// Each chunk stream's chunks in order, the chunk streams among each other in any order.
    #[test]
    fn any_interleaving_reads_back(
        lengths in prop::collection::vec((0..600_usize, any_time()), 2..6),
        order in prop::collection::vec(any::<prop::sample::Index>(), 64),
        cuts in prop::collection::vec(1..400_usize, 1..8),
    ) {
        let mut chunks: Vec<Vec<Vec<u8>>> = Vec::new();
        let mut expected = Vec::new();
        for (at, &(length, time)) in lengths.iter().enumerate() {
            let message = message(3 + at as u32, time, 9, vec![0x5A; length]);
            let mut out = BytesMut::new();
            write_independent(&message, 128, &mut out);
            let extended = if time >= EXTENDED { 4 } else { 0 };
            let first = (12 + extended + length.min(128)).min(out.len());
            let mut parts = vec![out[..first].to_vec()];
            parts.extend(out[first..].chunks(129 + extended).map(<[u8]>::to_vec));
            parts.reverse();
            chunks.push(parts);
            expected.push(message);
        }
        let mut wire = Vec::new();
        let mut order = order.iter().cycle();
        while !chunks.iter().all(Vec::is_empty) {
            let open: Vec<usize> = (0..chunks.len()).filter(|&at| !chunks[at].is_empty()).collect();
            let at = open[order.next().expect("cycles").index(open.len())];
            wire.extend(chunks[at].pop().expect("is open"));
        }
        let mut messages = feed(&mut reader(), &wire, &cuts).expect("is legal");
        messages.sort_by_key(|message| message.csid);
        prop_assert_eq!(messages, expected);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..2000), cuts in prop::collection::vec(1..400_usize, 1..8)) {
        let mut reader = reader();
        let result = feed(&mut reader, &bytes, &cuts);
        prop_assert!(reader.position() <= bytes.len() as u64);
        prop_assert!(reader.unfinished() <= bytes.len(), "{:?}", result);
    }
}
