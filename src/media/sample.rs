//! The canonical sample: what travels on the bus.

use bytes::Bytes;

use super::time::Timestamp;
use super::track::TrackId;

/// One access unit of one track, coded as the bus carries it:
///
/// - H.264, HEVC, VVC: NAL units, each behind its length as 4 big-endian bytes; no start codes, no AUD;
/// - AV1: one temporal unit of low-overhead OBUs with sizes, without temporal delimiters; sync samples begin with their sequence header;
/// - VP8, VP9: one frame as it came, or a superframe;
/// - AAC: one raw access unit without ADTS; MP3, AC-3 and the like: whole frames;
/// - data track: one [`Script`], as AMF0 bytes (name, then values).
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Which track it belongs to.
    pub track: TrackId,
    /// When it is decoded, on the stream's repaired timeline, in ticks of the track's timescale. Strictly increasing within a track.
    pub dts: Timestamp,
    /// Composition time: presentation time less decoding time, in ticks of the track's timescale, exactly as sent. A script message that is
    /// sent ahead of the moment that it is about is presented at that moment.
    pub cts: i32,
    /// Whether decoding can start here. Always true for audio and data.
    pub is_sync: bool,
    /// The coded bytes, shared with every consumer.
    pub data: Bytes,
}

impl Sample {
    /// When it is presented.
    pub fn pts(&self) -> Timestamp {
        self.dts.plus_ticks(i64::from(self.cts))
    }
}

/// A script message that travels with the media: `onCuePoint`, `onTextData`, changed `onMetaData` and the like.
///
/// On the bus its sample data is the AMF0 body of an FLV script tag: the name as a string, then the values.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// The message's name, such as `onCuePoint`.
    pub name: String,
    /// The AMF0 values behind the name, as sent.
    pub values: Bytes,
}
