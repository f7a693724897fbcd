//! What was measured of the tracks, and what viewers are told of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::media::{Kind, Program, Rung, TrackId};
use crate::segment::meter::Account;
use crate::segment::snapshot::{Init, MediaSequence, PartNumber, Segment, TrackStatus};

/// What the presentation does not know of a track by itself.
#[derive(Clone, Copy, Debug)]
pub(in crate::segment) struct Progress {
    pub frame_rate: Option<f64>,
    /// See [`TrackStatus::next_part`].
    pub next_part: Option<PartNumber>,
    /// See [`TrackStatus::lost_part`].
    pub lost_part: Option<PartNumber>,
}

/// An account for each track that was ever listed.
#[derive(Debug, Default)]
pub(super) struct Accounts(BTreeMap<TrackId, Account>);

impl Accounts {
    pub fn measure(&mut self, target_duration: u32, msn: MediaSequence, segment: &Segment) {
        self.0.entry(segment.track()).or_insert_with(|| Account::new(target_duration)).add(msn, segment);
    }

    /// Forgets what lies before the first slot that is listed.
    pub fn begin_with(&mut self, first: MediaSequence) {
        self.0.values_mut().for_each(|account| account.begin_with(first));
    }

    /// Whether every listed segment of these tracks begins where a decoder can start.
    pub fn are_independent(&self, inits: &[Arc<Init>]) -> bool {
        !inits.iter().filter_map(|init| self.0.get(&init.track.id)).any(|account| account.dependent)
    }

    /// Whether that track was ever listed.
    pub fn knows(&self, track: TrackId) -> bool {
        self.0.contains_key(&track)
    }

    /// What to tell of those tracks that have ever had a segment.
    pub fn tell(
        &self,
        program: &Program,
        inits: &[Arc<Init>],
        progress: &BTreeMap<TrackId, Progress>,
        rungs: &[Arc<Rung>],
    ) -> Vec<TrackStatus> {
        let told = inits.iter().filter_map(|init| Some((init, self.0.get(&init.track.id)?)));
        told.map(|(init, account)| status(account, declared(init.track.id, program, rungs), program, init, progress)).collect()
    }
}

/// Bits per second as declared by whoever makes the track. What a publisher declares is for the default tracks.
fn declared(track: TrackId, program: &Program, rungs: &[Arc<Rung>]) -> Option<u64> {
    match (track.kind, track.index) {
        (Kind::Video, 0) => program.metadata.video_bit_rate,
        (Kind::Audio, 0) => program.metadata.audio_bit_rate,
        _ => rungs.iter().find(|rung| rung.track == track).map(|rung| rung.bit_rate),
    }
}

fn status(
    account: &Account,
    declared: Option<u64>,
    program: &Program,
    init: &Arc<Init>,
    progress: &BTreeMap<TrackId, Progress>,
) -> TrackStatus {
    // What was told of the track since it got its init segment counts.
    let track = Arc::clone(program.tracks.get(init.track.id).unwrap_or(&init.track));
    let progress = progress.get(&track.id);
    let measured = || progress.and_then(|progress| progress.frame_rate);
    TrackStatus {
        rate: account.rate(declared),
        iframe_rate: account.iframe_rate(),
        iframes_ahead: account.iframes_ahead,
        frame_rate: track.frame_rate.or_else(measured).filter(|_| track.id.kind == Kind::Video),
        init: Arc::clone(init),
        next_part: progress.and_then(|progress| progress.next_part),
        lost_part: progress.and_then(|progress| progress.lost_part),
        track,
    }
}
