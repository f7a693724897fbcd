//! Metrics that are looked up when somebody asks, rather than kept.

use std::time::Instant;

use metrics::{counter, gauge};

use crate::bus::{Registry, State};
use crate::egress::Policy;
use crate::outlet::Outlets;

/// Sets the figures of all streams, and of the way out, to what they are now.
pub fn refresh(registry: &Registry, policy: &Policy, outlets: &Outlets) {
    let counters = &policy.counters;
    counter!("sluicegate_egress_bytes_total").absolute(counters.bytes.get());
    counter!("sluicegate_egress_writes_total").absolute(counters.writes.get());
    counter!("sluicegate_egress_sweeps_total").absolute(counters.sweeps.get());
    counter!("sluicegate_egress_skips_total").absolute(counters.skips.get());
    counter!("sluicegate_egress_skipped_entries_total").absolute(counters.skipped_entries.get());
    counter!("sluicegate_egress_disconnected_total", "why" => "stuck").absolute(counters.stuck.get());
    counter!("sluicegate_egress_disconnected_total", "why" => "silent").absolute(counters.silent.get());
    counter!("sluicegate_egress_disconnected_total", "why" => "misbehaved").absolute(counters.misbehaved.get());
    let now = Instant::now();
    let streams = registry.list();
    let live = streams.iter().filter(|stream| stream.state() == State::Live).count();
    gauge!("sluicegate_streams_live").set(live as f64);
    gauge!("sluicegate_variants").set(outlets.variants() as f64);
    for stream in &streams {
        let name = stream.name().to_string();
        for (exit, viewers) in stream.viewers(now) {
            gauge!("sluicegate_viewers", "stream" => name.clone(), "exit" => exit).set(viewers as f64);
        }
        gauge!("sluicegate_held_requests", "stream" => name.clone()).set(outlets.of(stream).shelf().held() as f64);
        let received = stream.received();
        gauge!("sluicegate_received_bytes", "stream" => name.clone()).set(received.bytes() as f64);
        gauge!("sluicegate_tracks_left_out", "stream" => name.clone()).set(stream.left_out().len() as f64);
        gauge!("sluicegate_received_dropped", "stream" => name.clone()).set(received.dropped() as f64);
        gauge!("sluicegate_timestamps_repaired", "stream" => name).set(received.repaired() as f64);
    }
}
