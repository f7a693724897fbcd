//! A player that reads parts: looks at one track's playlist at every instant, and holds it to all that it said before.

use std::collections::{BTreeMap, BTreeSet};

use sluicegate::hls;
use sluicegate::hls::reload::{DirectiveError, Wanted};
use sluicegate::media::TrackId;
use sluicegate::segment::listing;
use sluicegate::segment::request::Request;
use sluicegate::segment::snapshot::{MediaSequence, PartNumber, Phase, Snapshot};

use super::boxes;

/// One number of a playlist, as it is written.
#[derive(Clone, PartialEq, Debug, Default)]
struct Entry {
    discontinuity: bool,
    wall: String,
    map: Option<String>,
    gap: bool,
    parts: Vec<Part>,
    /// Microseconds; none while it is in progress.
    micros: Option<i64>,
    uri: String,
}

#[derive(Clone, PartialEq, Debug)]
struct Part {
    number: PartNumber,
    micros: i64,
    independent: bool,
}

#[derive(Debug, Default)]
struct Playlist {
    first: u64,
    control: String,
    part_target: Option<i64>,
    skipped: usize,
    entries: Vec<Entry>,
    hint: Option<PartNumber>,
    map_hint: Option<String>,
    reports: Vec<String>,
    ended: bool,
}

/// What a player remembers of a playlist.
#[derive(Debug, Default)]
pub struct Player {
    /// Whether nothing happens that could end a part early.
    steady: bool,
    state: Option<u64>,
    control: Option<String>,
    edge: (u64, usize),
    /// The number, place and look of every part ever listed.
    parts: BTreeMap<PartNumber, (u64, usize, Part)>,
    /// Whole entries without their parts, and the wall-clock time of those in progress.
    entries: BTreeMap<u64, Entry>,
    walls: BTreeMap<u64, String>,
    hinted: Option<PartNumber>,
    /// Parts that were made and never listed.
    passed_over: BTreeSet<u64>,
}

impl Player {
    pub fn new(steady: bool) -> Self {
        Self { steady, ..Self::default() }
    }

    pub fn look(&mut self, snapshot: &Snapshot, track: TrackId) {
        if self.state.replace(snapshot.state) == Some(snapshot.state) {
            return;
        }
        let Some(text) = hls::media(snapshot, track, "", false) else { return };
        let list = Playlist::read(&text);
        assert_eq!(*self.control.get_or_insert(list.control.clone()), list.control, "the terms never change");
        assert_eq!((list.skipped, list.part_target.is_some()), (0, snapshot.part_target.is_some()));
        assert!(list.first == snapshot.first().0 && list.ended == (snapshot.phase == Phase::Ended));
        self.entries(snapshot, &list);
        self.parts(snapshot, track, &list);
        hints(snapshot, track, &list);
        self.hinted = list.hint.or(self.hinted);
        reports(snapshot, track, &list);
        delta(snapshot, track, &list);
        blocking(snapshot, track, &list);
    }

    fn entries(&mut self, snapshot: &Snapshot, list: &Playlist) {
        for (msn, entry) in (list.first..).zip(&list.entries) {
            assert_eq!(
                *self.walls.entry(msn).or_insert(entry.wall.clone()),
                entry.wall,
                "a part's place on the wall clock is its segment's"
            );
            let Some(micros) = entry.micros else {
                assert_eq!(msn, list.first + list.entries.len() as u64 - 1, "only the last one is in progress");
                assert!(!entry.parts.is_empty() && snapshot.part_target.is_some());
                continue;
            };
            assert!((micros + 500_000) / 1_000_000 <= i64::from(snapshot.target_duration), "{msn} {:?}", snapshot.open);
            let bare = Entry { parts: Vec::new(), map: None, ..entry.clone() };
            assert_eq!(*self.entries.entry(msn).or_insert(bare.clone()), bare, "an entry stays as it is");
        }
        let last = list.entries.last().map_or(0, |entry| entry.parts.len());
        let edge = (list.first + list.entries.len() as u64, last);
        assert!(edge.0 > self.edge.0 || edge.0 == self.edge.0 && edge.1 >= self.edge.1, "a playlist never goes back");
        self.edge = edge;
    }

