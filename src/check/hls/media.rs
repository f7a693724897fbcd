//! Playlists against the media that they list.

use crate::check::finding::Level::{Must, Should};
use crate::check::finding::{Finding, Rule};
use crate::check::media::{self as bytes, Announced, codec};
use crate::media::{Kind, Span};

use super::model::{Media, Part, Segment, Variant};
use super::notes::{Notes, rules};

rules! {
    DURATION "hls-media-duration" Should "RFC 8216bis §4.4.4.1"
        "EXTINF is how long the samples of the segment last."
    PART_DURATION "hls-media-part-duration" Should "RFC 8216bis §4.4.4.9"
        "DURATION of a part is how long its samples last."
    PART_TARGET "hls-media-part-target" Must "RFC 8216bis §4.4.4.9"
        "The samples of a part last no longer than the part target."
    INDEPENDENT "hls-media-independent" Must "RFC 8216bis §4.4.4.9"
        "A part with INDEPENDENT=YES has a sync sample."
    INDEPENDENT_UNTOLD "hls-media-independent-untold" Should "RFC 8216bis §4.4.4.9"
        "A part of pictures that begins with a sync sample has INDEPENDENT=YES."
    INDEPENDENT_SEGMENTS "hls-media-independent-segments" Must "RFC 8216bis §4.4.2.1"
        "Under EXT-X-INDEPENDENT-SEGMENTS, each segment begins with a sync sample."
    PARTS "hls-media-parts" Must "RFC 8216bis §3.2"
        "The parts of a segment have the same samples as the segment, at the same times."
    BIT_RATE "hls-media-bit-rate" Must "RFC 8216bis §4.4.4.8"
        "EXT-X-BITRATE is within a tenth of the bit rate of each segment that it is told of."
    CODECS "hls-media-codecs" Must "RFC 8216bis §4.4.6.2"
        "CODECS of a variant has the codec of each track that it may play."
    RESOLUTION "hls-media-resolution" Should "RFC 8216bis §4.4.6.2"
        "RESOLUTION of a variant is the size of its pictures."
    FRAME_RATE "hls-media-frame-rate" Should "RFC 8216bis §4.4.6.2"
        "FRAME-RATE of a variant is the rate of its pictures."
    CHANNELS "hls-media-channels" Should "RFC 8216bis §4.4.6.1"
        "CHANNELS of a rendition is the number of channels of its sound."
    BANDWIDTH "hls-media-bandwidth" Should "RFC 8216bis §4.4.6.2, Apple HLS Authoring Specification"
        "No segments of a variant have more than BANDWIDTH by a quarter."
    AVERAGE_BANDWIDTH "hls-media-average-bandwidth" Should "RFC 8216bis §4.4.6.2, Apple HLS Authoring Specification"
        "The segments of a variant have on average no more than AVERAGE-BANDWIDTH by a quarter."
}

/// How far the duration of a segment may be off: a frame, or a rounding in old playlists.
pub const DURATION_TOLERANCE: Span = Span::from_millis(100);
/// How far the duration of a part may be off.
pub const PART_TOLERANCE: Span = Span::from_millis(25);
/// How far the samples of a part may exceed the part target, for publishers round their times to milliseconds.
pub const TARGET_TOLERANCE: Span = Span::from_millis(2);
/// By how many hundredths a rate may exceed what is told of it, in a live stream.
pub const RATE_TOLERANCE: u64 = 25;
/// Hundredths by which `FRAME-RATE` may be off: those of broadcast, such as 29.97, are a tenth of this from the whole number.
pub const FRAME_RATE_TOLERANCE: f64 = 1.0;
/// Segments from which a rate may be told.
pub const SEGMENTS_FOR_RATE: usize = 5;
/// `EXT-X-BITRATE` is in kbit/s, and may be so many hundredths off.
const BIT_RATE_TOLERANCE: u64 = 10;
const MILLIS_PER_SECOND: u128 = 1_000;

