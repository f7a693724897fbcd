//! The rules that `sluicegate check` holds streams to, held to every playlist that any stream yields over its life.

use std::collections::BTreeMap;
use std::time::Duration;

use sluicegate::check::finding::{Finding, Level};
use sluicegate::check::hls::history::{self, History};
use sluicegate::check::hls::model::{Media, Playlist};
use sluicegate::check::hls::playlist;
use sluicegate::check::hls::read::{self, Given};
use sluicegate::check::hls::set::{self, Seen};
use sluicegate::hls;
use sluicegate::media::{Kind, WallClock};
use sluicegate::segment::snapshot::Snapshot;

/// Rules that these sources break at will: they send nothing for a while, if only before they leave.
const OF_SILENCE: [&str; 2] = [history::SEGMENT_LATE.id, history::PART_LATE.id];

/// A check that watches all playlists of a stream.
#[derive(Default)]
pub struct Checker {
    /// Whether the source leaves no holes, which end parts early.
    pub steady: bool,
    state: Option<u64>,
    histories: BTreeMap<String, History>,
}

impl Checker {
    /// Looks at the playlists as they are at `now`.
    pub fn look(&mut self, snapshot: &Snapshot, now: WallClock) {
        if self.state.replace(snapshot.state) == Some(snapshot.state) {
            return;
        }
        self.judge(snapshot, &hls::multivariant(snapshot, ""), "multivariant", |list| playlist::check(list, "multivariant"));
        for track in snapshot.tracks.iter().map(|status| status.track.id) {
            self.media(snapshot, &format!("{track}"), now, |delta| hls::media(snapshot, track, "", delta).unwrap());
            if track.kind == Kind::Video {
                self.media(snapshot, &format!("{track}-iframes"), now, |_| hls::iframes(snapshot, track, "").unwrap());
            }
        }
        let at = since_epoch(now);
        let seen: Vec<_> =
            self.histories.iter().filter_map(|(subject, history)| Some(Seen { subject, list: history.last()?, made: (at, at) })).collect();
        let named = |_, address: &str| seen.iter().position(|seen| address.strip_suffix(".m3u8") == Some(seen.subject));
        let found = set::check(&seen, named);
        assert!(found.iter().all(|finding| finding.rule.level != Level::Must), "{found:#?}");
    }

    fn media(&mut self, snapshot: &Snapshot, name: &str, now: WallClock, text: impl Fn(bool) -> String) {
        let at = since_epoch(now);
        let mut history = self.histories.remove(name).unwrap_or_else(|| History::new(name));
        let delta = text(true);
        if history.last().is_some() {
            self.judge(snapshot, &delta, name, |list| [playlist::check(list, name), history.see_awaited(at, media_of(list))].concat());
        }
        let merged = history.last().cloned();
        self.judge(snapshot, &text(false), name, |list| {
            if let Some(merged) = &merged {
                assert_same(merged, media_of(list));
            }
            [playlist::check(list, name), history.see_awaited(at, media_of(list))].concat()
        });
        self.histories.insert(name.to_owned(), history);
    }

    /// Reads `text`, and panics where it breaks a rule that must be kept.
    fn judge(&self, snapshot: &Snapshot, text: &str, name: &str, check: impl FnOnce(&Playlist) -> Vec<Finding>) {
        let (list, mut found) = read::playlist(text.as_bytes(), name, Given::default());
        found.extend(check(&list.unwrap()));
        let long_parts = snapshot.counters.long_parts > 0;
        found.retain(|finding| {
            let by_holes = !self.steady && finding.rule.id == playlist::segments::PART_SHORT.id;
            let by_frames = long_parts && finding.rule.id == playlist::segments::PART_DURATION.id;
            finding.rule.level == Level::Must && !by_holes && !by_frames && !OF_SILENCE.contains(&finding.rule.id)
        });
        assert!(found.is_empty(), "{found:#?} in {name}:\n{text}");
    }
}

fn since_epoch(now: WallClock) -> Duration {
    Duration::from_millis(now.unix_millis().unsigned_abs())
}

fn media_of(list: &Playlist) -> &Media {
    match list {
        Playlist::Media(list) => list,
        Playlist::Multivariant(_) => panic!("a media playlist"),
    }
}

/// A delta update stands for the whole. Where there are but gaps, the whole names no map.
fn assert_same(merged: &Media, whole: &Media) {
    let places = |list: &Media| -> Vec<_> {
        list.all()
            .map(|one| (one.msn, one.uri.clone(), one.duration, one.wall, one.discontinuity_sequence, one.map.clone().filter(|_| !one.gap)))
            .collect()
    };
    assert_eq!(places(merged), places(whole));
}