    fn parts(&mut self, snapshot: &Snapshot, track: TrackId, list: &Playlist) {
        let within = 3 * i64::from(snapshot.target_duration) * 1_000_000;
        let mut behind = 0;
        for (at, entry) in list.entries.iter().enumerate().rev() {
            let msn = list.first + at as u64;
            let played: i64 = entry.parts.iter().map(|part| part.micros).sum();
            behind += entry.micros.unwrap_or(played);
            // Rounded once for each of them.
            assert!(entry.parts.is_empty() || behind <= within + list.entries.len() as i64, "old parts are listed no more");
            let mut bytes = Vec::new();
            for (index, part) in entry.parts.iter().enumerate() {
                let known = self.parts.entry(part.number).or_insert((msn, index, part.clone()));
                assert_eq!(*known, (msn, index, part.clone()), "a part stays as it is");
                let is_long = snapshot.counters.long_parts > 0;
                assert!(part.micros <= list.part_target.unwrap() || is_long, "{} is longer than {:?}", part.micros, list.part_target);
                let is_last = entry.micros.is_some() && index + 1 == entry.parts.len();
                let is_short = part.micros * 100 < list.part_target.unwrap() * 85;
                assert!(!self.steady || !is_short || part.independent || is_last, "{part:?} is too short for {:?}", list.part_target);
                let file = snapshot.media(&Request::Part { track, epoch: snapshot.epoch, number: part.number });
                bytes.extend_from_slice(&boxes::file(&file.expect("what is listed is there")));
            }
            if entry.micros.is_some() && !entry.parts.is_empty() {
                let whole = snapshot.media(&Request::parse(&entry.uri).unwrap()).unwrap();
                assert!(boxes::file(&whole) == bytes, "a segment is its parts laid end to end");
            }
        }
        if snapshot.part_target.is_none() {
            return;
        }
        let numbers: Vec<_> = self.parts.keys().map(|number| number.0).collect();
        let passed_over = numbers.windows(2).flat_map(|pair| pair[0] + 1..pair[1]).find(|number| self.passed_over.insert(*number));
        if let Some(number) = passed_over {
            // The last one of a publisher who was silent for long before he left is followed at once by gaps that make it too old to be listed.
            let file = snapshot.media(&Request::Part { track, epoch: snapshot.epoch, number: PartNumber(number) });
            // It stays for as long again as it would have been listed.
            let gaps: i64 = list.entries.iter().filter(|entry| entry.gap).filter_map(|entry| entry.micros).sum();
            let is_kept = file.is_some() || gaps >= 2 * within;
            assert!(is_kept && snapshot.counters.gap_slots > 0, "part {number} is passed over: {numbers:?}");
        }
        // What was hinted at is the first that came since.
        let newest = numbers.last().copied();
        assert!(self.hinted.is_none_or(|hinted| newest.is_none_or(|newest| newest + 1 >= hinted.0)), "a hint comes true");
    }
}

fn hints(snapshot: &Snapshot, track: TrackId, list: &Playlist) {
    let live = snapshot.phase == Phase::Live && snapshot.part_target.is_some();
    assert_eq!(list.hint.is_some(), live && snapshot.status(track).is_some());
    if let Some(hint) = list.hint {
        let last = list.entries.iter().rev().find_map(|entry| entry.parts.last());
        assert!(
            last.is_none_or(|last| last.number.0 + 1 == hint.0),
            "{hint:?} follows {last:?} in {}",
            hls::media(snapshot, track, "", false).unwrap()
        );
        assert_eq!(snapshot.media(&Request::Part { track, epoch: snapshot.epoch, number: hint }), None);
    }
    if let Some(map) = &list.map_hint {
        assert!(snapshot.media(&Request::parse(map).unwrap()).is_some(), "a map that is hinted at is there already");
        assert_ne!(list.entries.iter().rev().find_map(|entry| entry.map.as_ref()), Some(map));
    }
}

fn reports(snapshot: &Snapshot, track: TrackId, list: &Playlist) {
    let others: Vec<_> = snapshot.tracks.iter().map(|status| status.track.id).filter(|other| *other != track).collect();
    if list.ended {
        return assert!(list.reports.is_empty());
    }
    assert_eq!(list.reports.len(), others.len());
    for (report, other) in list.reports.iter().zip(others) {
        let theirs = Playlist::read(&hls::media(snapshot, other, "", false).unwrap());
        let msn = theirs.first + theirs.entries.len() as u64 - 1;
        assert_eq!(attribute(report, "URI"), Some(format!("{other}.m3u8")));
        assert_eq!(attribute(report, "LAST-MSN"), Some(msn.to_string()));
        let part = theirs.entries.last().and_then(|entry| entry.parts.len().checked_sub(1));
        assert_eq!(attribute(report, "LAST-PART"), part.map(|part| part.to_string()));
    }
}

fn delta(snapshot: &Snapshot, track: TrackId, list: &Playlist) {
    let text = hls::media(snapshot, track, "", true).unwrap();
    let delta = Playlist::read(&text);
    let rest = &list.entries[delta.skipped..];
    assert_eq!((delta.first, &delta.control, delta.hint, &delta.reports), (list.first, &list.control, list.hint, &list.reports));
    assert_eq!(delta.entries.len(), rest.len());
    for (short, full) in delta.entries.iter().zip(rest) {
        // The first full playlist names the map at its first entry.
        assert_eq!(*short, Entry { map: short.map.clone(), ..full.clone() });
    }
    let until = 6 * i64::from(snapshot.target_duration) * 1_000_000;
    let length = |entry: &Entry| entry.micros.unwrap_or_else(|| entry.parts.iter().map(|part| part.micros).sum());
    let listed: i64 = rest.iter().map(length).sum();
    if delta.skipped > 0 {
        assert!(text.contains("#EXT-X-VERSION:9\n") && listed + rest.len() as i64 >= until, "{listed} of {until} us");
    }
    let behind_the_first = listed - rest.first().map_or(0, length);
    assert!(snapshot.phase == Phase::Ended || behind_the_first <= until + rest.len() as i64, "what may be skipped is");
}

