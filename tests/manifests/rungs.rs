//! Rungs that are made here: they are cut with the source, nothing waits for them, and what they lack is a gap.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use sluicegate::hls::reload;
use sluicegate::media::{Kind, Rung, Sample, Track, TrackId};
#[cfg(feature = "server")]
use sluicegate::outlet::{File, Media as Found, Shelf};
use sluicegate::segment::listing::{self, Media};
use sluicegate::segment::options::Options;
#[cfg(feature = "server")]
use sluicegate::segment::request::Addressing;
use sluicegate::segment::request::Request;
use sluicegate::segment::segmenter::{Boundary, Segmenter};
use sluicegate::segment::snapshot::{MediaSequence, Snapshot};
#[cfg(feature = "server")]
use sluicegate::segment::snapshot::{PartNumber, Period};
use sluicegate::{dash, hls};

use super::boxes;
#[cfg(feature = "server")]
use super::checked::Checker;
use super::source::{Source, program, video, wall};

const RUNG: TrackId = TrackId { kind: Kind::Video, index: 16 };

/// What happens to a rung, one after another. Times in milliseconds.
#[derive(Clone, Copy, Debug)]
enum Spell {
    /// It is made, so much later than the source, and of so many pictures one is missing.
    Made { millis: i64, late: i64, missing: Option<usize> },
    /// It is not made; whether that is told.
    Dead { millis: i64, told: bool },
}

/// What happens to the source meanwhile.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Turn {
    None,
    Break,
    Config,
}

enum Action {
    Sample(Sample),
    Begin,
    Stop,
    Source(Turn),
}

fn rung() -> Arc<Rung> {
    Arc::new(Rung {
        track: RUNG,
        label: "360p".into(),
        codecs: "avc1.64001e".into(),
        width: 640,
        height: 360,
        frame_rate: Some(30.0),
        bit_rate: 800_000,
        peak: 1_200_000,
    })
}

fn rung_track() -> Arc<Track> {
    Arc::new(Track { id: RUNG, ..video(30) })
}

/// Each picture of the source that a rung without B-frames has, in the order in which they are shown: when it arrives.
fn made(samples: &[(i64, Sample)], every: usize) -> Vec<(i64, Sample)> {
    let mut pictures: Vec<_> = samples.iter().filter(|(_, sample)| sample.track == TrackId::VIDEO).cloned().collect();
    pictures.sort_by_key(|(_, sample)| sample.pts());
    let (mut latest, mut since_sync) = (0, 0);
    let mut made = Vec::new();
    for (arrival, sample) in pictures {
        latest = latest.max(arrival);
        since_sync = if sample.is_sync { 0 } else { since_sync + 1 };
        if since_sync % every == 0 {
            made.push((latest, Sample { track: RUNG, dts: sample.pts(), cts: 0, ..sample }));
        }
    }
    made
}

/// What a rung does over time, and what comes of it: the samples that it sent.
fn actions(source: &[(i64, Sample)], spells: &[Spell], every: usize) -> Vec<(i64, Action)> {
    let pictures = made(source, every);
    let mut actions = Vec::new();
    let mut from = 0;
    for spell in spells {
        match *spell {
            Spell::Dead { millis, told } => {
                if told {
                    actions.push((from, Action::Stop));
                }
                from += millis;
            }
            Spell::Made { millis, late, missing } => {
                actions.push((from, Action::Begin));
                let begun = pictures.iter().skip_while(|(arrival, sample)| *arrival < from || !sample.is_sync);
                let sent = begun.take_while(|(arrival, _)| arrival + late < from + millis).enumerate();
                let kept = sent.filter(|(n, _)| missing.is_none_or(|missing| (n + 1) % missing != 0));
                actions.extend(kept.map(|(_, (arrival, sample))| (arrival + late, Action::Sample(sample.clone()))));
                from += millis;
            }
        }
    }
    actions
}

/// A source with a rung, and what its viewers saw.
struct Stage {
    segmenter: Segmenter,
    source: Source,
    snapshots: Vec<Arc<Snapshot>>,
    #[cfg(feature = "server")]
    checker: Checker,
}

