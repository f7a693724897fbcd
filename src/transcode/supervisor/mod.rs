//! The supervisor of ladders: a worker for each stream that needs one, fed from the source, watched, and started anew where it fails.
//!
//! Whatever a worker does, the source is served as if there were none. Nothing waits here without a bound: what the worker does not take
//! stays in the source's own window, and is skipped when that has moved on.

mod audio;
mod keeper;
mod options;
mod output;
mod session;
mod sounds;
mod stamps;

use std::collections::HashMap;
use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::bus::{Registry, State, StreamName};
use crate::media::Epoch;
use crate::telemetry::panics;
use crate::transcode::plan::WORKER;

pub use options::{ForStreams, Make, Options};

/// What the keepers of all ladders share.
#[derive(Debug)]
struct House {
    options: Options,
    worker: PathBuf,
    /// One for each of [`Options::max_ladders`].
    places: Arc<Semaphore>,
}

/// What makes the ladders of a registry's streams, where some are configured; where they cannot be made, that is said. Needs a runtime with
/// timers and processes.
pub fn prepare(options: Options, registry: &Arc<Registry>) -> Option<impl Future<Output = ()> + use<>> {
    if !options.is_on() {
        return None;
    }
    let Some(worker) = find_worker(&options) else {
        if !options.are_told() {
            tracing::info!(
                "every stream is served as it is published: for lower renditions build sluicegate-ladder, by cargo build --release \
                 --features transcode, beside this program or in PATH"
            );
            return None;
        }
        let own = options.worker.display().to_string();
        let looked = if own.is_empty() { "beside this program and in PATH".to_owned() } else { own };
        tracing::warn!(
            looked,
            "ladders are configured, but their program sluicegate-ladder is not there: every stream is served as it is published. Build it \
             by cargo build --release --features transcode, or set ladder.worker"
        );
        return None;
    };
    tracing::info!(worker = %worker.display(), "ladders can be made");
    let registry = Arc::clone(registry);
    Some(panics::outlive("ladders", move || run(Arc::clone(&registry), options.clone(), worker.clone())))
}

/// The worker's program, where there is one.
fn find_worker(options: &Options) -> Option<PathBuf> {
    if !options.worker.as_os_str().is_empty() {
        return options.worker.is_file().then(|| options.worker.clone());
    }
    let beside = env::current_exe().ok().and_then(|gateway| Some(gateway.parent()?.join(WORKER)));
    let path = env::var_os("PATH").unwrap_or_default();
    let installed = env::split_paths(&path).filter(|folder| folder.is_absolute()).map(|folder| folder.join(WORKER));
    beside.into_iter().chain(installed).find(|program: &PathBuf| Path::is_file(program))
}

/// Makes ladders by the program `worker` for the streams of a registry, until it is dropped.
async fn run(registry: Arc<Registry>, options: Options, worker: PathBuf) {
    let places = Arc::new(Semaphore::new(options.max_ladders));
    let house = Arc::new(House { options, worker, places });
    let mut keepers: HashMap<StreamName, (Epoch, Kept)> = HashMap::new();
    let changes = registry.announcements();
    loop {
        keepers.retain(|_, (_, kept)| !kept.0.is_finished());
        for stream in registry.list() {
            let is_known = keepers.get(stream.name()).is_some_and(|(epoch, _)| *epoch == stream.epoch());
            if !is_known && !matches!(stream.state(), State::Ended { .. }) && house.options.of(stream.name()).make != Make::Off {
                let (of, house) = (Arc::clone(&stream), Arc::clone(&house));
                let keeping = panics::outlive("ladder", move || keeper::keep(Arc::clone(&of), Arc::clone(&house)));
                let kept = Kept(tokio::spawn(keeping));
                keepers.insert(stream.name().clone(), (stream.epoch(), kept));
            }
        }
        changes.changed().await;
    }
}

/// Ends a keeper, and its worker, when dropped.
struct Kept(JoinHandle<()>);

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.abort();
    }
}
