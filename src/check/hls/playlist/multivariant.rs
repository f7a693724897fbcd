//! Variants and renditions.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::finding::Level::{Must, Note, Should};
use crate::check::finding::Rule;

use super::super::model::{ClosedCaptions, Multivariant, Rendition, Variant};
use super::super::notes::{Notes, rules};
use super::super::tag::Tag;
use super::super::value;

rules! {
    MULTIVARIANT_VERSION "hls-multivariant-version" Must "RFC 8216bis §8"
        "EXT-X-VERSION of a multivariant playlist is as high as what it uses demands."
    VARIANTS "hls-variants" Must "RFC 8216bis §4.4.6.2"
        "A multivariant playlist has a variant."
    CODECS "hls-codecs" Should "RFC 8216bis §4.4.6.2"
        "A variant tells its CODECS; Apple demands it."
    CODECS_SOUND "hls-codecs-sound" Must "RFC 8216bis §4.4.6.1.1"
        "A variant with a group of sound has a codec of sound in its CODECS."
    RESOLUTION "hls-resolution" Should "RFC 8216bis §4.4.6.2"
        "A variant with pictures tells its RESOLUTION; Apple demands it."
    FRAME_RATE "hls-frame-rate" Should "RFC 8216bis §4.4.6.2"
        "A variant with pictures tells its FRAME-RATE; Apple demands it."
    BANDWIDTH "hls-bandwidth" Must "RFC 8216bis §4.4.6.2"
        "AVERAGE-BANDWIDTH is not more than BANDWIDTH, and BANDWIDTH not zero."
    VIDEO_RANGE "hls-video-range" Must "RFC 8216bis §4.4.6.2"
        "VIDEO-RANGE is SDR, HLG or PQ."
    GROUP "hls-group" Must "RFC 8216bis §4.4.6.2"
        "A group that a variant names has renditions of that type."
    CAPTIONS_NONE "hls-captions-none" Must "RFC 8216bis §4.4.6.2"
        "Where one variant has CLOSED-CAPTIONS=NONE, all have."
    INDEPENDENT_SEGMENTS "hls-independent-segments" Note "Apple HLS Authoring Specification"
        "A multivariant playlist tells by EXT-X-INDEPENDENT-SEGMENTS that every segment can be decoded by itself."
    RENDITION_TYPE "hls-rendition-type" Must "RFC 8216bis §4.4.6.1"
        "TYPE is AUDIO, VIDEO, SUBTITLES or CLOSED-CAPTIONS, and each has the attributes of its type."
    RENDITION_NAME "hls-rendition-name" Must "RFC 8216bis §4.4.6.1.1"
        "The renditions of a group have different names."
    RENDITION_DEFAULT "hls-rendition-default" Must "RFC 8216bis §4.4.6.1, §4.4.6.1.1"
        "A group has no more than one DEFAULT=YES, and that one no AUTOSELECT=NO."
    RENDITION_CHOICE "hls-rendition-choice" Should "RFC 8216bis §4.4.6.1.1"
        "Renditions of a group with AUTOSELECT=YES differ in language, FORCED or CHARACTERISTICS."
    RENDITION_GROUPS "hls-rendition-groups" Must "RFC 8216bis §4.4.6.1.1"
        "Groups of one type have the same members: the same names, in the same languages."
    INSTREAM_ID "hls-instream-id" Must "RFC 8216bis §4.4.6.1"
        "Captions have an INSTREAM-ID, CC1 to CC4 or SERVICE1 to SERVICE63."
    CHANNELS "hls-channels" Should "RFC 8216bis §4.4.6.1"
        "A rendition of sound tells its CHANNELS."
    IFRAME_ATTRIBUTES "hls-iframe-attributes" Must "RFC 8216bis §4.4.6.3"
        "EXT-X-I-FRAME-STREAM-INF has neither FRAME-RATE nor AUDIO, SUBTITLES or CLOSED-CAPTIONS."
}

/// What names of video codecs begin with.
const PICTURES: [&str; 14] =
    ["avc1", "avc3", "hvc1", "hev1", "dvh1", "dvhe", "dva1", "dav1", "av01", "vp08", "vp09", "vvc1", "vvi1", "mp4v"];
/// What names of audio codecs begin with.
const SOUND: [&str; 12] = ["mp4a", "ac-3", "ec-3", "ac-4", "Opus", "opus", "fLaC", "flac", "alac", "mp3", "mhm1", "mhm2"];
const NOT_OF_IFRAMES: [&str; 4] = ["FRAME-RATE", "AUDIO", "SUBTITLES", "CLOSED-CAPTIONS"];
/// Channels of CEA-608, and services of CEA-708.
const CHANNELS_608: [&str; 4] = ["CC1", "CC2", "CC3", "CC4"];
const SERVICES_708: std::ops::RangeInclusive<u64> = 1..=63;

