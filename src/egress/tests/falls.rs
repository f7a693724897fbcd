//! Panics on a worker.

use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::net::workers::{Serve, Workers};
use crate::net::{Limits, Permits, Seat, Tls};

/// Breaks where it joins, or where it meets the unit of that time.
#[derive(Debug)]
struct Fragile {
    pump: Pump<Toy, ()>,
    joins: bool,
    meets: String,
}

impl Source for Fragile {
    fn key(&self) -> usize {
        self.pump.key()
    }

    fn attach(&mut self, gate: &Arc<Gate>) {
        assert!(self.joins, "this panic is meant");
        self.pump.attach(gate);
    }

    fn fill(&mut self, out: &mut Batch) -> Filled {
        let mut batch = Batch::new();
        let found = self.pump.fill(&mut batch);
        while let Some(slice) = batch.pop() {
            assert!(!slice.starts_with(self.meets.as_bytes()), "this panic is meant");
            out.push(slice);
        }
        found
    }

    fn take_step(&mut self, _: &Step) -> bool {
        false
    }

    fn over(&self) -> Option<Over> {
        self.pump.over()
    }

    fn rejoin(&mut self) {
        self.pump.rejoin();
    }

    fn set_kinds(&mut self, kinds: Kinds) {
        self.pump.set_kinds(kinds);
    }

    fn catch_up(&mut self) {
        self.pump.catch_up();
    }
}

/// Gives places and nothing else.
struct Idle;

impl Serve for Idle {
    type Local = ();

    fn start(&self, _: usize) {}

    fn serve(&self, (): &(), _: TcpStream, _: SocketAddr, _: Seat, _: Option<Arc<Tls>>) {}
}

struct House {
    stage: Stage,
    hub: Hub,
    workers: Workers,
    listener: TcpListener,
}

impl House {
    async fn new() -> Self {
        let mut stage = Stage::new();
        stage.send(0..1);
        let hub = Hub::start(Arc::clone(&stage.policy));
        let workers = Workers::start("test", 1, &Arc::new(Idle), Permits::new(Limits::default()), Duration::ZERO).unwrap();
        Self { stage, hub, workers, listener: TcpListener::bind(("127.0.0.1", 0)).await.unwrap() }
    }

    /// The far end of a viewer's socket.
    async fn viewer(&self, joins: bool, meets: &str) -> TcpStream {
        let address = self.listener.local_addr().unwrap();
        let (far, near) = tokio::join!(TcpStream::connect(address), self.listener.accept());
        let (far, (io, peer)) = (far.unwrap(), near.unwrap());
        let pump = Pump::new(
            Arc::clone(&self.stage.channel),
            From::NewestSync,
            'u',
            Arc::clone(&self.stage.policy),
            Arc::clone(&self.stage.viewing),
            (),
        );
        let source = Box::new(Fragile { pump, joins, meets: meets.to_owned() });
        let who = Who { stream: StreamName::parse("live/a").unwrap(), viewing: Arc::clone(&self.stage.viewing), sent: Arc::default() };
        let viewer = Viewer::new(who, source, Envelope::Raw, Bytes::new(), Arc::clone(&self.stage.policy), Instant::now());
        let (_, seat) = self.workers.seats().take(peer.ip()).unwrap();
        self.hub.admit(Newcomer { io, viewer, input: Bytes::new(), seat });
        far
    }
}

/// Reads exactly that.
async fn hears(far: &mut TcpStream, expected: &str) {
    let mut heard = vec![0; expected.len()];
    let read = tokio::time::timeout(PATIENCE, far.read_exact(&mut heard)).await;
    read.expect("it comes in time").expect("the connection stands");
    assert_eq!(String::from_utf8(heard).unwrap(), expected);
}

/// Its connection ends.
async fn is_let_go(far: &mut TcpStream) {
    let read = tokio::time::timeout(PATIENCE, far.read(&mut [0; 64])).await.expect("it does not stand");
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
}

const NONE: &str = "nothing";
const JOINED: &str = "[A joined at 0 after None] u0 ";
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_panic_in_one_viewers_turn_costs_that_viewer_alone() {
    let mut house = House::new().await;
    let mut sound = house.viewer(true, NONE).await;
    let mut fragile = house.viewer(true, "u100").await;
    hears(&mut sound, JOINED).await;
    hears(&mut fragile, JOINED).await;
    house.stage.send(1..2);
    is_let_go(&mut fragile).await;
    hears(&mut sound, "u100 ").await;
    house.stage.send(2..3);
    hears(&mut sound, "u200 ").await;
    assert_eq!(house.workers.connections(), [1], "its place is free again");
}

#[tokio::test]
async fn a_hub_that_panics_lets_its_viewers_go_and_is_there_for_the_next() {
    let house = House::new().await;
    let mut before = house.viewer(true, NONE).await;
    hears(&mut before, JOINED).await;
    let mut breaks = house.viewer(false, NONE).await;
    is_let_go(&mut breaks).await;
    is_let_go(&mut before).await;
    let mut after = house.viewer(true, NONE).await;
    hears(&mut after, JOINED).await;
}
