//! Follows a manifest of DASH as a player does: reloads it when it says, sets its clock by the manifest's, and asks for each segment at the
//! moment from which on it is said to be there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;
use url::Url;

use crate::check::dash::history::History;
use crate::check::dash::media::{Delivery, Meter, Watched};
use crate::check::dash::model::{AdaptationSet, Mpd, Period, Representation, Segment, Template};
use crate::check::dash::{address, manifest, read, schema, served, tree, value};
use crate::check::exchange::{Answer, Ask};
use crate::check::finding::Finding;
use crate::check::media::{Container, Continuity, Init, Run, read_init, read_media, rules_of_init, rules_of_media};
use crate::check::transport;
use crate::media::{Span, WallClock};

use super::fetch::{MAX_SEGMENT, Resource};
use super::ledger::Ledger;
use super::probes;

/// Most representations that are followed.
const MAX_REPRESENTATIONS: usize = 12;
/// Segments of a representation that are fetched at the beginning, as a player fills its buffer.
const FIRST: usize = 2;
/// How far ahead of their time segments are waited for.
const AHEAD: Span = Span::from_secs(30);
/// How long an answer may take that nothing has to be waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// The least time between two reloads, whatever the manifest says.
const MIN_RELOAD: Duration = Duration::from_millis(250);
/// Answers in a row that bring no manifest before it is given up.
const MAX_FAILURES: u32 = 5;
/// Bytes in which a manifest that comes under another type names its root.
const LOOKED_AT: usize = 4 << 10;
/// Most bytes of a clock's answer.
const MAX_CLOCK: u64 = 4 << 10;
/// Most segments that wait for a manifest in which they are whole.
const MAX_UNSETTLED: usize = 256;
/// What a representation is called.
type Name = String;

/// Whether an answer brings a manifest, and no playlist of HLS.
pub(super) fn is_manifest(answer: &Answer) -> bool {
    let head = answer.body.get(..LOOKED_AT).unwrap_or(&answer.body);
    answer.media_type().is_some_and(|kind| kind == "application/dash+xml") || head.windows(4).any(|window| window == b"<MPD")
}

/// Follows the manifest that `first` brought until time is over, or the stream is. `false` where it is none.
pub(super) async fn follow(ledger: Ledger, first: Answer) -> bool {
    let Ok(url) = Url::parse(&first.from) else { return false };
    let mut follower = Follower {
        ledger,
        url,
        history: History::default(),
        offset: None,
        known: BTreeSet::new(),
        tracks: BTreeMap::new(),
        fetching: JoinSet::new(),
        meter: Meter::default(),
        unsettled: BTreeMap::new(),
        missing: BTreeMap::new(),
    };
    let is_one = follower.run(first).await;
    follower.drain().await;
    is_one
}

/// What is known of the track of a representation.
#[derive(Default)]
struct Track {
    /// By address.
    inits: BTreeMap<String, Option<Arc<Init>>>,
    continuity: Continuity,
    /// The period and number of the segment that was looked into last.
    last: Option<(String, u64)>,
    probed: bool,
}

/// Where a segment belongs, in a manifest that is kept.
struct Place {
    mpd: Arc<Mpd>,
    period: usize,
    set: usize,
    representation: usize,
    segment: Segment,
    url: String,
    init: Option<String>,
}

/// What a segment was found to hold, in the period that it was told of in, and how it does not follow on the one before it there.
struct Unsettled {
    run: Run,
    period: String,
    torn: Vec<Finding>,
}

struct Follower {
    ledger: Ledger,
    url: Url,
    history: History,
    /// What the manifest's clock is ahead of ours by.
    offset: Option<Span>,
    /// Segments that were asked for, by address.
    known: BTreeSet<String>,
    tracks: BTreeMap<Name, Track>,
    fetching: JoinSet<(Place, Option<(Answer, Delivery)>)>,
    meter: Meter,
    /// What segments were found to hold that were fetched before their time and duration were settled, by address.
    unsettled: BTreeMap<String, Unsettled>,
    /// Segments that were told of before they were begun and did not come, or without media, by address: a publisher may have left.
    missing: BTreeMap<String, Vec<Finding>>,
}