impl Stage {
    fn new(source: &Source, has_rung: bool) -> Self {
        let (mut segmenter, _) = Segmenter::new(Options::default(), program(source.tracks(31)));
        if has_rung {
            segmenter.set_rungs([rung()], false, wall(0));
        }
        Self {
            segmenter,
            source: source.clone(),
            snapshots: Vec::new(),
            #[cfg(feature = "server")]
            checker: Checker::default(),
        }
    }

    fn act(&mut self, at: i64, action: &Action) {
        let now = wall(at + 100);
        match action {
            Action::Sample(sample) => self.segmenter.push(sample.clone(), now),
            Action::Begin => self.segmenter.begin_rung(&rung_track(), now),
            Action::Stop => self.segmenter.stop_rung(RUNG, now),
            Action::Source(Turn::None) => {}
            Action::Source(Turn::Break) => {
                drop(self.segmenter.head(program(self.source.tracks(31)), Boundary::Break, now));
            }
            Action::Source(Turn::Config) => {
                drop(self.segmenter.head(program(self.source.tracks(41)), Boundary::Config, now));
            }
        }
        self.segmenter.tick(now);
        let Some(snapshot) = self.segmenter.snapshot() else { return };
        if self.snapshots.last().is_some_and(|last| last.state == snapshot.state) {
            return;
        }
        if let Some(last) = self.snapshots.last() {
            assert_kept(&periods(last), &periods(&snapshot));
        }
        #[cfg(feature = "server")]
        self.checker.look(&snapshot, now);
        dash_mpd_core::parse(&dash::manifest(&snapshot, "/time", "")).unwrap();
        self.snapshots.push(snapshot);
    }
}

/// A period as manifests tell of it: number, place on the wall clock, and tracks.
type Told = (u64, i64, Vec<TrackId>);

fn periods(snapshot: &Snapshot) -> Vec<Told> {
    let all = snapshot.slots.iter().filter_map(|slot| slot.period.as_ref()).chain(&snapshot.coming);
    let mut told: Vec<_> =
        all.map(|period| (period.index, period.wall.unix_millis(), period.inits.iter().map(|init| init.track.id).collect())).collect();
    told.dedup();
    told
}

/// Periods that were told of leave where they are the oldest, and otherwise stay as they were; others follow them.
fn assert_kept(before: &[Told], now: &[Told]) {
    let Some((oldest, ..)) = now.first() else { return };
    let kept: Vec<_> = before.iter().filter(|(index, ..)| index >= oldest).collect();
    assert!(kept.iter().eq(&now.iter().take(kept.len()).collect::<Vec<_>>()), "{before:?} was told, and {now:?} is now");
    assert!(now.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1), "{now:?} follow each other");
}

/// What a track's playlist says of each number: its place, its length, whether time breaks, and its bytes.
type Listed = BTreeMap<MediaSequence, (i64, i64, bool, Option<Vec<u8>>)>;

fn listed(snapshot: &Snapshot, track: TrackId) -> Listed {
    let entries = listing::entries(snapshot, track).filter_map(|entry| {
        let (length, bytes) = match entry.media {
            Media::Whole(segment) => (segment.span().nanos(), Some(segment.body.in_memory()?.as_slice().concat())),
            Media::Gap(length) => (length.nanos(), None),
            Media::Open(_) => return None,
        };
        Some((entry.msn, (entry.wall.unix_millis(), length, entry.discontinuity, bytes)))
    });
    entries.collect()
}

/// Plays a source with and without a rung. Whatever becomes of the rung, the source's own playlists come to the same at the same moment.
fn play(source: &Source, millis: i64, spells: &[Spell], turn: (i64, Turn), every: usize) -> (Stage, Vec<Sample>) {
    let samples = source.samples(0, millis);
    let rungs = actions(&samples, spells, every);
    let sent =
        rungs.iter().filter_map(|(_, action)| if let Action::Sample(sample) = action { Some(sample.clone()) } else { None }).collect();
    let mut all: Vec<(i64, Action, bool)> = samples.into_iter().map(|(at, sample)| (at, Action::Sample(sample), true)).collect();
    all.push((turn.0, Action::Source(turn.1), true));
    all.extend(rungs.into_iter().map(|(at, action)| (at, action, false)));
    all.sort_by_key(|(at, ..)| *at);
    let (mut with, mut without) = (Stage::new(source, true), Stage::new(source, false));
    for (at, action, is_source) in &all {
        with.act(*at, action);
        if *is_source {
            without.act(*at, action);
        }
        let (Some(one), Some(other)) = (with.snapshots.last(), without.snapshots.last()) else {
            assert_eq!(with.snapshots.is_empty(), without.snapshots.is_empty(), "the stream is announced at the same moment");
            continue;
        };
        for track in [TrackId::VIDEO, TrackId::AUDIO] {
            assert_eq!(listing::edge(one, track), listing::edge(other, track), "{track} at {at}");
            let (one, other) = (listed(one, track), listed(other, track));
            assert!(other.iter().all(|(msn, entry)| one.get(msn).is_none_or(|same| same == entry)), "{track} at {at}");
        }
    }
    (with, sent)
}

