//! The cues of a stream on their way to viewers: set on the wall clock, joined to breaks, and kept while playlists list their time.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::media::scte35::Way;
use crate::media::{Span, Timestamp, WallClock};

use super::cue::{Cue, Message, Splices};
use super::events::Event;

/// Most cues that are listed, and most bytes that they may take in a playlist: each is in every playlist again. The oldest go first.
const MAX_CUES: usize = 64;
const MAX_BYTES: usize = 64 << 10;
/// Most messages that wait for their place on the wall clock.
const MAX_WAITING: usize = 64;
/// A break of which neither length nor end is told is forgotten when it began so long ago.
pub(super) const LONGEST_OPEN: Span = Span::from_secs(3_600);
/// A message that is sent again, for players who come late, differs by no more.
const AGAIN: Span = Span::from_secs(1);

/// The cues of a presentation.
#[derive(Debug, Default)]
pub(super) struct Cues {
    waiting: VecDeque<Message>,
    listed: VecDeque<(Arc<Cue>, Option<String>)>,
    /// Events that no part can carry any more.
    late: VecDeque<Arc<Event>>,
    next: u64,
}

impl Cues {
    /// Takes a message. False where it cannot wait, and is lost.
    pub fn take(&mut self, message: Message) -> bool {
        let has_room = self.waiting.len() < MAX_WAITING;
        if has_room {
            self.waiting.push_back(message);
        }
        has_room
    }

    /// Whether any message waits for its place on the wall clock.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Gives all that wait their places, where the media time `at` was at `wall`. Returns what is new to viewers, and how many cues had to
    /// go for others.
    pub fn place(&mut self, at: Timestamp, wall: WallClock) -> (Vec<Arc<Event>>, u64) {
        let (mut events, mut gone) = (Vec::new(), 0);
        while let Some(message) = self.waiting.pop_front() {
            let date = wall.plus(message.start.since(at));
            events.extend(self.list(message, date).map(Arc::new));
            while self.listed.len() > MAX_CUES || self.listed.iter().map(|(cue, _)| cue.size()).sum::<usize>() > MAX_BYTES {
                self.listed.pop_front();
                gone += 1;
            }
        }
        (events, gone)
    }

    /// Forgets messages whose time nobody can tell any more.
    pub fn forget_waiting(&mut self) {
        self.waiting.clear();
    }

    /// Forgets cues that are over before `from`, where playlists begin. Returns whether there were any.
    pub fn expire(&mut self, from: WallClock) -> bool {
        let before = self.listed.len();
        self.listed.retain(|(cue, _)| cue.end().unwrap_or_else(|| cue.date.plus(LONGEST_OPEN)) >= from);
        self.late.retain(|event| event.date.plus(event.duration.unwrap_or(LONGEST_OPEN)) >= from);
        self.listed.len() != before
    }

    /// Keeps an event that no part can carry any more.
    pub fn keep_late(&mut self, event: Arc<Event>) {
        if self.late.len() >= MAX_CUES {
            self.late.pop_front();
        }
        self.late.push_back(event);
    }

    /// Those that are kept.
    pub fn late(&self) -> Vec<Arc<Event>> {
        self.late.iter().cloned().collect()
    }

    /// All that are listed, in order of arrival.
    pub fn listed(&self) -> Vec<Arc<Cue>> {
        self.listed.iter().map(|(cue, _)| Arc::clone(cue)).collect()
    }

    fn list(&mut self, message: Message, date: WallClock) -> Option<Event> {
        if self.listed.iter().any(|(cue, event)| is_again(cue, event.as_ref(), &message, date)) {
            return None;
        }
        if let Some(ended) = self.end_break(&message, date) {
            return Some(ended);
        }
        let Message { start, way, event, class, duration, section, parameters } = message;
        let is_break = way == Way::Out;
        let (duration, planned) = if is_break { (None, duration) } else { (duration, None) };
        let splices = match way {
            Way::Out => Splices { out: section, ..Splices::default() },
            Way::In => Splices { back: section, ..Splices::default() },
            Way::Nowhere => Splices { command: section, ..Splices::default() },
        };
        let cue = Cue { number: self.next, class, start, date, is_break, duration, planned, splices, parameters };
        self.next += 1;
        let begun = Event::begun(&cue);
        self.listed.push_back((Arc::new(cue), event));
        Some(begun)
    }

    /// Ends the newest break of the same event that is open.
    fn end_break(&mut self, message: &Message, date: WallClock) -> Option<Event> {
        let is_begun = |(cue, event): &&mut (Arc<Cue>, Option<String>)| *event == message.event && cue.is_open() && cue.date <= date;
        let (cue, _) = self.listed.iter_mut().rev().find(|listed| message.way == Way::In && is_begun(listed))?;
        let cue = Arc::make_mut(cue);
        cue.duration = Some(date.since(cue.date));
        cue.splices.back.clone_from(&message.section);
        Some(Event::ended(cue, message.start, date))
    }
}

/// Whether a message says again what a listed cue says.
fn is_again(cue: &Cue, event: Option<&String>, message: &Message, date: WallClock) -> bool {
    let section = match message.way {
        Way::Out => &cue.splices.out,
        Way::In => &cue.splices.back,
        Way::Nowhere => &cue.splices.command,
    };
    let moment = match message.way {
        // The end of a break, or the way back of one that nobody has seen begin.
        Way::In if cue.is_open() => return false,
        Way::In => cue.end().unwrap_or(cue.date),
        Way::Out | Way::Nowhere => cue.date,
    };
    date.since(moment).abs() <= AGAIN && event == message.event.as_ref() && cue.class == message.class && *section == message.section && {
        // What has neither a number nor a section is known by its words.
        event.is_some() || section.is_some() || cue.parameters == message.parameters
    }
}
