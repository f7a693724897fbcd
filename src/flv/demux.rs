//! From message bodies to samples in their canonical form.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::audio;
use super::body::CodecTag;
use super::error::DemuxError;
use super::script::{self, ScriptBody};
use super::tag::TagKind;
use super::video::{self, VideoPacket, VideoPacketKind};
use crate::amf0::Value;
use crate::media::codec::avc::{self, ParameterSets};
use crate::media::codec::{AvcConfig, Codec, ConfigProblem};
use crate::media::{Kind, Metadata, Script, TrackId};

mod hevc;
mod sound;

/// What message bodies turn out to hold. Times are milliseconds as sent: not repaired, not unwrapped.
#[derive(Clone, PartialEq, Debug)]
pub enum Item {
    /// A track's first configuration, or a changed one. The same one sent again gives nothing.
    Config {
        /// The track it is for.
        track: TrackId,
        /// The codec with its configuration.
        codec: Codec,
    },
    /// One access unit, behind the configuration it needs.
    Coded {
        /// Its track.
        track: TrackId,
        /// The message's timestamp.
        dts_ms: u32,
        /// Presentation time less decoding time.
        cts_ms: i32,
        /// Nanoseconds, below a million, to add to the presentation time (Enhanced RTMP ModEx).
        extra_nanos: u32,
        /// Whether decoding can start here, as found in the bitstream.
        is_sync: bool,
        /// The bytes in the form of [`crate::media::Sample`]: a slice of the message where nothing had to change.
        data: Bytes,
    },
    /// What the publisher says of itself.
    Metadata {
        /// The part that is understood.
        metadata: Metadata,
        /// All of it, as sent.
        value: Value,
    },
    /// A script message that travels with the media.
    Script {
        /// The message's timestamp.
        dts_ms: u32,
        /// Its name and values.
        script: Script,
        /// The AMF0 bytes of both, as the data track carries them.
        data: Bytes,
    },
    /// A track ends; it may begin again with a new configuration.
    End {
        /// The track.
        track: TrackId,
    },
}

/// What was dropped without being an error, counted since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Drops {
    /// Packets of a codec that is not carried.
    pub codec: u64,
    /// Packets of a type that is not known or has no use here: seek commands, channel orders, HDR metadata.
    pub packet: u64,
    /// Bodies and frames that hold no media.
    pub empty: u64,
    /// Script messages that concern nobody behind the gateway.
    pub script: u64,
}

/// Turns the bodies of one publisher's messages into [`Item`]s: [`Demuxer::push`] a body, then [`Demuxer::poll`] until `None`.
#[derive(Debug, Default)]
pub struct Demuxer {
    tracks: BTreeMap<TrackId, State>,
    ready: VecDeque<Result<Item, DemuxError>>,
    drops: Drops,
}

/// What is known of a track's codec. There are at most [`super::MAX_TRACKS`] of each kind.
#[derive(Debug)]
enum State {
    Avc {
        /// None while parameter sets come one by one in the frames.
        config: Option<AvcConfig>,
        sets: ParameterSets,
    },
    Hevc(hevc::State),
    Sound(sound::State),
}

impl Demuxer {
    /// A demuxer that knows no track yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the body of one message or tag.
    pub fn push(&mut self, kind: TagKind, timestamp_ms: u32, body: &Bytes) {
        match kind {
            TagKind::Video => match video::parse(body) {
                Ok(packets) => {
                    self.drops.empty += u64::from(packets.is_empty());
                    packets.into_iter().for_each(|packet| self.video(timestamp_ms, packet));
                }
                Err(error) => self.fail(error),
            },
            TagKind::Audio => match audio::parse(body) {
                Ok(packets) => {
                    self.drops.empty += u64::from(packets.is_empty());
                    packets.into_iter().for_each(|packet| self.sound(timestamp_ms, packet));
                }
                Err(error) => self.fail(error),
            },
            TagKind::Script => self.script(timestamp_ms, body),
            TagKind::ScriptAmf3 => self.script(timestamp_ms, &body.slice(usize::from(body.starts_with(&[0]))..)),
        }
    }

    /// The next item, or the next thing wrong with what was pushed. After an error the items behind it still come.
    pub fn poll(&mut self) -> Option<Result<Item, DemuxError>> {
        self.ready.pop_front()
    }

    /// What was dropped so far.
    pub fn drops(&self) -> Drops {
        self.drops
    }

