//! The ladder's sound, where the worker codes it anew: what is to be made of a program, and what comes back on its way to viewers.

use std::sync::Arc;

use bytes::Bytes;

use super::session::Sent;
use super::stamps;
use crate::bus::{Cause, Channel, Publisher, Revoked, Why};
use crate::media::{Codec, Metadata, Program, Sample, Timestamp, Track, TrackId, TrackSet};
use crate::transcode::sound::{Audio, Sound};

/// The track that is coded anew, and what becomes of it; none where the source's sound stays as it is.
pub(super) fn remade(program: &Program, (wish, bit_rate): (Audio, u32)) -> Option<(TrackId, Sound)> {
    let track = program.tracks.audio()?;
    Sound::resolve(wish, bit_rate, &track.codec).map(|sound| (track.id, sound))
}

/// The sound that comes back, which is a track of its own in HLS and DASH.
pub(super) struct Out {
    publisher: Publisher<Sample>,
    codec: Option<Codec>,
    /// The source's program when the head was set.
    source: Option<Arc<Program>>,
    last: Option<Timestamp>,
}

impl Out {
    /// The way into that channel. Whoever wrote there before is superseded.
    pub fn new(samples: &Arc<Channel<Sample>>) -> Self {
        Self { publisher: samples.lease(), codec: None, source: None, last: None }
    }

    /// Takes how the sound is coded.
    pub fn configure(&mut self, codec: Codec) {
        (self.codec, self.source) = (Some(codec), None);
    }

    /// Takes a frame with its time on the wire; false where it has no place. Rungs find it among the source's sounds, under the number of
    /// the track that it is made from.
    pub fn frame(&mut self, sent: &mut Sent, (timestamp_ms, extra_nanos): (u32, u32), data: Bytes) -> Result<bool, Revoked> {
        let (Some(codec), Some(source), Some(reference)) = (&self.codec, sent.remade, sent.newest_sound) else { return Ok(false) };
        let dts = stamps::near(reference, timestamp_ms, extra_nanos, codec.timescale());
        if self.last.is_some_and(|last| dts <= last) {
            return Ok(false);
        }
        if self.source.as_ref().is_none_or(|told| !Arc::ptr_eq(told, &sent.program)) {
            let tracks = TrackSet::new([track(TrackId::SOUND, source, codec, &sent.program)]);
            let why = if self.last.is_some() { Why::Config } else { Why::Break(Cause::Loss) };
            self.publisher.set_head(Arc::new(Program { epoch: sent.program.epoch, tracks, metadata: Metadata::default() }), why)?;
            self.source = Some(Arc::clone(&sent.program));
        }
        let sample = Sample { track: TrackId::SOUND, dts, cts: 0, is_sync: true, data };
        self.publisher.push(sample.clone())?;
        sent.sounds.push(Sample { track: source, ..sample });
        self.last = Some(dts);
        Ok(true)
    }

    /// The tracks of sound that a rung has: the source's, with what is made in the place of the one that it is made from.
    pub fn in_place(&self, made_from: TrackId, source: &Program) -> Vec<Track> {
        let sounds = source.tracks.of(crate::media::Kind::Audio);
        let replaced = |own: &Arc<Track>| match &self.codec {
            _ if own.id != made_from => Some((**own).clone()),
            codec => codec.as_ref().map(|codec| track(own.id, made_from, codec, source)),
        };
        sounds.filter_map(replaced).collect()
    }
}

/// What is made of a track, under another number.
fn track(id: TrackId, made_from: TrackId, codec: &Codec, source: &Program) -> Track {
    let own = source.tracks.get(made_from);
    let told = |of: fn(&Track) -> &Option<String>| own.and_then(|own| of(own).clone());
    Track { language: told(|own| &own.language), name: told(|own| &own.name), ..Track::new(id, codec.clone()) }
}
