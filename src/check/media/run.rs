//! What the fragments of a segment must be, and how one segment goes on where the one before it ended.

use std::collections::BTreeMap;

use crate::check::finding::{Finding, Level, Rule};
use crate::fmp4::boxes::{BoxRef, walk};
use crate::fmp4::reader::ReadError;
use crate::media::{Span, Timestamp};

use super::facts::{Init, Media};

const READABLE: Rule = Rule {
    id: "fmp4-readable",
    level: Level::Must,
    source: "RFC 8216bis §3.1.2",
    demand: "A segment holds whole fragments: moof and mdat, with every sample inside the bytes.",
};
const TFDT: Rule = Rule { id: "fmp4-tfdt", level: Level::Must, source: "RFC 8216bis §3.1.2", demand: "Every traf holds a tfdt." };
const RELATIVE: Rule = Rule {
    id: "fmp4-relative-addresses",
    level: Level::Must,
    source: "RFC 8216bis §3.1.2",
    demand: "Fragments count the places of their samples from their own moof (default-base-is-moof).",
};
const ANNOUNCED: Rule = Rule {
    id: "fmp4-track-announced",
    level: Level::Must,
    source: "RFC 8216bis §3.1.2",
    demand: "The init segment holds a trak for each traf, with its track_ID.",
};
const SAMPLE_FLAGS: Rule = Rule {
    id: "fmp4-first-sample-flags",
    level: Level::Must,
    source: "ISO/IEC 14496-12 §8.8.8.1",
    demand: "A trun has flags of the first sample or flags of each, never both.",
};
const DEPENDENCE: Rule = Rule {
    id: "fmp4-sync-depends",
    level: Level::Should,
    source: "ISO/IEC 14496-12 §8.6.4.3",
    demand: "A sync sample does not say that it depends on others.",
};
const STYP: Rule = Rule {
    id: "fmp4-styp-first",
    level: Level::Should,
    source: "ISO/IEC 14496-12 §8.16.2",
    demand: "A styp stands at the beginning of a segment and nowhere else.",
};
const ONE_TRAF: Rule = Rule {
    id: "cmaf-one-traf",
    level: Level::Must,
    source: "ISO/IEC 23000-19 §7.3.2.3",
    demand: "A fragment of a CMAF track holds one traf.",
};
const SEQUENCE: Rule = Rule {
    id: "fmp4-sequence",
    level: Level::Should,
    source: "ISO/IEC 14496-12 §8.8.5.1",
    demand: "The sequence numbers of fragments rise.",
};
const CONTINUOUS: Rule = Rule {
    id: "hls-media-continuous",
    level: Level::Must,
    source: "RFC 8216bis §3",
    demand: "A segment goes on where the one before it ended, unless a discontinuity stands between them.",
};
const EXACT: Rule = Rule {
    id: "cmaf-tfdt-exact",
    level: Level::Should,
    source: "ISO/IEC 23000-19 §7.3.2.2",
    demand: "The tfdt of a fragment is the sum of all durations before it: players keep even gaps of one tick.",
};

pub(super) const RULES: &[&Rule] =
    &[&READABLE, &TFDT, &RELATIVE, &ANNOUNCED, &SAMPLE_FLAGS, &DEPENDENCE, &STYP, &ONE_TRAF, &SEQUENCE, &CONTINUOUS, &EXACT];

/// Gaps and overlaps up to this one are a matter of rounding; longer ones can be seen and heard, and players may stop.
const ROUNDING: Span = Span::from_millis(5);

