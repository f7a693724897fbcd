//! What holds at every instant of any stream: playlists and manifests keep their promises, and both describe the same media.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use sluicegate::media::{Kind, Span, TrackId, WallClock};
use sluicegate::segment::options::Options;
use sluicegate::segment::pieces::Pieces;
use sluicegate::segment::request::Request;
use sluicegate::segment::segmenter::{Boundary, Segmenter};
use sluicegate::segment::snapshot::{MediaSequence, Phase, Segment, Slot, Snapshot};
use sluicegate::{dash, hls};

use super::boxes;
#[cfg(feature = "server")]
use super::held::Held;
use super::iframes::Scrubber;
use super::low_latency::Player;
use super::source::{Source, program, wall};

const TRACKS: [TrackId; 2] = [TrackId::VIDEO, TrackId::AUDIO];

/// What happens to a stream, one after another. Times in milliseconds.
#[derive(Clone, Debug)]
enum Event {
    Play(i64),
    Away(i64),
    Takeover,
    Config,
    Loss(i64),
    Silence(i64),
    Frozen(i64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        6 => (100..12_000_i64).prop_map(Event::Play),
        2 => (0..30_000_i64).prop_map(Event::Away),
        1 => Just(Event::Takeover),
        1 => Just(Event::Config),
        1 => (0..8_000_i64).prop_map(Event::Loss),
        1 => (10..8_000_i64).prop_map(Event::Silence),
        1 => (10..8_000_i64).prop_map(Event::Frozen),
    ];
    proptest::collection::vec(event, 2..10)
}

fn sources() -> impl Strategy<Value = Source> {
    let gops = prop_oneof![9 => proptest::collection::vec(1..400_usize, 1..4), 1 => Just(Vec::new())];
    let rates = proptest::sample::select(vec![1_i64, 10, 24, 25, 30, 50, 60]);
    let sounds = proptest::option::weighted(0.9, proptest::sample::select(vec![44_100_u32, 48_000, 22_050]));
    (gops, rates, 0..4_usize, sounds, -300..300_i64).prop_map(|(gops, frames_per_second, b_frames, sample_rate, audio_late)| {
        let sample_rate = if gops.is_empty() { sample_rate.or(Some(48_000)) } else { sample_rate };
        Source { frames_per_second, gops, b_frames, sample_rate, audio_late, size: 40 }
    })
}

/// A viewer that reads everything and remembers it.
#[derive(Default)]
struct Viewer {
    fixed: Option<(u32, Option<Span>, Span)>,
    last: Option<Arc<Snapshot>>,
    /// Each segment's file and listed duration, by track and number.
    files: BTreeMap<(TrackId, MediaSequence), (Pieces, String)>,
    discontinuities: BTreeMap<MediaSequence, u64>,
    /// When a number was last listed, and how long the longest playlist was that listed it.
    listed: BTreeMap<MediaSequence, (WallClock, Span)>,
    periods: BTreeMap<String, (String, String)>,
    slots: BTreeMap<MediaSequence, Arc<Slot>>,
    players: BTreeMap<TrackId, Player>,
    scrubber: Scrubber,
    #[cfg(feature = "server")]
    checker: super::checked::Checker,
    #[cfg(feature = "server")]
    held: Held,
}