impl Follower {
    async fn run(&mut self, first: Answer) -> bool {
        let (mut answer, mut failures, mut is_one) = (Some(first), 0, false);
        while failures < MAX_FAILURES {
            let next = match answer.take().filter(Answer::is_ok) {
                Some(answer) => self.take(&answer).await,
                None => None,
            };
            is_one |= next.is_some();
            failures = if next.is_some() { 0 } else { failures + 1 };
            let (mpd, asked) = match next {
                Some((mpd, asked)) => (Some(mpd), asked),
                None => (None, self.ledger.now()),
            };
            if mpd.as_ref().is_some_and(|mpd| !mpd.is_dynamic) {
                self.ledger.count(|summary| summary.ended = true);
                break;
            }
            // Without a period the manifest is never asked for again; then what it lists is watched to the end.
            let period = mpd.map_or(Some(Span::from(PATIENCE / 10)), |mpd| mpd.update_period);
            let at = period.map_or(self.ledger.until, |period| asked + period.to_duration().max(MIN_RELOAD)).min(self.ledger.until);
            self.wait_until(at).await;
            if self.ledger.is_over() {
                break;
            }
            answer = self.ledger.ask("MPD", "the manifest", &Ask::get(self.url.as_str(), tree::MAX_BYTES as u64, PATIENCE)).await;
        }
        is_one
    }

    /// Looks at what has come until that moment.
    async fn wait_until(&mut self, at: Duration) {
        let rest = sleep(at.saturating_sub(self.ledger.now()));
        tokio::pin!(rest);
        loop {
            tokio::select! {
                () = &mut rest => return,
                Some(came) = self.fetching.join_next() => if let Ok((place, answer)) = came { self.look_into(place, answer).await },
            }
        }
    }

    /// Segments that are due before the end of the watch still come.
    async fn drain(&mut self) {
        while let Some(came) = self.fetching.join_next().await {
            if let Ok((place, answer)) = came {
                self.look_into(place, answer).await;
            }
        }
    }

    /// Holds a manifest to the rules, and has fetched what is new in it. Returns it, and when it was asked for.
    async fn take(&mut self, answer: &Answer) -> Option<(Arc<Mpd>, Duration)> {
        self.ledger.count(|summary| summary.reloads += 1);
        let (root, mpd) = match read::read(&answer.body) {
            Ok(read) => read,
            Err(finding) => {
                self.ledger.add([finding]);
                return None;
            }
        };
        if self.offset.is_none() {
            self.set_clock(&mpd).await;
        }
        let now = self.wall(answer.done);
        self.ledger.add(schema::check(&root));
        self.ledger.add(manifest::check(&mpd, self.url.authority()));
        self.ledger.add(served::of_manifest(answer, &mpd));
        self.ledger.add(self.history.follow(mpd.clone(), now));
        let is_early = |each: &Representation| each.template.as_ref().is_some_and(|template| !template.is_complete);
        let low_latency = mpd.representations().any(|(_, _, each)| is_early(each));
        self.ledger.count(|summary| summary.low_latency |= low_latency);
        self.settle(&mpd, now);
        let mpd = Arc::new(mpd);
        self.plan(&mpd, now);
        Some((mpd, answer.asked))
    }

    /// The manifest's clock at a moment of the client's time.
    fn wall(&self, at: Duration) -> WallClock {
        self.ledger.wall(at).plus(self.offset.unwrap_or_default())
    }

    async fn set_clock(&mut self, mpd: &Mpd) {
        for clock in &mpd.clocks {
            if clock.scheme.contains(":direct:") {
                let told = value::date_time(&clock.value);
                self.offset = told.map(|told| told.wall.since(self.ledger.wall(self.ledger.now())));
                return;
            }
            let is_head = clock.scheme.contains(":http-head:");
            if !is_head && !clock.scheme.contains(":http-iso:") && !clock.scheme.contains(":http-xsdate:") {
                continue;
            }
            let Some(url) = clock.value.split_whitespace().next().and_then(|value| self.url.join(value).ok()) else { continue };
            let ask = Ask { head_only: is_head, ..Ask::get(url.as_str(), MAX_CLOCK, PATIENCE) };
            let Some(answer) = self.ledger.ask("MPD", "the clock", &ask).await else { continue };
            match served::of_clock(&clock.scheme, &answer) {
                Err(finding) => self.ledger.add([finding]),
                Ok(told) => {
                    // It was read half-way between question and answer.
                    self.offset = Some(told.since(self.ledger.wall(answer.asked + answer.took() / 2)));
                    return;
                }
            }
        }
        self.offset = Some(Span::ZERO);
    }

