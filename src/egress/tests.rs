//! The pump over a channel of toy units.

mod falls;
mod steps;

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::*;
use crate::bus::{Bounds, Channel, End, Entry, From, Gate, Publisher, StreamName, Viewing, Why};
use crate::media::{Span, Timestamp};

#[derive(Clone, Debug)]
struct Toy {
    millis: i64,
    is_sync: bool,
}

impl Entry for Toy {
    type Head = &'static str;

    fn time(&self) -> Timestamp {
        Timestamp::from_millis(self.millis)
    }

    fn bytes(&self) -> usize {
        1
    }

    fn leads(&self, _: &&'static str) -> bool {
        true
    }

    fn is_sync(&self) -> bool {
        self.is_sync
    }
}

impl Wire for Toy {
    type Form = char;

    fn number(form: char) -> u8 {
        form as u8
    }

    fn put(&self, form: char, out: &mut Batch) {
        out.push(Bytes::from(format!("{form}{} ", self.millis)));
    }

    fn put_head(turn: &Turn<'_, Self>, _: char, out: &mut Batch) -> Result<(), Unfit> {
        if *turn.head == "unfit" {
            return Err(Unfit);
        }
        let why = match turn.why {
            Why::Joined => "joined",
            Why::Config => "config",
            Why::Break(_) => "break",
            Why::Lagged { .. } => "lagged",
        };
        out.push(Bytes::from(format!("[{} {why} at {} after {:?}] ", turn.head, turn.first.millis, turn.before)));
        Ok(())
    }
}

struct Stage {
    channel: Arc<Channel<Toy>>,
    publisher: Publisher<Toy>,
    policy: Arc<Policy>,
    viewing: Arc<Viewing>,
}

impl Stage {
    fn new() -> Self {
        Self::keeping(Span::from_secs(60))
    }

    fn keeping(span: Span) -> Self {
        let channel = Channel::new(Bounds { span, lag: span, ..Bounds::default() });
        let mut publisher = channel.lease();
        publisher.set_head(Arc::new("A"), Why::Config).unwrap();
        let policy = Policy::new(Options { max_lag_ms: 500, ..Options::default() });
        Self { channel, publisher, policy, viewing: Arc::new(Viewing::new("test", None, Instant::now())) }
    }

    /// Ten units a second, the first of each second a sync.
    fn send(&mut self, tenths: std::ops::Range<i64>) {
        for tenth in tenths {
            self.publisher.push(Toy { millis: tenth * 100, is_sync: tenth % 10 == 0 }).unwrap();
        }
    }

    fn viewer(&self, from: From) -> Pump<Toy, ()> {
        let mut pump = Pump::new(Arc::clone(&self.channel), from, 'u', Arc::clone(&self.policy), Arc::clone(&self.viewing), ());
        pump.attach(&Arc::new(Gate::new()));
        pump
    }
}

/// Some step.
pub(super) fn a_step() -> Step {
    steps::any()
}

fn filled(pump: &mut Pump<Toy, ()>) -> (String, Filled) {
    let mut batch = Batch::new();
    let found = pump.fill(&mut batch);
    let mut out = Vec::new();
    while let Some(slice) = batch.pop() {
        out.extend(slice);
    }
    (String::from_utf8(out).unwrap(), found)
}

#[test]
fn a_joiner_gets_the_head_before_the_newest_sync_and_then_only_what_is_new() {
    let mut stage = Stage::new();
    stage.send(0..12);
    let mut pump = stage.viewer(From::NewestSync);
    assert_eq!(filled(&mut pump), ("[A joined at 1000 after None] u1000 u1100 ".to_owned(), Filled::Bytes));
    assert_eq!(filled(&mut pump), (String::new(), Filled::Nothing));
    stage.send(12..13);
    assert_eq!(filled(&mut pump), ("u1200 ".to_owned(), Filled::Bytes));
}

#[test]
fn a_changed_head_waits_for_the_first_unit_under_it() {
    let mut stage = Stage::new();
    stage.send(0..1);
    let mut pump = stage.viewer(From::NewestSync);
    filled(&mut pump);
    stage.publisher.set_head(Arc::new("B"), Why::Config).unwrap();
    assert_eq!(filled(&mut pump), (String::new(), Filled::Nothing));
    stage.send(1..2);
    assert_eq!(filled(&mut pump), ("[B config at 100 after Some(\"A\")] u100 ".to_owned(), Filled::Bytes));
}

