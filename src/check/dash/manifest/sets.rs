//! Adaptation sets and representations: what players choose by.

use std::collections::BTreeSet;

use crate::check::dash::model::{AdaptationSet, Mpd, Period, Representation};
use crate::check::dash::rule::{must, note, should};
use crate::check::finding::{Finding, Rule};

use super::at;

/// Sets without an id of their own.
pub const SET_ID: Rule = must("dash-set-id", "ISO/IEC 23009-1 §5.3.3.2", "No two adaptation sets of a period have the same @id.");
/// Sets that cannot be found again.
pub const SET_ID_MISSING: Rule =
    should("dash-set-id-missing", "DASH-IF IOP 5 part 4", "An adaptation set has an @id: by it players find it again after an update.");
/// Representations without an id of their own.
pub const REPRESENTATION_ID: Rule =
    must("dash-representation-id", "ISO/IEC 23009-1 §5.3.5.2", "No two representations of a period have the same @id.");
/// Representations of unknown type.
pub const MIME_TYPE: Rule = must("dash-mime-type", "ISO/IEC 23009-1 §5.3.7.2", "A representation has a @mimeType, its own or its set's.");
/// Sets that say one thing and hold another.
pub const CONTENT_TYPE: Rule =
    must("dash-content-type", "ISO/IEC 23009-1 §5.3.3.2", "The representations of a set are all of its @contentType, or at least of one.");
/// Representations that no browser can open a buffer for.
pub const CODECS: Rule =
    should("dash-codecs", "ISO/IEC 23009-1 §5.3.7.2", "A representation has @codecs: without them no browser opens a buffer for it.");
/// Representations that cost nothing.
pub const BANDWIDTH: Rule = must("dash-bandwidth", "ISO/IEC 23009-1 §5.3.5.2", "A representation's @bandwidth is more than nothing.");
/// Pictures of unknown size.
pub const SIZE: Rule = should("dash-size", "DASH-IF IOP 5 part 4", "A representation of pictures has @width and @height.");
/// Pictures of unknown rate.
pub const FRAME_RATE: Rule = note("dash-frame-rate", "DASH-IF IOP 5 part 4", "A representation of pictures has @frameRate.");
/// Sound of unknown layout.
pub const SOUND: Rule =
    should("dash-sound", "DASH-IF IOP 5 part 4", "A representation of sound has @audioSamplingRate and an AudioChannelConfiguration.");
/// Qualities that cannot be switched between.
pub const MIXED: Rule = should(
    "dash-set-mixed",
    "ISO/IEC 23009-1 §5.3.3.1",
    "The representations of a set are of one codec: players switch between them as they like.",
);
/// Sets that nothing tells apart.
pub const ALIKE: Rule = note(
    "dash-sets-alike",
    "ISO/IEC 23009-1 §5.3.3.2",
    "Sets of the same content and codec differ in language, label, role or properties, so that people can choose.",
);
/// Captions in another form.
pub const CAPTIONS: Rule = should(
    "dash-captions",
    "SCTE 214-1 §7.6",
    "The Accessibility of captions lists channels (CC1=eng;CC3=spa) or services (1=lang:eng;2=lang:spa).",
);

/// All rules of this module.
pub const RULES: &[&Rule] = &[
    &SET_ID,
    &SET_ID_MISSING,
    &REPRESENTATION_ID,
    &MIME_TYPE,
    &CONTENT_TYPE,
    &CODECS,
    &BANDWIDTH,
    &SIZE,
    &FRAME_RATE,
    &SOUND,
    &MIXED,
    &ALIKE,
    &CAPTIONS,
];

const CEA_608: &str = "urn:scte:dash:cc:cea-608:2015";
const CEA_708: &str = "urn:scte:dash:cc:cea-708:2015";

/// Holds the sets of `mpd` to the rules of this module.
pub fn check(mpd: &Mpd, found: &mut Vec<Finding>) {
    for period in &mpd.periods {
        ids(period, found);
        for set in &period.sets {
            content(set, found);
            captions(set, found);
            set.representations.iter().for_each(|representation| describe(set, representation, found));
        }
        alike(period, found);
    }
}

