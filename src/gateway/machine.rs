//! What the machine allows and does: how many files may be open, and how its clock runs.

use std::time::{Duration, Instant, SystemTime};

use crate::net::Limits;

/// Of the files that the system lets a process open, one in so many is kept for encoders, the spool, workers and ladders ...
const KEPT_SHARE: usize = 50;
/// ... but no fewer than these, unless it is half of all.
const KEPT_LEAST: usize = 64;

/// Between two looks at the clock.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// A clock that is set by no more than this is being kept right, which moves it by far less.
const STEP: Duration = Duration::from_secs(2);

/// Lets this process open as many files as the system allows it. Where viewers could use them all up, fewer are taken: an encoder that
/// comes back, and the spool, must still find one.
pub(super) fn fit_open_files(limits: &mut Limits) {
    let allowed = match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(allowed) => usize::try_from(allowed).unwrap_or(usize::MAX),
        Err(error) => return tracing::warn!(%error, "the limit on open files cannot be raised"),
    };
    let viewers = viewers_within(allowed);
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

/// How many viewers' connections a process takes that may open so many files.
fn viewers_within(open_files: usize) -> usize {
    let kept = (open_files / KEPT_SHARE).max(KEPT_LEAST).min(open_files / 2);
    open_files - kept
}

/// Tells the operator when somebody sets the system's clock, for HLS and DASH live on it.
pub(super) async fn watch_clock() {
    let mut seen = (Instant::now(), SystemTime::now());
    loop {
        tokio::time::sleep(LOOK_INTERVAL).await;
        let now = (Instant::now(), SystemTime::now());
        match step(seen, now) {
            Some(Step::Ahead(by)) => {
                tracing::warn!(
                    seconds = by.as_secs(),
                    "the system's clock was set ahead, or the machine slept: HLS and DASH go on behind a discontinuity"
                );
            }
            Some(Step::Back(by)) => tracing::warn!(
                seconds = by.as_secs(),
                "the system's clock was set back: what is live keeps its times until it begins anew, and players of DASH may wait for them"
            ),
            None => {}
        }
        seen = now;
    }
}

/// By how much a clock was set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Ahead(Duration),
    Back(Duration),
}

/// Whether the clock was set between two looks: what it says that has passed is not what has.
fn step(before: (Instant, SystemTime), now: (Instant, SystemTime)) -> Option<Step> {
    let expected = before.1 + now.0.saturating_duration_since(before.0);
    match now.1.duration_since(expected) {
        Ok(ahead) => (ahead > STEP).then_some(Step::Ahead(ahead)),
        Err(back) => (back.duration() > STEP).then(|| Step::Back(back.duration())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_files_are_kept_from_viewers() {
        let taken = [64, 256, 1_024, 20_000, 1_048_576].map(viewers_within);
        assert_eq!(taken, [32, 192, 960, 19_600, 1_027_605]);
    }

    #[test]
    fn a_clock_that_was_set_is_told_from_one_that_is_kept_right() {
        let (instant, wall) = (Instant::now(), SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000));
        let later = instant + LOOK_INTERVAL;
        let (right, second, hour) = (wall + LOOK_INTERVAL, Duration::from_secs(1), Duration::from_secs(3_600));
        let steps = [right, right + second, right - second, right + hour, right - hour].map(|says| step((instant, wall), (later, says)));
        assert_eq!(steps, [None, None, None, Some(Step::Ahead(hour)), Some(Step::Back(hour))]);
    }
}