impl Viewer {
    fn look(&mut self, snapshot: &Arc<Snapshot>, now: WallClock) {
        #[cfg(feature = "server")]
        self.held.look(snapshot, now);
        TRACKS.iter().for_each(|track| self.players.entry(*track).or_default().look(snapshot, *track));
        #[cfg(feature = "server")]
        self.checker.look(snapshot, now);
        if self.last.as_ref().is_some_and(|last| last.revision == snapshot.revision) {
            return self.fetch_removed(snapshot, now);
        }
        let fixed = (snapshot.target_duration, snapshot.part_target, snapshot.window);
        assert_eq!(*self.fixed.get_or_insert(fixed), fixed, "what may never change has changed");
        if let Some(last) = &self.last {
            assert!(last.changed < snapshot.changed && last.state < snapshot.state && last.first() <= snapshot.first());
            assert!(last.slots.last().unwrap().msn <= snapshot.slots.last().unwrap().msn);
        }
        self.slots(snapshot);
        for track in TRACKS.into_iter().filter(|track| snapshot.has_track(*track)) {
            self.media_playlist(snapshot, track);
        }
        self.scrubber.look(snapshot);
        multivariant(snapshot);
        self.manifest(snapshot);
        super::times::look(snapshot);
        let span = snapshot.slots.iter().fold(Span::ZERO, |sum, slot| sum + slot.duration);
        for slot in &snapshot.slots {
            let entry = self.listed.entry(slot.msn).or_insert((now, span));
            *entry = (now, entry.1.max(span));
        }
        self.fetch_removed(snapshot, now);
        self.last = Some(Arc::clone(snapshot));
    }

    fn slots(&mut self, snapshot: &Snapshot) {
        let mut discontinuity = snapshot.discontinuity_sequence;
        for slot in &snapshot.slots {
            discontinuity += u64::from(slot.discontinuity);
            assert_eq!(*self.discontinuities.entry(slot.msn).or_insert(discontinuity), discontinuity, "discontinuity sequence is true");
            // As it was first seen: it loses its parts later.
            self.slots.entry(slot.msn).or_insert_with(|| Arc::clone(slot));
        }
        for (slot, next) in snapshot.slots.iter().zip(snapshot.slots.iter().skip(1)) {
            assert_eq!(slot.msn.next(), next.msn);
            let hole = next.wall.since(slot.wall_end());
            assert!(hole >= Span::from_millis(-2), "the wall clock never runs back: {hole:?}");
        }
        let kept = snapshot.slots.iter().skip(1).fold(Span::ZERO, |sum, slot| sum + slot.duration);
        assert!(snapshot.slots.len() <= 6 || kept < snapshot.window, "nothing superfluous is listed");
    }

    fn media_playlist(&mut self, snapshot: &Snapshot, track: TrackId) {
        let text = hls::media(snapshot, track, "", false).unwrap();
        read_every_line(&text);
        let list = m3u8_rs::parse_media_playlist_res(text.as_bytes()).unwrap();
        assert_eq!(list.target_duration, u64::from(snapshot.target_duration));
        assert_eq!(list.media_sequence, snapshot.first().0);
        assert_eq!(list.discontinuity_sequence, snapshot.discontinuity_sequence);
        // What follows the listed slots is looked at by those who play parts.
        assert!(list.segments.len() >= snapshot.slots.len());
        assert_eq!(list.end_list, snapshot.phase == Phase::Ended);
        let mut map: Option<String> = None;
        for (listed, slot) in list.segments.iter().zip(&snapshot.slots) {
            assert!(f64::from(listed.duration).round() <= list.target_duration as f64, "{} s of {}", listed.duration, list.target_duration);
            assert_eq!(listed.discontinuity, slot.discontinuity);
            assert!(listed.program_date_time.is_some());
            if let Some(named) = &listed.map {
                map = Some(named.uri.clone());
            }
            let gap = listed.unknown_tags.iter().any(|tag| tag.tag == "X-GAP");
            let request = Request::parse(&listed.uri).unwrap();
            let file = snapshot.media(&request).map(|body| body.in_memory().unwrap().clone());
            assert_eq!(gap, file.is_none(), "a gap and only a gap has no file");
            let Some(file) = file else { continue };
            let init = boxes::file(&snapshot.media(&Request::parse(map.as_deref().unwrap()).unwrap()).unwrap());
            assert_eq!(init, slot.segment(track).unwrap().init.bytes);
            let known = self.files.entry((track, slot.msn)).or_insert_with(|| (file.clone(), listed.duration.to_string()));
            assert_eq!(*known, (file.clone(), listed.duration.to_string()), "a name never meets other bytes");
        }
    }

