//! Requests that a player makes by mistake, or only some players make: once for each playlist.

use std::time::Duration;

use url::Url;

use crate::check::exchange::{Answer, Ask};
use crate::check::finding::Rule;
use crate::check::transport;

use super::conduct;
use super::fetch::{MAX_SEGMENT, Resource};
use super::follow::{Look, Rendition, with_query};
use super::ledger::Ledger;

/// How long an answer may take that nothing has to be waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Segments beyond the last one: far more than the two that a server may wait for.
const FAR: u64 = 1_000;
/// Most bytes of an answer to a request that should be refused: it may be a whole playlist.
const MAX_REFUSAL: u64 = 16 << 20;
/// A range that every segment has.
const RANGE: std::ops::Range<u64> = 4..40;

/// Directives that must be refused, and one that must not be held.
pub(super) async fn of_directives(ledger: Ledger, rendition: Rendition, look: Look) {
    let (name, next) = (&rendition.name, look.list.next_msn());
    let refusals: [(&'static Rule, String); 4] = [
        (&conduct::WITHOUT_MSN, "_HLS_part=0".to_owned()),
        (&conduct::MALFORMED, "_HLS_msn=-1".to_owned()),
        (&conduct::MALFORMED, format!("_HLS_msn={next}x")),
        (&conduct::TOO_FAR, format!("_HLS_msn={}", next.saturating_add(FAR))),
    ];
    for (rule, directives) in refusals {
        let url = with_query(&rendition.url, &directives);
        if let Some(answer) = ledger.ask(name, &directives, &Ask::get(url.as_str(), MAX_REFUSAL, look.patience())).await {
            ledger.add(conduct::of_refusal(rule, name, &directives, &answer));
        }
    }
    let directives = format!("_HLS_msn={}", look.list.media_sequence);
    let url = with_query(&rendition.url, &directives);
    if let Some(answer) = ledger.ask(name, &directives, &Ask::get(url.as_str(), MAX_REFUSAL, look.patience())).await {
        ledger.add(conduct::of_old(name, &directives, &answer, look.target()));
    }
}

/// `HEAD`, a range, a second time, a condition, and what is not there. `first` is how the segment came.
pub(super) async fn of_media(ledger: &Ledger, name: &str, source: &Resource, first: &Answer, target: Duration) {
    let get = || Ask::get(&source.url, MAX_SEGMENT, PATIENCE);
    if source.range.is_none() {
        if let Some(head) = ledger.ask(name, "HEAD", &Ask { head_only: true, ..get() }).await {
            ledger.add(transport::of_head(name, first, &head));
        }
        if let Some(piece) = ledger.ask(name, "a range", &Ask { range: Some(RANGE), ..get() }).await {
            ledger.add(transport::of_range(name, first, &RANGE, &piece));
        }
        if let Some(tag) = first.field("etag").map(str::to_owned)
            && let Some(answer) = ledger.ask(name, "If-None-Match", &Ask { unless: Some(tag), ..get() }).await
        {
            ledger.add(transport::of_unmodified(name, &answer));
        }
    }
    if let Some(second) = ledger.ask(name, "media for the second time", &Ask { range: source.range.clone(), ..get() }).await
        && second.is_ok()
    {
        ledger.add(transport::of_second(name, &first.body, &second.body));
    }
    if let Some(url) = missing(&source.url)
        && let Some(answer) = ledger.ask(name, "what is not there", &Ask::get(url, MAX_SEGMENT, PATIENCE)).await
    {
        ledger.add(transport::of_missing(name, &answer, target));
    }
}

/// The address of a neighbour that nobody has named.
fn missing(url: &str) -> Option<String> {
    let mut url = Url::parse(url).ok()?;
    let name = url.path_segments()?.next_back()?.to_owned();
    url.path_segments_mut().ok()?.pop().push(&format!("no-such-{name}"));
    Some(url.into())
}