/// Every segment that the rung ever had, by number; what was listed once never changes.
fn rung_segments(stage: &Stage) -> BTreeMap<MediaSequence, Option<Vec<boxes::Found>>> {
    let mut all: BTreeMap<MediaSequence, Option<Vec<boxes::Found>>> = BTreeMap::new();
    for snapshot in &stage.snapshots {
        for slot in &snapshot.slots {
            let segment = slot.segment(RUNG);
            if let Some(segment) = segment {
                assert_eq!(segment.start, slot.start, "a rung's segments begin at the cut, to the tick");
                assert_eq!(segment.span(), slot.duration, "and end there, where nothing is missing at the end");
            }
            let samples = segment.and_then(|segment| segment.body.in_memory().map(|pieces| boxes::samples(&pieces.as_slice().concat())));
            let known = all.entry(slot.msn).or_insert_with(|| samples.clone());
            assert_eq!(*known, samples, "what was listed stays: {:?}", slot.msn);
        }
    }
    all
}

fn presence(stage: &Stage) -> Vec<bool> {
    rung_segments(stage).values().map(Option::is_some).collect()
}

fn calm() -> Source {
    Source { b_frames: 2, ..Source::default() }
}

#[test]
fn a_rung_takes_part_from_the_slot_that_its_first_picture_begins() {
    let spells = [Spell::Dead { millis: 5_000, told: false }, Spell::Made { millis: 20_000, late: 300, missing: None }];
    let (stage, sent) = play(&calm(), 20_000, &spells, (0, Turn::None), 1);
    assert_eq!(presence(&stage), [false, false, false, true, true, true, true, true, true]);
    let segments = rung_segments(&stage);
    let delivered: Vec<_> = segments.values().flatten().flatten().map(|found| found.decode_time + found.offset).collect();
    let expected: Vec<_> = sent.iter().map(|sample| sample.pts().ticks()).take(delivered.len()).collect();
    assert_eq!(delivered, expected, "every picture, at its time");
    assert!(stage.snapshots.last().unwrap().slots.iter().all(|slot| !slot.discontinuity));
}

#[test]
fn half_the_frame_rate_meets_the_same_cuts() {
    let spells = [Spell::Made { millis: 20_000, late: 150, missing: None }];
    let (stage, _) = play(&Source { frames_per_second: 60, gops: vec![120], ..calm() }, 20_000, &spells, (0, Turn::None), 2);
    assert!(presence(&stage)[2..].iter().all(|there| *there), "{:?}", presence(&stage));
}

#[test]
fn a_rung_that_dies_in_the_middle_of_a_segment_has_a_gap_there_and_returns() {
    for told in [true, false] {
        let spells = [
            Spell::Made { millis: 9_000, late: 200, missing: None },
            Spell::Dead { millis: 3_500, told },
            Spell::Made { millis: 20_000, late: 200, missing: None },
        ];
        let (stage, _) = play(&calm(), 24_000, &spells, (0, Turn::None), 1);
        let there = presence(&stage);
        assert_eq!(there, [false, false, true, true, false, false, false, true, true, true, true], "{told}");
        let last = stage.snapshots.last().unwrap();
        assert!(last.slots.iter().all(|slot| !slot.discontinuity));
        let mpd = dash_mpd_core::parse(&dash::manifest(last, "/time", "")).unwrap();
        let sizes: Vec<_> = mpd.periods.iter().map(|period| period.adaptations[0].representations.len()).collect();
        assert_eq!(sizes, [1, 2, 1, 2], "representations come and go with periods");
        let holes = mpd.periods.windows(2).filter(|pair| pair[0].start.unwrap() + pair[0].duration.unwrap() != pair[1].start.unwrap());
        assert_eq!(holes.count(), 0);
    }
}

