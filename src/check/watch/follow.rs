//! Follows one media playlist as a player does: by blocking reloads where the server offers them, else every half target duration.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use url::Url;

use crate::check::exchange::{Answer, Ask};
use crate::check::hls;
use crate::check::hls::history::History;
use crate::check::hls::model::{Media, Playlist, Segment};
use crate::check::hls::read::{Given, MAX_BYTES};
use crate::check::transport;
use crate::media::Span;

use super::conduct::{self, Wish};
use super::fetch::{self, Held, Job, Piece, Resource};
use super::ledger::Ledger;
use super::probes;

/// Whole segments before the edge that are fetched at the beginning, as a player fills its buffer.
const FIRST: u64 = 2;
/// What waits to be fetched; a server so slow that more does is not waited for.
const MAX_JOBS: usize = 256;
/// Segments that left the playlist and are asked for once more at the end.
const MAX_REMOVED: usize = 8;
/// How long a playlist may take that need not be held.
const PATIENCE: Duration = Duration::from_secs(10);
/// Beyond the three target durations that an answer may be held.
const GRACE: Duration = Duration::from_secs(5);
/// What an answer that was held may take until it is here, and other answers overtake it: on a line or a machine that is busy.
const ON_THE_WAY: Duration = Duration::from_millis(500);
/// Target duration that is reckoned with where none is told.
const USUAL_TARGET: u64 = 6;
/// Answers in a row that bring no playlist before it is given up.
const MAX_FAILURES: u32 = 5;
/// Between an answer that brought none and the next request.
const RETRY: Duration = Duration::from_millis(500);

/// A media playlist to follow.
#[derive(Debug, Clone)]
pub(super) struct Rendition {
    /// Short, for people.
    pub name: String,
    /// As the multivariant playlist has it; empty where there is none.
    pub uri: String,
    pub url: Url,
    /// Variables of the multivariant playlist.
    pub variables: Arc<BTreeMap<String, String>>,
    /// Whether the multivariant playlist has `EXT-X-INDEPENDENT-SEGMENTS`.
    pub independent: bool,
}

/// What is left of it at the end.
#[derive(Debug)]
pub(super) struct Followed {
    pub uri: String,
    pub held: Held,
}

/// Follows it until time is over, or the stream is. A playlist that never comes is one finding.
pub(super) async fn follow(ledger: Ledger, rendition: Rendition) -> Option<Followed> {
    let first = look(&ledger, &rendition, "", PATIENCE).await?;
    let (jobs, work) = mpsc::channel(MAX_JOBS);
    let target = first.1.target();
    ledger.count(|summary| summary.low_latency |= first.1.list.part_target.is_some());
    let worker = tokio::spawn(fetch::work(ledger.clone(), rendition.name.clone(), rendition.independent, target, work));
    let probe = first.1.can_block().then(|| tokio::spawn(probes::of_directives(ledger.clone(), rendition.clone(), Look::clone(&first.1))));
    if first.1.list.part_target.is_some() {
        ledger.add(transport::of_low_latency(&rendition.name, &first.0));
    }
    let mut follower = Follower {
        ledger: ledger.clone(),
        joined: first.1.list.next_msn().saturating_sub(FIRST),
        now: first.1,
        seen: BTreeMap::new(),
        removed: VecDeque::new(),
        longest: Span::ZERO,
        history: History::new(&*rendition.name),
        hinted: None,
        rendition,
        jobs,
    };
    follower.ledger.add(follower.history.see(first.0.head_at, &follower.now.list));
    follower.take(&first.0, false);
    follower.run().await;
    if let Some(probe) = probe {
        // A request that must be refused and is held instead ends by its own patience.
        let _ = probe.await;
    }
    follower.ask_for_removed().await;
    let Follower { rendition, jobs, .. } = follower;
    drop(jobs);
    Some(Followed { uri: rendition.uri, held: worker.await.unwrap_or_default() })
}

/// A playlist that was read.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub list: Media,
}

impl Look {
    pub fn target(&self) -> Duration {
        Duration::from_secs(self.list.target_duration.unwrap_or(USUAL_TARGET).max(1))
    }

    pub fn can_block(&self) -> bool {
        !self.list.ended && self.list.server_control.as_ref().is_some_and(|control| control.can_block_reload)
    }

    fn can_skip(&self) -> bool {
        self.list.server_control.as_ref().is_some_and(|control| control.can_skip_until.is_some())
    }

    /// How long an answer that is held may take.
    pub fn patience(&self) -> Duration {
        self.target() * 3 + GRACE
    }
}