    /// RFC 8216 §6.2.2: a removed segment stays for its own duration and that of the longest playlist that listed it.
    fn fetch_removed(&mut self, snapshot: &Snapshot, now: WallClock) {
        if snapshot.counters.evicted_segments > 0 {
            return;
        }
        for (msn, (last, span)) in self.listed.range(..snapshot.first()) {
            let slot = &self.slots[msn];
            if now < last.plus(slot.duration).plus(*span) {
                assert!(snapshot.slot(*msn).is_some(), "{msn:?} went too early");
            }
        }
    }

    fn manifest(&mut self, snapshot: &Snapshot) {
        let text = dash::manifest(snapshot, "/time", "");
        let mpd = dash_mpd_core::parse(&text).unwrap();
        assert_eq!(mpd.mpdtype.as_deref(), Some(if snapshot.phase == Phase::Ended { "static" } else { "dynamic" }));
        let mut described = Vec::new();
        let mut from = std::time::Duration::ZERO;
        assert!(!mpd.periods.is_empty());
        for period in &mpd.periods {
            let start = period.start.unwrap();
            assert!(start >= from, "periods follow each other");
            from = start + period.duration.unwrap_or_default();
            let id = period.id.clone().unwrap();
            let sets: Vec<_> = period.adaptations.iter().map(|set| (set.id.clone(), set.lang.clone())).collect();
            let identity = (format!("{start:?}"), format!("{sets:?}"));
            assert_eq!(*self.periods.entry(id).or_insert_with(|| identity.clone()), identity, "a published period never changes");
            for set in &period.adaptations {
                for representation in &set.representations {
                    let template = representation.SegmentTemplate.as_ref().unwrap();
                    let track = if representation.id.as_deref() == Some("v0") { TrackId::VIDEO } else { TrackId::AUDIO };
                    let (mut number, mut at) = (template.startNumber.unwrap(), 0);
                    let mut end = 0;
                    for s in &template.SegmentTimeline.as_ref().unwrap().segments {
                        at = s.t.unwrap_or(at);
                        assert!(at >= end, "segments of a timeline do not overlap");
                        for _ in 0..=s.r.unwrap_or(0) {
                            described.push((MediaSequence(number), track, at as i64, s.d as i64));
                            at += s.d;
                            number += 1;
                        }
                        end = at;
                    }
                }
            }
        }
        let listed: Vec<_> = snapshot.slots.iter().filter(|slot| slot.period.is_some()).collect();
        let listed = if listed.is_empty() { snapshot.last_media.iter().collect() } else { listed };
        let mut expected: Vec<_> =
            listed.iter().flat_map(|slot| slot.segments.iter().map(|s| (slot.msn, s.track(), s.start.ticks(), s.duration))).collect();
        expected.sort();
        described.sort();
        let newest = snapshot.slots.last().unwrap().msn;
        let (whole, ahead): (Vec<_>, Vec<_>) = described.into_iter().partition(|(msn, ..)| *msn <= newest);
        assert_eq!(whole, expected, "both manifests describe the same media");
        ahead_of_time(snapshot, &whole, &ahead);
    }
}

/// A segment as a manifest tells of it: number, track, start and duration.
type Described = (MediaSequence, TrackId, i64, i64);

/// What a manifest tells of segments in progress: they follow the whole ones without a hole, or begin the period that is coming; they begin
/// where their first part does, and at most one more is foretold.
fn ahead_of_time(snapshot: &Snapshot, whole: &[Described], ahead: &[Described]) {
    assert!(ahead.is_empty() || snapshot.phase == Phase::Live && snapshot.part_target.is_some());
    for track in TRACKS {
        let of = |all: &[Described]| all.iter().copied().filter(|(_, other, ..)| *other == track).collect::<Vec<_>>();
        let mut last = of(whole).last().copied().filter(|_| snapshot.coming.is_none());
        for (msn, _, start, duration) in of(ahead) {
            let Some((before, _, from, length)) = last else {
                let coming = snapshot.coming.as_ref().expect("nothing is told of a track that has no segment");
                let open = snapshot.open.iter().find(|open| open.track() == track).unwrap();
                assert_eq!((msn, start), (open.msn, open.start.ticks()));
                assert!(!open.parts().is_empty() && coming.inits.iter().any(|init| init.track.id == track));
                last = Some((msn, track, start, duration));
                continue;
            };
            assert_eq!((msn, duration > 0), (before.next(), true));
            let open = snapshot.open.iter().find(|open| open.track() == track && open.msn == msn);
            assert!(open.is_some() || snapshot.open.iter().any(|open| open.track() == track && open.msn == before), "one is foretold");
            let begun = open.filter(|open| !open.parts().is_empty());
            assert_eq!(start, begun.map_or(from + length, |open| open.start.ticks()));
            last = Some((msn, track, start, duration));
        }
    }
}