/// Shaka 5.2.12 takes a hint that is answered by 404 for an error of the network.
#[cfg(feature = "server")]
#[tokio::test]
async fn what_was_told_of_when_a_rung_stopped_has_no_media_and_no_other_part_has_the_number_that_was_hinted_at() {
    let spells = [
        Spell::Made { millis: 9_000, late: 200, missing: None },
        Spell::Dead { millis: 3_500, told: true },
        Spell::Made { millis: 20_000, late: 200, missing: None },
    ];
    let (stage, _) = play(&calm(), 24_000, &spells, (0, Turn::None), 1);
    let status = |snapshot: &Snapshot| snapshot.status(RUNG).cloned();
    let mut hinted = stage.snapshots.iter().filter_map(|snapshot| status(snapshot)?.next_part);
    let open = stage.snapshots.iter().flat_map(|snapshot| &snapshot.open).filter(|open| open.track() == RUNG);
    let numbers: BTreeSet<_> = open.flat_map(|open| open.parts()).map(|part| part.number).collect();
    let stopped = stage.snapshots.iter().find(|snapshot| status(snapshot).is_some_and(|told| told.lost_part.is_some())).unwrap();
    let (lost, next) = (status(stopped).unwrap().lost_part.unwrap(), status(stopped).unwrap().next_part);
    assert!(next.is_none() && hinted.any(|hinted| hinted == lost) && !numbers.contains(&lost));
    assert!(numbers.first().is_some_and(|first| *first < lost) && numbers.last().is_some_and(|last| *last > lost), "{lost:?} {numbers:?}");

    let (_tell, told) = tokio::sync::watch::channel(Some(Arc::clone(stopped)));
    let shelf = Shelf::new(told.clone(), told, 1);
    let ask = async |request| shelf.media(&request, std::time::Duration::ZERO).await.unwrap();
    let part = |number| Request::Part { track: RUNG, epoch: stopped.epoch, number };
    let last = stopped.slots.iter().rfind(|slot| slot.segment(RUNG).is_some()).unwrap().msn;
    let behind = |by| Request::Segment { track: RUNG, epoch: stopped.epoch, generation: 1, msn: MediaSequence(last.0 + by) };
    // Players of DASH have been told of the segment in progress, and ask for the one behind it ahead.
    for told in [part(lost), behind(1), behind(2)] {
        assert!(matches!(ask(told).await, Found::Whole(File::Nothing)), "{told:?}");
    }
    for untold in [part(PartNumber(lost.0 + 1)), behind(3)] {
        assert!(matches!(ask(untold).await, Found::Absent), "{untold:?}");
    }
}