/// Asks for the playlist with these directives, and reads it.
pub(super) async fn look(ledger: &Ledger, rendition: &Rendition, directives: &str, patience: Duration) -> Option<(Answer, Look)> {
    let url = with_query(&rendition.url, directives);
    let ask = Ask::get(url.as_str(), MAX_BYTES as u64, patience);
    let answer = ledger.ask(&rendition.name, "the playlist", &ask).await?;
    ledger.count(|summary| summary.reloads += 1);
    let given = Given { query: rendition.url.query().unwrap_or_default(), imported: Some(&rendition.variables) };
    let (list, mistakes) = if answer.is_ok() { hls::read::playlist(&answer.body, &rendition.name, given) } else { (None, Vec::new()) };
    ledger.add(mistakes);
    let list = match list {
        Some(Playlist::Media(list)) => Some(*list),
        _ => None,
    };
    let live = list.as_ref().filter(|list| !list.ended).map(|list| Look { list: list.clone() }.target());
    let refused = answer.status == 503 && !directives.is_empty();
    if !refused {
        ledger.add(transport::of_playlist(&rendition.name, &answer, live, !directives.is_empty()));
    }
    let list = list?;
    ledger.add(hls::playlist::check(&Playlist::Media(Box::new(list.clone())), &rendition.name));
    Some((answer, Look { list }))
}

/// The address with more in its query.
pub(super) fn with_query(url: &Url, directives: &str) -> Url {
    let mut url = url.clone();
    if !directives.is_empty() {
        let query =
            url.query().filter(|query| !query.is_empty()).map_or_else(|| directives.to_owned(), |query| format!("{query}&{directives}"));
        url.set_query(Some(&query));
    }
    url
}

/// What was seen of a segment.
#[derive(Debug, Default)]
struct Seen {
    whole: bool,
    parts: usize,
    url: Option<Resource>,
    duration: Span,
}

struct Follower {
    ledger: Ledger,
    rendition: Rendition,
    jobs: mpsc::Sender<Job>,
    /// The first segment that is fetched.
    joined: u64,
    history: History,
    /// The playlist as it is known, whole.
    now: Look,
    seen: BTreeMap<u64, Seen>,
    /// Segments that left the playlist, and until when they must be there.
    removed: VecDeque<(Resource, Duration)>,
    /// The longest playlist so far.
    longest: Span,
    /// The part that the playlist hinted at, and the request for it.
    hinted: Option<(String, JoinHandle<Option<Answer>>)>,
}

impl Follower {
    async fn run(&mut self) {
        let (mut failures, mut turn, mut unchanged) = (0, 0_u64, false);
        while !self.ledger.is_over() && !self.now.list.ended && failures < MAX_FAILURES {
            turn += 1;
            self.ask_for_hint();
            let wish = self.now.can_block().then(|| Wish::after(&self.now.list));
            // Whole playlists in between tell whether the delta updates were right.
            let delta = self.now.can_skip() && turn % 4 != 0;
            if wish.is_none() {
                let target = self.now.target();
                sleep(if unchanged || turn == 1 { target / 2 } else { target }.min(self.ledger.until.saturating_sub(self.ledger.now())))
                    .await;
            }
            let directives = directives(wish, delta);
            let Some((answer, look)) = look(&self.ledger, &self.rendition, &directives, self.now.patience()).await else {
                failures += 1;
                sleep(RETRY).await;
                continue;
            };
            failures = 0;
            let name = &self.rendition.name;
            let findings = match wish {
                Some(_) => self.history.see_awaited(answer.head_at, &look.list),
                None => self.history.see(answer.head_at, &look.list),
            };
            self.ledger.add(findings);
            if let Some(wish) = wish {
                self.ledger.add(conduct::of_reload(name, wish, &look.list, answer.took(), look.target()));
            }
            if delta {
                self.ledger.add(conduct::of_delta(name, &look.list));
            }
            let before = edge(&self.now.list);
            let Some(whole) = self.history.last() else { continue };
            self.now = Look { list: whole.clone() };
            unchanged = before == edge(&self.now.list);
            if unchanged && wish.is_some() {
                // An answer that brings nothing new must not make a storm of requests.
                sleep(RETRY).await;
            }
            self.take(&answer, wish.is_some());
        }
        self.ledger.count(|summary| summary.ended |= self.now.list.ended);
    }

    /// Notes what is new in the playlist, and has it fetched.
    fn take(&mut self, answer: &Answer, awaited: bool) {
        let list = std::mem::take(&mut self.now.list);
        self.note_latency(&list, answer);
        let list = Arc::new(list);
        for segment in list.all().filter(|segment| segment.msn >= self.joined).cloned().collect::<Vec<_>>() {
            let is_open = list.open.as_ref().is_some_and(|open| open.msn == segment.msn);
            self.take_segment(&list, &Arc::new(segment), is_open);
        }
        self.note_removed(&list, answer);
        self.longest = self.longest.max(list.duration());
        let made = if awaited { answer.head_at.saturating_sub(ON_THE_WAY).max(answer.asked) } else { answer.asked };
        self.ledger.show(&self.rendition, &list, (made, answer.done));
        self.now.list = Arc::unwrap_or_clone(list);
    }