/// Whether a codec, as `CODECS` names it, is one of pictures.
pub fn is_pictures(codec: &str) -> bool {
    PICTURES.iter().any(|known| codec.starts_with(known))
}

/// Whether a codec, as `CODECS` names it, is one of sound.
pub fn is_sound(codec: &str) -> bool {
    SOUND.iter().any(|known| codec.starts_with(known))
}

pub(super) fn check(list: &Multivariant, notes: &mut Notes<'_>) {
    let (needed, what) = needed_version(list);
    let version = list.header.version.unwrap_or(1);
    if version < needed {
        notes.add(&MULTIVARIANT_VERSION, format_args!("version {version}, and {what} needs {needed}"));
    }
    if list.variants.is_empty() {
        notes.add(&VARIANTS, "no EXT-X-STREAM-INF");
    }
    if !list.header.independent_segments {
        notes.add(&INDEPENDENT_SEGMENTS, "no EXT-X-INDEPENDENT-SEGMENTS");
    }
    let known: BTreeSet<_> = list.renditions.iter().map(|rendition| (&*rendition.kind, &*rendition.group)).collect();
    for variant in &list.variants {
        codecs(variant, notes);
        groups_of(&known, variant, notes);
    }
    for variant in list.variants.iter().chain(&list.iframes) {
        bandwidth(variant, notes);
        if let Some(range) = variant.video_range.as_ref().filter(|range| !matches!(&***range, "SDR" | "HLG" | "PQ")) {
            notes.at(&VIDEO_RANGE, variant.line, format_args!("VIDEO-RANGE={range}"));
        }
    }
    for variant in &list.iframes {
        let wrong = |name: &&String| NOT_OF_IFRAMES.contains(&&***name);
        if let Some(name) = variant.attributes.iter().find(wrong) {
            notes.at(&IFRAME_ATTRIBUTES, variant.line, name);
        }
    }
    captions_none(list, notes);
    for rendition in &list.renditions {
        rendition_type(rendition, notes);
    }
    groups(list, notes);
}

/// The version that a multivariant playlist needs, and what for.
fn needed_version(list: &Multivariant) -> (u64, &'static str) {
    let mut attributes = list.variants.iter().chain(&list.iframes).flat_map(|variant| &variant.attributes);
    let instream = |captions: bool| {
        let mut of = list.renditions.iter().filter(move |rendition| (rendition.kind == "CLOSED-CAPTIONS") == captions);
        move |begin: &str| of.any(|rendition| rendition.instream_id.as_ref().is_some_and(|id| id.starts_with(begin)))
    };
    let needs = [
        (13, instream(false)(""), "INSTREAM-ID beside that of captions"),
        (12, attributes.any(|name| name.starts_with("REQ-")), "an attribute with REQ-"),
        (11, list.header.query_variables, "EXT-X-DEFINE with QUERYPARAM"),
        (8, list.header.has(Tag::Define), "EXT-X-DEFINE"),
        (7, instream(true)("SERVICE"), "INSTREAM-ID of a SERVICE"),
    ];
    needs.into_iter().find(|(_, used, _)| *used).map_or((1, ""), |(version, _, what)| (version, what))
}

fn codecs(variant: &Variant, notes: &mut Notes<'_>) {
    let Some(codecs) = &variant.codecs else {
        return notes.at(&CODECS, variant.line, format_args!("{} without CODECS", variant.uri));
    };
    if variant.audio.is_some() && !codecs.iter().any(|codec| is_sound(codec)) {
        notes.at(&CODECS_SOUND, variant.line, format_args!("AUDIO, and CODECS={}", codecs.join(",")));
    }
    if !codecs.iter().any(|codec| is_pictures(codec)) {
        return;
    }
    if variant.resolution.is_none() {
        notes.at(&RESOLUTION, variant.line, format_args!("{} without RESOLUTION", variant.uri));
    }
    if variant.frame_rate.is_none() {
        notes.at(&FRAME_RATE, variant.line, format_args!("{} without FRAME-RATE", variant.uri));
    }
}

fn bandwidth(variant: &Variant, notes: &mut Notes<'_>) {
    let (peak, average) = (variant.bandwidth, variant.average_bandwidth);
    if peak == Some(0) || average.zip(peak).is_some_and(|(average, peak)| average > peak) {
        notes.at(&BANDWIDTH, variant.line, format_args!("BANDWIDTH={peak:?}, AVERAGE-BANDWIDTH={average:?}"));
    }
}