    /// Has the segments fetched that are new, each as soon as it is said to be there.
    fn plan(&mut self, mpd: &Arc<Mpd>, now: WallClock) {
        let mut left = MAX_REPRESENTATIONS;
        for (p, period) in mpd.periods.iter().enumerate() {
            for (s, set) in period.sets.iter().enumerate() {
                for (r, representation) in set.representations.iter().enumerate().take(left) {
                    let is_last = p + 1 == mpd.periods.len();
                    left = left.saturating_sub(usize::from(is_last));
                    let Some(template) = &representation.template else { continue };
                    let listed = self.due(mpd, period, template, now);
                    let is_new = !self.tracks.contains_key(&name(set, representation));
                    let skipped = if is_new { listed.len().saturating_sub(FIRST + 2) } else { 0 };
                    for (position, segment) in listed.into_iter().enumerate() {
                        let Some(url) = self.address(representation, template.media.as_deref(), segment) else { continue };
                        if !self.known.insert(url.clone()) || position < skipped {
                            continue;
                        }
                        let init = self.address(representation, template.initialization.as_deref(), segment);
                        let place = Place { mpd: Arc::clone(mpd), period: p, set: s, representation: r, segment, url, init };
                        self.fetch(place, period, template);
                    }
                    if is_last || !is_new {
                        self.tracks.entry(name(set, representation)).or_default();
                    }
                }
            }
        }
    }

    /// Compares segments of low latency with what is said of them once they are whole.
    fn settle(&mut self, mpd: &Mpd, now: WallClock) {
        for (period, set, representation) in mpd.representations() {
            let Some(template) = &representation.template else { continue };
            let watched = Watched { mpd, period, set, representation, template };
            // What is still told of had to be there.
            for segment in self.due(mpd, period, template, now) {
                let url = self.address(representation, template.media.as_deref(), segment);
                self.ledger.add(url.and_then(|url| self.missing.remove(&url)).into_iter().flatten());
            }
            let listed = template.segments(template.end_of(period));
            let whole = if period.end.is_some() { listed.len() } else { listed.len() - template.unsettled(listed.len()) };
            for (position, segment) in listed.iter().enumerate() {
                let Some(url) = self.address(representation, template.media.as_deref(), *segment) else { continue };
                if let Some(found) = (position < whole).then(|| self.unsettled.remove(&url)).flatten() {
                    self.ledger.add(watched.segment(*segment, &found.run));
                    // Another period may have begun with it.
                    let torn = if found.period == period.key() { found.torn } else { Vec::new() };
                    self.ledger.add_of(&representation.place.path, torn);
                }
            }
        }
        self.missing.clear();
    }

    /// The segments of a representation that are there, or will be soon.
    fn due(&self, mpd: &Mpd, period: &Period, template: &Template, now: WallClock) -> Vec<Segment> {
        let is_soon = |segment: &Segment| mpd.available_at(period, template, *segment).is_none_or(|at| at <= now.plus(AHEAD));
        let mut segments = template.segments(template.end_of(period));
        if let (Some(start), Some(begin)) = (mpd.availability_start, period.begin) {
            let since = now.since(start.wall.plus(begin));
            let depth = mpd.time_shift.unwrap_or(AHEAD).min(AHEAD);
            let end = mpd.update_period.unwrap_or(AHEAD) + template.availability_offset.min(AHEAD) + since;
            segments.extend(template.regular(since - depth, period.end.map_or(end, |last| (last - begin).min(end))));
        }
        segments.into_iter().filter(is_soon).collect()
    }

    fn address(&self, representation: &Representation, template: Option<&str>, segment: Segment) -> Option<String> {
        let base = representation.bases.iter().try_fold(self.url.clone(), |url, base| url.join(base)).ok()?;
        let name = address::fill(template?, representation, segment.number, segment.start).ok()?;
        base.join(&name).ok().map(String::from)
    }

    fn fetch(&mut self, place: Place, period: &Period, template: &Template) {
        let (ledger, offset) = (self.ledger.clone(), self.offset.unwrap_or_default());
        let now = self.wall(ledger.now());
        let available = place.mpd.available_at(period, template, place.segment);
        let wait = available.map_or(Duration::ZERO, |at| at.since(now).to_duration());
        if ledger.now() + wait > ledger.until {
            return;
        }
        let patience = PATIENCE + template.span(place.segment.duration).to_duration();
        self.fetching.spawn(async move {
            // A millisecond more, as wall-clock times are cut to one.
            sleep(wait + Duration::from_millis(1)).await;
            let wall = |at: Duration| ledger.wall(at).plus(offset);
            let answer = ledger.ask(&place.url, "a segment", &Ask::get(&place.url, MAX_SEGMENT, patience)).await;
            let came = answer.map(|answer| {
                let pieces = answer.arrivals.iter().map(|(at, bytes)| (wall(*at), *bytes)).collect();
                let delivery = Delivery { asked: Some(wall(answer.asked)), status: answer.status, pieces };
                (answer, delivery)
            });
            (place, came)
        });
    }

