//! AV1: announced by records, told by the sequence headers of key frames.

use bytes::{BufMut, Bytes, BytesMut};

use super::DemuxError;
use super::news::News;
use super::picture::Found;
use crate::media::TrackId;
use crate::media::codec::av1::{self, Announced};
use crate::media::codec::{Av1Config, Codec, ConfigError};

/// What is known of a track.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The newest sequence header, from a record or from the units.
    newest: Option<Av1Config>,
    /// What was told of the track.
    told: Option<Av1Config>,
    news: News,
}

impl State {
    /// Whether the configuration has been told.
    pub fn is_told(&self) -> bool {
        self.told.is_some()
    }

    /// A record. It waits for the first key frame: SVT-AV1 writes another sequence header there than into its record, and that is the one
    /// that decoders go by.
    pub fn record(&mut self, record: &[u8]) -> Result<(), ConfigError> {
        self.announce(Av1Config::parse(record)?);
        Ok(())
    }

    /// The descriptor of a transport stream.
    pub fn descriptor(&mut self, descriptor: &[u8]) -> Result<(), ConfigError> {
        self.announce(Av1Config::parse_descriptor(descriptor)?);
        Ok(())
    }

    fn announce(&mut self, announced: Announced) {
        if let Announced::Whole(config) = announced {
            self.newest = Some(config);
        }
    }

    /// A temporal unit.
    pub fn frame(&mut self, track: TrackId, payload: &Bytes) -> Result<Found, DemuxError> {
        let unit = av1::canonical(payload).map_err(|source| DemuxError::Obu { track, source })?;
        let mut data = unit.data;
        let has_header = unit.sequence_header.is_some();
        if let Some(header) = unit.sequence_header {
            let config = Av1Config::from_sequence_header(&header).map_err(|source| DemuxError::Config { track, source })?;
            self.newest = Some(config);
        }
        let mut codec = None;
        if unit.is_key {
            let config = self.newest.as_ref().ok_or(DemuxError::BeforeConfig { track })?;
            if !has_header {
                data = behind(&config.sequence_header(), &data);
            }
            if self.told.as_ref().is_none_or(|told| told.record != config.record) {
                codec = Some(Codec::Av1(config.clone()));
                self.told = Some(config.clone());
                self.news.begin();
            }
        }
        if self.told.is_none() && !data.is_empty() {
            return Err(DemuxError::BeforeConfig { track });
        }
        let news = self.news.of(unit.messages, unit.is_key);
        Ok(Found { codec, is_sync: unit.is_key, data, news })
    }
}

/// A key frame can only be joined at with its sequence header before it.
fn behind(header: &[u8], data: &[u8]) -> Bytes {
    let mut joined = BytesMut::with_capacity(header.len() + data.len());
    joined.put_slice(header);
    joined.put_slice(data);
    joined.freeze()
}
