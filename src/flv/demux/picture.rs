//! Video packets: which codec understands them, and what each keeps of its track.

use bytes::Bytes;

use super::super::body::CodecTag;
use super::super::color_info;
use super::super::video::{AV1, AVC, HEVC, VideoPacket, VideoPacketKind};
use super::{DemuxError, Demuxer, Item, State as Track, Uncarried, av1, nal, vpx};
use crate::media::codec::sei::Messages;
use crate::media::codec::{AvcConfig, Codec, ConfigError, HevcConfig, VvcConfig};
use crate::media::{Kind, TrackId};

/// The video codecs that are carried.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Avc,
    Hevc,
    Av1,
    Vp8,
    Vp9,
    Vvc,
}

/// What is known of a video track.
#[derive(Debug)]
pub(super) enum State {
    Avc(nal::State<AvcConfig>),
    Hevc(nal::State<HevcConfig>),
    Av1(av1::State),
    Vp8(vpx::State),
    Vp9(vpx::State),
    Vvc(nal::State<VvcConfig>),
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
            CodecTag::Legacy(AV1) => Self::Av1,
            CodecTag::Legacy(_) => return None,
            CodecTag::FourCc(four_cc) => match &four_cc {
                b"avc1" => Self::Avc,
                b"hvc1" => Self::Hevc,
                b"av01" => Self::Av1,
                b"vp08" => Self::Vp8,
                b"vp09" => Self::Vp9,
                b"vvc1" => Self::Vvc,
                _ => return None,
            },
        })
    }

    /// Whether frames are decoded in another order than they are shown in. The others keep frames that are shown later inside what is shown
    /// now; the header of the old codec number has room for a composition time all the same.
    fn reorders(self) -> bool {
        matches!(self, Self::Avc | Self::Hevc | Self::Vvc)
    }
}

impl State {
    fn new(format: Format) -> Self {
        match format {
            Format::Avc => Self::Avc(nal::State::default()),
            Format::Hevc => Self::Hevc(nal::State::default()),
            Format::Av1 => Self::Av1(av1::State::default()),
            Format::Vp8 => Self::Vp8(vpx::State::default()),
            Format::Vp9 => Self::Vp9(vpx::State::default()),
            Format::Vvc => Self::Vvc(nal::State::default()),
        }
    }

    fn format(&self) -> Format {
        match self {
            Self::Avc(_) => Format::Avc,
            Self::Hevc(_) => Format::Hevc,
            Self::Av1(_) => Format::Av1,
            Self::Vp8(_) => Format::Vp8,
            Self::Vp9(_) => Format::Vp9,
            Self::Vvc(_) => Format::Vvc,
        }
    }

    /// Whether the configuration has been told.
    fn is_told(&self) -> bool {
        match self {
            Self::Avc(state) => state.is_told(),
            Self::Hevc(state) => state.is_told(),
            Self::Vvc(state) => state.is_told(),
            Self::Av1(state) => state.is_told(),
            Self::Vp8(state) | Self::Vp9(state) => state.is_told(),
        }
    }

    /// A configuration record; gives the codec where it is another than before, and none where that is told with the first key frame.
    fn record(&mut self, record: &[u8]) -> Result<Option<Codec>, ConfigError> {
        match self {
            Self::Avc(state) => state.record(record),
            Self::Hevc(state) => state.record(record),
            Self::Vvc(state) => state.record(record),
            Self::Av1(state) => state.record(record).map(|()| None),
            Self::Vp8(state) | Self::Vp9(state) => state.record(record).map(|()| None),
        }
    }

    /// What MPEG-2 transport streams have in the place of a record: of AV1 alone.
    fn descriptor(&mut self, descriptor: &[u8]) -> Result<Option<Codec>, ConfigError> {
        match self {
            Self::Av1(state) => state.descriptor(descriptor).map(|()| None),
            _ => Ok(None),
        }
    }

    fn frame(&mut self, track: TrackId, payload: &Bytes) -> Result<Found, DemuxError> {
        match self {
            Self::Avc(state) => state.frame(track, payload),
            Self::Hevc(state) => state.frame(track, payload),
            Self::Vvc(state) => state.frame(track, payload),
            Self::Av1(state) => state.frame(track, payload),
            Self::Vp8(state) => state.frame(track, vpx::Kind::Vp8, payload),
            Self::Vp9(state) => state.frame(track, vpx::Kind::Vp9, payload),
        }
    }
}

impl Demuxer {
    pub(super) fn picture(&mut self, dts_ms: u32, packet: VideoPacket) {
        let track = TrackId { kind: Kind::Video, index: packet.index };
        let result = match (packet.kind, Format::of(packet.codec)) {
            (VideoPacketKind::Command, _) => return self.drops.packet += 1,
            (_, None) => return self.uncarry(Uncarried { kind: Kind::Video, codec: packet.codec }),
            (_, Some(Format::Vvc)) if !self.carries_vvc => return self.drops.vvc += 1,
            (VideoPacketKind::Metadata, _) => self.color_info(track, &packet.payload),
            (VideoPacketKind::Unknown(_), _) => return self.drops.packet += 1,
            (VideoPacketKind::Descriptor, Some(format)) if format != Format::Av1 => return self.drops.packet += 1,
            (VideoPacketKind::End, _) => return self.end(track),
            (VideoPacketKind::Coded { .. }, _) if packet.payload.is_empty() => return self.drops.empty += 1,
            (VideoPacketKind::Config, Some(format)) => self.picture_record(track, format, |state| state.record(&packet.payload)),
            (VideoPacketKind::Descriptor, Some(format)) => self.picture_record(track, format, |state| state.descriptor(&packet.payload)),
            (VideoPacketKind::Coded { cts_ms, extra_nanos }, Some(format)) => {
                let cts_ms = if format.reorders() { cts_ms } else { 0 };
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

    fn picture_record(
        &mut self,
        track: TrackId,
        format: Format,
        read: impl FnOnce(&mut State) -> Result<Option<Codec>, ConfigError>,
    ) -> Result<(), DemuxError> {
        let codec = self.with_state(track, format, |state| read(state).map_err(|source| DemuxError::Config { track, source }));
        self.note_awaited(track);
        let codec = codec?;
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
        let found = self.with_state(track, format, |state| state.frame(track, payload));
        self.note_awaited(track);
        let Found { codec, is_sync, data, news } = found?;
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

    /// Something was sent of a track: notes whether its configuration is known by now.
    fn note_awaited(&mut self, track: TrackId) {
        match self.tracks.get(&track) {
            Some(Track::Picture(state)) if state.is_told() => self.awaited.remove(&track),
            _ => self.awaited.insert(track),
        };
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
