//! Logs and metrics. Imports nothing of ours.

pub mod flood;
pub mod panics;

use std::io::IsTerminal;
use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use metrics_util::MetricKindMask;
use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use flood::Dam;

/// `[log]`
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// What is logged: a level, or a filter such as `info,sluicegate::rtmp=debug`.
    pub filter: String,
    /// How lines look.
    pub format: Format,
}

/// How log lines look.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One line for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Options {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: Format::Text }
    }
}

/// Reads the filter of [`Options::filter`].
///
/// # Errors
/// Says which directive could not be read.
pub fn parse_filter(filter: &str) -> Result<EnvFilter, String> {
    // The library takes any word for the name of a module, all of whose lines are wanted and no others: the log would be empty.
    let words = filter.split(',').map(str::trim).filter(|word| !word.is_empty() && !word.contains(['=', '[', ':']));
    if let Some(word) = words.into_iter().find(|word| word.parse::<LevelFilter>().is_err()) {
        return Err(format!("'{word}' is no level"));
    }
    // The TLS library warns of what any peer can make it warn of, as often as the peer likes; what ends a connection is told by us.
    let quiet = if filter.contains("rustls") { "" } else { ",rustls=error" };
    EnvFilter::try_new(format!("{filter}{quiet}")).map_err(|error| error.to_string())
}

/// Sends logs to standard error, floods of them left out. Does nothing where a logger already stands, as in tests.
pub fn init(options: &Options) {
    let filter = parse_filter(&options.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let installed = match options.format {
        Format::Text => builder.with_ansi(std::io::stderr().is_terminal()).with_target(false).finish().with(Dam::default()).try_init(),
        Format::Json => builder.json().finish().with(Dam::default()).try_init(),
    };
    drop(installed);
}

/// The metrics of this process, in the text form that Prometheus reads.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
}

impl Metrics {
    /// Collects from here on whatever the `metrics` macros report. A process has one collector: a second call finds it taken and
    /// renders only what reaches its own.
    pub fn install() -> Self {
        let recorder = recorder(GAUGE_LIFE);
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::debug!("metrics are already collected in this process");
        }
        Self { handle }
    }

    /// All metrics as text (Prometheus exposition format 0.0.4).
    pub fn render(&self) -> String {
        self.handle.run_upkeep();
        self.handle.render()
    }
}

/// A gauge that nobody sets any more is forgotten after this time: anyone may publish under ever new names, and their figures must not
/// stay behind.
const GAUGE_LIFE: Duration = Duration::from_secs(60);

fn recorder(gauge_life: Duration) -> PrometheusRecorder {
    PrometheusBuilder::new().idle_timeout(MetricKindMask::GAUGE, Some(gauge_life)).build_recorder()
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauges_of_what_is_gone_are_forgotten_and_counters_stay() {
        let recorder = recorder(Duration::ZERO);
        let metrics = Metrics { handle: recorder.handle() };
        metrics::with_local_recorder(&recorder, || {
            metrics::gauge!("viewers", "stream" => "live/a").set(3.0);
            metrics::gauge!("viewers", "stream" => "live/b").set(1.0);
            metrics::counter!("refused").increment(1);
        });
        assert!(metrics.render().contains("live/a"));
        metrics::with_local_recorder(&recorder, || metrics::gauge!("viewers", "stream" => "live/b").set(1.0));
        let text = metrics.render();
        assert!(!text.contains("live/a") && text.contains("live/b") && text.contains("refused 1"), "{text}");
    }
}
