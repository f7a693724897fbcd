//! The composition root: binds, builds, spawns, and drains with a deadline.

mod doors;
mod machine;

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::runtime::{Handle, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::auth::{Apps, Authority, MIN_SECRET, Play, Publish};
use crate::bus::{End, Registry, State};
use crate::config::Config;
use crate::config::process::{Options, Shutdown};
use crate::egress::{Hubs, Policy};
use crate::http::admin::{self, Door};
use crate::http::api::Entrance;
use crate::http::driver::Driver;
use crate::http::lobby::Lobby;
use crate::http::monitor::{self, Monitor};
use crate::http::push::Push;
use crate::http::router::{Shared, router};
use crate::http::site::Site;
use crate::net::{Buffers, Permits, Tls, Workers};
use crate::outlet::Outlets;
use crate::rtmp::server::{self, Doors, Players, RECONNECT_PATIENCE};
use crate::segment;
use crate::spool::Spool;
use crate::telemetry::{Metrics, flood, panics};
use crate::transcode::supervisor;
use doors::{HttpDoors, Open, bind, bind_if};

/// A gateway at work.
#[derive(Debug)]
pub struct Gateway {
    /// Where publishers connect.
    pub rtmp: SocketAddr,
    /// Where publishers connect by RTMPS, if they can.
    pub rtmps: Option<SocketAddr>,
    /// Where viewers connect.
    pub http: SocketAddr,
    /// Where viewers connect by HTTPS, if they can.
    pub https: Option<SocketAddr>,
    /// Where operators connect, if they have a listener of their own.
    pub admin: Option<SocketAddr>,
    /// The live streams.
    pub registry: Arc<Registry>,
    options: Options,
    closing: Closing,
    publishers: JoinHandle<()>,
    viewers: Open,
    operators: Option<Open>,
    /// What is left of it goes when everybody has left.
    spool: Option<Arc<Spool>>,
    /// What runs beside the doors until the end.
    housekeeping: Vec<JoinHandle<()>>,
    /// Where feeds and segmenters run; they end with it.
    _media: Media,
}

/// Threads for feeds and segmenters alone: peers that keep the doors busy must not make them late, or they lose media.
#[derive(Debug)]
struct Media(Option<Runtime>);

/// The two doors, closed one after the other where players are to read the end.
#[derive(Debug, Default)]
struct Closing {
    publishers: CancellationToken,
    viewers: CancellationToken,
}

/// Runs a gateway until SIGINT or SIGTERM, and drains it; a second signal leaves at once. SIGHUP ends it where its terminal is closed, and
/// nowhere else.
///
/// # Errors
/// When an address cannot be bound or a thread cannot be started.
pub fn run(mut config: Config) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().thread_name("control").enable_all().build()?;
    let drain = Duration::from_secs(config.gateway.drain_s);
    let operators = if config.http.admin.is_empty() { 0 } else { admin::LIMITS.max_connections };
    machine::fit_open_files(&mut config.limits, operators);
    if (1..MIN_SECRET).contains(&config.http.admin_token.len()) {
        tracing::warn!(bytes = config.http.admin_token.len(), "http.admin_token is short enough to be guessed; use 24 random characters");
    }
    runtime.block_on(async {
        let mut signals = Signals::new()?;
        let apps = config.apps.clone();
        let gateway = Gateway::start(config).await?;
        gateway.greet(&apps);
        signals.next().await;
        tracing::info!(seconds = drain.as_secs(), "stopping: viewers are told and drained; a second signal leaves at once");
        tokio::select! {
            () = gateway.stop() => tracing::info!("stopped"),
            () = signals.next() => tracing::warn!("left at once"),
        }
        anyhow::Ok(())
    })?;
    runtime.shutdown_background();
    Ok(())
}

