//! Audio packets: configurations as they come or as the first frame tells them, and messages split into frames.

use bytes::Bytes;

use super::super::audio::{AAC, AudioPacket, AudioPacketKind, MP3, MP3_8_KHZ};
use super::super::body::CodecTag;
use super::super::channels;
use super::{DemuxError, Demuxer, Item, State as Track, Uncarried};
use crate::media::codec::{AacConfig, Ac3Config, Codec, ConfigError, Eac3Config, FlacConfig, Mp3Config, OpusConfig, aac, ac3, mp3};
use crate::media::{AudioShape, Kind, Span, TrackId};

/// The audio codecs that are carried.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Aac,
    Mp3,
    Opus,
    Flac,
    Ac3,
    Eac3,
}

/// What is known of a sound track.
#[derive(Debug)]
pub(super) enum State {
    Aac(AacConfig),
    Mp3(Mp3Config),
    Opus {
        /// The header as it came, before a packet told its length.
        header: OpusConfig,
        /// What was told of the track.
        told: Option<OpusConfig>,
        /// Whether the publisher sent no header, so that this one is assumed.
        is_assumed: bool,
    },
    Flac(FlacConfig),
    Ac3(Ac3Config),
    Eac3(Eac3Config),
}

impl Format {
    fn of(codec: CodecTag) -> Option<Self> {
        Some(match codec {
            CodecTag::Legacy(AAC) => Self::Aac,
            CodecTag::Legacy(MP3 | MP3_8_KHZ) => Self::Mp3,
            CodecTag::Legacy(_) => return None,
            CodecTag::FourCc(four_cc) => match &four_cc {
                b"mp4a" => Self::Aac,
                b".mp3" => Self::Mp3,
                b"Opus" => Self::Opus,
                b"fLaC" => Self::Flac,
                b"ac-3" => Self::Ac3,
                b"ec-3" => Self::Eac3,
                _ => return None,
            },
        })
    }
}

impl Demuxer {
    pub(super) fn sound(&mut self, dts_ms: u32, packet: AudioPacket) {
        let track = TrackId { kind: Kind::Audio, index: packet.index };
        let format = Format::of(packet.codec);
        let payload = packet.payload;
        let result = match (packet.kind, format) {
            (_, None) => return self.uncarry(Uncarried { kind: Kind::Audio, codec: packet.codec }),
            (AudioPacketKind::Multichannel, Some(_)) => {
                if let Err(error) = self.layout(track, &payload) {
                    self.fail(error);
                }
                return;
            }
            (AudioPacketKind::Unknown(_), _) => return self.drops.packet += 1,
            (AudioPacketKind::End, _) => return self.end(track),
            (AudioPacketKind::Config, Some(Format::Opus)) => self.opus_header(track, &payload),
            (AudioPacketKind::Coded { .. }, _) if payload.is_empty() => return self.drops.empty += 1,
            (AudioPacketKind::Config, Some(Format::Aac)) => AacConfig::parse(&payload).map(|config| self.configure_aac(track, config)),
            (AudioPacketKind::Config, Some(Format::Flac)) => FlacConfig::parse(&payload).map(|config| self.configure_flac(track, config)),
            // These have no record: their frames tell.
            (AudioPacketKind::Config, Some(Format::Mp3 | Format::Ac3 | Format::Eac3)) => return self.drops.packet += 1,
            (AudioPacketKind::Coded { extra_nanos }, Some(format)) => {
                if let Err(error) = self.frames(track, format, dts_ms, extra_nanos, payload) {
                    self.fail(error);
                }
                return;
            }
        };
        if let Err(source) = result {
            self.fail(DemuxError::Config { track, source });
        }
    }

    fn layout(&mut self, track: TrackId, payload: &Bytes) -> Result<(), DemuxError> {
        let layout = channels::parse(payload)?;
        if self.layouts.get(&track) != Some(&layout) {
            self.layouts.insert(track, layout.clone());
            self.item(Item::Channels { track, layout });
            if matches!(self.sound_state(track), Some(State::Opus { is_assumed: true, .. })) {
                return self.opus_header(track, &[]).map_err(|source| DemuxError::Config { track, source });
            }
        }
        Ok(())
    }

    fn frames(&mut self, track: TrackId, format: Format, dts_ms: u32, extra_nanos: u32, payload: Bytes) -> Result<(), DemuxError> {
        match format {
            Format::Aac => self.aac_frames(track, dts_ms, extra_nanos, payload),
            Format::Opus => {
                self.opus_packet(track, &payload)?;
                self.audio_frame(track, dts_ms, Span::ZERO, extra_nanos, payload);
                Ok(())
            }
            Format::Flac if !matches!(self.sound_state(track), Some(State::Flac(_))) => Err(DemuxError::BeforeConfig { track }),
            Format::Flac => {
                self.audio_frame(track, dts_ms, Span::ZERO, extra_nanos, payload);
                Ok(())
            }
            Format::Mp3 => self.telling_frames(track, dts_ms, extra_nanos, mp3::split(&payload), Self::configure_mp3),
            Format::Ac3 => self.telling_frames(track, dts_ms, extra_nanos, ac3::split(&payload), Self::configure_ac3),
            Format::Eac3 => self.telling_frames(track, dts_ms, extra_nanos, ac3::split(&payload), Self::configure_eac3),
        }
    }

    fn sound_state(&self, track: TrackId) -> Option<&State> {
        match self.tracks.get(&track) {
            Some(Track::Sound(state)) => Some(state),
            _ => None,
        }
    }

    fn tell(&mut self, track: TrackId, codec: Codec, state: State) {
        self.item(Item::Config { track, codec });
        self.tracks.insert(track, Track::Sound(state));
    }

