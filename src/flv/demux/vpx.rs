//! VP8 and VP9: announced by records, told by key frames.

use bytes::Bytes;

use super::DemuxError;
use super::picture::Found;
use crate::media::TrackId;
use crate::media::codec::sei::Messages;
use crate::media::codec::vpx::{VpFrame, VpRecord, vp8_frame, vp9_frame};
use crate::media::codec::{Codec, ConfigError, VpConfig};

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Vp8,
    Vp9,
}

/// What is known of a track.
#[derive(Debug, Default)]
pub(super) struct State {
    announced: Option<VpRecord>,
    /// What was told of the track.
    told: Option<VpConfig>,
}

impl State {
    /// Whether the configuration has been told.
    pub fn is_told(&self) -> bool {
        self.told.is_some()
    }

    /// A record. It waits for the first key frame, for it does not tell the size.
    pub fn record(&mut self, record: &[u8]) -> Result<(), ConfigError> {
        self.announced = Some(VpRecord::parse(record)?);
        Ok(())
    }

    /// A frame, or a superframe of several.
    pub fn frame(&mut self, track: TrackId, kind: Kind, payload: &Bytes) -> Result<Found, DemuxError> {
        let frame = match kind {
            Kind::Vp8 => vp8_frame(payload),
            Kind::Vp9 => vp9_frame(payload),
        };
        let data = payload.clone();
        let VpFrame::Key(key) = frame.map_err(|source| DemuxError::Config { track, source })? else {
            self.told.as_ref().ok_or(DemuxError::BeforeConfig { track })?;
            return Ok(Found { codec: None, is_sync: false, data, news: Messages::default() });
        };
        let config = VpConfig::new(&key, self.announced.as_ref());
        let mut codec = None;
        if self.told.as_ref() != Some(&config) {
            self.told = Some(config.clone());
            codec = Some(match kind {
                Kind::Vp8 => Codec::Vp8(config),
                Kind::Vp9 => Codec::Vp9(config),
            });
        }
        Ok(Found { codec, is_sync: true, data, news: Messages::default() })
    }
}
