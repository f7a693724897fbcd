//! One track on its way out: its configuration and its samples as bodies.

use std::sync::Arc;

use bytes::Bytes;

use super::audio::{AAC, MP3, MP3_8_KHZ};
use super::body::MOD_EX;
use super::dialect::{Dialect, FlvVariant, Naming};
use super::mux::{Head, MAX_HEAD, MessageBody, WireTime};
use super::tag::{MAX_BODY, TagKind};
use super::{audio, channels, color_info, video};
use crate::media::{AudioShape, Codec, Kind, Sample, Track};

/// A track in the place and under the name that it has on the wire.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    pub track: Arc<Track>,
    pub place: Place,
    pub naming: Naming,
    dialect: Dialect,
    exact: bool,
}

/// Which track of its kind it is on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// The one that bodies without a track number are for.
    Default,
    /// One that multitrack bodies name.
    Further(u8),
}

/// Packet types that audio and video share (Enhanced RTMP v2).
const SEQUENCE_START: u8 = 0;
const CODED_FRAMES: u8 = 1;
/// HDR metadata, of video alone.
const METADATA: u8 = 4;
/// The order of channels, of audio alone.
const MULTICHANNEL_CONFIG: u8 = 4;
/// Channels whose order goes without saying.
const STEREO: u8 = 2;

/// Frame types of the video header.
const KEY: u8 = 1;
const INTER: u8 = 2;
const COMMAND: u8 = 5;

/// 44 kHz, 16 bits, stereo: for AAC the standard fixes these, whatever the configuration says (§E.4.2.1).
const AAC_HEADER: u8 = AAC << 4 | 0x0F;

impl Lane {
    /// The lane of a track; none for script data.
    pub(super) fn new(variant: &FlvVariant, track: &Arc<Track>, place: Place) -> Option<Self> {
        let naming = variant.naming(&track.codec, place == Place::Default)?;
        Some(Self { track: Arc::clone(track), place, naming, dialect: variant.dialect, exact: variant.is_exact() })
    }

    /// The track's configuration; none for codecs that have none.
    pub(super) fn config(&self) -> Option<MessageBody> {
        let record = match &self.track.codec {
            Codec::Avc(config) => config.record.clone(),
            Codec::Hevc(config) => config.record.clone(),
            Codec::Av1(config) => config.record.clone(),
            // FFmpeg and MediaMTX write and expect the whole body of the box.
            Codec::Vp8(config) | Codec::Vp9(config) => config.full_box(),
            Codec::Vvc(config) => config.record.clone(),
            Codec::Aac(config) => config.record.clone(),
            Codec::Opus(config) => config.record.clone(),
            // mpegts.js passes over four bytes, the header of the block; FFmpeg takes the block alone.
            Codec::Flac(config) if self.dialect == Dialect::Players => config.metadata_block(),
            Codec::Flac(config) => config.record.clone(),
            Codec::Mp3(_) | Codec::Ac3(_) | Codec::Eac3(_) | Codec::Script => return None,
        };
        let head = match self.naming {
            Naming::LegacyPicture(codec_id) => Head::new(&[KEY << 4 | codec_id, SEQUENCE_START, 0, 0, 0]),
            Naming::LegacyAac => Head::new(&[AAC_HEADER, SEQUENCE_START]),
            Naming::LegacyMp3 => return None,
            Naming::FourCc(four_cc) => self.enhanced(KEY, SEQUENCE_START, four_cc, 0),
        };
        Some(self.body(head, record))
    }

    /// What the track's HDR is, for dialects whose readers know how to read it.
    pub(super) fn color_info(&self) -> Option<MessageBody> {
        let Naming::FourCc(four_cc) = self.naming else { return None };
        if self.dialect == Dialect::Players || !self.is_video() {
            return None;
        }
        let frame_type = match self.place {
            // FFmpeg's reader takes it for a picture under any other frame type.
            Place::Default => COMMAND,
            // In a multitrack body that frame type would be a seek command.
            Place::Further(_) => 0,
        };
        let body = color_info::body(&self.track)?;
        Some(self.body(self.enhanced(frame_type, METADATA, four_cc, 0), body))
    }