/// What is wrong with the fragments of a segment or part; `subject` is its address, `read` what reading it gave.
pub fn rules_of_media(subject: &str, init: &Init, data: &[u8], read: &Result<Media, ReadError>) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut say = |rule: &'static Rule, detail: String| found.push(Finding::new(rule, subject, detail));
    match read {
        Err(error @ ReadError::UnknownTrack { .. }) => say(&ANNOUNCED, error.to_string()),
        Err(error @ ReadError::Base { .. }) => say(&RELATIVE, error.to_string()),
        Err(error @ ReadError::Missing { missing: [b't', b'f', b'd', b't'], .. }) => say(&TFDT, error.to_string()),
        Err(error) => say(&READABLE, error.to_string()),
        Ok(media) if media.runs.is_empty() => say(&READABLE, format!("{} bytes without a sample", data.len())),
        Ok(media) => {
            for (expected, came) in media.runs.iter().filter_map(|run| run.torn) {
                say(step(expected, came), told(expected, came));
            }
        }
    }
    let is_cmaf = init.brands.iter().any(|brand| matches!(brand, b"cmfc" | b"cmf2"));
    for (place, this) in walk(data).map_while(Result::ok).enumerate() {
        if this.kind == *b"styp" && place > 0 {
            say(&STYP, format!("at byte {}", this.at));
        }
        if this.kind == *b"moof" {
            let trafs: Vec<_> = this.children(0).map_while(Result::ok).filter(|found| found.kind == *b"traf").collect();
            if is_cmaf && trafs.len() != 1 {
                say(&ONE_TRAF, format!("the moof at byte {} holds {}", this.at, trafs.len()));
            }
            trafs.iter().for_each(|traf| rules_of_traf(traf, &mut say));
        }
    }
    found
}

fn rules_of_traf(traf: &BoxRef<'_>, say: &mut impl FnMut(&'static Rule, String)) {
    for trun in traf.children(0).map_while(Result::ok).filter(|found| found.kind == *b"trun") {
        let word = |at: usize| trun.body.get(at..at + 4).and_then(|word| word.try_into().ok()).map(u32::from_be_bytes);
        let flags = word(0).unwrap_or_default();
        if flags & 0x404 == 0x404 {
            say(&SAMPLE_FLAGS, format!("the trun at byte {} has both", trun.at));
        }
        // The flags of the first sample, behind the count and where it is there the data offset.
        let first = word(if flags & 1 == 0 { 8 } else { 12 }).filter(|_| flags & 4 != 0);
        if first.is_some_and(|first| first & 0x0001_0000 == 0 && first >> 24 & 3 == 1) {
            say(&DEPENDENCE, format!("the trun at byte {}", trun.at));
        }
    }
}

/// The rule that a step in decoding time breaks.
fn step(expected: Timestamp, came: Timestamp) -> &'static Rule {
    if came.since(expected).abs() > ROUNDING { &CONTINUOUS } else { &EXACT }
}

fn told(expected: Timestamp, came: Timestamp) -> String {
    let ticks = came.ticks().saturating_sub(expected.to_scale(came.scale()).ticks());
    let what = if ticks < 0 { "overlap" } else { "gap" };
    format!(
        "{what} of {:.4} s ({} ticks of 1/{} s): expected {}, got {}",
        came.since(expected).abs().as_secs_f64(),
        ticks.unsigned_abs(),
        came.scale().hz(),
        expected.ticks(),
        came.ticks()
    )
}

/// Follows the tracks of one playlist from segment to segment, or from part to part.
#[derive(Debug, Default)]
pub struct Continuity {
    /// By track: where its last sample ended, and the number of its last fragment.
    ends: BTreeMap<u32, (Timestamp, u32)>,
}

impl Continuity {
    /// What follows begins anew: a discontinuity, or something was not seen.
    pub fn forget(&mut self) {
        self.ends.clear();
    }

    /// Compares the beginning of `media` with the end of what came before it.
    pub fn follow(&mut self, subject: &str, media: &Media) -> Vec<Finding> {
        let mut found = Vec::new();
        for run in &media.runs {
            let before = self.ends.insert(run.track, (run.end, run.sequence.1));
            let Some((end, sequence)) = before else { continue };
            if end != run.begin {
                found.push(Finding::new(step(end, run.begin), subject, told(end, run.begin)));
            }
            if run.sequence.0 <= sequence {
                found.push(Finding::new(&SEQUENCE, subject, format!("{} follows {sequence}", run.sequence.0)));
            }
        }
        found
    }
}
