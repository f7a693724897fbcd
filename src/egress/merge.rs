//! The merge window: how long a worker gathers media before it writes.

use std::time::{Duration, Instant};

use crate::bus::gate::{Beat, Ring};

/// A sweep that begins so late though its hub was free says that others keep the worker or its core busy.
const LATE: Duration = Duration::from_millis(2);
/// The share of its time that a hub works when it is busy: the window widens.
const BUSY: f64 = 0.8;
/// The share below which it is calm: the window closes.
const CALM: f64 = 0.65;
/// How far back the share of time reaches: some sweeps, so that a keyframe alone widens nothing.
const MEMORY: Duration = Duration::from_millis(250);
/// From one change of the window to the next, at least: where many streams each have sweeps of their own, it must not outrun what it learns from.
const STEP: Duration = Duration::from_millis(25);
/// So many times the jitter of pictures fits between two of them: one that is due just before the window's end is not waited for. RTMP's times
/// in whole milliseconds alone are that inexact.
const JITTER: u32 = 16;
/// The shortest window worth having; also the runtime's timer resolution.
const SHORTEST: Duration = Duration::from_millis(1);

/// The least while the worker is at ease, widening as it gets busy: one write of two frames costs little more than one of one.
///
/// How long viewers wait behind one another within a sweep says nothing: merging would only add to it.
#[derive(Debug)]
pub struct MergeWindow {
    width: Duration,
    least: Duration,
    bound: Duration,
    /// The share of its time that the hub worked lately.
    load: f64,
    learnt: Instant,
    changed: Instant,
}

/// What waits to be written to all who watch one channel on a worker.
#[derive(Debug, Default)]
pub struct Waiting {
    since: Option<Instant>,
    due: Option<Instant>,
}

impl MergeWindow {
    /// A window of `least`, never wider than `bound`.
    pub fn new(least: Duration, bound: Duration, now: Instant) -> Self {
        Self { width: least, least, bound, load: 0.0, learnt: now, changed: now }
    }

    /// How long to gather before the next sweep.
    pub fn width(&self) -> Duration {
        self.width
    }

    /// When what waits `since` is to be written: a window's width later at the latest. Behind the last picture that should come by then
    /// there is nothing to wait for, so a picture waits for others and not for the window's end, unless they are late.
    fn due(&self, since: Instant, beat: Option<Beat>) -> Instant {
        let latest = since + self.width;
        let is_last = |beat: &Beat| beat.next + beat.next.saturating_duration_since(beat.at) / JITTER > latest;
        beat.filter(is_last).map_or(latest, |beat| beat.at.min(latest))
    }

    /// Learns from a sweep that begins `now`, so `late` after it was due and its hub was free, which has worked for `worked` since the
    /// sweep before.
    pub fn learn(&mut self, now: Instant, late: Duration, worked: Duration) {
        let passed = now.saturating_duration_since(self.learnt).as_secs_f64();
        self.learnt = now;
        if passed > 0.0 {
            let weight = passed / (passed + MEMORY.as_secs_f64());
            self.load += weight * ((worked.as_secs_f64() / passed).min(1.0) - self.load);
        }
        if now.saturating_duration_since(self.changed) < STEP {
            return;
        }
        if late > LATE || self.load > BUSY {
            self.changed = now;
            self.width = self.width.mul_f64(1.25).max(SHORTEST).min(self.bound);
        } else if self.load < CALM {
            self.changed = now;
            self.width = self.width.mul_f64(0.9);
            if self.width < SHORTEST {
                self.width = Duration::ZERO;
            }
            self.width = self.width.max(self.least);
        }
    }
}

impl Waiting {
    /// Their gate has rung.
    pub fn rung(&mut self, ring: Ring, window: &MergeWindow) {
        let since = *self.since.get_or_insert(ring.since);
        let due = window.due(since, ring.beat);
        self.due = Some(self.due.map_or(due, |already| already.min(due)));
    }