impl Gateway {
    /// Binds all listeners and starts to serve. Must be called inside a tokio runtime, which carries publishers; viewers, feeds and
    /// segmenters get threads of their own.
    ///
    /// # Errors
    /// When an address cannot be bound or a thread cannot be started.
    pub async fn start(config: Config) -> Result<Self> {
        let sockets = config.sockets;
        let buffers = config.rtmp.buffers();
        let (plain, rtmp) = bind(config.rtmp.listen, sockets, buffers, "rtmp.listen")?;
        let (encrypted, rtmps) = bind_if(&config.rtmp.tls_listen, sockets, buffers, "rtmp.tls_listen")?.unzip();
        let (viewers_door, http) = bind(config.http.listen, sockets, Buffers::default(), "http.listen")?;
        let (covered_door, https) = bind_if(&config.http.tls_listen, sockets, Buffers::default(), "http.tls_listen")?.unzip();
        let (operators_door, admin) = bind_if(&config.http.admin, sockets, Buffers::default(), "http.admin")?.unzip();
        let tls = config.tls.is_set().then(|| Tls::load(config.tls)).transpose().context("[tls]")?;
        let registry = Registry::new(config.streams);
        let media = Media::start()?;
        let spool = open_spool(&config.segments, &media.handle())?;
        let outlets = Outlets::new(config.feeds, config.segments, spool.clone(), media.handle());
        let policy = Policy::new(config.egress);
        let app = first_app(&config.apps).to_owned();
        let key = config.apps.rule(&app).is_some_and(|rule| rule.publish == Publish::Key);
        let entrance = Entrance { rtmp: rtmp.port(), rtmps: rtmps.map(|address| address.port()), app, key };
        let authority = Authority::new(config.apps);
        let hubs = Arc::<Hubs>::default();
        let shared = Arc::new(Shared {
            registry: Arc::clone(&registry),
            push: Push { outlets: Arc::clone(&outlets), policy: Arc::clone(&policy), options: Arc::new(config.push) },
            hubs: Arc::clone(&hubs),
            authority: Arc::clone(&authority),
            metrics: Metrics::install(),
            monitor: Monitor::default(),
            entrance,
            options: config.http,
        });
        let closing = Closing::default();
        let site = Site::new(Arc::clone(&shared));
        let protocols = (config.connections, config.http2);
        let driver = Driver::new(site, protocols, Arc::clone(&policy), Arc::clone(&hubs), closing.viewers.clone());
        let permits = Permits::new(config.limits);
        let drain = Duration::from_secs(config.gateway.drain_s);
        let workers = Workers::start("viewers", config.gateway.threads, &driver, permits, drain)?;
        let players = Players { outlets: Arc::clone(&outlets), policy: Arc::clone(&policy), hubs, seats: workers.seats().clone() };
        let lobby = Lobby::new("limits.max_connections");
        let doors = HttpDoors { plain: viewers_door, encrypted: covered_door.zip(tls.clone()), sockets, lobby };
        let viewers = doors.open(workers, closing.viewers.clone());
        let watch = {
            let (shared, closing) = (Arc::clone(&shared), closing.viewers.clone());
            tokio::spawn(panics::outlive("monitor", move || monitor::run(Arc::clone(&shared), closing.clone())))
        };
        let operators = operators_door.map(|plain| {
            // A thread of their own: operators are answered when viewers keep all others busy.
            let site = Site::from(router(shared, Door::Admin));
            let driver = Driver::new(site, protocols, policy, Arc::default(), closing.viewers.clone());
            let workers = Workers::start("operators", 1, &driver, Permits::new(admin::LIMITS), drain)?;
            let lobby = Lobby::new("the number of connections to http.admin");
            anyhow::Ok(HttpDoors { plain, encrypted: None, sockets, lobby }.open(workers, closing.viewers.clone()))
        });
        let operators = operators.transpose()?;
        let doors = Doors { plain, encrypted, tls: tls.clone(), http: Some(http), sockets };
        let at_rtmp = server::Shared { registry: Arc::clone(&registry), authority, options: Arc::new(config.rtmp), players };
        let publishers = tokio::spawn(server::serve(doors, at_rtmp, closing.publishers.clone()));
        let mut housekeeping = vec![
            tokio::spawn(panics::outlive("house", {
                let registry = Arc::clone(&registry);
                move || keep_house(Arc::clone(&registry), Arc::clone(&outlets))
            })),
            watch,
            tokio::spawn(machine::watch_clock(Arc::clone(&registry))),
            tokio::spawn(watch_log()),
        ];
        let ladders = supervisor::prepare(config.ladder, &registry);
        housekeeping.extend(ladders.map(|ladders| media.handle().spawn(ladders)));
        housekeeping.extend(tls.map(|tls| tokio::spawn(tls.watch())));
        let options = config.gateway;
        Ok(Self {
            rtmp,
            rtmps,
            http,
            https,
            admin,
            registry,
            options,
            closing,
            publishers,
            viewers,
            operators,
            spool,
            housekeeping,
            _media: media,
        })
    }