    fn video(&mut self, dts_ms: u32, packet: VideoPacket) {
        let track = TrackId { kind: Kind::Video, index: packet.index };
        let is_avc = packet.codec == CodecTag::Legacy(video::AVC) || packet.codec == CodecTag::FourCc(*b"avc1");
        let is_hevc = packet.codec == CodecTag::Legacy(video::HEVC) || packet.codec == CodecTag::FourCc(*b"hvc1");
        match packet.kind {
            VideoPacketKind::Command | VideoPacketKind::Metadata => self.drops.packet += 1,
            _ if !is_avc && !is_hevc => self.drops.codec += 1,
            VideoPacketKind::Unknown(_) => self.drops.packet += 1,
            VideoPacketKind::End => self.end(track),
            VideoPacketKind::Coded { .. } if packet.payload.is_empty() => self.drops.empty += 1,
            VideoPacketKind::Config if is_hevc => self.hevc_record(track, &packet.payload),
            VideoPacketKind::Coded { cts_ms, extra_nanos } if is_hevc => {
                if let Err(error) = self.hevc_frame(track, dts_ms, (cts_ms, extra_nanos), &packet.payload) {
                    self.fail(error);
                }
            }
            VideoPacketKind::Config => match AvcConfig::parse(&packet.payload) {
                Ok(config) => self.configure_avc(track, config),
                Err(source) => self.fail(DemuxError::Config { track, source }),
            },
            VideoPacketKind::Coded { cts_ms, extra_nanos } => {
                if let Err(error) = self.avc_frame(track, dts_ms, (cts_ms, extra_nanos), &packet.payload) {
                    self.fail(error);
                }
            }
        }
    }

    fn configure_avc(&mut self, track: TrackId, config: AvcConfig) {
        let before = match self.tracks.get(&track) {
            Some(State::Avc { config: Some(before), .. }) => Some(&before.record),
            _ => None,
        };
        // Another length size alone changes nothing for those who watch.
        if before != Some(&config.record) {
            self.item(Item::Config { track, codec: Codec::Avc(config.clone()) });
        }
        self.tracks.insert(track, State::Avc { sets: config.sets(), config: Some(config) });
    }

    fn avc_frame(&mut self, track: TrackId, dts_ms: u32, (cts_ms, extra_nanos): (i32, u32), payload: &Bytes) -> Result<(), DemuxError> {
        let none = ParameterSets::default();
        let (config, sets) = match self.tracks.get(&track) {
            Some(State::Avc { config, sets }) => (config.as_ref(), sets),
            _ => (None, &none),
        };
        let length_size = config.map_or(4, |config| config.length_size);
        let frame = avc::canonical(payload, length_size, sets).map_err(|source| DemuxError::Nal { track, source })?;
        let mut configured = config.is_some();
        if let Some(sets) = frame.sets {
            match AvcConfig::from_sets(&sets, length_size) {
                Ok(config) => {
                    self.configure_avc(track, config);
                    configured = true;
                }
                // The other kind of set comes in a frame of its own.
                Err(error) if !configured && matches!(error.problem, ConfigProblem::Missing(_)) => {
                    self.tracks.insert(track, State::Avc { config: None, sets });
                }
                Err(source) => return Err(DemuxError::Config { track, source }),
            }
        }
        if frame.data.is_empty() {
            self.drops.empty += 1;
        } else if !configured {
            return Err(DemuxError::BeforeConfig { track });
        } else {
            self.item(Item::Coded { track, dts_ms, cts_ms, extra_nanos, is_sync: frame.is_sync, data: frame.data });
        }
        Ok(())
    }

    fn script(&mut self, dts_ms: u32, body: &Bytes) {
        match script::parse(body) {
            Ok(ScriptBody::Metadata { metadata, value }) => self.item(Item::Metadata { metadata, value }),
            Ok(ScriptBody::Travels { script, data }) => self.item(Item::Script { dts_ms, script, data }),
            Ok(ScriptBody::Other) => self.drops.script += 1,
            Err(error) => self.fail(error),
        }
    }

    fn end(&mut self, track: TrackId) {
        match self.tracks.remove(&track) {
            Some(_) => self.item(Item::End { track }),
            None => self.drops.packet += 1,
        }
    }

    fn item(&mut self, item: Item) {
        self.ready.push_back(Ok(item));
    }

    fn fail(&mut self, error: DemuxError) {
        self.ready.push_back(Err(error));
    }
}