/// Players of DASH are in its period since its first part: they find it as they knew it, and in its segment's place the source's. It begins again,
/// with another period, only behind that.
#[cfg(feature = "server")]
#[tokio::test]
async fn a_period_that_was_told_of_stays_though_its_rung_dies_at_once() {
    let spells = [
        Spell::Dead { millis: 5_900, told: false },
        Spell::Made { millis: 1_200, late: 0, missing: None },
        Spell::Dead { millis: 300, told: true },
        Spell::Made { millis: 6_000, late: 0, missing: None },
    ];
    let (stage, _) = play(&calm(), 14_000, &spells, (0, Turn::None), 1);
    let has_rung = |period: &Period| period.inits.iter().any(|init| init.track.id == RUNG);
    let told = stage.snapshots.iter().find_map(|snapshot| snapshot.coming.clone().filter(|period| has_rung(period))).unwrap();
    let last = stage.snapshots.last().unwrap();
    let of_rung: Vec<_> = last.slots.iter().filter(|slot| slot.period.as_deref().is_some_and(has_rung)).collect();
    assert_eq!((of_rung[0].period.as_ref(), of_rung[0].segment(RUNG)), (Some(&told), None));
    assert!(of_rung[1].period.as_ref().unwrap().index > told.index && of_rung[1].segment(RUNG).is_some());
    let mpd = dash_mpd_core::parse(&dash::manifest(last, "/time", "")).unwrap();
    let rung = mpd.periods[1].adaptations[0].representations.iter().find(|one| one.id == Some(RUNG.to_string())).unwrap();
    let template = rung.SegmentTemplate.as_ref().unwrap();
    let lengths: Vec<_> = template.SegmentTimeline.as_ref().unwrap().segments.iter().map(|s| (s.d, s.r)).collect();
    assert_eq!((lengths, template.startNumber), (vec![(180_000, None)], Some(of_rung[0].msn.0)));
    // Meanwhile, too, each track has something that is told of.
    for snapshot in stage.snapshots.iter().filter(|snapshot| snapshot.coming.is_some()) {
        for text in [Addressing::Number, Addressing::Time].map(|addressing| dash::manifest_by(snapshot, addressing, "/time", "")) {
            let mpd = dash_mpd_core::parse(&text).unwrap();
            let sets = mpd.periods.last().unwrap().adaptations.iter();
            let timelines = sets.flat_map(|set| &set.representations).map(|one| one.SegmentTemplate.as_ref()?.SegmentTimeline.as_ref());
            assert!(timelines.into_iter().all(|timeline| timeline.is_some_and(|timeline| !timeline.segments.is_empty())), "{text}");
        }
    }
    let stopped = stage.snapshots.iter().rfind(|snapshot| snapshot.coming.as_ref() == Some(&told)).unwrap();
    for (snapshot, is_whole) in [(stopped, false), (last, true)] {
        let (_tell, told) = tokio::sync::watch::channel(Some(Arc::clone(snapshot)));
        let address = Request::Segment { track: RUNG, epoch: last.epoch, generation: 1, msn: of_rung[0].msn };
        let found = Shelf::new(told.clone(), told, 1).media(&address, std::time::Duration::ZERO).await.unwrap();
        let given = snapshot.stand_in(&address);
        assert_eq!(given.is_some(), is_whole);
        assert!(match found {
            Found::Whole(File::Body(body)) => given.is_some_and(|given| body == given.into()),
            other => given.is_none() && matches!(other, Found::Whole(File::Nothing)),
        });
    }
}

#[test]
fn a_rung_that_is_too_late_is_left_out_until_it_has_caught_up() {
    let spells = [
        Spell::Made { millis: 8_000, late: 200, missing: None },
        Spell::Made { millis: 8_000, late: 4_000, missing: None },
        Spell::Made { millis: 20_000, late: 200, missing: None },
    ];
    let (stage, _) = play(&calm(), 28_000, &spells, (0, Turn::None), 1);
    let there = presence(&stage);
    assert!(there[2] && !there[5] && !there[6] && there[9..].iter().all(|there| *there), "{there:?}");
    assert!(reload::has_beginning(stage.snapshots.last().unwrap(), RUNG), "gaps in it are waited for no more");
}

