//! What an init segment must be.

use crate::check::finding::{Finding, Level, Rule};
use crate::fmp4::boxes::{BoxRef, FourCc, walk};

use super::facts::{child, read_init};

const READABLE: Rule = Rule {
    id: "fmp4-init-readable",
    level: Level::Must,
    source: "RFC 8216bis §3.1.2",
    demand: "An init segment holds whole boxes, ftyp and moov among them, and can initialise a parser.",
};
const BRAND: Rule = Rule {
    id: "fmp4-init-brand",
    level: Level::Must,
    source: "RFC 8216bis §3.1.2",
    demand: "The ftyp of an init segment names a brand that is compatible with iso6 or higher.",
};
const DURATIONS: Rule = Rule {
    id: "fmp4-init-durations",
    level: Level::Must,
    source: "RFC 8216bis §3.1.2",
    demand: "The durations in mvhd and tkhd are zero.",
};
const SAMPLES: Rule = Rule {
    id: "fmp4-init-samples",
    level: Level::Must,
    source: "RFC 8216bis §3.1.2",
    demand: "The sample tables of an init segment are empty.",
};
const MVEX: Rule = Rule {
    id: "fmp4-init-mvex",
    level: Level::Must,
    source: "RFC 8216bis §3.1.2",
    demand: "An mvex follows the last trak, with a trex for each track.",
};
const ONE_TRACK: Rule = Rule {
    id: "cmaf-one-track",
    level: Level::Must,
    source: "ISO/IEC 23000-19 §7.3.1",
    demand: "A file that claims a CMAF brand holds one track.",
};

pub(super) const RULES: &[&Rule] = &[&READABLE, &BRAND, &DURATIONS, &SAMPLES, &MVEX, &ONE_TRACK];

/// Brands that stand for `iso6` or build on it.
const NEW_ENOUGH: [&FourCc; 10] = [b"iso6", b"iso7", b"iso8", b"iso9", b"isoa", b"isob", b"isoc", b"cmfc", b"cmf2", b"cmff"];
const CMAF: [&FourCc; 3] = [b"cmfc", b"cmf2", b"cmff"];

/// What is wrong with an init segment; `subject` is its address.
pub fn rules_of_init(subject: &str, data: &[u8]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut say = |rule: &'static Rule, detail: String| found.push(Finding::new(rule, subject, detail));
    let boxes: Vec<BoxRef<'_>> = walk(data).map_while(Result::ok).collect();
    let (ftyp, moov) = (boxes.iter().find(|this| this.kind == *b"ftyp"), boxes.iter().find(|this| this.kind == *b"moov"));
    let (Some(_), Some(moov)) = (ftyp, moov) else {
        let kinds: Vec<_> = boxes.iter().map(|this| this.kind.escape_ascii().to_string()).collect();
        say(&READABLE, format!("{} bytes with the boxes {kinds:?}", data.len()));
        return found;
    };
    let init = match read_init(data) {
        Ok(init) => init,
        Err(error) => {
            say(if child(moov, b"mvex").is_none() { &MVEX } else { &READABLE }, error.to_string());
            return found;
        }
    };
    let names = || init.brands.iter().map(|brand| brand.escape_ascii().to_string()).collect::<Vec<_>>().join(" ");
    if !init.brands.iter().any(|brand| NEW_ENOUGH.contains(&brand)) {
        say(&BRAND, format!("it names {}", names()));
    }
    if init.tracks.len() != 1 && init.brands.iter().any(|brand| CMAF.contains(&brand)) {
        say(&ONE_TRACK, format!("{} tracks under the brands {}", init.tracks.len(), names()));
    }
    let children: Vec<BoxRef<'_>> = moov.children(0).map_while(Result::ok).collect();
    let place = |kind: &FourCc| children.iter().rposition(|this| this.kind == *kind);
    if place(b"mvex") < place(b"trak") {
        say(&MVEX, "mvex stands before a trak".to_owned());
    }
    let trex = child(moov, b"mvex").map_or(0, |mvex| mvex.children(0).flatten().filter(|this| this.kind == *b"trex").count());
    if trex < init.tracks.len() {
        say(&MVEX, format!("{trex} trex for {} tracks", init.tracks.len()));
    }
    for this in &children {
        match &this.kind {
            // Behind creation and modification time and the timescale; in tkhd behind the track_ID and four reserved bytes, too.
            b"mvhd" => nonzero(this, 3, &mut say),
            b"trak" => {
                child(this, b"tkhd").iter().for_each(|tkhd| nonzero(tkhd, 4, &mut say));
                let samples = sample_count(this).unwrap_or_default();
                if samples > 0 {
                    say(&SAMPLES, format!("stsz counts {samples} samples"));
                }
            }
            _ => {}
        }
    }
    found
}

/// Speaks up when the duration of `this` is not zero. It stands behind `words` words, two of which are times and have 64 bits in
/// version 1, as has the duration; all ones mean that it is not known.
fn nonzero(this: &BoxRef<'_>, words: usize, say: &mut impl FnMut(&'static Rule, String)) {
    let large = this.body.first() == Some(&1);
    let (at, length) = if large { (4 + 4 * (words + 2), 8) } else { (4 + 4 * words, 4) };
    let duration = this.body.get(at..at + length).unwrap_or_default();
    if duration.iter().any(|byte| *byte != 0) && duration.iter().any(|byte| *byte != 0xff) {
        let value = duration.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
        say(&DURATIONS, format!("{} has a duration of {value}", this.kind.escape_ascii()));
    }
}

fn sample_count(trak: &BoxRef<'_>) -> Option<u32> {
    let stbl = child(&child(&child(trak, b"mdia")?, b"minf")?, b"stbl")?;
    let stsz = child(&stbl, b"stsz")?;
    stsz.body.get(8..12)?.try_into().ok().map(u32::from_be_bytes)
}