fn ids(period: &Period, found: &mut Vec<Finding>) {
    let (mut sets, mut representations) = (BTreeSet::new(), BTreeSet::new());
    for set in &period.sets {
        match set.id.as_deref() {
            Some(id) if !sets.insert(id) => found.push(at(&SET_ID, &set.place, format!("@id {id:?} is another's as well"))),
            Some(_) => {}
            None => found.push(at(&SET_ID_MISSING, &set.place, "there is no @id")),
        }
        for representation in &set.representations {
            if !representations.insert(representation.id.as_str()) {
                let what = format!("@id {:?} is another's as well", representation.id);
                found.push(at(&REPRESENTATION_ID, &representation.place, what));
            }
        }
    }
}

fn content(set: &AdaptationSet, found: &mut Vec<Finding>) {
    let content = set.content();
    let kinds: BTreeSet<_> = set.representations.iter().filter_map(|each| each.mime_type.as_deref()?.split('/').next()).collect();
    // Subtitles in MP4 are of the type application and of the content text.
    let differs = |kind: &&&str| **kind != content && !(**kind == "application" && content == "text");
    if let Some(other) = kinds.iter().find(differs) {
        found.push(at(&CONTENT_TYPE, &set.place, format!("{content:?} is said, {other:?} is there")));
    }
    let codecs: BTreeSet<_> = set.representations.iter().filter_map(|each| family(each.codecs.as_deref()?)).collect();
    if codecs.len() > 1 {
        found.push(at(&MIXED, &set.place, format!("{codecs:?}")));
    }
}

/// The codec without its profile and level; the two forms of one codec are one.
fn family(codecs: &str) -> Option<&str> {
    let name = codecs.split(['.', ',']).next()?;
    Some(match name {
        "avc3" => "avc1",
        "hev1" => "hvc1",
        name => name,
    })
}

fn describe(set: &AdaptationSet, representation: &Representation, found: &mut Vec<Finding>) {
    let content = set.content();
    let mut missing = |rule, what: &str, is_missing: bool| {
        found.extend(is_missing.then(|| at(rule, &representation.place, format!("there is no {what}"))));
    };
    missing(&MIME_TYPE, "@mimeType", representation.mime_type.is_none());
    missing(&CODECS, "@codecs", representation.codecs.as_deref().is_none_or(str::is_empty) && matches!(content, "video" | "audio"));
    missing(&BANDWIDTH, "@bandwidth but 0", representation.bandwidth == Some(0));
    if content == "video" {
        missing(&SIZE, "@width and @height", representation.size.is_none());
        missing(&FRAME_RATE, "@frameRate", representation.frame_rate.is_none());
    }
    if content == "audio" {
        missing(&SOUND, "@audioSamplingRate", representation.sampling_rate.is_none());
        missing(&SOUND, "AudioChannelConfiguration", representation.channels.is_empty());
    }
}

fn alike(period: &Period, found: &mut Vec<Finding>) {
    let mut seen = BTreeSet::new();
    for set in &period.sets {
        let codec = set.representations.first().and_then(|each| family(each.codecs.as_deref()?));
        let key = (set.content(), codec, &set.language, &set.labels, &set.roles, &set.properties);
        if !seen.insert(key) {
            found.push(at(&ALIKE, &set.place, format!("another set of {} is told of just so", set.content())));
        }
    }
}

fn captions(set: &AdaptationSet, found: &mut Vec<Finding>) {
    let channel = |name: &str| matches!(name, "CC1" | "CC2" | "CC3" | "CC4");
    let service = |name: &str| name.parse::<u8>().is_ok_and(|number| (1..=63).contains(&number));
    for descriptor in &set.accessibility {
        let fits = |entry: &str| match (descriptor.scheme.as_str(), entry.split_once('=')) {
            (CEA_608, Some((name, language))) => channel(name) && !language.is_empty(),
            (CEA_708, Some((name, language))) => service(name) && !language.is_empty(),
            (CEA_608 | CEA_708, None) => !entry.is_empty() && entry.len() <= 8,
            _ => true,
        };
        if !descriptor.value.split(';').all(fits) {
            let detail = format!("line {}: {:?}", descriptor.line, descriptor.value);
            found.push(Finding::new(&CAPTIONS, set.place.path.clone(), detail));
        }
    }
}
