//! Behaviour of the segmenter as its viewers see it.

use bytes::Bytes;

use crate::media::codec::{AvcConfig, VideoShape};
use crate::media::{Codec, Timescale, Track, TrackId};

pub(crate) fn video_track() -> Track {
    let record = Bytes::from_static(b"\x01\x64\x00\x1f\xff\xe1\x00\x04\x67\x64\x00\x1f\x01\x00\x02\x68\xce");
    let shape = VideoShape { width: 1280, height: 720, frame_rate: Some(30.0) };
    let codec = Codec::Avc(AvcConfig { record, length_size: 4, shape });
    Track { id: TrackId::VIDEO, timescale: Timescale::VIDEO, codec, language: None, name: None, frame_rate: Some(30.0) }
}