/// What a segment has in it against what `list` says of it. `independent` tells whether the multivariant playlist has
/// `EXT-X-INDEPENDENT-SEGMENTS`.
pub fn segment(subject: &str, list: &Media, segment: &Segment, media: &bytes::Media, independent: bool) -> Vec<Finding> {
    let mut notes = Notes::new(subject);
    let Some(lead) = media.lead() else { return Vec::new() };
    let off = lead.duration() - segment.duration;
    // An entry of an I-frame playlist lasts until the next one, whatever is in it.
    if off.abs() > DURATION_TOLERANCE && !list.iframes_only {
        let (told, real) = (segment.duration.as_secs_f64(), lead.duration().as_secs_f64());
        notes.add(&DURATION, format_args!("{}: EXTINF of {told} s, and samples of {real} s", segment.uri));
    }
    let told = independent || list.header.independent_segments;
    if told && lead.kind == Kind::Video && !lead.begins_with_sync {
        notes.add(&INDEPENDENT_SEGMENTS, format_args!("{} begins with a sample that is no sync sample", segment.uri));
    }
    let rate = bit_rate(media.bytes, segment.duration) / 1_000;
    let within = |told: u64| told.saturating_mul(100).abs_diff(rate.saturating_mul(100)) <= rate.saturating_mul(BIT_RATE_TOLERANCE);
    if let Some(told) = segment.bit_rate.filter(|told| segment.range.is_none() && !within(*told)) {
        notes.add(&BIT_RATE, format_args!("{}: EXT-X-BITRATE of {told}, and {rate} kbit/s", segment.uri));
    }
    notes.into_findings()
}

/// What a part has in it against what is said of it.
pub fn part(subject: &str, list: &Media, part: &Part, media: &bytes::Media) -> Vec<Finding> {
    let mut notes = Notes::new(subject);
    let Some(lead) = media.lead() else { return Vec::new() };
    let (told, real) = (part.duration.as_secs_f64(), lead.duration().as_secs_f64());
    if (lead.duration() - part.duration).abs() > PART_TOLERANCE {
        notes.add(&PART_DURATION, format_args!("{}: DURATION={told}, and samples of {real} s", part.uri));
    }
    if let Some(target) = list.part_target.filter(|target| lead.duration() > *target + TARGET_TOLERANCE) {
        notes.add(&PART_TARGET, format_args!("{}: samples of {real} s, and a part target of {} s", part.uri, target.as_secs_f64()));
    }
    if part.independent && lead.sync_samples == 0 {
        notes.add(&INDEPENDENT, format_args!("{} has no sync sample", part.uri));
    }
    if !part.independent && lead.kind == Kind::Video && lead.begins_with_sync {
        notes.add(&INDEPENDENT_UNTOLD, format_args!("{} begins with a sync sample", part.uri));
    }
    notes.into_findings()
}

/// The parts of a segment, all of them in order, against the segment.
pub fn parts(subject: &str, segment: &Segment, parts: &[bytes::Media], whole: &bytes::Media) -> Vec<Finding> {
    let mut notes = Notes::new(subject);
    for run in &whole.runs {
        let mut of_track = parts.iter().flat_map(|part| &part.runs).filter(|part| part.track == run.track).peekable();
        let begin = of_track.peek().map(|part| part.begin);
        let (samples, end) = of_track.fold((0, None), |(samples, _), part| (samples + part.samples, Some(part.end)));
        if (begin, samples, end) != (Some(run.begin), run.samples, Some(run.end)) {
            let (place, track) = (&segment.uri, run.track);
            notes.add(
                &PARTS,
                format_args!(
                    "{place}: {} samples of track {track} from {:?} to {:?}, and {samples} from {begin:?} to {end:?} in its parts",
                    run.samples, run.begin, run.end
                ),
            );
        }
    }
    notes.into_findings()
}