fn read_every_line(text: &str) {
    use quick_m3u8::config::ParsingOptionsBuilder;
    use quick_m3u8::{HlsLine, Reader};
    let mut reader = Reader::from_str(text, ParsingOptionsBuilder::new().with_parsing_for_all_tags().build());
    while let Some(line) = reader.read_line().unwrap() {
        assert!(matches!(line, HlsLine::KnownTag(_) | HlsLine::Uri(_)), "{line:?}");
    }
}

fn multivariant(snapshot: &Snapshot) {
    let text = hls::multivariant(snapshot, "");
    read_every_line(&text);
    let list = m3u8_rs::parse_master_playlist_res(text.as_bytes()).unwrap();
    let (scrubbing, variants): (Vec<_>, Vec<_>) = list.variants.iter().partition(|variant| variant.is_i_frame);
    assert_eq!(variants.len(), usize::from(!snapshot.tracks.is_empty()));
    assert_eq!(scrubbing.len(), snapshot.tracks.iter().filter(|status| status.track.id.kind == Kind::Video).count());
    for variant in &list.variants {
        assert!(variant.bandwidth >= variant.average_bandwidth.unwrap() && variant.codecs.is_some());
    }
}

/// What all of it comes to in the end: every segment, in order.
fn check_media(viewer: &Viewer, calm: bool, part_target: Option<Span>) {
    for track in TRACKS {
        let mut last: Option<(&Slot, i64)> = None;
        for slot in viewer.slots.values() {
            let Some(segment) = slot.segment(track) else {
                last = None;
                continue;
            };
            let samples = boxes::samples(&boxes::file(&segment.body));
            check_segment(slot, segment, &samples, part_target);
            let first = samples[0].decode_time;
            if let Some((before, end)) = last.filter(|(before, _)| !slot.discontinuity && before.period == slot.period) {
                assert!(first >= end, "decode times never run back within a period");
                assert!(!calm || first == end, "decode times go on without a gap: {first} after {end} in {:?}", before.msn.next());
            }
            last = samples.last().map(|sample| (&**slot, sample.decode_time + sample.duration));
        }
    }
}

fn check_segment(slot: &Slot, segment: &Segment, samples: &[boxes::Found], part_target: Option<Span>) {
    assert_eq!(segment.independent, samples[0].is_sync);
    let scale = segment.start.scale();
    let joined: Vec<u8> = segment.parts.iter().flat_map(|part| part.bytes.iter().copied()).collect();
    assert_eq!(joined, boxes::file(&segment.body), "a segment is its parts laid end to end");
    for part in &segment.parts {
        let samples = boxes::samples(&part.bytes);
        assert_eq!(part.duration, samples.iter().map(|sample| sample.duration).sum::<i64>());
        let references = boxes::references(&part.bytes);
        assert!(references.len() == 1 && references[0].0 <= 1, "a part begins with its reference time, behind a styp");
        let fits = part_target.is_none_or(|target| part.duration <= target.ticks(scale));
        assert!(samples.len() == 1 || fits, "no part is longer than the target");
        let keyframe = samples.windows(2).position(|pair| pair[1].is_sync && !pair[0].is_sync);
        let before = |at: usize| samples[..=at].iter().map(|sample| sample.duration).sum::<i64>();
        let is_short = |at| part_target.is_none_or(|target| before(at) * 100 < target.ticks(scale) * 85);
        let begins = keyframe.is_none_or(|at| is_short(at) && !part.independent);
        assert!(segment.track().kind == Kind::Audio || begins, "a keyframe begins a part, unless the one before would be too short");
    }
    if segment.track().kind == Kind::Video {
        assert_eq!(segment.start, slot.start, "pictures begin at the cut");
        let shown = samples[0].decode_time + samples[0].offset;
        assert!(!segment.independent || shown == segment.start.ticks(), "a segment begins at its keyframe's presentation time");
    } else {
        assert!(segment.start >= slot.start, "sound begins at or after the cut");
    }
}