#[test]
fn what_a_rung_is_to_be_is_listed_before_it_has_a_picture_and_its_playlist_has_gaps() {
    let (mut stage, _) = play(&calm(), 9_000, &[], (0, Turn::None), 1);
    let snapshot = stage.segmenter.snapshot().unwrap();
    let list = m3u8_rs::parse_master_playlist_res(hls::multivariant(&snapshot, "").as_bytes()).unwrap();
    let told: Vec<_> = list.variants.iter().map(|variant| (variant.uri.as_str(), variant.bandwidth, variant.codecs.as_deref())).collect();
    assert_eq!(told[1], ("v16.m3u8", 1_200_000 + 160_000, Some("avc1.64001e,mp4a.40.2")));
    assert_eq!((told[0].0, told[2].0, told.len()), ("v0.m3u8", "v0-iframes.m3u8", 3));
    assert_eq!(list.variants[1].resolution, Some(m3u8_rs::Resolution { width: 640, height: 360 }));
    let text = hls::media(&snapshot, RUNG, "", false).unwrap();
    let list = m3u8_rs::parse_media_playlist_res(text.as_bytes()).unwrap();
    assert_eq!(list.segments.len(), snapshot.slots.len());
    assert_eq!(text.matches("#EXT-X-GAP").count(), snapshot.slots.len());
    assert!(!text.contains("PRELOAD-HINT") && !text.contains("EXT-X-MAP"), "nothing is promised: {text}");
    let begin = [TrackId::VIDEO, TrackId::AUDIO, RUNG].map(|track| reload::has_beginning(&snapshot, track));
    assert_eq!(begin, [true, true, false], "browsers' own players wait for what is the rung's");
    // Who asks for it all the same finds the source there.
    let asked = |track| Request::Segment { track, epoch: snapshot.epoch, generation: 1, msn: snapshot.first() };
    let source = snapshot.media(&asked(TrackId::VIDEO)).unwrap();
    let init = &snapshot.status(TrackId::VIDEO).unwrap().init.bytes;
    let whole: Vec<_> = [init].into_iter().chain(source.in_memory().unwrap().as_slice()).collect();
    let given = snapshot.stand_in(&asked(RUNG)).unwrap();
    assert!(given.as_slice().iter().eq(whole.iter().copied()));
    assert!(given.as_slice().iter().zip(whole).all(|(given, own)| given.as_ptr() == own.as_ptr()), "and nothing of it is copied");
    assert_eq!((snapshot.media(&asked(RUNG)), snapshot.stand_in(&asked(TrackId::VIDEO))), (None, None));
    let msn = MediaSequence(snapshot.first().0 + snapshot.slots.len() as u64);
    let next = Request::Segment { track: RUNG, epoch: snapshot.epoch, generation: 1, msn };
    assert!(snapshot.stand_in(&next).is_none(), "what may still come");
    let mpd = dash_mpd_core::parse(&dash::manifest(&snapshot, "/time", "")).unwrap();
    assert_eq!(mpd.periods[0].adaptations[0].representations.len(), 1);
}

#[test]
fn the_sound_alone_is_the_last_variant_where_that_is_asked_for() {
    let source = calm();
    let (mut segmenter, _) = Segmenter::new(Options { audio_only: true, ..Options::default() }, program(source.tracks(31)));
    source.samples(0, 9_000).into_iter().for_each(|(at, sample)| segmenter.push(sample, wall(at + 100)));
    let text = hls::multivariant(&segmenter.snapshot().unwrap(), "token=t");
    let variants: Vec<_> = text.lines().skip_while(|line| !line.starts_with("#EXT-X-STREAM-INF")).collect();
    assert!(variants[0].contains("RESOLUTION") && variants[1] == "v0.m3u8?token=t", "{text}");
    assert!(variants[2].ends_with(",CODECS=\"mp4a.40.2\",AUDIO=\"audio-0\"") && variants[3] == "a0.m3u8?token=t", "{text}");
}

#[test]
fn a_rung_that_is_taken_off_leaves_the_lists_and_what_it_had_can_be_fetched() {
    let (mut stage, _) = play(&calm(), 12_000, &[Spell::Made { millis: 20_000, late: 200, missing: None }], (0, Turn::None), 1);
    stage.segmenter.set_rungs([], false, wall(12_100));
    let snapshot = stage.segmenter.snapshot().unwrap();
    assert!(snapshot.status(RUNG).is_none() && snapshot.expected.is_empty() && snapshot.has_track(RUNG));
    let (msn, _) = rung_segments(&stage).into_iter().rfind(|(_, samples)| samples.is_some()).unwrap();
    assert!(snapshot.segment(RUNG, msn).is_some());
    assert!(!hls::multivariant(&snapshot, "").contains("v16"));
}

#[test]
fn sound_leads_alone_where_pictures_stand_still_and_the_rung_returns_with_them() {
    let (source, still) = (calm(), 9_000..14_000);
    let samples = source.samples(0, 26_000);
    let mut all = actions(&samples, &[Spell::Made { millis: 26_000, late: 100, missing: None }], 1);
    all.extend(samples.into_iter().map(|(at, sample)| (at, Action::Sample(sample))));
    let comes = |at: i64, sample: &Sample| sample.track.kind == Kind::Audio || !still.contains(&at);
    all.retain(|(at, action)| !matches!(action, Action::Sample(sample) if !comes(*at, sample)));
    all.sort_by_key(|(at, _)| *at);
    let mut stage = Stage::new(&source, true);
    all.iter().for_each(|(at, action)| stage.act(*at, action));
    let there = presence(&stage);
    assert!(there[2] && there.ends_with(&[true, true]) && there.contains(&false), "{there:?}");
}