    /// Has a segment and its parts fetched, as far as they are new.
    fn take_segment(&mut self, list: &Arc<Media>, segment: &Arc<Segment>, is_open: bool) {
        let rendition = self.rendition.clone();
        let resource = |uri: &str, range| rendition.url.join(uri).ok().map(|url| Resource { url: url.into(), range });
        let map = segment.map.as_ref().and_then(|map| resource(&map.uri, map.range.clone()));
        let piece = |source| Piece { list: Arc::clone(list), segment: Arc::clone(segment), source, map: map.clone(), begins_anew: false };
        let mut seen = self.seen.remove(&segment.msn).unwrap_or_default();
        for (index, part) in segment.parts.iter().enumerate().skip(seen.parts) {
            seen.parts = index + 1;
            let Some(source) = resource(&part.uri, part.range.clone()) else { continue };
            let hinted = self.hinted.take_if(|(hint, _)| *hint == part.uri).map(|(_, request)| request);
            if !part.gap {
                let piece = Piece { begins_anew: segment.discontinuity && index == 0, ..piece(source) };
                self.send(Job::Part { piece, part: part.clone(), index, hinted });
            }
        }
        if !is_open && !seen.whole {
            seen.whole = true;
            seen.url = resource(&segment.uri, segment.range.clone()).filter(|_| !segment.gap);
            seen.duration = segment.duration;
            match seen.url.clone() {
                Some(source) => {
                    self.send(Job::Segment { piece: Piece { begins_anew: segment.discontinuity, ..piece(source) } });
                }
                None => self.send(Job::Gap),
            }
        }
        self.seen.insert(segment.msn, seen);
    }

    fn send(&self, job: Job) {
        if self.jobs.try_send(job).is_err() {
            let why = "media came slower than it was listed, and some was left out";
            self.ledger.add([conduct::of_unseen(&self.rendition.name, why)]);
        }
    }

    /// Asks for the part that comes next before it is there.
    fn ask_for_hint(&mut self) {
        let hint = self.now.list.hints.iter().find(|hint| hint.kind == "PART" && hint.start == 0 && hint.length.is_none());
        let Some(hint) = hint.filter(|hint| self.hinted.as_ref().is_none_or(|(known, _)| *known != hint.uri)) else { return };
        let Ok(url) = self.rendition.url.join(&hint.uri) else { return };
        let ask = Ask::get(url.as_str(), fetch::MAX_SEGMENT, self.now.patience());
        let (ledger, name) = (self.ledger.clone(), self.rendition.name.clone());
        let request = async move { ledger.ask(&name, "a hinted part", &ask).await };
        self.hinted = Some((hint.uri.clone(), tokio::spawn(request)));
    }

    fn note_latency(&self, list: &Media, answer: &Answer) {
        let Some((segment, wall)) = list.all().next_back().and_then(|last| Some((last, last.wall?))) else { return };
        if list.ended {
            return;
        }
        let behind = self.ledger.wall(answer.head_at).since(wall.plus(segment.duration));
        self.ledger.count(|summary| {
            let (least, most) = summary.latency.unwrap_or((behind, behind));
            summary.latency = Some((least.min(behind), most.max(behind)));
        });
    }

    fn note_removed(&mut self, list: &Media, answer: &Answer) {
        let kept = self.seen.split_off(&list.media_sequence);
        for (_, seen) in std::mem::replace(&mut self.seen, kept) {
            let stays = (seen.duration + self.longest).to_duration();
            if let Some(url) = seen.url {
                self.removed.push_back((url, answer.head_at + stays));
            }
        }
        while self.removed.len() > MAX_REMOVED {
            self.removed.pop_front();
        }
    }

    /// What has left the playlist and whose time is not over is still there.
    async fn ask_for_removed(&mut self) {
        for (resource, until) in std::mem::take(&mut self.removed) {
            if self.ledger.now() >= until {
                continue;
            }
            let ask = Ask { range: resource.range, ..Ask::get(&resource.url, fetch::MAX_SEGMENT, PATIENCE) };
            let name = &self.rendition.name;
            if let Some(answer) = self.ledger.ask(name, "a segment that has left the playlist", &ask).await {
                self.ledger.add(conduct::of_removed(name, &answer, until.saturating_sub(answer.done)));
            }
        }
    }
}

/// `_HLS_msn`, `_HLS_part` and `_HLS_skip`, as far as they are asked for.
fn directives(wish: Option<Wish>, delta: bool) -> String {
    let mut directives = Vec::new();
    if let Some(wish) = wish {
        directives.push(format!("_HLS_msn={}", wish.msn));
        directives.extend(wish.part.map(|part| format!("_HLS_part={part}")));
    }
    if delta {
        directives.push("_HLS_skip=YES".to_owned());
    }
    directives.join("&")
}

/// How far a playlist has come.
fn edge(list: &Media) -> (u64, usize) {
    (list.next_msn(), list.open.as_ref().map_or(0, |open| open.parts.len()))
}
