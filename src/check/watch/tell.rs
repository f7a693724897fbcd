//! The report as people and programs read it.

use std::fmt::{self, Write as _};

use serde_json::{Value, json};

use crate::check::finding::{Level, Repeated, Report};

use super::ledger::Summary;
use super::open::Watched;

impl fmt::Display for Watched {
    /// The findings, the gravest first, then what was watched, and a last line that says it all.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for repeated in self.report.findings() {
            finding(f, repeated)?;
        }
        if self.report.left_out() > 0 {
            writeln!(f, "and {} more that were not kept\n", self.report.left_out())?;
        }
        f.write_str(&summary(&self.summary))?;
        let count = |level: Level, one: &str, many: &str| match self.report.count(level) {
            1 => format!("1 {one}"),
            count => format!("{count} {many}"),
        };
        let musts = count(Level::Must, "MUST broken", "MUSTs broken");
        writeln!(f, "{musts}, {}, {}", count(Level::Should, "SHOULD", "SHOULDs"), count(Level::Note, "note", "notes"))
    }
}

fn finding(f: &mut fmt::Formatter<'_>, Repeated { first, times }: &Repeated) -> fmt::Result {
    let rule = first.rule;
    writeln!(f, "{:<6} {}  [{}]", rule.level.to_string(), rule.id, rule.source)?;
    writeln!(f, "       {}", rule.demand)?;
    let often = if *times > 1 { format!("  ({times} times; the first is told)") } else { String::new() };
    writeln!(f, "       {}: {}{often}\n", first.subject, first.detail)
}

fn summary(summary: &Summary) -> String {
    let mut out = String::new();
    let kind = match (summary.is_dash, summary.low_latency) {
        (true, true) => "low-latency DASH",
        (true, false) => "DASH",
        (false, true) => "low-latency HLS",
        (false, false) => "HLS",
    };
    let mut line = |text: fmt::Arguments<'_>| {
        // A string takes all that is written to it.
        let _ = writeln!(out, "{text}");
    };
    line(format_args!("watched   {kind} for {:.1} s{}", summary.watched.as_secs_f64(), if summary.ended { ", to its end" } else { "" }));
    line(format_args!("playlists {}, {} answers", summary.playlists.join(", "), summary.reloads));
    if summary.left_out > 0 {
        line(format_args!("          {} more were not followed", summary.left_out));
    }
    let pictures = if summary.pictures > 0 { format!(", {} I-frames", summary.pictures) } else { String::new() };
    let counts = format_args!("{} segments, {} parts{pictures}", summary.segments, summary.parts);
    line(format_args!("media     {counts}, {:.1} MB", summary.bytes as f64 / 1e6));
    if let Some((least, most)) = summary.latency {
        line(format_args!(
            "edge      {:.2} to {:.2} s behind the clock, by EXT-X-PROGRAM-DATE-TIME",
            least.as_secs_f64(),
            most.as_secs_f64()
        ));
    }
    out
}

impl Watched {
    /// Whether no MUST is broken.
    pub fn is_sound(&self) -> bool {
        self.report.count(Level::Must) == 0
    }

    /// The same for programs: `url`, `findings`, `left_out`, `counts` and `summary`. Times are in seconds.
    pub fn to_json(&self) -> Value {
        let report: &Report = &self.report;
        let summary = &self.summary;
        let findings: Vec<Value> = report.findings().map(json_of).collect();
        let latency = summary.latency.map(|(least, most)| json!({ "least": least.as_secs_f64(), "most": most.as_secs_f64() }));
        json!({
            "url": self.url,
            "findings": findings,
            "left_out": report.left_out(),
            "counts": { "must": report.count(Level::Must), "should": report.count(Level::Should), "note": report.count(Level::Note) },
            "summary": {
                "protocol": if summary.is_dash { "dash" } else { "hls" },
                "low_latency": summary.low_latency,
                "watched": summary.watched.as_secs_f64(),
                "ended": summary.ended,
                "playlists": summary.playlists,
                "playlists_left_out": summary.left_out,
                "answers": summary.reloads,
                "segments": summary.segments,
                "parts": summary.parts,
                "iframes": summary.pictures,
                "bytes": summary.bytes,
                "latency": latency,
            },
        })
    }
}

fn json_of(Repeated { first, times }: &Repeated) -> Value {
    let rule = first.rule;
    json!({
        "level": rule.level.to_string(), "rule": rule.id, "source": rule.source, "demand": rule.demand,
        "subject": first.subject, "detail": first.detail, "times": times,
    })
}