    fn configure_aac(&mut self, track: TrackId, config: AacConfig) {
        if !matches!(self.sound_state(track), Some(State::Aac(before)) if before.record == config.record) {
            self.tell(track, Codec::Aac(config.clone()), State::Aac(config));
        }
    }

    fn configure_flac(&mut self, track: TrackId, config: FlacConfig) {
        if !matches!(self.sound_state(track), Some(State::Flac(before)) if *before == config) {
            self.tell(track, Codec::Flac(config.clone()), State::Flac(config));
        }
    }

    fn configure_mp3(&mut self, track: TrackId, frame: &[u8]) -> Result<AudioShape, ConfigError> {
        let config = Mp3Config::parse(frame)?;
        let shape = config.shape;
        if !matches!(self.sound_state(track), Some(State::Mp3(before)) if *before == config) {
            self.tell(track, Codec::Mp3(config.clone()), State::Mp3(config));
        }
        Ok(shape)
    }

    fn configure_ac3(&mut self, track: TrackId, frame: &[u8]) -> Result<AudioShape, ConfigError> {
        let config = Ac3Config::parse(frame)?;
        let shape = config.shape;
        if !matches!(self.sound_state(track), Some(State::Ac3(before)) if *before == config) {
            self.tell(track, Codec::Ac3(config.clone()), State::Ac3(config));
        }
        Ok(shape)
    }

    /// The data rate changes from unit to unit where it is variable; a change of that alone is none.
    fn configure_eac3(&mut self, track: TrackId, unit: &[u8]) -> Result<AudioShape, ConfigError> {
        let config = Eac3Config::parse(unit)?;
        let shape = config.shape;
        let same = |before: &Eac3Config| (before.shape, before.record.get(2..)) == (config.shape, config.record.get(2..));
        if !matches!(self.sound_state(track), Some(State::Eac3(before)) if same(before)) {
            self.tell(track, Codec::Eac3(config.clone()), State::Eac3(config));
        }
        Ok(shape)
    }

    /// The header waits for the first packet, which tells how long packets last.
    fn opus_header(&mut self, track: TrackId, record: &[u8]) -> Result<(), ConfigError> {
        let is_assumed = record.is_empty();
        let channels = self.layouts.get(&track).map(|layout| layout.count).filter(|_| is_assumed);
        let header = channels.map_or_else(|| OpusConfig::parse(record), |channels| Ok(OpusConfig::of_channels(channels)))?;
        let told = match self.sound_state(track) {
            Some(State::Opus { told: Some(told), .. }) if told.record == header.record => Some(told.clone()),
            _ => None,
        };
        self.tracks.insert(track, Track::Sound(State::Opus { header, told, is_assumed }));
        Ok(())
    }

    fn opus_packet(&mut self, track: TrackId, packet: &[u8]) -> Result<(), DemuxError> {
        match self.sound_state(track) {
            Some(State::Opus { told: Some(_), .. }) => {}
            Some(State::Opus { header, told: None, is_assumed }) => {
                let (header, is_assumed) = (header.clone(), *is_assumed);
                let config = header.clone().with_packet(packet);
                self.tell(track, Codec::Opus(config.clone()), State::Opus { header, told: Some(config), is_assumed });
            }
            _ => return Err(DemuxError::BeforeConfig { track }),
        }
        Ok(())
    }

    fn aac_frames(&mut self, track: TrackId, dts_ms: u32, extra_nanos: u32, payload: Bytes) -> Result<(), DemuxError> {
        let configured = |state: Option<&State>| match state {
            Some(State::Aac(config)) => Some(config.shape),
            _ => None,
        };
        if !aac::is_adts(&payload) {
            configured(self.sound_state(track)).ok_or(DemuxError::BeforeConfig { track })?;
            self.audio_frame(track, dts_ms, Span::ZERO, extra_nanos, payload);
            return Ok(());
        }
        if configured(self.sound_state(track)).is_none() {
            let config = AacConfig::from_adts(&payload).map_err(|source| DemuxError::Config { track, source })?;
            self.configure_aac(track, config);
        }
        let frames = aac::strip_adts(&payload);
        self.drops.empty += u64::from(frames.is_empty());
        let shape = configured(self.sound_state(track)).ok_or(DemuxError::BeforeConfig { track })?;
        let mut behind = Span::ZERO;
        for frame in frames {
            self.audio_frame(track, dts_ms, behind, extra_nanos, frame);
            behind = behind + shape.frame();
        }
        Ok(())
    }

    /// Frames whose own headers tell the track's configuration.
    fn telling_frames(
        &mut self,
        track: TrackId,
        dts_ms: u32,
        extra_nanos: u32,
        frames: impl IntoIterator<Item = Bytes>,
        configure: fn(&mut Self, TrackId, &[u8]) -> Result<AudioShape, ConfigError>,
    ) -> Result<(), DemuxError> {
        let mut behind = Span::ZERO;
        for frame in frames {
            let shape = configure(self, track, &frame).map_err(|source| DemuxError::Config { track, source })?;
            self.audio_frame(track, dts_ms, behind, extra_nanos, frame);
            behind = behind + shape.frame();
        }
        Ok(())
    }

    /// One frame of a message, `behind` its first by so much.
    fn audio_frame(&mut self, track: TrackId, dts_ms: u32, behind: Span, extra_nanos: u32, data: Bytes) {
        let dts_ms = dts_ms.wrapping_add(behind.millis() as u32);
        self.item(Item::Coded { track, dts_ms, cts_ms: 0, extra_nanos, is_sync: true, data });
    }
}
