//! Codecs made of NAL units: records, and parameter sets that come in the frames.

use bytes::Bytes;

use super::DemuxError;
use super::news::News;
use super::picture::Found;
use crate::media::TrackId;
use crate::media::codec::access_unit::{self, NalSets};
use crate::media::codec::{AvcConfig, Codec, ConfigError, ConfigProblem, HevcConfig, VvcConfig, avc, hevc, vvc};

/// A configuration that is a record of parameter sets.
pub(super) trait NalConfig: Clone {
    type Sets: NalSets;

    fn parse(record: &[u8]) -> Result<Self, ConfigError>;
    fn from_sets(sets: &Self::Sets, length_size: u8) -> Result<Self, ConfigError>;
    fn sets(&self) -> Self::Sets;
    fn record(&self) -> &Bytes;
    fn length_size(&self) -> u8;
    fn codec(self) -> Codec;
}

/// What is known of a track.
#[derive(Debug)]
pub(super) struct State<C: NalConfig> {
    /// None while parameter sets come one by one in the frames.
    config: Option<C>,
    sets: C::Sets,
    news: News,
}

impl<C: NalConfig> Default for State<C> {
    fn default() -> Self {
        Self { config: None, sets: C::Sets::default(), news: News::default() }
    }
}

impl<C: NalConfig> State<C> {
    /// Whether the configuration has been told.
    pub fn is_told(&self) -> bool {
        self.config.is_some()
    }

    /// A configuration record.
    pub fn record(&mut self, record: &[u8]) -> Result<Option<Codec>, ConfigError> {
        C::parse(record).map(|config| self.configure(config))
    }

    /// An access unit.
    pub fn frame(&mut self, track: TrackId, payload: &Bytes) -> Result<Found, DemuxError> {
        let length_size = self.config.as_ref().map_or(4, C::length_size);
        let unit = access_unit::canonical(payload, length_size, &self.sets).map_err(|source| DemuxError::Nal { track, source })?;
        let mut codec = None;
        if let Some(sets) = unit.sets {
            match C::from_sets(&sets, length_size) {
                Ok(config) => codec = self.configure(config),
                // The other kinds of sets come in frames of their own.
                Err(error) if self.config.is_none() && matches!(error.problem, ConfigProblem::Missing(_)) => self.sets = sets,
                Err(source) => return Err(DemuxError::Config { track, source }),
            }
        }
        if self.config.is_none() && !unit.data.is_empty() {
            return Err(DemuxError::BeforeConfig { track });
        }
        let news = self.news.of(unit.messages, unit.is_sync);
        Ok(Found { codec, is_sync: unit.is_sync, data: unit.data, news })
    }

    /// The codec, where it is another than before.
    fn configure(&mut self, config: C) -> Option<Codec> {
        // Another length size alone changes nothing for those who watch.
        let is_known = self.config.as_ref().is_some_and(|before| before.record() == config.record());
        (self.sets, self.config) = (config.sets(), Some(config.clone()));
        if !is_known {
            self.news.begin();
        }
        (!is_known).then(|| config.codec())
    }
}

macro_rules! nal_config {
    ($config:ident, $sets:ty, $codec:path) => {
        impl NalConfig for $config {
            type Sets = $sets;

            fn parse(record: &[u8]) -> Result<Self, ConfigError> {
                Self::parse(record)
            }

            fn from_sets(sets: &Self::Sets, length_size: u8) -> Result<Self, ConfigError> {
                Self::from_sets(sets, length_size)
            }

            fn sets(&self) -> Self::Sets {
                self.sets()
            }

            fn record(&self) -> &Bytes {
                &self.record
            }

            fn length_size(&self) -> u8 {
                self.length_size
            }

            fn codec(self) -> Codec {
                $codec(self)
            }
        }
    };
}

nal_config!(AvcConfig, avc::ParameterSets, Codec::Avc);
nal_config!(HevcConfig, hevc::ParameterSets, Codec::Hevc);
nal_config!(VvcConfig, vvc::ParameterSets, Codec::Vvc);
