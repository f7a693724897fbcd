//! Metrics that are looked up when somebody asks, rather than kept.

use metrics::gauge;

use crate::bus::{Registry, State};

/// Sets the gauges of all streams to what they are now.
pub fn refresh(registry: &Registry) {
    let streams = registry.list();
    let live = streams.iter().filter(|stream| stream.state() == State::Live).count();
    gauge!("sluicegate_streams_live").set(live as f64);
    for stream in &streams {
        let name = stream.name().to_string();
        for (exit, viewers) in stream.viewers() {
            gauge!("sluicegate_viewers", "stream" => name.clone(), "exit" => exit).set(viewers as f64);
        }
        let received = stream.received();
        gauge!("sluicegate_received_bytes", "stream" => name.clone()).set(received.bytes() as f64);
        gauge!("sluicegate_received_dropped", "stream" => name.clone()).set(received.dropped() as f64);
        gauge!("sluicegate_timestamps_repaired", "stream" => name).set(received.repaired() as f64);
    }
}
