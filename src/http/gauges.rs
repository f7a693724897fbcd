//! Metrics that are looked up when somebody asks, rather than kept.

use std::time::Instant;

use metrics::{counter, gauge};

use super::push::Push;
use crate::bus::ladder::{LadderState, LadderStatus};
use crate::bus::{Registry, State};
use crate::egress::Hubs;
use crate::outlet::Outlets;
use crate::segment::snapshot::Snapshot;

/// Sets the figures of all streams, and of the way out, to what they are now.
pub fn refresh(registry: &Registry, Push { policy, outlets, .. }: &Push, hubs: &Hubs) {
    let counters = &policy.counters;
    counter!("sluicegate_egress_bytes_total").absolute(counters.bytes.get());
    counter!("sluicegate_egress_shared_bytes_total").absolute(counters.shared.get());
    counter!("sluicegate_egress_writes_total").absolute(counters.writes.get());
    counter!("sluicegate_egress_sweeps_total").absolute(counters.sweeps.get());
    counter!("sluicegate_egress_skips_total").absolute(counters.skips.get());
    counter!("sluicegate_egress_skipped_entries_total").absolute(counters.skipped_entries.get());
    counter!("sluicegate_egress_disconnected_total", "why" => "stuck").absolute(counters.stuck.get());
    counter!("sluicegate_egress_disconnected_total", "why" => "silent").absolute(counters.silent.get());
    counter!("sluicegate_egress_disconnected_total", "why" => "misbehaved").absolute(counters.misbehaved.get());
    workers(hubs);
    keeping(outlets);
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
        let received = stream.received();
        gauge!("sluicegate_received_bytes", "stream" => name.clone()).set(received.bytes() as f64);
        gauge!("sluicegate_tracks_left_out", "stream" => name.clone()).set(stream.left_out().len() as f64);
        gauge!("sluicegate_received_dropped", "stream" => name.clone()).set(received.dropped() as f64);
        gauge!("sluicegate_timestamps_repaired", "stream" => name.clone()).set(received.repaired() as f64);
        if let Some(status) = stream.ladder().status() {
            ladder(&name, &status);
        }
        // Looked for, not opened: it may have been forgotten a moment ago.
        let Some(outlet) = outlets.find(stream) else { continue };
        gauge!("sluicegate_held_requests", "stream" => name.clone()).set(outlet.shelf().held() as f64);
        if let Some(snapshot) = outlet.shelf().snapshot() {
            segments(&name, &snapshot);
        }
    }
}

/// How busy the workers are, each by its number: the wider a worker gathers, the more it has to do.
fn workers(hubs: &Hubs) {
    for (worker, hub) in hubs.all() {
        gauge!("sluicegate_worker_viewers", "worker" => worker.to_string()).set(hub.viewers() as f64);
        gauge!("sluicegate_worker_merge_window_seconds", "worker" => worker.to_string()).set(hub.merge_window().as_secs_f64());
    }
}

/// What the segments of all streams take up.
fn keeping(outlets: &Outlets) {
    gauge!("sluicegate_segments_memory_used_bytes").set(outlets.memory().used() as f64);
    gauge!("sluicegate_segments_memory_limit_bytes").set(outlets.memory().limit() as f64);
    let Some(spool) = outlets.spool() else { return };
    gauge!("sluicegate_spool_used_bytes").set(spool.budget().used() as f64);
    gauge!("sluicegate_spool_limit_bytes").set(spool.budget().limit() as f64);
    let errors = spool.errors();
    counter!("sluicegate_spool_errors_total", "what" => "write").absolute(errors.writes);
    counter!("sluicegate_spool_errors_total", "what" => "read").absolute(errors.reads);
    counter!("sluicegate_spool_errors_total", "what" => "remove").absolute(errors.removals);
}

/// How one stream's rungs are coming along.
fn ladder(stream: &str, status: &LadderStatus) {
    let is_running = status.state == LadderState::Running;
    gauge!("sluicegate_ladder_running", "stream" => stream.to_owned()).set(if is_running { 1.0 } else { 0.0 });
    gauge!("sluicegate_ladder_starts", "stream" => stream.to_owned()).set(status.starts as f64);
    gauge!("sluicegate_ladder_lag_seconds", "stream" => stream.to_owned()).set(status.lag_ms as f64 / 1_000.0);
    gauge!("sluicegate_ladder_decode_errors", "stream" => stream.to_owned()).set(status.decode_errors as f64);
    gauge!("sluicegate_ladder_misses", "stream" => stream.to_owned()).set(status.misses as f64);
    if let Some(sound) = &status.sound {
        gauge!("sluicegate_ladder_sound_frames", "stream" => stream.to_owned()).set(sound.frames as f64);
        gauge!("sluicegate_ladder_sound_decode_errors", "stream" => stream.to_owned()).set(sound.decode_errors as f64);
    }
    for rung in &status.rungs {
        let labels = [("stream", stream.to_owned()), ("rendition", rung.label.to_string())];
        gauge!("sluicegate_rung_frames", &labels).set(rung.frames as f64);
        gauge!("sluicegate_rung_dropped_frames", &labels).set(rung.dropped as f64);
        gauge!("sluicegate_rung_shed", &labels).set(if rung.shed { 1.0 } else { 0.0 });
    }
}

/// What one stream's segments take up.
fn segments(stream: &str, snapshot: &Snapshot) {
    let usage = snapshot.usage;
    gauge!("sluicegate_segments_memory_bytes", "stream" => stream.to_owned()).set(usage.memory as f64);
    gauge!("sluicegate_segments_spool_bytes", "stream" => stream.to_owned()).set(usage.spooled as f64);
    gauge!("sluicegate_segments_spooled", "stream" => stream.to_owned()).set(usage.spooled_segments as f64);
}
