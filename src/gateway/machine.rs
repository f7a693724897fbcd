//! What the machine allows and does: how many files may be open, and how its clock runs.

use std::sync::Arc;
use std::time::Duration;

use crate::bus::{Registry, wall};
use crate::media::Span;
use crate::net::Limits;

/// Of the files that the system lets a process open, one in so many is kept for encoders, the spool, workers and ladders ...
const KEPT_SHARE: usize = 50;
/// ... but no fewer than these, unless it is half of all.
const KEPT_LEAST: usize = 64;

/// Between two looks at the clock.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// A clock that is set by no more than this is being kept right, which moves it by far less.
const STEP: Span = Span::from_secs(2);

/// Lets this process open as many files as the system allows it. Where viewers could use them all up, fewer are taken: an encoder that
/// comes back, the spool, and as many `operators` as may connect must still find one.
pub(super) fn fit_open_files(limits: &mut Limits, operators: usize) {
    let allowed = match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(allowed) => usize::try_from(allowed).unwrap_or(usize::MAX),
        Err(error) => return tracing::warn!(%error, "the limit on open files cannot be raised"),
    };
    let viewers = viewers_within(allowed, operators);
    if viewers < limits.max_connections {
        tracing::warn!(
            open_files = allowed,
            viewers,
            max_connections = limits.max_connections,
            "the system allows fewer open files than viewers are configured, so fewer are taken: raise it by ulimit -n or LimitNOFILE"
        );
        limits.max_connections = viewers;
    }
}

/// How many viewers' connections a process takes that may open so many files, beside those of so many operators.
fn viewers_within(open_files: usize, operators: usize) -> usize {
    let kept = (open_files / KEPT_SHARE).max(KEPT_LEAST).saturating_add(operators).min(open_files / 2);
    open_files - kept
}

/// Sets the clock that presentations lie on right where nobody would notice, and tells the operator when somebody sets the system's.
pub(super) async fn watch_clock(registry: Arc<Registry>) {
    let mut before = Span::ZERO;
    loop {
        tokio::time::sleep(LOOK_INTERVAL).await;
        let ahead = wall::set_right(registry.list().iter().map(|stream| stream.state()));
        match news(before, ahead) {
            Some(News::Off) => tracing::warn!(
                ahead_s = ahead.millis() / 1_000,
                "the system's clock was set, or the machine slept: what is live, and its players, go by the clock as it was; it is set right when nothing is live"
            ),
            Some(News::Right) => tracing::info!("the clock that streams go by is the system's again"),
            None => {}
        }
        before = ahead;
    }
}

/// What there is to tell of the clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum News {
    Off,
    Right,
}

/// What there is to tell where the system's clock was so far `before` ahead of ours, and now is so far.
fn news(before: Span, ahead: Span) -> Option<News> {
    let news = if ahead.abs() > STEP { News::Off } else { News::Right };
    ((ahead - before).abs() > STEP).then_some(news)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_files_are_kept_from_viewers() {
        let taken = [64, 256, 1_024, 20_000, 1_048_576].map(|allowed| [0, 128].map(|operators| viewers_within(allowed, operators)));
        assert_eq!(taken, [[32, 32], [192, 128], [960, 832], [19_600, 19_472], [1_027_605, 1_027_477]]);
    }

    #[test]
    fn a_clock_that_was_set_is_told_from_one_that_is_kept_right() {
        let (second, hour) = (Span::from_secs(1), Span::from_secs(3_600));
        assert_eq!((news(Span::ZERO, second), news(second, Span::ZERO - second)), (None, None));
        assert_eq!((news(Span::ZERO, hour), news(hour, hour + second), news(hour, Span::ZERO)), (Some(News::Off), None, Some(News::Right)));
        assert_eq!(news(Span::ZERO, Span::ZERO - hour), Some(News::Off));
    }
}
