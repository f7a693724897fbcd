//! Any bytes are FLV or an error inside them; whatever frames come out are in their canonical form and can be muxed and demuxed again.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use sluicegate::flv::reader::Event;
use sluicegate::flv::{Demuxer, Dialect, FlvVariant, Item, Muxer, Reader, TagKind};
use sluicegate::media::{Codec, Epoch, Hdr, Kind, Metadata, Program, Sample, Selection, Timescale, Timestamp, Track, TrackId, TrackSet};

pub fn run(data: &[u8]) {
    // The first byte chooses how the rest arrives: in pieces of that size, or as the body of one message.
    let Some((&choice, data)) = data.split_first() else { return };
    let mut demuxer = Demuxer::new().with_vvc(true);
    let mut codecs = Vec::new();
    if let Some(kind) = TagKind::from_type_id(choice) {
        demuxer.push(kind, 0, &Bytes::copy_from_slice(data));
        return check(&mut demuxer, &mut codecs);
    }
    let mut reader = Reader::default();
    for piece in data.chunks(usize::from(choice).max(1)) {
        reader.push(piece);
        while let Ok(Some(event)) = reader.poll() {
            if let Event::Tag { kind, timestamp_ms, body } = event {
                demuxer.push(kind, timestamp_ms, &body);
                check(&mut demuxer, &mut codecs);
            }
        }
    }
}

/// Every frame, muxed behind its configuration, comes back as it was.
fn check(demuxer: &mut Demuxer, codecs: &mut Vec<Codec>) {
    while let Some(item) = demuxer.poll() {
        match item {
            Ok(Item::Config { track, codec }) if track.index == 0 => {
                codecs.retain(|known| known.kind() != track.kind);
                codecs.push(codec);
            }
            Ok(Item::Coded { track, dts_ms, cts_ms, is_sync, data, .. }) if track.index == 0 => {
                let dts = Timestamp::from_millis(i64::from(dts_ms & 0x7FFF_FFFF));
                let sample = Sample { track, dts, cts: cts_ms, is_sync, data };
                let codec = codecs.iter().find(|codec| codec.kind() == track.kind).expect("a configuration goes before every frame");
                again(codec, &sample);
            }
            _ => {}
        }
    }
}

fn again(codec: &Codec, sample: &Sample) {
    if matches!(codec, Codec::Av1(_) | Codec::Vp8(_) | Codec::Vp9(_)) && !sample.is_sync {
        return; // These are told by their key frames, and nothing can be read before one.
    }
    let enhanced = FlvVariant { selection: Selection::ALL, dialect: Dialect::Enhanced, ..FlvVariant::default() };
    for (variant, index) in [(FlvVariant::default(), 0), (enhanced, 0), (enhanced, 3)] {
        let id = TrackId { index, ..sample.track };
        if codec.kind() != Kind::Data && variant.dialect.carries(codec) {
            again_as(variant, codec, &Sample { track: id, ..sample.clone() });
        }
    }
}

fn again_as(variant: FlvVariant, codec: &Codec, sample: &Sample) {
    let track = Track { timescale: Timescale::MILLIS, ..Track::new(sample.track, codec.clone()) };
    let program = Program { epoch: Epoch(1), tracks: TrackSet::new([track]), metadata: Metadata::default() };
    let muxer = Muxer::new(variant, Arc::new(program));
    let mut second = Demuxer::new().with_vvc(true);
    for body in muxer.preamble().into_iter().chain(muxer.sample(sample)) {
        let mut bytes = BytesMut::new();
        body.write(&mut bytes);
        second.push(body.kind, 0, &bytes.freeze());
    }
    assert!(matches!(second.poll(), Some(Ok(Item::Metadata { .. }))));
    // What a configuration or a frame tells beside itself (colours, light, captions) may stand before it.
    let mut poll =
        || std::iter::from_fn(|| second.poll()).find(|item| matches!(item, Ok(Item::Config { .. } | Item::Coded { .. }) | Err(_)));
    assert_eq!(poll(), Some(Ok(Item::Config { track: sample.track, codec: normalised(codec, &sample.data) })));
    match poll() {
        Some(Ok(Item::Coded { cts_ms, is_sync, data, .. })) => {
            assert_eq!((cts_ms, is_sync, data), (sample.cts, sample.is_sync, sample.data.clone()));
        }
        other => panic!("{other:?} in the place of {sample:?}"),
    }
}

/// The configuration as it is read back: what is muxed has 4-byte lengths and no messages in its record, and Opus packets are as long as the first one.
fn normalised(codec: &Codec, data: &[u8]) -> Codec {
    let mut codec = codec.clone();
    match &mut codec {
        Codec::Avc(config) => config.length_size = 4,
        Codec::Hevc(config) => (config.length_size, config.shape.hdr) = (4, Hdr::default()),
        Codec::Vvc(config) => config.length_size = 4,
        Codec::Opus(config) => *config = config.clone().with_packet(data),
        _ => {}
    }
    codec
}
