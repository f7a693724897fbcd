//! What the operator may set about ladders.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::bus::StreamName;
use crate::transcode::ladder::{self, LadderError, RungOptions};
use crate::transcode::sound::{self, Audio};

/// `[ladder]`
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// When ladders are made.
    pub make: Make,
    /// The rungs of every stream that is not named below, at most those that are smaller than it.
    pub rungs: Vec<RungOptions>,
    /// The sound beside the rungs of every stream that is not named below.
    pub audio: Audio,
    /// Its bits per second, where it is coded anew.
    pub audio_bit_rate: u32,
    /// Streams for which something else holds; the first that fits counts.
    pub streams: Vec<ForStreams>,
    /// The worker's program; empty for `sluicegate-ladder` beside the gateway's own, or in `PATH`.
    pub worker: PathBuf,
    /// Most ladders at a time; streams beyond wait for their turn.
    pub max_ladders: usize,
    /// Seconds for which a ladder goes on when nobody watches any more.
    pub linger_s: u64,
    /// Seconds without a sign of life after which a worker is started anew.
    pub stall_s: u64,
    /// What is added to the nice level of workers, from 0 to 19.
    pub nice: u8,
    /// Threads that decode the source.
    pub decoder_threads: u32,
    /// Threads of each rung's encoder.
    pub encoder_threads: u32,
}

/// When a ladder is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Make {
    /// Never.
    Off,
    /// On demand, where the worker's program is there.
    #[default]
    Auto,
    /// While somebody watches where rungs are offered.
    Demand,
    /// As long as the stream is live.
    Always,
}

/// What holds for some streams.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForStreams {
    /// Their names, `app/name`; `*` stands for any characters.
    pub names: String,
    /// When their ladders are made; none for what holds for all.
    #[serde(default)]
    pub make: Option<Make>,
    /// Their rungs; none for those of all.
    #[serde(default)]
    pub rungs: Option<Vec<RungOptions>>,
    /// Their sound; none for that of all.
    #[serde(default)]
    pub audio: Option<Audio>,
    /// Its bits per second; none for those of all.
    #[serde(default)]
    pub audio_bit_rate: Option<u32>,
}

/// What holds for one stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wishes<'a> {
    /// When its ladder is made.
    pub make: Make,
    /// Which rungs it is to have.
    pub rungs: &'a [RungOptions],
    /// What sound, and with how many bits per second.
    pub audio: (Audio, u32),
}

impl Default for Options {
    fn default() -> Self {
        Self {
            make: Make::default(),
            rungs: ladder::default_rungs(),
            audio: Audio::default(),
            audio_bit_rate: 96_000,
            streams: Vec::new(),
            worker: PathBuf::new(),
            max_ladders: 4,
            linger_s: 30,
            stall_s: 5,
            nice: 5,
            decoder_threads: 1,
            encoder_threads: 1,
        }
    }
}

impl Options {
    /// Whether the operator has said anything about ladders.
    pub(super) fn are_told(&self) -> bool {
        *self != Self::default()
    }

    /// Whether any stream can have a ladder.
    pub fn is_on(&self) -> bool {
        self.make != Make::Off || self.streams.iter().any(|some| some.make.is_some_and(|make| make != Make::Off))
    }

    /// What holds for a stream.
    pub(super) fn of(&self, name: &StreamName) -> Wishes<'_> {
        let own = self.streams.iter().find(|some| fits(&some.names, name.as_str()));
        let audio = own.and_then(|own| own.audio).unwrap_or(self.audio);
        Wishes {
            make: own.and_then(|own| own.make).unwrap_or(self.make),
            rungs: own.and_then(|own| own.rungs.as_deref()).unwrap_or(&self.rungs),
            audio: (audio, own.and_then(|own| own.audio_bit_rate).unwrap_or(self.audio_bit_rate)),
        }
    }

    /// Whether all rungs and their sound can be made.
    ///
    /// # Errors
    /// The first thing that is wrong with them, and with whose.
    pub fn check(&self) -> Result<(), (String, LadderError)> {
        ladder::check(&self.rungs).map_err(|error| ("rungs".to_owned(), error))?;
        sound::check(self.audio_bit_rate).map_err(|error| ("audio_bit_rate".to_owned(), error))?;
        self.streams.iter().try_for_each(|some| {
            let rungs = some.rungs.as_deref().map_or(Ok(()), ladder::check);
            let audio = some.audio_bit_rate.map_or(Ok(()), sound::check);
            rungs.and(audio).map_err(|error| (format!("streams ({})", some.names), error))
        })
    }

    pub(super) fn linger(&self) -> Duration {
        Duration::from_secs(self.linger_s)
    }

    pub(super) fn stall(&self) -> Duration {
        Duration::from_secs(self.stall_s)
    }
}

/// Whether a pattern fits a name: `*` stands for any characters, also none.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        match left.find(piece) {
            Some(at) => left = &left[at + piece.len()..],
            None => return false,
        }
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_stands_for_the_names_that_fit_it() {
        for (pattern, name, does) in [
            ("live/main", "live/main", true),
            ("live/main", "live/main2", false),
            ("live/*", "live/main", true),
            ("live/*", "events/live/main", false),
            ("*", "a/b/c", true),
            ("*/main", "a/b/main", true),
            ("*/hall-*-main", "a/hall-2-main", true),
            ("*/hall-*-main", "a/hall-main", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(fits(pattern, name), does, "{pattern} {name}");
        }
    }

    #[test]
    fn the_first_that_fits_a_stream_counts() {
        let some = |names: &str, make, rungs, audio| ForStreams { names: names.into(), make, rungs, audio, audio_bit_rate: None };
        let small = vec![RungOptions::new(240, 0.0, 300_000)];
        let streams = vec![some("live/a*", Some(Make::Always), None, None), some("live/*", None, Some(small.clone()), Some(Audio::Aac))];
        let options = Options { make: Make::Demand, streams, audio: Audio::Auto, ..Options::default() };
        let of = |name: &str| {
            let wishes = options.of(&StreamName::parse(name).unwrap());
            (wishes.make, wishes.rungs.len(), wishes.audio.0)
        };
        assert_eq!(of("live/abc"), (Make::Always, 4, Audio::Auto));
        assert_eq!(of("live/b"), (Make::Demand, 1, Audio::Aac));
        assert_eq!(of("x/y"), (Make::Demand, 4, Audio::Auto));
    }
}
