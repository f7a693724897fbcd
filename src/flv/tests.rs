use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::reader::Event;
use super::*;
use crate::media::{Codec, Epoch, Metadata, Program, Sample, Selection, Timescale, Timestamp, Track, TrackId, TrackSet};

mod color;
mod dialects;
mod enhanced;
mod goldens;
mod hostile;
mod pictures;
mod round_trip;

/// Everything that one body gives.
fn demuxed(demuxer: &mut Demuxer, kind: TagKind, timestamp_ms: u32, body: &[u8]) -> Vec<Result<Item, DemuxError>> {
    demuxer.push(kind, timestamp_ms, &Bytes::copy_from_slice(body));
    std::iter::from_fn(|| demuxer.poll()).collect()
}

/// The items that one good body gives.
fn items(demuxer: &mut Demuxer, kind: TagKind, timestamp_ms: u32, body: &[u8]) -> Vec<Item> {
    demuxed(demuxer, kind, timestamp_ms, body).into_iter().collect::<Result<_, _>>().unwrap()
}

/// A demuxer that has its H.264 and AAC configurations.
fn configured() -> Demuxer {
    let mut demuxer = Demuxer::new();
    assert_eq!(items(&mut demuxer, TagKind::Video, 0, &[&[0x17, 0, 0, 0, 0], goldens::avcc()].concat()).len(), 1);
    assert_eq!(items(&mut demuxer, TagKind::Audio, 0, &[0xAF, 0, 0x11, 0x90]).len(), 1);
    demuxer
}

fn coded(track: TrackId, dts_ms: u32, cts_ms: i32, is_sync: bool, data: &'static [u8]) -> Item {
    Item::Coded { track, dts_ms, cts_ms, extra_nanos: 0, is_sync, data: Bytes::from_static(data) }
}

fn track(id: TrackId, timescale: u32, codec: Codec) -> Track {
    let timescale = Timescale::new(timescale).unwrap();
    Track { timescale, ..Track::new(id, codec) }
}

/// A muxer of these tracks.
fn muxer(variant: FlvVariant, tracks: impl IntoIterator<Item = Track>) -> Muxer {
    let program = Program { epoch: Epoch(1), tracks: TrackSet::new(tracks), metadata: Metadata::default() };
    Muxer::new(variant, Arc::new(program))
}

/// The configuration of a track as players get it.
fn configuration(track: &Track) -> Option<MessageBody> {
    muxer(FlvVariant::default(), [track.clone()]).preamble().into_iter().nth(1)
}

/// A sample of a track as players get it.
fn frame(track: &Track, sample: &Sample) -> Option<MessageBody> {
    muxer(FlvVariant::default(), [track.clone()]).sample(sample)
}

const ENHANCED: FlvVariant = FlvVariant { selection: Selection::ALL, dialect: Dialect::Enhanced, hevc: HevcForm::Enhanced, nanos: false };
