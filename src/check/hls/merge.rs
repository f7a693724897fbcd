//! A delta update and the playlist before it (§6.3.7).

use std::collections::BTreeSet;

use crate::check::finding::Finding;

use super::history;
use super::model::Media;

/// The whole playlist that `delta` stands for, with what it skips taken from `previous`.
///
/// # Errors
///
/// Where it skips segments that `previous` does not list: then the whole playlist has to be asked for.
pub fn merge(delta: &Media, previous: &Media, subject: &str) -> Result<Media, Finding> {
    let Some(skip) = &delta.skip else { return Ok(delta.clone()) };
    let known = previous.media_sequence..previous.next_msn();
    if previous.skip.is_some() || delta.media_sequence < known.start || delta.first_listed() > known.end {
        let (first, next) = (delta.media_sequence, delta.first_listed());
        let detail =
            format!("skips {first} to {}, and {} to {} were listed", next.saturating_sub(1), known.start, known.end.saturating_sub(1));
        return Err(Finding::new(&history::DELTA, subject, detail));
    }
    let mut whole = Media { skip: None, segments: Vec::new(), ..delta.clone() };
    let is_skipped = |msn: u64| (delta.media_sequence..delta.first_listed()).contains(&msn);
    whole.segments.extend(previous.segments.iter().filter(|segment| is_skipped(segment.msn)).cloned());
    // What was in force at the last one skipped stays so until the delta says otherwise.
    let (map, keys) = whole.segments.last().map(|last| (last.map.clone(), last.keys.clone())).unwrap_or_default();
    whole.segments.extend(delta.segments.iter().cloned());
    for segment in whole.segments.iter_mut().chain(&mut whole.open) {
        segment.map = segment.map.take().or_else(|| map.clone());
        segment.keys = segment.keys.take().or_else(|| keys.clone());
    }
    if let Some(removed) = &skip.removed_dateranges {
        let told: BTreeSet<_> = removed.iter().chain(delta.date_ranges.iter().map(|range| &range.id)).collect();
        let kept = previous.date_ranges.iter().filter(|range| !told.contains(&range.id));
        whole.date_ranges = kept.chain(&delta.date_ranges).cloned().collect();
    }
    whole.count();
    Ok(whole)
}
