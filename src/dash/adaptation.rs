//! What a period holds: adaptation sets, their representations, and the timelines of their segments.

use std::io;
use std::sync::Arc;

use quick_xml::events::BytesText;

use crate::media::{Captions, Kind, Track};
use crate::segment::request::{Addressing, Request};
use crate::segment::snapshot::{Init, Period, Snapshot, TrackStatus};

use super::descriptors::{self, Descriptor};
use super::events;
use super::following::{self, Stretch};
use super::low_latency::{self, LowLatency};
use super::manifest::{Run, Xml};
use super::text::{frame_rate, xml_text};

/// The slots of the period that is written, and what surrounds it.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    pub snapshot: &'a Snapshot,
    pub run: &'a Run<'a>,
    /// Whether it is the period in progress.
    pub is_open: bool,
    /// What tells its segments apart.
    pub addressing: Addressing,
    /// What is promised of segments in progress, where it is that one.
    pub low_latency: Option<LowLatency>,
    /// The address of a clock that tells UTC.
    pub clock: &'a str,
    pub query: &'a str,
}

/// Writes the adaptation sets of a period: one of all video tracks with one codec and the same colours, one for each audio track.
pub fn write_sets(xml: &mut Xml, period: &Period, setting: &Setting<'_>) -> io::Result<()> {
    let sets = sets(period);
    for set in &sets {
        write_set(xml, period, setting, set, &sets)?;
    }
    Ok(())
}

/// The id of the period's first set.
pub fn first_id(period: &Period) -> u32 {
    sets(period).first().map_or(0, |set| set.id)
}

/// The tracks that a player may switch between.
struct Set<'a> {
    /// `AdaptationSet@id`: video sets from 1, audio sets from 101; the same in every update.
    id: u32,
    inits: Vec<&'a Arc<Init>>,
}

fn sets(period: &Period) -> Vec<Set<'_>> {
    let mut sets: Vec<Set<'_>> = Vec::new();
    for init in &period.inits {
        let id = init.track.id;
        let first = if id.kind == Kind::Video { 1 } else { 101 };
        let shared = sets.iter_mut().find(|set| {
            let other = &set.inits[0].track;
            id.kind == Kind::Video && other.id.kind == Kind::Video && is_like(other, &init.track)
        });
        match shared {
            Some(set) => set.inits.push(init),
            None => sets.push(Set { id: first + u32::from(id.index), inits: vec![init] }),
        }
    }
    sets
}

fn is_like(one: &Track, other: &Track) -> bool {
    std::mem::discriminant(&one.codec) == std::mem::discriminant(&other.codec) && descriptors::same_colors(one, other)
}

/// A track with what was told of it since it got its init segment.
fn told<'a>(snapshot: &'a Snapshot, init: &'a Init) -> &'a Track {
    snapshot.tracks.iter().find(|status| status.track.id == init.track.id).map_or(&init.track, |status| &status.track)
}

fn write_descriptors(xml: &mut Xml, element: &str, descriptors: impl IntoIterator<Item = Descriptor>) -> io::Result<()> {
    for (scheme, value) in descriptors {
        xml.create_element(element).with_attributes([("schemeIdUri", scheme), ("value", value.as_str())]).write_empty()?;
    }
    Ok(())
}

impl Set<'_> {
    fn kind(&self) -> Kind {
        self.inits[0].track.id.kind
    }

    /// Whether all of its segments of a number begin at one moment, so that a player may change at any of them (`@segmentAlignment`).
    fn is_aligned(&self, run: &Run<'_>) -> bool {
        run.iter().all(|slot| {
            let mut starts = self.inits.iter().filter_map(|init| slot.segment(init.track.id)).map(|segment| segment.start);
            let first = starts.next();
            starts.all(|start| Some(start) == first)
        })
    }

    /// The other video sets: the same pictures in another codec or other colours.
    fn exchangeable(&self, sets: &[Self]) -> Option<Descriptor> {
        let others = sets.iter().filter(|other| self.kind() == Kind::Video && other.kind() == Kind::Video && other.id != self.id);
        let ids: Vec<_> = others.map(|other| other.id.to_string()).collect();
        (!ids.is_empty()).then(|| (descriptors::SWITCHING, ids.join(",")))
    }

    /// Pictures in another codec are as much the main thing as the first; of sound, the first track is, and what is made of it here.
    fn role(&self, sets: &[Self]) -> &'static str {
        let first_sound = sets.iter().find(|set| set.kind() == Kind::Audio).map(|set| set.id);
        if self.kind() == Kind::Video || first_sound == Some(self.id) || self.inits[0].track.id.is_rung() { "main" } else { "alternate" }
    }
}

