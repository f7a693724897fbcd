//! Panics. Each is a mistake of ours; the task that it ends is the only one it should hurt.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;

/// Before a task begins anew: one that panics at once must not do so all the time.
const PAUSE: Duration = Duration::from_secs(1);

/// Tells of panics in the log, where operators look.
pub fn log() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(tracing::field::display);
        let why = panic.payload_as_str().unwrap_or("no reason is told");
        let backtrace = std::backtrace::Backtrace::capture();
        tracing::error!(place, why, %backtrace, "a mistake in this program ended one of its tasks: please report this line");
    }));
}

/// Runs a task that others rely on until it ends by itself; where it panics, it begins anew, a second later.
pub async fn outlive<F: Future>(task: &'static str, begin: impl Fn() -> F) -> F::Output {
    loop {
        match AssertUnwindSafe(begin()).catch_unwind().await {
            Ok(output) => return output,
            Err(_) => tracing::error!(task, "it begins anew"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_begins_anew_until_it_ends_by_itself() {
        let begun = AtomicU32::new(0);
        let third = outlive("test", || async {
            let nth = begun.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            assert!(nth == 2, "this panic is meant");
            nth
        });
        assert_eq!(third.await, 2);
    }
}