/// A variant against the tracks that its own playlist and one rendition of each of its groups announce, and `frame_rate` as measured.
pub fn variant(subject: &str, variant: &Variant, tracks: &[&Announced], frame_rate: Option<f64>) -> Vec<Finding> {
    let mut notes = Notes::new(subject);
    for track in tracks {
        let Some((told, declared)) = track.codec.as_ref().zip(variant.codecs.as_ref()) else { continue };
        if !declared.iter().any(|declared| codec::agrees(declared, told)) {
            notes.add(&CODECS, format_args!("CODECS={:?}, and a track of {told}", declared.join(",")));
        }
    }
    let picture = tracks.iter().find_map(|track| track.picture).map(|(width, height)| (u64::from(width), u64::from(height)));
    if let Some((told, real)) = variant.resolution.zip(picture).filter(|(told, real)| told != real) {
        notes.add(&RESOLUTION, format_args!("RESOLUTION={}x{}, and pictures of {}x{}", told.0, told.1, real.0, real.1));
    }
    if let Some((told, real)) = variant.frame_rate.zip(frame_rate) {
        let off = (told - real).abs() * 100.0;
        if off > real * FRAME_RATE_TOLERANCE {
            notes.add(&FRAME_RATE, format_args!("FRAME-RATE={told}, and {real:.3} pictures a second"));
        }
    }
    notes.into_findings()
}

/// `CHANNELS` of a rendition against the track that its playlist announces.
pub fn channels(subject: &str, told: &str, track: &Announced) -> Vec<Finding> {
    let mut notes = Notes::new(subject);
    let count = told.split('/').next().and_then(super::value::integer);
    if let Some(real) = track.channels.map(u64::from).filter(|real| count != Some(*real)) {
        notes.add(&CHANNELS, format_args!("CHANNELS={told:?}, and {real} channels"));
    }
    notes.into_findings()
}

/// The bit rate of one media playlist, as measured segment by segment.
#[derive(Debug, Default, Clone, Copy)]
pub struct Meter {
    segments: usize,
    bytes: u64,
    duration: Span,
    peak: u64,
}

impl Meter {
    /// Takes in a segment of `bytes` that is said to last `duration`, of a playlist with that target duration. One shorter than half of it
    /// counts for the average alone: peaks are measured over at least that long (§2).
    pub fn add(&mut self, bytes: u64, duration: Span, target_duration: u64) {
        self.segments += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        self.duration = self.duration + duration;
        let target = i64::try_from(target_duration).unwrap_or(i64::MAX);
        if duration >= Span::from_millis(target.saturating_mul(500)) {
            self.peak = self.peak.max(bit_rate(bytes, duration));
        }
    }

    const fn is_enough(&self) -> bool {
        self.segments >= SEGMENTS_FOR_RATE
    }
}

fn bit_rate(bytes: u64, duration: Span) -> u64 {
    let millis = u128::try_from(duration.millis()).unwrap_or_default().max(1);
    u64::try_from(u128::from(bytes) * 8 * MILLIS_PER_SECOND / millis).unwrap_or(u64::MAX)
}

/// What a variant says of its rates against those measured of its own playlist and of one rendition of each of its groups. Says nothing before
/// [`SEGMENTS_FOR_RATE`] segments of each.
pub fn bandwidth(subject: &str, variant: &Variant, meters: &[Meter]) -> Vec<Finding> {
    let mut notes = Notes::new(subject);
    if !meters.iter().all(Meter::is_enough) {
        return Vec::new();
    }
    let peak = meters.iter().fold(0_u64, |sum, meter| sum.saturating_add(meter.peak));
    let average = meters.iter().fold(0_u64, |sum, meter| sum.saturating_add(bit_rate(meter.bytes, meter.duration)));
    let exceeds = |real: u64, told: u64| real.saturating_mul(100) > told.saturating_mul(100 + RATE_TOLERANCE);
    if let Some(told) = variant.bandwidth.filter(|told| exceeds(peak, *told)) {
        notes.add(&BANDWIDTH, format_args!("BANDWIDTH={told}, and {peak} bit/s"));
    }
    if let Some(told) = variant.average_bandwidth.filter(|told| exceeds(average, *told)) {
        notes.add(&AVERAGE_BANDWIDTH, format_args!("AVERAGE-BANDWIDTH={told}, and {average} bit/s"));
    }
    notes.into_findings()
}