    async fn look_into(&mut self, place: Place, came: Option<(Answer, Delivery)>) {
        let Some((answer, delivery)) = came else { return };
        let mpd = Arc::clone(&place.mpd);
        let period = &mpd.periods[place.period];
        let set = &period.sets[place.set];
        let representation = &set.representations[place.representation];
        let Some(template) = &representation.template else { return };
        let watched = Watched { mpd: &mpd, period, set, representation, template };
        let path = representation.place.path.clone();
        let found = watched.delivery(place.segment, &delivery);
        let is_foretold = !template.is_complete && self.missing.len() < MAX_UNSETTLED;
        if !answer.is_ok() {
            if is_foretold {
                self.missing.insert(place.url, found);
            } else {
                self.ledger.add(found);
            }
            return;
        }
        self.ledger.count(|summary| summary.segments += 1);
        let lasts = template.span(place.segment.duration).to_duration();
        self.ledger.add_of(&path, transport::of_media(&place.url, &answer, Container::Mp4, lasts));
        let Some(init) = self.init(&place, watched).await else { return self.ledger.add(found) };
        let read = read_media(&init, &answer.body);
        let of_media = rules_of_media(&place.url, &init, &answer.body, &read);
        let of_boxes = watched.boxes(place.segment, &answer.body, self.wall(answer.done));
        if is_foretold && read.as_ref().is_ok_and(|media| media.runs.is_empty()) {
            self.missing.insert(place.url, found.into_iter().chain(of_media).chain(of_boxes).collect());
            return;
        }
        self.ledger.add(found.into_iter().chain(of_boxes));
        self.ledger.add_of(&path, of_media);
        let Ok(media) = read else { return };
        let Some(run) = media.lead() else { return };
        self.ledger.add(self.meter.add(representation, media.bytes, run.duration()));
        let track = self.tracks.entry(name(set, representation)).or_default();
        // What follows directly, in the same period.
        let before = place.segment.number.checked_sub(1).map(|number| (period.key(), number));
        if track.last.replace((period.key(), place.segment.number)) != before {
            track.continuity.forget();
        }
        let torn = track.continuity.follow(&place.url, &media);
        let is_first = !std::mem::replace(&mut track.probed, true);
        if template.timeline.is_none() || template.is_complete {
            self.ledger.add(watched.segment(place.segment, run));
            self.ledger.add_of(&path, torn);
        } else if self.unsettled.len() < MAX_UNSETTLED {
            self.unsettled.insert(place.url.clone(), Unsettled { run: run.clone(), period: period.key(), torn });
        }
        if is_first {
            let resource = Resource { url: place.url.clone(), range: None };
            probes::of_media(&self.ledger, &path, &resource, &answer, lasts).await;
        }
    }

    /// The init segment of a representation; each is fetched and looked at once.
    async fn init(&mut self, place: &Place, watched: Watched<'_>) -> Option<Arc<Init>> {
        let url = place.init.as_ref()?;
        let key = name(watched.set, watched.representation);
        if let Some(known) = self.tracks.get(&key).and_then(|track| track.inits.get(url)) {
            return known.clone();
        }
        let path = &watched.representation.place.path;
        let answer = self.ledger.ask(path, "an init segment", &Ask::get(url, MAX_SEGMENT, PATIENCE)).await;
        let init = answer.and_then(|answer| {
            let lasts = watched.template.span(place.segment.duration).to_duration();
            self.ledger.add_of(path, transport::of_media(url, &answer, Container::Mp4, lasts));
            self.ledger.add_of(path, rules_of_init(url, &answer.body));
            let init = read_init(&answer.body).ok()?;
            let found: Vec<Finding> = init.lead().map(|lead| watched.init(lead)).unwrap_or_default();
            self.ledger.add(found);
            Some(Arc::new(init))
        });
        let track = self.tracks.entry(key).or_default();
        track.continuity.forget();
        track.inits.insert(url.clone(), init.clone());
        init
    }
}

/// What a representation is known by from period to period.
fn name(set: &AdaptationSet, representation: &Representation) -> Name {
    format!("{}/{}", set.id.as_deref().unwrap_or_default(), representation.id)
}