    /// Which speakers the track's channels are for, where that was told and does not go without saying. Never beside a legacy header, for
    /// some readers would take it for another track.
    pub(super) fn channels(&self) -> Option<MessageBody> {
        let (Naming::FourCc(four_cc), Dialect::Enhanced) = (self.naming, self.dialect) else { return None };
        let layout = self.track.channels.as_ref().filter(|layout| !self.is_video() && layout.count > STEREO)?;
        Some(self.body(self.enhanced(KEY, MULTICHANNEL_CONFIG, four_cc, 0), channels::body(layout)))
    }

    /// A sample's body; none where it is longer than a tag can be.
    pub(super) fn sample(&self, sample: &Sample) -> Option<MessageBody> {
        if sample.data.len() > MAX_BODY - MAX_HEAD {
            return None;
        }
        let frame_type = if sample.is_sync { KEY } else { INTER };
        let time = if self.exact { WireTime::exact(sample) } else { WireTime::of(sample) };
        let [_, cts @ ..] = time.cts_ms.to_be_bytes();
        let mut head = match self.naming {
            Naming::LegacyPicture(codec_id) => Head::new(&[frame_type << 4 | codec_id, CODED_FRAMES]),
            Naming::LegacyAac => Head::new(&[AAC_HEADER, CODED_FRAMES]),
            Naming::LegacyMp3 => Head::new(&[mp3_header(self.track.codec.audio())]),
            Naming::FourCc(four_cc) => self.enhanced(frame_type, CODED_FRAMES, four_cc, time.extra_nanos),
        };
        let has_composition_time = match self.naming {
            Naming::LegacyPicture(_) => true,
            Naming::LegacyAac | Naming::LegacyMp3 => false,
            Naming::FourCc(four_cc) => video::has_composition_time(four_cc),
        };
        if has_composition_time {
            head.put(&cts);
        }
        Some(self.body(head, sample.data.clone()))
    }

    fn is_video(&self) -> bool {
        self.track.id.kind == Kind::Video
    }

    fn body(&self, head: Head, data: Bytes) -> MessageBody {
        MessageBody::new(if self.is_video() { TagKind::Video } else { TagKind::Audio }, head, data)
    }

    /// The Enhanced header: first byte, where needed the ModEx block and the multitrack layout, and the FourCC.
    fn enhanced(&self, frame_type: u8, packet_type: u8, four_cc: [u8; 4], extra_nanos: u32) -> Head {
        let (first, multitrack) =
            if self.is_video() { (0x80 | frame_type << 4, video::MULTITRACK) } else { (audio::ENHANCED << 4, audio::MULTITRACK) };
        let outer = match self.place {
            Place::Default => packet_type,
            Place::Further(_) => multitrack,
        };
        let mut head = Head::default();
        if extra_nanos == 0 {
            head.put(&[first | outer]);
        } else {
            let [_, nanos @ ..] = extra_nanos.to_be_bytes();
            // Its size less one, the three bytes, and TimestampOffsetNano (0) beside the packet type that follows.
            head.put(&[first | MOD_EX, 2]);
            head.put(&nanos);
            head.put(&[outer]);
        }
        match self.place {
            Place::Default => head.put(&four_cc),
            Place::Further(index) => {
                // OneTrack (0) beside the packet type inside.
                head.put(&[packet_type]);
                head.put(&four_cc);
                head.put(&[index]);
            }
        }
        head
    }
}

/// The nearest that the header can tell; players read the frame's own header. Rates of 48 kHz and its parts take those of 44.1 kHz.
fn mp3_header(shape: Option<AudioShape>) -> u8 {
    let (format, rate) = match shape.map_or(0, |shape| shape.sample_rate) {
        8_000 => (MP3_8_KHZ, 0),
        11_025 | 12_000 => (MP3, 1),
        16_000 | 22_050 | 24_000 => (MP3, 2),
        _ => (MP3, 3),
    };
    format << 4 | rate << 2 | 1 << 1 | u8::from(shape.is_none_or(|shape| shape.channels > 1))
}
