//! What is found and counted while tasks watch side by side.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use url::Url;

use crate::check::exchange::{Answer, Ask, Client};
use crate::check::finding::{Finding, Report};
use crate::check::hls::model::Media;
use crate::check::hls::set::{self, Seen};
use crate::check::transport;
use crate::media::{Span, WallClock};

use super::follow::Rendition;

/// What was watched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Whether it is DASH, and not HLS.
    pub is_dash: bool,
    /// Media playlists that were followed, by name, or the manifest.
    pub playlists: Vec<String>,
    /// Media playlists that were left out, for there were too many.
    pub left_out: usize,
    /// Whether parts are listed.
    pub low_latency: bool,
    /// How long it was watched.
    pub watched: Duration,
    /// Playlists that came.
    pub reloads: u64,
    /// Segments that came.
    pub segments: u64,
    /// Parts that came.
    pub parts: u64,
    /// Entries of I-frame playlists that came.
    pub pictures: u64,
    /// Bytes of all of them, as they came over the wire.
    pub bytes: u64,
    /// How far the end of the newest playlist lay behind the wall clock, by `EXT-X-PROGRAM-DATE-TIME`: the least and the most.
    pub latency: Option<(Span, Span)>,
    /// Whether the stream came to its end.
    pub ended: bool,
}

/// The client, the report and the counts, shared by all who watch a stream.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    client: Client,
    /// The wall clock when the client's time began.
    zero: SystemTime,
    /// When watching ends, in the client's time.
    pub until: Duration,
    pages: Arc<Mutex<(Report, Summary)>>,
    board: Arc<Mutex<BTreeMap<Url, Shown>>>,
}

/// The newest state of a playlist, and between which moments its server made it.
#[derive(Debug)]
struct Shown {
    name: String,
    list: Arc<Media>,
    made: (Duration, Duration),
}

impl Ledger {
    pub fn new(client: Client, until: Duration) -> Self {
        let zero = SystemTime::now() - client.now();
        Self { client, zero, until, pages: Arc::default(), board: Arc::default() }
    }

    pub fn now(&self) -> Duration {
        self.client.now()
    }

    pub fn is_over(&self) -> bool {
        self.now() >= self.until
    }

    /// The wall clock at a moment of the client's time.
    pub fn wall(&self, at: Duration) -> WallClock {
        let since = (self.zero + at).duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        WallClock::from_unix_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    pub fn add(&self, findings: impl IntoIterator<Item = Finding>) {
        self.pages.lock().0.extend(findings);
    }

    /// Findings about media of the playlist `name`: reported once for the playlist and rule, whichever of its segments it is.
    pub fn add_of(&self, name: &str, findings: impl IntoIterator<Item = Finding>) {
        self.add(findings.into_iter().map(|finding| Finding::new(finding.rule, name, format!("{}: {}", finding.subject, finding.detail))));
    }

    /// Holds a new state of a playlist to the newest ones of the others.
    pub fn show(&self, rendition: &Rendition, list: &Arc<Media>, made: (Duration, Duration)) {
        let mut board = self.board.lock();
        board.insert(rendition.url.clone(), Shown { name: rendition.name.clone(), list: Arc::clone(list), made });
        let urls: Vec<&Url> = board.keys().collect();
        let seen: Vec<Seen<'_>> = board.values().map(|shown| Seen { subject: &shown.name, list: &shown.list, made: shown.made }).collect();
        let named = |of: usize, address: &str| {
            let url = urls.get(of)?.join(address).ok()?;
            urls.iter().position(|known| **known == url)
        };
        let found = set::check(&seen, named);
        self.add(found);
    }

    pub fn count(&self, change: impl FnOnce(&mut Summary)) {
        change(&mut self.pages.lock().1);
    }

    /// Asks for what `subject` lists under `what`; without an answer, says so.
    pub async fn ask(&self, subject: &str, what: &str, ask: &Ask) -> Option<Answer> {
        match self.client.ask(ask).await {
            Ok(answer) => {
                self.count(|summary| summary.bytes += answer.wire);
                Some(answer)
            }
            Err(error) => {
                self.add(transport::of_failure(subject, &format!("{what}: {error}")));
                None
            }
        }
    }

    pub fn close(&self) -> (Report, Summary) {
        std::mem::take(&mut *self.pages.lock())
    }
}
