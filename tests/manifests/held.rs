//! A player that holds each manifest, beside the one before it and beside its segments, to the rules of `check`.

use std::collections::{BTreeMap, BTreeSet};

use sluicegate::check::dash::history::History;
use sluicegate::check::dash::media::Watched;
use sluicegate::check::dash::model::{Mpd, Segment};
use sluicegate::check::dash::{address, manifest, read, schema};
use sluicegate::check::finding::{Finding, Level};
use sluicegate::check::media::{Init, read_init, read_media};
use sluicegate::dash;
use sluicegate::media::{Span, WallClock};
use sluicegate::segment::request::Request;
use sluicegate::segment::snapshot::Snapshot;

use super::boxes;

/// So far ahead of its clock the check lets segments be, but for a frame of sound.
const TOLERATED: Span = Span::from_millis(900);

/// What it remembers.
#[derive(Default)]
pub struct Held {
    revision: Option<u64>,
    history: History,
    inits: BTreeMap<String, Init>,
    seen: BTreeSet<String>,
    /// Rules that were broken though no specification demands them.
    pub recommended: BTreeSet<&'static str>,
}

impl Held {
    pub fn look(&mut self, snapshot: &Snapshot, now: WallClock) {
        // A manifest is written once for each revision.
        if self.revision.replace(snapshot.revision) == Some(snapshot.revision) {
            return;
        }
        let text = dash::manifest(snapshot, "/time", "");
        let (root, mpd) = read::read(text.as_bytes()).unwrap();
        let mut found = schema::check(&root);
        found.extend(manifest::check(&mpd, "localhost"));
        found.extend(self.segments(snapshot, &mpd, now));
        found.extend(self.history.follow(mpd, now));
        // Where a track was waited for at the beginning, or the publisher's clock is fast, the wall-clock times of all that follows are so much
        // later than it comes, and the window, which is counted from the newest segment, is so much shorter.
        let edge = snapshot.slots.last().map(|slot| slot.wall_end());
        let is_ahead = edge.is_some_and(|edge| edge > now.plus(TOLERATED));
        let is_known = |finding: &Finding| is_ahead && finding.rule.id == "dash-segment-removed";
        let is_grave = |finding: &&Finding| finding.rule.level == Level::Must && !is_known(finding);
        let grave: Vec<_> = found.iter().filter(is_grave).collect();
        assert!(grave.is_empty(), "{grave:#?} in {text}");
        self.recommended.extend(found.iter().filter(|finding| finding.rule.level == Level::Should).map(|finding| finding.rule.id));
    }

    /// Each segment once, as soon as it can be fetched as a whole.
    fn segments(&mut self, snapshot: &Snapshot, mpd: &Mpd, now: WallClock) -> Vec<Finding> {
        let mut found = Vec::new();
        for (period, set, representation) in mpd.representations() {
            let template = representation.template.as_ref().unwrap();
            let watched = Watched { mpd, period, set, representation, template };
            let begin = period.begin.unwrap();
            let until = period.end.map_or(now.since(mpd.availability_start.unwrap().wall.plus(begin)), |end| end - begin);
            let regular = template.regular(Span::ZERO, until);
            for segment in template.segments(template.end_of(period)).into_iter().chain(regular) {
                let name = address::fill(template.media.as_deref().unwrap(), representation, segment.number, segment.start).unwrap();
                let Some(body) = snapshot.media(&Request::parse(&name).unwrap()).filter(|_| !self.seen.contains(&name)) else { continue };
                self.seen.insert(name);
                found.extend(self.segment(snapshot, watched, segment, &boxes::file(&body)));
            }
        }
        found
    }

    fn segment(&mut self, snapshot: &Snapshot, watched: Watched<'_>, segment: Segment, data: &[u8]) -> Vec<Finding> {
        let name = watched.template.initialization.as_deref().unwrap();
        let init = self.inits.entry(name.to_owned()).or_insert_with(|| {
            let body = snapshot.media(&Request::parse(name).unwrap()).unwrap();
            read_init(&boxes::file(&body)).unwrap()
        });
        let mut found = watched.init(init.lead().unwrap());
        let media = read_media(init, data).unwrap();
        let run = media.lead().unwrap();
        // Where no keyframe came in time a segment begins within a group of pictures, and those that are shown first may be in the one
        // before, or never come.
        let is_forced = |finding: &Finding| finding.rule.id == "dash-segment-start" && !run.begins_with_sync;
        found.extend(watched.segment(segment, run).into_iter().filter(|finding| !is_forced(finding)));
        found
    }
}