    /// When it is to be written; none where nothing waits.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Where it is to be written now it waits no longer: for how long it has.
    pub fn take(&mut self, now: Instant) -> Option<Duration> {
        self.due.filter(|due| *due <= now)?;
        std::mem::take(self).since.map(|since| now.saturating_duration_since(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_millis(33);
    const NEVER: Duration = Duration::ZERO;

    /// So many sweeps, a picture apart, each so late and with so much work before it.
    fn sweep(window: &mut MergeWindow, times: u32, late: Duration, worked: Duration) {
        for _ in 0..times {
            let now = window.learnt + PERIOD;
            window.learn(now, late, worked);
        }
    }

    fn window(least: Duration, bound: Duration) -> MergeWindow {
        MergeWindow::new(least, bound, Instant::now())
    }

    #[test]
    fn the_window_widens_to_its_bound_under_load_and_closes_in_calm() {
        let bound = Duration::from_millis(100);
        let mut window = window(NEVER, bound);
        assert_eq!(window.width(), NEVER);
        sweep(&mut window, 60, NEVER, PERIOD.mul_f64(0.95));
        assert_eq!(window.width(), bound);
        sweep(&mut window, 60, NEVER, PERIOD.mul_f64(0.7));
        assert_eq!(window.width(), bound, "neither busy nor calm changes nothing");
        sweep(&mut window, 60, NEVER, PERIOD / 2);
        assert_eq!(window.width(), NEVER);
    }

    #[test]
    fn one_long_sweep_changes_nothing() {
        let mut window = window(NEVER, Duration::from_millis(100));
        sweep(&mut window, 30, NEVER, PERIOD / 5);
        sweep(&mut window, 1, NEVER, PERIOD);
        assert_eq!(window.width(), NEVER);
    }

    #[test]
    fn a_hub_that_others_hold_up_merges_too() {
        let mut window = window(NEVER, Duration::from_millis(100));
        sweep(&mut window, 50, 2 * LATE, NEVER);
        assert_eq!(window.width(), Duration::from_millis(100));
    }

    #[test]
    fn who_wants_media_gathered_always_gets_it_so_and_wider_under_load() {
        let least = Duration::from_millis(30);
        let mut window = window(least, Duration::from_millis(100));
        sweep(&mut window, 50, NEVER, NEVER);
        assert_eq!(window.width(), least);
        sweep(&mut window, 1, 2 * LATE, NEVER);
        assert!(window.width() > least);
    }

    #[test]
    fn many_streams_do_not_hurry_the_window() {
        let mut window = window(NEVER, Duration::from_millis(100));
        let began = window.learnt;
        for sweep in 1..=100 {
            window.learn(began + STEP * sweep / 50, 2 * LATE, NEVER);
        }
        assert_eq!(window.width(), SHORTEST.mul_f64(1.25), "two steps, however often it was swept");
    }

    /// When a stream of 30 pictures a second, with sound between them, is written by a window of so many milliseconds: in milliseconds,
    /// `+` behind those that a picture caused.
    fn writes(window: u64, messages: &[(u64, bool)]) -> String {
        let began = Instant::now();
        let at = |millis: u64| began + Duration::from_millis(millis);
        let window = MergeWindow::new(Duration::from_millis(window), Duration::from_millis(window), began);
        let (mut waiting, mut writes) = (Waiting::default(), String::new());
        let mut note = |moment: Instant, mark: &str| writes += &format!("{}{mark} ", moment.duration_since(began).as_millis());
        for &(millis, leads) in messages {
            if let Some(due) = waiting.due().filter(|due| *due < at(millis)) {
                assert!(waiting.take(due).is_some());
                note(due, "");
            }
            let beat = leads.then(|| Beat { at: at(millis), next: at(millis + 33) });
            waiting.rung(Ring { since: at(millis), beat }, &window);
            if waiting.take(at(millis)).is_some() {
                note(at(millis), if leads { "+" } else { "" });
            }
        }
        writes
    }

    #[test]
    fn a_picture_that_is_the_last_of_its_window_is_written_at_once() {
        let (pictures, sounds) = ([0, 33, 66, 99, 132], [10, 34, 55, 77, 100, 121]);
        let mut messages: Vec<_> = pictures.map(|at| (at, true)).into_iter().chain(sounds.map(|at| (at, false))).collect();
        messages.sort_unstable();
        assert_eq!(writes(0, &messages), "0+ 10 33+ 34 55 66+ 77 99+ 100 121 132+ ");
        assert_eq!(writes(20, &messages), "0+ 30 33+ 54 66+ 97 99+ 120 132+ ", "sound waits as long as it may");
        assert_eq!(writes(40, &messages), "33+ 66+ 99+ 132+ ", "a picture waits for the next one, or not at all");
        assert_eq!(writes(70, &messages), "66+ 132+ ");
    }

    /// How late a hub is at most, from its third second to its tenth, where a write to all takes it so long and each picture in it so long
    /// again; and how busy it is meanwhile.
    fn overload(write: Duration, picture: Duration) -> (Duration, f64) {
        let began = Instant::now();
        let mut messages: Vec<_> = (0..300).map(|nth| (began + nth * Duration::from_secs(1) / 30, true)).collect();
        messages.extend((0..470).map(|nth| (began + nth * Duration::from_micros(21_333), false)));
        messages.sort_unstable();
        let mut window = MergeWindow::new(NEVER, Duration::from_millis(100), began);
        let (mut waiting, mut free, mut pictures) = (Waiting::default(), began, 0);
        let (mut worst, mut busy, mut worked) = (NEVER, NEVER, NEVER);
        let mut messages = messages.into_iter().peekable();
        while let Some(&(at, leads)) = messages.peek() {
            // The hub looks when it is free and something is due, or else hears of the next message.
            let Some(due) = waiting.due().map(|due| due.max(free)).filter(|due| *due < at) else {
                messages.next();
                pictures += u32::from(leads);
                let beat = leads.then(|| Beat { at, next: at + PERIOD });
                waiting.rung(Ring { since: at, beat }, &window);
                continue;
            };
            let late = due - waiting.due().expect("it is due");
            window.learn(due, NEVER, std::mem::take(&mut worked));
            waiting.take(due);
            worked = write + picture * std::mem::take(&mut pictures);
            free = due + worked;
            if due > began + Duration::from_secs(3) {
                worst = worst.max(late);
                busy += worked;
            }
        }
        (worst, busy.as_secs_f64() / 7.0)
    }

    #[test]
    fn a_hub_with_too_much_to_do_finds_a_window_in_which_it_can_do_it() {
        // Three times what it can do where everything is written at once: 77 writes a second.
        for millis in [1, 10, 13, 20, 30, 40] {
            let (worst, busy) = overload(Duration::from_millis(millis), Duration::from_millis(4));
            assert!(worst < 2 * PERIOD, "{millis} ms a write: {worst:?} late");
            assert!(busy < 0.95, "{millis} ms a write: {busy}");
        }
    }

    #[test]
    fn a_picture_that_does_not_come_when_it_was_due_holds_nothing_up() {
        assert_eq!(writes(50, &[(0, true), (90, false), (120, true)]), "50 120+ ");
    }

    #[test]
    fn a_hub_that_looks_late_knows_that_it_is_late() {
        let began = Instant::now();
        let window = MergeWindow::new(2 * PERIOD, 2 * PERIOD, began);
        let mut waiting = Waiting::default();
        let beat = Beat { at: began + PERIOD, next: began + 3 * PERIOD };
        waiting.rung(Ring { since: began, beat: Some(beat) }, &window);
        assert_eq!(waiting.due(), Some(beat.at));
        assert_eq!(waiting.take(began), None);
        assert_eq!(waiting.take(began + 4 * PERIOD), Some(4 * PERIOD));
        assert_eq!(waiting.due(), None);
    }

    #[test]
    fn a_bound_of_zero_always_writes_at_once() {
        let mut window = window(NEVER, NEVER);
        sweep(&mut window, 50, Duration::from_secs(1), PERIOD);
        assert_eq!(window.width(), NEVER);
    }
}