#[test]
fn one_that_waited_too_long_skips_with_its_head_and_is_counted() {
    let mut stage = Stage::new();
    stage.send(0..5);
    let mut pump = stage.viewer(From::NewestSync);
    filled(&mut pump);
    // It joined 0.4 s behind, and may fall 0.5 s further.
    stage.send(5..15);
    pump.catch_up();
    assert_eq!((stage.viewing.skips(), stage.viewing.joined_behind_ms()), (0, 400));
    stage.send(15..23);
    pump.catch_up();
    assert_eq!(filled(&mut pump), ("[A lagged at 2000 after Some(\"A\")] u2000 u2100 u2200 ".to_owned(), Filled::Bytes));
    assert_eq!((stage.viewing.skips(), stage.viewing.skipped_entries()), (1, 15));
    assert_eq!(stage.viewing.behind_ms(Timestamp::from_millis(2_500)), Some(300));
    assert_eq!((stage.policy.counters.skips.get(), stage.policy.counters.skipped_entries.get()), (1, 15));
}

#[test]
fn one_that_is_behind_goes_on_where_there_is_no_newer_sync() {
    let mut stage = Stage::new();
    stage.send(0..1);
    let mut pump = stage.viewer(From::NewestSync);
    filled(&mut pump);
    for tenth in 1..30 {
        stage.publisher.push(Toy { millis: tenth * 100, is_sync: false }).unwrap();
    }
    pump.catch_up();
    assert!(filled(&mut pump).0.starts_with("u100 u200 "));
}

#[test]
fn a_batch_is_bounded_and_the_rest_comes_next() {
    let mut stage = Stage::new();
    stage.publisher.push(Toy { millis: 0, is_sync: true }).unwrap();
    for millis in 1..100 {
        stage.publisher.push(Toy { millis, is_sync: false }).unwrap();
    }
    let mut pump = stage.viewer(From::NewestSync);
    let counts = [0, 1].map(|_| filled(&mut pump).0.matches('u').count());
    assert_eq!(counts, [64, 36]);
}

#[test]
fn the_end_comes_behind_the_last_unit() {
    let mut stage = Stage::new();
    stage.send(0..1);
    let mut pump = stage.viewer(From::NewestSync);
    stage.channel.end(End::Unpublished);
    assert_eq!(filled(&mut pump).1, Filled::Bytes);
    assert_eq!(filled(&mut pump).1, Filled::Over(Over::Ended(End::Unpublished)));
}

#[test]
fn a_form_that_cannot_follow_a_change_ends_the_viewer() {
    let mut stage = Stage::new();
    stage.send(0..1);
    let mut pump = stage.viewer(From::NewestSync);
    filled(&mut pump);
    stage.publisher.set_head(Arc::new("unfit"), Why::Config).unwrap();
    stage.send(1..2);
    assert_eq!(filled(&mut pump), (String::new(), Filled::Over(Over::Changed)));
}

/// Says nothing; each letter that it hears is a wish.
#[derive(Debug)]
struct Letters;

impl Talk for Letters {
    fn input(&mut self, bytes: &[u8], _: Instant, wishes: &mut Vec<Wish>) -> Result<(), Breach> {
        wishes.extend(bytes.iter().map(|letter| if *letter == b'h' { Wish::Halt } else { Wish::Resume }));
        Ok(())
    }

    fn put(&mut self, _: Instant, _: &mut Batch) {}

    fn tick(&mut self, _: u64, _: Instant) -> Result<bool, Unanswered> {
        Ok(false)
    }

    fn farewell(&mut self, why: &Departure, _: Instant) -> Bytes {
        format!("({why})").into()
    }

    fn release(self: Box<Self>, _: Option<tokio::net::TcpStream>) {}
}

/// A viewer that only talks, and what it writes next.
fn talking(stage: &Stage, now: Instant) -> Viewer {
    viewer(stage, Envelope::Talking(Box::new(Letters)), now)
}