#[test]
fn forced_cuts_cut_a_rung_too() {
    let source = Source { gops: vec![600], ..Source::default() };
    let (stage, _) = play(&source, 75_000, &[Spell::Made { millis: 75_000, late: 200, missing: None }], (0, Turn::None), 1);
    assert!(stage.snapshots.last().unwrap().counters.forced_cuts > 0);
    let there = presence(&stage);
    assert!(there.len() > 5 && there[2..].iter().all(|there| *there), "{there:?}");
}

#[test]
fn a_segment_that_a_rung_does_not_finish_keeps_its_date() {
    let source = Source { frames_per_second: 60, gops: vec![350], b_frames: 1, ..Source::default() };
    let (stage, _) = play(&source, 24_000, &[Spell::Made { millis: 10_621, late: 0, missing: None }], (0, Turn::Break), 1);
    assert!(stage.snapshots.last().unwrap().counters.forced_cuts > 0);
}

fn spells() -> impl Strategy<Value = Vec<Spell>> {
    let missing = prop_oneof![3 => Just(None), 1 => (2..200_usize).prop_map(Some)];
    let made = (500..15_000_i64, 0..2_500_i64, missing).prop_map(|(millis, late, missing)| Spell::Made { millis, late, missing });
    let dead = (100..8_000_i64, any::<bool>()).prop_map(|(millis, told)| Spell::Dead { millis, told });
    proptest::collection::vec(prop_oneof![2 => made, 1 => dead], 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a rung does: the source is served as if there were none, the rung's segments lie between the cuts to the tick, begin with a
    /// sync sample wherever the source's do, and hold what was sent for them, in order and once.
    #[test]
    fn no_rung_is_waited_for_whatever_it_does(
        spells in spells(),
        rate in proptest::sample::select(vec![10_i64, 25, 30, 60]),
        gop in prop_oneof![3 => 20..150_usize, 1 => 150..700_usize],
        b_frames in 0..3_usize,
        every in 1..3_usize,
        turn in (0..20_000_i64, proptest::sample::select(vec![Turn::None, Turn::Break, Turn::Config])),
    ) {
        let source = Source { frames_per_second: rate, gops: vec![gop], b_frames, ..Source::default() };
        let (stage, sent) = play(&source, 24_000, &spells, turn, every);
        let sent: BTreeSet<i64> = sent.iter().map(|sample| sample.pts().ticks()).collect();
        let mut last = i64::MIN;
        let mut slots = BTreeMap::new();
        for snapshot in &stage.snapshots {
            slots.extend(snapshot.slots.iter().map(|slot| (slot.msn, Arc::clone(slot))));
        }
        for slot in slots.values() {
            let Some(segment) = slot.segment(RUNG) else { continue };
            let samples = boxes::samples(&boxes::file(&segment.body));
            let of_source = slot.segment(TrackId::VIDEO).unwrap();
            prop_assert!(segment.independent || !of_source.independent, "players can begin with it");
            if of_source.independent {
                prop_assert_eq!(segment.start, slot.start);
            }
            for sample in samples {
                let shown = sample.decode_time + sample.offset;
                prop_assert!(shown > last && sent.contains(&shown), "in order and once");
                let at = sluicegate::media::Timestamp::new(shown, segment.start.scale());
                prop_assert!(at >= slot.start && at < slot.start.plus(slot.duration).plus_ticks(9_001), "in its slot");
                last = shown;
            }
        }
    }
}

/// Behind a break the rung has a part before the source has one: the place on the wall clock follows from the source all the same.
#[test]
fn a_rung_that_is_ahead_moves_nothing() {
    let spells = [Spell::Made { millis: 6_086, late: 0, missing: None }, Spell::Made { millis: 10_220, late: 1, missing: None }];
    let source = Source { frames_per_second: 25, gops: vec![21], ..Source::default() };
    let (stage, _) = play(&source, 24_000, &spells, (6_111, Turn::Break), 2);
    assert!(rung_segments(&stage).values().any(Option::is_some), "the rung took part");
}