fn names(viewer: &Viewer, track: TrackId) -> Vec<String> {
    let segments = viewer.slots.values().filter_map(|slot| slot.segment(track));
    let samples = segments.flat_map(|segment| boxes::samples(&boxes::file(&segment.body)));
    samples.map(|sample| String::from_utf8_lossy(&sample.data).split(';').next().unwrap().to_owned()).collect()
}

fn run(source: &Source, events: &[Event], ending: bool) -> (Viewer, Segmenter, BTreeMap<TrackId, Vec<String>>) {
    let (mut segmenter, refused) = Segmenter::new(Options::default(), program(source.tracks(31)));
    assert!(refused.is_empty());
    let mut viewer = Viewer::default();
    let steady = matches!(events, [Event::Play(_)]);
    #[cfg(feature = "server")]
    {
        viewer.checker.steady = steady;
    }
    viewer.players = TRACKS.map(|track| (track, Player::new(steady))).into();
    let mut pushed: BTreeMap<TrackId, Vec<String>> = BTreeMap::new();
    let (mut media, mut late, mut level) = (0, 100, 31);
    let mut play = |segmenter: &mut Segmenter, viewer: &mut Viewer, from: i64, to: i64, late: i64, only: Option<Kind>| {
        for (arrival, sample) in source.samples(from, to) {
            if only.is_some_and(|kind| kind != sample.track.kind) {
                continue;
            }
            let name = format!("{}@{}", sample.track, sample.dts.ticks());
            pushed.entry(sample.track).or_default().push(name);
            let now = wall(arrival + late);
            segmenter.push(sample, now);
            segmenter.tick(now);
            segmenter.snapshot().inspect(|snapshot| viewer.look(snapshot, now));
        }
    };
    for event in events {
        let now = wall(media + late);
        match *event {
            Event::Play(millis) => {
                play(&mut segmenter, &mut viewer, media, media + millis, late, None);
                media += millis;
            }
            Event::Away(millis) => {
                segmenter.away(now);
                for waited in (0..millis).step_by(250) {
                    let now = wall(media + late + waited);
                    segmenter.tick(now);
                    segmenter.snapshot().inspect(|snapshot| viewer.look(snapshot, now));
                }
                late += millis;
                segmenter.head(program(source.tracks(level)), Boundary::Break, wall(media + late));
            }
            Event::Takeover => drop(segmenter.head(program(source.tracks(level)), Boundary::Break, now)),
            Event::Config => {
                level = if level == 31 { 41 } else { 31 };
                segmenter.head(program(source.tracks(level)), Boundary::Config, now);
            }
            Event::Loss(millis) => {
                media += millis;
                segmenter.head(program(source.tracks(level)), Boundary::Loss, wall(media + late));
            }
            Event::Silence(millis) | Event::Frozen(millis) => {
                let kind = if matches!(event, Event::Silence(_)) { Kind::Video } else { Kind::Audio };
                play(&mut segmenter, &mut viewer, media, media + millis, late, Some(kind));
                media += millis;
            }
        }
        segmenter.snapshot().inspect(|snapshot| viewer.look(snapshot, wall(media + late)));
    }
    let now = wall(media + late + 500);
    if ending {
        segmenter.end(now);
    } else {
        segmenter.away(now);
    }
    segmenter.snapshot().inspect(|snapshot| viewer.look(snapshot, now));
    (viewer, segmenter, pushed)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_stream_keeps_its_promises(source in sources(), events in events(), ending: bool) {
        let (viewer, mut segmenter, pushed) = run(&source, &events, ending);
        let Some(snapshot) = segmenter.snapshot() else { return Ok(()) };
        let calm = !events.iter().any(|event| matches!(event, Event::Silence(_) | Event::Frozen(_)));
        check_media(&viewer, calm, snapshot.part_target);

        let mut delivered = 0;
        for track in TRACKS {
            let published = pushed.get(&track).cloned().unwrap_or_default();
            let names = names(&viewer, track);
            delivered += names.len() as u64;
            let mut sent = published.iter();
            prop_assert!(names.iter().all(|name| sent.any(|other| other == name)), "samples come once and in order");
            if calm && track == TrackId::VIDEO {
                // Each take begins at a keyframe, so no picture is ever lost.
                prop_assert_eq!(names, published);
            }
        }
        let all: u64 = pushed.values().map(|names| names.len() as u64).sum();
        prop_assert_eq!(delivered + snapshot.counters.dropped_samples, all, "what is not delivered is counted");
    }

    #[test]
    fn a_calm_stream_is_cut_at_keyframes_and_loses_nothing(
        rate in proptest::sample::select(vec![10_i64, 12, 15, 20, 24, 25, 30, 50, 60]),
        seconds in 1..5_usize,
        b_frames in 0..4_usize,
        late in -250..250_i64,
    ) {
        let source = Source { frames_per_second: rate, gops: vec![rate as usize * seconds], b_frames, audio_late: late, ..Source::default() };
        let (viewer, mut segmenter, pushed) = run(&source, &[Event::Play(30_000)], true);
        let snapshot = segmenter.snapshot().unwrap();
        #[cfg(feature = "server")]
        prop_assert_eq!(&viewer.held.recommended, &Default::default());
        prop_assert_eq!(snapshot.counters.forced_cuts, 0);
        prop_assert!(snapshot.independent);
        prop_assert_eq!(names(&viewer, TrackId::VIDEO), pushed[&TrackId::VIDEO].clone());
        let frame = Span::from_millis(22);
        for slot in viewer.slots.values() {
            let sound = slot.segment(TrackId::AUDIO).unwrap().start.since(slot.start);
            prop_assert!(sound >= Span::ZERO && sound < frame, "sound is cut with the pictures: {sound:?}");
        }
    }
}

