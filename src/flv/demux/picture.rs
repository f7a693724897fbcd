//! Video packets: which codec understands them, and what each keeps of its track.

use bytes::Bytes;

use super::super::body::CodecTag;
use super::super::color_info;
use super::super::video::{AVC, HEVC, VideoPacket, VideoPacketKind};
use super::{DemuxError, Demuxer, Item, State as Track, nal};
use crate::media::codec::sei::Messages;
use crate::media::codec::{AvcConfig, Codec, HevcConfig};
use crate::media::{Kind, TrackId};

/// The video codecs that are carried.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Avc,
    Hevc,
}

/// What is known of a video track.
#[derive(Debug)]
pub(super) enum State {
    Avc(nal::State<AvcConfig>),
    Hevc(nal::State<HevcConfig>),
}

/// What a frame turned out to hold.
pub(super) struct Found {
    /// The configuration in force from this frame on, where it is new.
    pub codec: Option<Codec>,
    /// Whether decoding can start here.
    pub is_sync: bool,
    /// The bytes of the sample; empty where there was no picture.
    pub data: Bytes,
    /// What its messages tell that is new.
    pub news: Messages,
}

impl Format {
    fn of(codec: CodecTag) -> Option<Self> {
        Some(match codec {
            CodecTag::Legacy(AVC) => Self::Avc,
            CodecTag::Legacy(HEVC) => Self::Hevc,
            CodecTag::Legacy(_) => return None,
            CodecTag::FourCc(four_cc) => match &four_cc {
                b"avc1" => Self::Avc,
                b"hvc1" => Self::Hevc,
                _ => return None,
            },
        })
    }
}

impl State {
    fn new(format: Format) -> Self {
        match format {
            Format::Avc => Self::Avc(nal::State::default()),
            Format::Hevc => Self::Hevc(nal::State::default()),
        }
    }

    fn format(&self) -> Format {
        match self {
            Self::Avc(_) => Format::Avc,
            Self::Hevc(_) => Format::Hevc,
        }
    }

    /// A configuration record; gives the codec where it is another than before.
    fn record(&mut self, track: TrackId, record: &[u8]) -> Result<Option<Codec>, DemuxError> {
        let result = match self {
            Self::Avc(state) => state.record(record),
            Self::Hevc(state) => state.record(record),
        };
        result.map_err(|source| DemuxError::Config { track, source })
    }

    fn frame(&mut self, track: TrackId, payload: &Bytes) -> Result<Found, DemuxError> {
        match self {
            Self::Avc(state) => state.frame(track, payload),
            Self::Hevc(state) => state.frame(track, payload),
        }
    }
}

impl Demuxer {
    pub(super) fn picture(&mut self, dts_ms: u32, packet: VideoPacket) {
        let track = TrackId { kind: Kind::Video, index: packet.index };
        let result = match (packet.kind, Format::of(packet.codec)) {
            (VideoPacketKind::Command, _) => return self.drops.packet += 1,
            (_, None) => return self.drops.codec += 1,
            (VideoPacketKind::Metadata, _) => self.color_info(track, &packet.payload),
            (VideoPacketKind::Unknown(_), _) => return self.drops.packet += 1,
            (VideoPacketKind::End, _) => return self.end(track),
            (VideoPacketKind::Coded { .. }, _) if packet.payload.is_empty() => return self.drops.empty += 1,
            (VideoPacketKind::Config, Some(format)) => self.picture_record(track, format, &packet.payload),
            (VideoPacketKind::Coded { cts_ms, extra_nanos }, Some(format)) => {
                self.picture_frame(track, format, dts_ms, (cts_ms, extra_nanos), &packet.payload)
            }
        };
        if let Err(error) = result {
            self.fail(error);
        }
    }

    fn color_info(&mut self, track: TrackId, payload: &[u8]) -> Result<(), DemuxError> {
        match color_info::parse(payload)? {
            Some((color, hdr)) => self.item(Item::Color { track, color, hdr }),
            None => self.drops.packet += 1,
        }
        Ok(())
    }

    fn picture_record(&mut self, track: TrackId, format: Format, record: &[u8]) -> Result<(), DemuxError> {
        let codec = self.with_state(track, format, |state| state.record(track, record))?;
        if let Some(codec) = codec {
            self.item(Item::Config { track, codec });
        }
        Ok(())
    }

    fn picture_frame(
        &mut self,
        track: TrackId,
        format: Format,
        dts_ms: u32,
        (cts_ms, extra_nanos): (i32, u32),
        payload: &Bytes,
    ) -> Result<(), DemuxError> {
        let Found { codec, is_sync, data, news } = self.with_state(track, format, |state| state.frame(track, payload))?;
        if let Some(codec) = codec {
            self.item(Item::Config { track, codec });
        }
        if !news.hdr.is_empty() {
            self.item(Item::Hdr { track, hdr: news.hdr });
        }
        if !news.captions.is_empty() {
            self.item(Item::Captions { track, captions: news.captions });
        }
        if data.is_empty() {
            self.drops.empty += 1;
        } else {
            self.item(Item::Coded { track, dts_ms, cts_ms, extra_nanos, is_sync, data });
        }
        Ok(())
    }

    /// Lets a packet go through what its track's codec knows. A packet of another codec begins the track afresh, if it can be understood.
    fn with_state<T>(
        &mut self,
        track: TrackId,
        format: Format,
        read: impl FnOnce(&mut State) -> Result<T, DemuxError>,
    ) -> Result<T, DemuxError> {
        match self.tracks.get_mut(&track) {
            Some(Track::Picture(state)) if state.format() == format => read(state),
            _ => {
                let mut state = State::new(format);
                let result = read(&mut state)?;
                self.tracks.insert(track, Track::Picture(state));
                Ok(result)
            }
        }
    }
}