fn viewer(stage: &Stage, envelope: Envelope, now: Instant) -> Viewer {
    let stream = StreamName::parse("live/a").unwrap();
    let who = Who { stream, viewing: Arc::clone(&stage.viewing), sent: Arc::default() };
    let source = Box::new(stage.viewer(From::NewestSync));
    Viewer::new(who, source, envelope, Bytes::new(), Arc::clone(&stage.policy), now)
}

fn written(viewer: &mut Viewer, now: Instant) -> String {
    let mut batch = Batch::new();
    viewer.next(now, &mut batch);
    let slices: Vec<Bytes> = std::iter::from_fn(|| batch.pop()).collect();
    String::from_utf8(slices.concat()).unwrap()
}

#[test]
fn one_that_halted_hears_of_the_end_and_leaves() {
    let (mut stage, now) = (Stage::new(), Instant::now());
    stage.send(0..1);
    let mut viewer = talking(&stage, now);
    written(&mut viewer, now);
    viewer.input(b"h", now);
    stage.send(1..2);
    assert_eq!((viewer.tick(now), written(&mut viewer, now)), (Ok(false), String::new()), "it wants nothing");
    stage.channel.end(End::Unpublished);
    assert_eq!(viewer.tick(now), Ok(true));
    assert_eq!(written(&mut viewer, now), "(the stream has ended)");
    assert_eq!(viewer.departure(), Departure::Over(Over::Ended(End::Unpublished)));
}

/// Takes all that is written, says nothing, and never has done with its end.
struct Endless;

impl AsyncRead for Endless {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Endless {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_does_not_end_is_not_waited_for() {
    let mut stage = Stage::new();
    stage.send(0..1);
    stage.channel.end(End::Unpublished);
    let viewer = talking(&stage, Instant::now());
    let served = tokio::time::timeout(Duration::from_secs(60), solo::serve(Endless, viewer, None)).await;
    assert!(served.expect("it is left").is_none());
}

#[tokio::test]
async fn guests_of_a_hub_hang_behind_one_gate_and_get_what_its_own_viewers_get() {
    const GUESTS: usize = 20;
    let mut stage = Stage::new();
    stage.send(0..1);
    let hub = Hub::start(Arc::clone(&stage.policy));
    let mut ends = Vec::new();
    for _ in 0..GUESTS {
        let (near, far) = tokio::io::duplex(1 << 10);
        tokio::spawn(solo::serve(near, viewer(&stage, Envelope::Raw, Instant::now()), Some(hub.clone())));
        ends.push(far);
    }
    let expected = ["[A joined at 0 after None] u0 ", "u100 ", "u200 "];
    for (nth, expected) in expected.into_iter().enumerate() {
        for end in &mut ends {
            let mut heard = vec![0; expected.len()];
            end.read_exact(&mut heard).await.unwrap();
            assert_eq!(heard, expected.as_bytes());
        }
        assert_eq!((stage.channel.gates(), hub.viewers()), (1, GUESTS as u64));
        stage.send(nth as i64 + 1..nth as i64 + 2);
    }
    drop(ends);
    while hub.viewers() > 0 {
        tokio::task::yield_now().await;
        stage.send(10..11);
    }
    assert_eq!(stage.channel.gates(), 0, "the last one takes the gate away");
}

#[tokio::test]
async fn a_guest_that_takes_nothing_is_given_up_though_nothing_is_published() {
    let mut stage = Stage::new();
    stage.policy = Policy::new(Options { stuck_s: 1, ..Options::default() });
    stage.send(0..1);
    let hub = Hub::start(Arc::clone(&stage.policy));
    // Less than it would get.
    let (near, _far) = tokio::io::duplex(8);
    // In a task of its own, which the deadline does not wake.
    let served = tokio::spawn(solo::serve(near, viewer(&stage, Envelope::Raw, Instant::now()), Some(hub)));
    let served = tokio::time::timeout(Duration::from_secs(30), served).await;
    assert!(served.expect("its hub reminds it").unwrap().is_none());
    assert_eq!(stage.policy.counters.stuck.get(), 1);
}