    /// Says where to publish and where to watch.
    fn greet(&self, apps: &Apps) {
        let host = |address: SocketAddr| {
            let here = address.ip().is_unspecified();
            if here { format!("127.0.0.1:{}", address.port()) } else { address.to_string() }
        };
        let (rtmp, http) = (host(self.rtmp), host(self.http));
        let operators = self.admin.map_or_else(|| http.clone(), host);
        println!("Sluicegate {}", env!("CARGO_PKG_VERSION"));
        let app = first_app(apps);
        let rule = apps.rule(app).cloned().unwrap_or_default();
        let key = if rule.publish == Publish::Key { "?key=SECRET" } else { "" };
        let token = if rule.play == Play::Token { "?token=SECRET" } else { "" };
        println!("  publish   rtmp://{rtmp}/{app}/NAME{key}   (OBS: server rtmp://{rtmp}/{app}, stream key NAME{key})");
        if let Some(rtmps) = self.rtmps {
            println!("  encrypted rtmps://{}/{app}/NAME{key}", host(rtmps));
        }
        println!("  watch     http://{http}/watch/{app}/NAME{token}");
        if let Some(https) = self.https {
            println!("            https://{}/watch/{app}/NAME{token}", host(https));
        }
        println!("  what is live   http://{operators}/   API   http://{operators}/api/v1/streams");
        let open: Vec<_> = apps.0.iter().filter(|(_, rule)| rule.publish == Publish::Open).map(|(app, _)| app.as_str()).collect();
        if !self.rtmp.ip().is_loopback() && !open.is_empty() {
            tracing::warn!(address = %self.rtmp, apps = open.join(", "), "anyone who reaches this address may publish in these applications");
        }
    }

    /// Stops: no new publishers, viewers are told and drained, within about [`Options::drain_s`].
    pub async fn stop(self) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(self.options.drain_s);
        self.closing.publishers.cancel();
        // Publishers that can be asked to move on are heard until they have; the others are gone at once.
        let moving = deadline.min(tokio::time::Instant::now() + RECONNECT_PATIENCE);
        let _ = tokio::time::timeout_at(moving, unattended(&self.registry)).await;
        let ends = self.options.shutdown == Shutdown::End;
        self.registry.shut_down(if ends { End::Unpublished } else { End::Shutdown }, Instant::now());
        // Each publisher's connection has its own short patience; players get as long as all viewers.
        let _ = tokio::time::timeout_at(deadline, self.publishers).await;
        if ends {
            // Players find the end by asking again, for as long as they were promised.
            tokio::time::sleep_until(deadline).await;
        }
        self.closing.viewers.cancel();
        tokio::join!(doors::empty(self.viewers), async {
            if let Some(operators) = self.operators {
                doors::empty(operators).await;
            }
        });
        self.housekeeping.iter().for_each(JoinHandle::abort);
        flood::sum_up();
        if let Some(spool) = self.spool {
            spool.close().await;
        }
    }
}

/// An application to publish in; with "*" any will do.
fn first_app(apps: &Apps) -> &str {
    apps.0.keys().find(|app| *app != "*").map_or("live", String::as_str)
}

/// The spool, where one is configured.
fn open_spool(options: &segment::options::Options, runtime: &Handle) -> Result<Option<Arc<Spool>>> {
    if options.spool.as_os_str().is_empty() {
        return Ok(None);
    }
    let opened = Spool::open(&options.spool, options.spool_bytes, runtime);
    opened.map(Some).with_context(|| format!("segments.spool = \"{}\"", options.spool.display()))
}

impl Media {
    fn start() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().thread_name("media").enable_all().build();
        Ok(Self(Some(runtime.context("the threads for feeds and segmenters cannot be started")?)))
    }

    fn handle(&self) -> Handle {
        self.0.as_ref().expect("taken only when dropped").handle().clone()
    }
}

impl Drop for Media {
    /// A runtime must not be waited for inside another.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Tells what floods the log was spared.
async fn watch_log() {
    loop {
        tokio::time::sleep(flood::INTERVAL).await;
        flood::sum_up();
    }
}

/// Returns when no stream has a publisher.
async fn unattended(registry: &Arc<Registry>) {
    let changes = registry.announcements();
    while registry.list().iter().any(|stream| stream.state() == State::Live) {
        changes.changed().await;
    }
}

/// Ends streams whose grace ran out, and opens and closes outlets as streams come and go.
async fn keep_house(registry: Arc<Registry>, outlets: Arc<Outlets>) {
    let changes = registry.announcements();
    loop {
        let next = registry.sweep(Instant::now());
        outlets.follow(&registry);
        tokio::select! {
            () = changes.changed() => {}
            () = tokio::time::sleep_until(next.unwrap_or_else(|| Instant::now() + Duration::from_secs(60)).into()) => {}
        }
    }
}

/// What asks the process to stop.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> Result<Self> {
        let [interrupt, terminate, hangup] = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
        Ok(Self { interrupt: interrupt?, terminate: terminate?, hangup: hangup? })
    }

    /// The next that does ask: SIGHUP is how other daemons are told to read their configuration again, and would end a show.
    async fn next(&mut self) {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return,
                _ = self.terminate.recv() => return,
                _ = self.hangup.recv() => {}
            }
            if std::io::stderr().is_terminal() {
                return;
            }
            tracing::warn!("SIGHUP is passed over: the configuration is read at the start alone, and renewed certificates by themselves");
        }
    }
}
