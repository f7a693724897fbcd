//! HEVC packets: records, and parameter sets that come in the frames.

use bytes::Bytes;

use super::{DemuxError, Demuxer, Item, State as Track};
use crate::media::TrackId;
use crate::media::codec::hevc::{self, ParameterSets};
use crate::media::codec::{Codec, ConfigProblem, HevcConfig};

/// What is known of an HEVC track.
#[derive(Debug)]
pub(super) struct State {
    /// None while parameter sets come one by one in the frames.
    config: Option<HevcConfig>,
    sets: ParameterSets,
}

impl Demuxer {
    pub(super) fn hevc_record(&mut self, track: TrackId, record: &[u8]) {
        match HevcConfig::parse(record) {
            Ok(config) => self.configure_hevc(track, config),
            Err(source) => self.fail(DemuxError::Config { track, source }),
        }
    }

    fn configure_hevc(&mut self, track: TrackId, config: HevcConfig) {
        let before = self.hevc_state(track).and_then(|state| state.config.as_ref());
        // Another length size alone changes nothing for those who watch.
        if before.map(|before| &before.record) != Some(&config.record) {
            self.item(Item::Config { track, codec: Codec::Hevc(config.clone()) });
        }
        self.tracks.insert(track, Track::Hevc(State { sets: config.sets(), config: Some(config) }));
    }

    pub(super) fn hevc_frame(
        &mut self,
        track: TrackId,
        dts_ms: u32,
        (cts_ms, extra_nanos): (i32, u32),
        payload: &Bytes,
    ) -> Result<(), DemuxError> {
        let none = ParameterSets::default();
        let state = self.hevc_state(track);
        let length_size = state.and_then(|state| state.config.as_ref()).map_or(4, |config| config.length_size);
        let mut configured = state.is_some_and(|state| state.config.is_some());
        let sets = state.map_or(&none, |state| &state.sets);
        let frame = hevc::canonical(payload, length_size, sets).map_err(|source| DemuxError::Nal { track, source })?;
        if let Some(sets) = frame.sets {
            match HevcConfig::from_sets(&sets, length_size) {
                Ok(config) => {
                    self.configure_hevc(track, config);
                    configured = true;
                }
                // The other kinds of sets come in frames of their own.
                Err(error) if !configured && matches!(error.problem, ConfigProblem::Missing(_)) => {
                    self.tracks.insert(track, Track::Hevc(State { config: None, sets }));
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

    fn hevc_state(&self, track: TrackId) -> Option<&State> {
        match self.tracks.get(&track) {
            Some(Track::Hevc(state)) => Some(state),
            _ => None,
        }
    }
}