fn groups_of(known: &BTreeSet<(&str, &str)>, variant: &Variant, notes: &mut Notes<'_>) {
    let captions = match &variant.closed_captions {
        Some(ClosedCaptions::Group(group)) => Some(group),
        _ => None,
    };
    let named = [
        ("AUDIO", variant.audio.as_ref()),
        ("VIDEO", variant.video.as_ref()),
        ("SUBTITLES", variant.subtitles.as_ref()),
        ("CLOSED-CAPTIONS", captions),
    ];
    for (kind, group) in named {
        if let Some(group) = group.filter(|group| !known.contains(&(kind, &***group))) {
            notes.at(&GROUP, variant.line, format_args!("no EXT-X-MEDIA of {kind} in the group {group:?}"));
        }
    }
}

fn captions_none(list: &Multivariant, notes: &mut Notes<'_>) {
    let is_none = |variant: &Variant| variant.closed_captions == Some(ClosedCaptions::None);
    let without = list.variants.iter().find(|variant| !is_none(variant));
    if let Some(variant) = without.filter(|_| list.variants.iter().any(is_none)) {
        notes.at(&CAPTIONS_NONE, variant.line, "another variant has CLOSED-CAPTIONS=NONE");
    }
}

fn rendition_type(rendition: &Rendition, notes: &mut Notes<'_>) {
    let captions = rendition.kind == "CLOSED-CAPTIONS";
    let wrong = match &*rendition.kind {
        "CLOSED-CAPTIONS" if rendition.uri.is_some() => Some("captions with a URI"),
        "SUBTITLES" if rendition.uri.is_none() => Some("subtitles without a URI"),
        "AUDIO" | "VIDEO" | "CLOSED-CAPTIONS" if rendition.forced.is_some() => Some("FORCED, which is for subtitles"),
        "VIDEO" | "SUBTITLES" | "CLOSED-CAPTIONS" if rendition.channels.is_some() => Some("CHANNELS, which is for sound"),
        "AUDIO" | "VIDEO" | "SUBTITLES" | "CLOSED-CAPTIONS" => None,
        _ => Some("no type that there is"),
    };
    if let Some(wrong) = wrong {
        notes.at(&RENDITION_TYPE, rendition.line, format_args!("TYPE={}: {wrong}", rendition.kind));
    }
    let is_instream = |id: &str| {
        let service = id.strip_prefix("SERVICE").and_then(value::integer);
        CHANNELS_608.contains(&id) || service.is_some_and(|service| SERVICES_708.contains(&service))
    };
    if captions && !rendition.instream_id.as_deref().is_some_and(is_instream) {
        notes.at(&INSTREAM_ID, rendition.line, format_args!("INSTREAM-ID={:?}", rendition.instream_id));
    }
    if rendition.kind == "AUDIO" && rendition.channels.is_none() {
        notes.at(&CHANNELS, rendition.line, format_args!("{:?} without CHANNELS", rendition.name));
    }
}

/// Names and languages.
type Members<'a> = BTreeSet<(&'a str, Option<&'a str>)>;

fn groups(list: &Multivariant, notes: &mut Notes<'_>) {
    let mut groups: BTreeMap<(&str, &str), Vec<&Rendition>> = BTreeMap::new();
    for rendition in &list.renditions {
        groups.entry((&rendition.kind, &rendition.group)).or_default().push(rendition);
    }
    let mut first_of: BTreeMap<&str, (&str, Members<'_>)> = BTreeMap::new();
    for ((kind, id), members) in &groups {
        group(members, notes);
        let names: BTreeSet<_> = members.iter().map(|member| (&*member.name, member.language.as_deref())).collect();
        let (other, expected) = first_of.entry(kind).or_insert_with(|| (id, names.clone()));
        if *expected != names {
            notes.add(&RENDITION_GROUPS, format_args!("the groups {other:?} and {id:?} of {kind} have other members"));
        }
    }
}

fn group(members: &[&Rendition], notes: &mut Notes<'_>) {
    let (mut names, mut choices, mut default) = (BTreeSet::new(), BTreeSet::new(), None);
    for member in members {
        if !names.insert(&member.name) {
            notes.at(&RENDITION_NAME, member.line, format_args!("{:?} a second time in {:?}", member.name, member.group));
        }
        if member.default && member.autoselect == Some(false) {
            notes.at(&RENDITION_DEFAULT, member.line, "DEFAULT=YES and AUTOSELECT=NO");
        }
        if let Some(line) = default.filter(|_| member.default) {
            notes.at(&RENDITION_DEFAULT, member.line, format_args!("DEFAULT=YES, as in line {line}"));
        }
        default = default.or(member.default.then_some(member.line));
        let choice = (&member.language, member.forced, &member.characteristics, &member.assoc_language);
        if member.autoselect == Some(true) && !choices.insert(choice) {
            notes.at(&RENDITION_CHOICE, member.line, format_args!("nothing tells {:?} from another one to choose", member.name));
        }
    }
}