fn write_set(xml: &mut Xml, period: &Period, setting: &Setting<'_>, set: &Set<'_>, sets: &[Set<'_>]) -> io::Result<()> {
    let Setting { snapshot, run, low_latency, clock, .. } = *setting;
    let Some(first) = set.inits.first() else { return Ok(()) };
    let (kind, mime) = match first.track.id.kind {
        Kind::Video => ("video", "video/mp4"),
        Kind::Audio | Kind::Data => ("audio", "audio/mp4"),
    };
    let is_ours = |track| set.inits.iter().any(|init| init.track.id == track);
    let mut whole = run.iter().flat_map(|slot| &slot.segments).filter(|segment| is_ours(segment.track()));
    // Those in progress are told of for a low latency only.
    let mut begun = low_latency.iter().flat_map(|_| &snapshot.open).filter(|open| is_ours(open.track()));
    let id = set.id.to_string();
    let element = xml.create_element("AdaptationSet").with_attributes([("id", id.as_str()), ("contentType", kind), ("mimeType", mime)]);
    let element = if set.is_aligned(run) { element.with_attribute(("segmentAlignment", "true")) } else { element };
    let element = match whole.all(|segment| segment.independent) && begun.all(|open| open.is_independent()) {
        true => element.with_attribute(("startWithSAP", "1")),
        false => element,
    };
    let named = told(snapshot, first);
    let element = match &named.language {
        Some(language) if first.track.id.kind == Kind::Audio => element.with_attribute(("lang", language.as_str())),
        _ => element,
    };
    element.write_inner_content(|xml| {
        write_descriptors(xml, "SupplementalProperty", descriptors::colors(&first.track).into_iter().chain(set.exchangeable(sets)))?;
        events::write_inband(xml, period, first.track.id.kind)?;
        if let Some(name) = named.name.as_deref().filter(|_| named.id.kind == Kind::Audio) {
            xml.create_element("Label").write_text_content(BytesText::new(&xml_text(name)))?;
        }
        if let Some(low_latency) = low_latency {
            low_latency.write_reference(xml, set.id, period, first.track.timescale, clock)?;
            low_latency.write_resync(xml, first.track.timescale)?;
        }
        let captions = set.inits.iter().map(|init| told(snapshot, init).captions);
        write_descriptors(xml, "Accessibility", descriptors::captions(captions.fold(Captions::default(), Captions::and)))?;
        let role = [("schemeIdUri", "urn:mpeg:dash:role:2011"), ("value", set.role(sets))];
        xml.create_element("Role").with_attributes(role).write_empty()?;
        for init in &set.inits {
            write_representation(xml, period, setting, init)?;
        }
        Ok(())
    })?;
    Ok(())
}

fn write_representation(xml: &mut Xml, period: &Period, setting: &Setting<'_>, init: &Init) -> io::Result<()> {
    let Setting { snapshot, run, .. } = *setting;
    let track = &init.track;
    let status = snapshot.tracks.iter().find(|status| status.track.id == track.id);
    let bandwidth = status.map_or_else(|| measured(run, init), |status: &TrackStatus| status.rate.peak);
    let (id, bandwidth, codecs) = (track.id.to_string(), bandwidth.to_string(), track.codec.rfc6381());
    let attributes = [("id", id.as_str()), ("bandwidth", bandwidth.as_str()), ("codecs", codecs.as_str())];
    let mut element = xml.create_element("Representation").with_attributes(attributes);
    if let Some(shape) = track.codec.video() {
        let (width, height) = (shape.width.to_string(), shape.height.to_string());
        element = element.with_attributes([("width", width.as_str()), ("height", height.as_str())]);
        if let Some(rate) = status.and_then(|status| status.frame_rate).or(track.frame_rate) {
            element = element.with_attribute(("frameRate", frame_rate(rate).as_str()));
        }
    }
    let sound = track.codec.audio();
    if let Some(shape) = sound {
        element = element.with_attribute(("audioSamplingRate", shape.sample_rate.to_string().as_str()));
    }
    element.write_inner_content(|xml| {
        write_descriptors(xml, "AudioChannelConfiguration", descriptors::channels(told(snapshot, init)))?;
        write_template(xml, period, setting, init)
    })?;
    Ok(())
}

/// What a track that is no longer in the program had at most, in bits per second.
fn measured(run: &Run<'_>, init: &Init) -> u64 {
    let segments = run.iter().filter_map(|slot| slot.segment(init.track.id));
    segments.map(|segment| segment.body.len() as u64 * 8_000 / segment.span().millis().max(1) as u64).max().unwrap_or(0).max(1)
}

fn write_template(xml: &mut Xml, period: &Period, setting: &Setting<'_>, init: &Init) -> io::Result<()> {
    let Setting { snapshot, run, low_latency, query, is_open, addressing, .. } = *setting;
    let (track, epoch, timescale) = (init.track.id, snapshot.epoch, init.track.timescale);
    // A dollar sign stands for itself only when doubled; the carried query holds none.
    let suffix = if query.is_empty() { String::new() } else { format!("?{query}") };
    let listed = || run.first().map(|slot| slot.msn).or_else(|| snapshot.open.first().map(|open| open.msn));
    let by_number = addressing == Addressing::Number;
    let regular = period.regular.filter(|_| by_number);
    let Some(first) = regular.map(|regular| regular.first).or_else(listed) else { return Ok(()) };
    let offset = period.start.rescale(timescale).to_string();
    let mut attributes = vec![("timescale", timescale.hz().to_string()), ("presentationTimeOffset", offset)];
    attributes.extend(by_number.then(|| ("startNumber", first.0.to_string())));
    if let Some(regular) = regular {
        attributes.push(("duration", regular.duration.ticks(timescale).to_string()));
        // Where the last segment of a period is a little longer, players would look for another one behind it.
        attributes.extend(run.last().filter(|_| !is_open).map(|last| ("endNumber", last.msn.0.to_string())));
    }
    attributes.push(("initialization", format!("{}{suffix}", Request::Init { track, epoch, generation: init.generation })));
    attributes.push(("media", format!("{}{suffix}", Request::template(track, epoch, init.generation, addressing))));
    let whole: Vec<_> = run.iter().map(|slot| Stretch::within(slot, &init.track)).collect();
    let end = whole.last().map(|stretch| stretch.end());
    let following = match low_latency {
        Some(low_latency) => low_latency.following(snapshot, init, end),
        None if is_open && !by_number => following::whole_and_next(snapshot, init, end),
        None => Vec::new(),
    };
    let offset = match low_latency {
        Some(low_latency) => Some(low_latency.availability_offset(regular, &following, timescale)),
        None if is_open || !by_number || regular.is_some() => None,
        None => low_latency::past_offset(snapshot),
    };
    attributes.extend(offset.map(|offset| ("availabilityTimeOffset", offset)));
    if low_latency.is_some() || !following.is_empty() {
        attributes.push(("availabilityTimeComplete", "false".to_owned()));
    }
    let attributes = attributes.iter().map(|(name, value)| (*name, value.as_str()));
    let element = xml.create_element("SegmentTemplate").with_attributes(attributes);
    if regular.is_some() {
        element.write_empty()?;
        return Ok(());
    }
    let segments = [whole, following].concat();
    element.write_inner_content(|xml| {
        xml.create_element("SegmentTimeline").write_inner_content(|xml| write_timeline(xml, &segments))?;
        Ok(())
    })?;
    Ok(())
}

fn write_timeline(xml: &mut Xml, segments: &[Stretch]) -> io::Result<()> {
    let follows = |one: &Stretch, next: &Stretch| one.end() == next.start && one.duration == next.duration;
    let mut expected = None;
    for alike in segments.chunk_by(follows) {
        let (Some(first), Some(last)) = (alike.first(), alike.last()) else { continue };
        let mut element = xml.create_element("S");
        if expected != Some(first.start) {
            element = element.with_attribute(("t", first.start.to_string().as_str()));
        }
        element = element.with_attribute(("d", first.duration.to_string().as_str()));
        if alike.len() > 1 {
            element = element.with_attribute(("r", (alike.len() - 1).to_string().as_str()));
        }
        element.write_empty()?;
        expected = Some(last.end());
    }
    Ok(())
}
