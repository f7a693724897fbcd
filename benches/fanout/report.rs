//! The table.

use std::fmt::Write;

use crate::tally::Spread;

/// What one run showed.
#[derive(Debug)]
pub struct Row {
    pub viewers: usize,
    pub name: String,
    /// Seconds of the measured interval.
    pub seconds: f64,
    pub bytes: u64,
    pub bursts: u64,
    /// CPU seconds of the server, where its process is known.
    pub cpu: Option<f64>,
    /// CPU seconds of publisher and viewers.
    pub load_cpu: f64,
    /// Resident bytes that the viewers added, and the whole.
    pub memory: Option<(i64, u64)>,
    pub delay: Option<Spread>,
    pub sound_delay: Option<Spread>,
    pub first_key: Option<Spread>,
    pub publisher_late: Option<Spread>,
    pub skips: u64,
    pub missing: u64,
    pub faults: Vec<(String, u64)>,
}

/// Beyond this share of its core the load side's own waiting shows in the delays.
pub const LOAD_IS_BUSY: f64 = 0.7;
/// A GiB.
pub const GIB: f64 = (1u64 << 30) as f64;

impl Row {
    /// CPU seconds per GiB delivered.
    pub fn cost(&self) -> Option<f64> {
        (self.bytes > 0).then_some(self.cpu? / (self.bytes as f64 / GIB))
    }

    /// Mean bytes of one arrival.
    pub fn burst(&self) -> f64 {
        self.bytes as f64 / self.bursts.max(1) as f64
    }

    /// Bytes per second and viewer.
    pub fn rate(&self) -> f64 {
        self.bytes as f64 / self.seconds / self.viewers.max(1) as f64
    }

    /// Milliseconds of the stream in one arrival.
    pub fn batch_ms(&self) -> f64 {
        1000.0 * self.burst() / self.rate().max(1.0)
    }

    fn errors(&self) -> u64 {
        self.faults.iter().map(|(_, count)| count).sum()
    }

    fn line(&self, floor: Option<&Self>) -> String {
        let number = |value: Option<f64>, digits: usize| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"));
        let ratio = floor.and_then(|floor| Some(self.cost()? / floor.cost()?));
        let spread = |spread: Option<Spread>, with_max: bool| match spread {
            Some(Spread { p50, p99, max }) if with_max => format!("{p50:.1} / {p99:.1} / {max:.1}"),
            Some(Spread { p50, p99, .. }) => format!("{p50:.0} / {p99:.0}"),
            None => "-".to_owned(),
        };
        format!(
            "{:>7}  {:<22} {:>6.1} {:>9} {:>7} {:>6} {:>10} {:>24} {:>10} {:>15} {:>8.2} {:>6} {:>7} {:>5.0}%",
            self.viewers,
            self.name,
            self.batch_ms(),
            number(self.cost(), 3),
            number(ratio, 2),
            number(self.cpu.map(|cpu| 100.0 * cpu / self.seconds), 0),
            number(self.memory.map(|(added, _)| added as f64 / 1024.0 / self.viewers.max(1) as f64), 1),
            spread(self.delay, true),
            spread(self.sound_delay, false),
            spread(self.first_key, false),
            self.rate() * 8.0 / 1e6,
            self.skips,
            self.errors(),
            100.0 * self.load_cpu / self.seconds,
        )
    }

    fn notes(&self, notes: &mut String) {
        let mut note = |text: String| writeln!(notes, "  {} x {}: {text}", self.viewers, self.name).expect("a string takes all");
        for (fault, count) in self.faults.iter().take(5) {
            note(format!("{count} viewers: {fault}"));
        }
        if self.missing > 0 {
            note(format!("{} pictures missing in {} skips", self.missing, self.skips));
        }
        if let Some((_, whole)) = self.memory {
            note(format!("the server held {:.1} MiB with them", whole as f64 / 1024.0 / 1024.0));
        }
        if let Some(late) = self.publisher_late.filter(|late| late.p99 > 5.0) {
            note(format!("the publisher sent late: p99 {:.1} ms, max {:.1} ms; delays count from the sending", late.p99, late.max));
        }
        if self.load_cpu / self.seconds > LOAD_IS_BUSY {
            note("the load side was busy: its own waiting is in the delays".to_owned());
        }
    }
}

/// Prints rows, each with the floor it is compared with, and the floors.
pub fn print(rows: &[(Row, Option<usize>)], floors: &[Row]) {
    if rows.is_empty() && floors.is_empty() {
        return;
    }
    println!(
        "{:>7}  {:<22} {:>6} {:>9} {:>7} {:>6} {:>10} {:>24} {:>10} {:>15} {:>8} {:>6} {:>7} {:>6}",
        "viewers",
        "what",
        "batch",
        "CPU",
        "over",
        "core",
        "memory",
        "delay, ms",
        "sound, ms",
        "first key, ms",
        "Mb/s",
        "skips",
        "errors",
        "load"
    );
    println!(
        "{:>7}  {:<22} {:>6} {:>9} {:>7} {:>6} {:>10} {:>24} {:>10} {:>15} {:>8} {:>6} {:>7} {:>6}",
        "", "", "ms", "s/GiB", "floor", "%", "KiB/viewer", "p50 / p99 / max", "p50 / p99", "p50 / p99", "each", "", "", "core"
    );
    let mut notes = String::new();
    for (row, floor) in rows {
        println!("{}", row.line(floor.and_then(|at| floors.get(at))));
        row.notes(&mut notes);
    }
    for floor in floors {
        println!("{}", floor.line(None));
        floor.notes(&mut notes);
    }
    if !notes.is_empty() {
        println!("\n{}", notes.trim_end());
    }
}