fn blocking(snapshot: &Snapshot, track: TrackId, list: &Playlist) {
    let asked = |msn: u64, part: Option<u64>| Wanted { msn: MediaSequence(msn), part }.is_listed(snapshot, track);
    let whole = list.first + list.entries.iter().filter(|entry| entry.micros.is_some()).count() as u64 - 1;
    if list.ended || snapshot.status(track).is_none() {
        assert_eq!((asked(whole + 9, None), asked(0, Some(7))), (Ok(true), Ok(true)), "nothing is waited for");
        return;
    }
    assert_eq!((asked(whole, None), asked(whole + 1, None), asked(whole + 2, None)), (Ok(true), Ok(false), Ok(false)));
    assert_eq!(asked(whole + 3, None), Err(DirectiveError::SegmentAhead { asked: whole + 3, last: whole }));
    if snapshot.part_target.is_none() {
        return assert_eq!((asked(whole, Some(3)), asked(whole + 1, Some(0))), (Ok(true), Ok(false)));
    }
    let open = listing::edge(snapshot, track).unwrap().open_parts as u64;
    for part in 0..open {
        assert_eq!(asked(whole + 1, Some(part)), Ok(true));
    }
    assert_eq!((asked(whole + 1, Some(open)), asked(whole - 1, Some(90))), (Ok(false), Ok(true)));
    assert!(asked(whole + 1, Some(open + 90)).is_err());
}

impl Playlist {
    fn read(text: &str) -> Self {
        let mut list = Self::default();
        let mut entry = Entry::default();
        for line in text.lines() {
            let (tag, value) = line.split_once(':').unwrap_or((line, ""));
            let micros = |value: &str| {
                let (seconds, rest) = value.split_once('.').unwrap();
                seconds.parse::<i64>().unwrap() * 1_000_000 + format!("{rest:0<6}").parse::<i64>().unwrap()
            };
            match tag {
                "#EXTM3U" | "#EXT-X-VERSION" | "#EXT-X-INDEPENDENT-SEGMENTS" | "#EXT-X-DISCONTINUITY-SEQUENCE" => {}
                "#EXT-X-TARGETDURATION" => list.control.push_str(value),
                "#EXT-X-SERVER-CONTROL" => list.control.push_str(value),
                "#EXT-X-PART-INF" => {
                    list.part_target = Some(micros(&attribute(value, "PART-TARGET").unwrap()));
                    list.control.push_str(value);
                }
                "#EXT-X-MEDIA-SEQUENCE" => list.first = value.parse().unwrap(),
                "#EXT-X-SKIP" => list.skipped = attribute(value, "SKIPPED-SEGMENTS").unwrap().parse().unwrap(),
                "#EXT-X-DISCONTINUITY" => entry.discontinuity = true,
                "#EXT-X-MAP" => entry.map = attribute(value, "URI"),
                "#EXT-X-PROGRAM-DATE-TIME" => entry.wall = value.to_owned(),
                "#EXT-X-GAP" => entry.gap = true,
                "#EXT-X-PART" => {
                    assert!(!entry.wall.is_empty(), "the tags of a segment come before its first part");
                    let number = part_number(&attribute(value, "URI").unwrap());
                    let independent = attribute(value, "INDEPENDENT").is_some_and(|value| value == "YES");
                    entry.parts.push(Part { number, micros: micros(&attribute(value, "DURATION").unwrap()), independent });
                }
                "#EXTINF" => entry.micros = Some(micros(value.trim_end_matches(','))),
                "#EXT-X-PRELOAD-HINT" if value.starts_with("TYPE=PART") => {
                    assert!(list.hint.replace(part_number(&attribute(value, "URI").unwrap())).is_none());
                }
                "#EXT-X-PRELOAD-HINT" => assert!(std::mem::replace(&mut list.map_hint, attribute(value, "URI")).is_none()),
                "#EXT-X-RENDITION-REPORT" => list.reports.push(value.to_owned()),
                "#EXT-X-ENDLIST" => list.ended = true,
                _ if tag.starts_with('#') => panic!("{line}"),
                _ => {
                    entry.uri = line.to_owned();
                    list.entries.push(std::mem::take(&mut entry));
                }
            }
        }
        if !entry.parts.is_empty() {
            list.entries.push(entry);
        } else {
            assert_eq!(entry, Entry::default(), "no tag without its segment or part");
        }
        list
    }
}

fn attribute(list: &str, name: &str) -> Option<String> {
    list.split(',').find_map(|pair| Some(pair.strip_prefix(name)?.strip_prefix('=')?.trim_matches('"').to_owned()))
}

fn part_number(uri: &str) -> PartNumber {
    match Request::parse(uri).unwrap() {
        Request::Part { number, .. } => number,
        other => panic!("{other} is no part"),
    }
}