/// Streams that once broke a promise.
#[test]
fn known_streams_keep_their_promises() {
    let silent = Source { frames_per_second: 24, gops: vec![82], sample_rate: Some(44_100), ..Source::default() };
    let events =
        [Event::Silence(5_366), Event::Silence(91), Event::Play(1_461), Event::Frozen(2_928), Event::Away(2_186), Event::Play(395)];
    run(&silent, &events, false);
    let halting = Source { frames_per_second: 50, gops: vec![12], sample_rate: Some(44_100), ..Source::default() };
    run(&halting, &[Event::Silence(2_485), Event::Frozen(674), Event::Takeover, Event::Play(348)], false);
    let slow = Source { frames_per_second: 1, gops: vec![249], sample_rate: Some(44_100), ..Source::default() };
    run(&slow, &[Event::Play(9_001), Event::Away(0), Event::Frozen(10)], false);
    let silenced = Source { frames_per_second: 50, gops: vec![158, 226], b_frames: 1, sample_rate: Some(44_100), ..Source::default() };
    run(&silenced, &[Event::Play(10_938), Event::Silence(2_998), Event::Play(100)], false);
    let stopped = Source { frames_per_second: 10, gops: vec![1], sample_rate: None, ..Source::default() };
    run(&stopped, &[Event::Play(4_001), Event::Frozen(6_099), Event::Away(1), Event::Play(100)], false);
    let lost = Source { frames_per_second: 1, gops: Vec::new(), ..Source::default() };
    run(&lost, &[Event::Play(3_948), Event::Silence(6_020), Event::Away(7_643), Event::Play(100)], false);
    let late = Source { frames_per_second: 1, gops: vec![3], b_frames: 1, sample_rate: Some(44_100), ..Source::default() };
    run(&late, &[Event::Frozen(3_043), Event::Play(151), Event::Play(2_001)], false);
}
