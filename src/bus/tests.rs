//! What the bus promises, shown on small entries and a virtual clock.

mod near;

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::registry::Options;
use super::*;
use crate::media::{Metadata, Program, Span, Timestamp, TrackSet, WallClock};

/// An entry whose payload is its number.
#[derive(Clone, Debug, PartialEq)]
struct Tick {
    number: u64,
    at: i64,
    bytes: usize,
    joins: bool,
    leads: bool,
}

impl Entry for Tick {
    type Head = &'static str;

    fn time(&self) -> Timestamp {
        Timestamp::from_millis(self.at)
    }

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn leads(&self, _: &Self::Head) -> bool {
        self.leads
    }

    fn is_sync(&self) -> bool {
        self.joins
    }
}

fn tick(number: u64, joins: bool) -> Tick {
    Tick { number, at: number as i64 * 40, bytes: 100, joins, leads: true }
}

fn window(bounds: Bounds) -> Window<Tick> {
    let mut window = Window::new(bounds);
    window.set_head(Arc::new("first"), Why::Joined);
    window
}

fn drain(window: &Window<Tick>, cursor: &mut Cursor) -> Vec<String> {
    let mut story = Vec::new();
    loop {
        let mut out = Vec::new();
        match window.read(cursor, Budget::default(), &mut out) {
            Read::Batch => story.push(format!("{:?}", out.iter().map(|tick| tick.number).collect::<Vec<_>>())),
            Read::Head { head, why } => story.push(format!("{head} {why:?}")),
            Read::Empty => return story,
            Read::End(end) => {
                story.push(format!("{end:?}"));
                return story;
            }
        }
    }
}

#[test]
fn a_joiner_gets_the_head_and_the_newest_gop() {
    let mut window = window(Bounds::default());
    for n in 0..10 {
        window.push(tick(n, n % 4 == 0));
    }
    assert_eq!(drain(&window, &mut window.join(From::NewestSync)), ["first Joined", "[8, 9]"]);
}

#[test]
fn a_joiner_who_waits_for_the_next_sync_entry_passes_over_the_rest() {
    let mut window = window(Bounds::default());
    window.push(tick(0, true));
    let mut cursor = window.join(From::NextSync);
    window.push(tick(1, false));
    assert!(drain(&window, &mut cursor).is_empty());
    window.push(tick(2, true));
    window.push(tick(3, false));
    assert_eq!(drain(&window, &mut cursor), ["first Joined", "[2, 3]"]);
}

#[test]
fn a_changed_head_comes_exactly_before_the_entries_that_need_it() {
    let mut window = window(Bounds::default());
    window.push(tick(0, true));
    window.push(tick(1, false));
    let mut cursor = window.join(From::NewestSync);
    window.set_head(Arc::new("second"), Why::Config);
    window.push(tick(2, true));
    assert_eq!(drain(&window, &mut cursor), ["first Joined", "[0, 1]", "second Config", "[2]"]);
    assert_eq!(drain(&window, &mut window.join(From::NewestSync)), ["second Joined", "[2]"]);
}

#[test]
fn two_heads_in_a_row_are_one_change_with_the_stronger_reason() {
    let mut window = window(Bounds::default());
    window.push(tick(0, true));
    let mut cursor = window.join(From::NewestSync);
    drain(&window, &mut cursor);
    window.set_head(Arc::new("second"), Why::Break(Cause::Publisher));
    window.set_head(Arc::new("third"), Why::Config);
    window.push(tick(1, true));
    assert_eq!(drain(&window, &mut cursor), ["third Break(Publisher)", "[1]"]);
}

#[test]
fn an_overtaken_reader_is_told_and_goes_on_at_the_newest_sync_entry() {
    let bounds = Bounds { span: Span::from_millis(400), lag: Span::from_millis(400), ..Bounds::default() };
    let mut window = window(bounds);
    window.push(tick(0, true));
    let mut cursor = window.join(From::NewestSync);
    drain(&window, &mut cursor);
    for n in 1..30 {
        window.push(tick(n, n % 5 == 0));
    }
    let lagged = Why::Lagged { entries: 24, span: Span::from_millis(1_000) };
    assert_eq!(drain(&window, &mut cursor), [format!("first {lagged:?}"), "[25, 26, 27, 28, 29]".into()]);
}

#[test]
fn a_reader_may_skip_ahead_but_never_back() {
    let mut window = window(Bounds::default());
    for n in 0..8 {
        window.push(tick(n, n == 0 || n == 6));
    }
    let mut cursor = window.join(From::NewestSync);
    assert!(!window.skip(&mut cursor));
    let mut behind = window.join(From::NewestSync);
    window.push(tick(8, true));
    assert!(window.skip(&mut behind));
    assert_eq!(drain(&window, &mut behind), ["first Joined", "[8]"]);
}

#[test]
fn a_gop_beyond_the_bounds_loses_its_beginning_and_joiners_wait() {
    let bounds = Bounds { bytes: 500, ..Bounds::default() };
    let mut window = window(bounds);
    for n in 0..10 {
        window.push(tick(n, n == 0));
    }
    assert_eq!((window.len(), window.truncated()), (5, 1));
    let mut cursor = window.join(From::NewestSync);
    assert!(drain(&window, &mut cursor).is_empty());
    window.push(tick(10, true));
    assert_eq!(drain(&window, &mut cursor), ["first Joined", "[10]"]);
}

#[test]
fn an_ended_window_is_drained_first() {
    let mut window = window(Bounds::default());
    window.push(tick(0, true));
    window.end(End::Unpublished);
    window.end(End::Shutdown);
    assert_eq!(drain(&window, &mut window.join(From::NewestSync)), ["first Joined", "[0]", "Unpublished"]);
}

proptest! {
    /// Whatever is pushed and however slowly it is read: entries come in order, each at most once, what is missing is announced, and
    /// the window keeps within its bounds.
    #[test]
    fn readers_see_an_ordered_subsequence_and_every_hole_is_announced(
        steps in prop::collection::vec((0_usize..3, 1_u64..12, 0_u64..7), 1..200),
        span in 40_i64..2_000,
        bytes in 100_usize..4_000,
    ) {
        let bounds = Bounds { span: Span::from_millis(span), bytes, entries: 40, lag: Span::from_millis(span / 2) };
        let mut window = window(bounds);
        let mut cursor = window.join(From::NewestSync);
        let (mut next, mut last): (u64, Option<u64>) = (0, None);
        let mut announced = true;
        for (step, amount, sync) in steps {
            if step > 0 {
                for _ in 0..amount {
                    window.push(tick(next, sync == 0 || next % (sync + 1) == 0));
                    next += 1;
                }
                prop_assert!(window.len() <= 40);
                prop_assert!(window.len() == 1 || window.bytes() <= bytes);
                continue;
            }
            let mut out = Vec::new();
            match window.read(&mut cursor, Budget { entries: 5, bytes: 1_000 }, &mut out) {
                Read::Batch => {
                    for tick in out {
                        let follows = last.is_none_or(|last| tick.number == last + 1);
                        prop_assert!(follows || announced, "{:?} then {} unannounced", last, tick.number);
                        prop_assert!(!announced || tick.joins, "resumed at {}, which does not join", tick.number);
                        prop_assert!(last.is_none_or(|last| tick.number > last));
                        (last, announced) = (Some(tick.number), false);
                    }
                }
                Read::Head { why, .. } => {
                    let expected = matches!(why, Why::Joined | Why::Lagged { .. });
                    prop_assert!(expected, "{:?}", why);
                    announced = true;
                }
                Read::Empty => {}
                Read::End(_) => unreachable!("nothing ended the window"),
            }
        }
    }
}

#[test]
fn only_the_latest_publisher_may_write() {
    let channel = Channel::<Tick>::new(Bounds::default());
    let mut old = channel.lease();
    old.push(tick(0, true)).unwrap();
    let mut new = channel.lease();
    assert_eq!(old.push(tick(1, true)), Err(Revoked::Superseded));
    new.push(tick(1, true)).unwrap();
    drop(old);
    new.push(tick(2, true)).expect("a superseded publisher's going changes nothing");
    channel.end(End::Unpublished);
    assert_eq!(new.push(tick(3, true)), Err(Revoked::Ended));
}

#[test]
fn a_gate_shared_by_many_readers_wakes_its_worker_once() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    struct Counter(AtomicUsize);
    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    let channel = Channel::<Tick>::new(Bounds::default());
    let mut publisher = channel.lease();
    let gate = Arc::new(Gate::new());
    let readers: VecDeque<_> = (0..100).map(|_| channel.subscribe(From::NewestSync, &gate)).collect();
    let counter = Arc::new(Counter(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&counter));
    let mut cx = Context::from_waker(&waker);
    assert_eq!(gate.poll_rung(&mut cx), Poll::Ready(()), "what is there already is found at once");
    assert_eq!(gate.poll_rung(&mut cx), Poll::Pending);
    for n in 0..50 {
        publisher.push(tick(n, true)).unwrap();
    }
    assert_eq!(counter.0.load(Ordering::Relaxed), 1);
    drop(readers);
    publisher.push(tick(50, true)).unwrap();
    assert_eq!(gate.poll_rung(&mut cx), Poll::Ready(()));
    assert_eq!(gate.poll_rung(&mut cx), Poll::Pending);
    publisher.push(tick(51, true)).unwrap();
    assert_eq!(gate.poll_rung(&mut cx), Poll::Pending, "a gate that nobody reads behind is let go");
}

#[test]
fn a_gate_hears_when_the_leading_track_goes_on() {
    let channel = Channel::<Tick>::new(Bounds::default());
    let mut publisher = channel.lease();
    let gate = Arc::new(Gate::new());
    let _reader = channel.join(From::NewestSync, &gate);
    let mut cx = Context::from_waker(Waker::noop());
    let mut heard = || match gate.poll_ring(&mut cx) {
        Poll::Ready(ring) => ring.beat.map(|beat| beat.next.duration_since(beat.at)),
        Poll::Pending => panic!("every write rings"),
    };
    publisher.push(tick(0, true)).unwrap();
    assert_eq!(heard(), None, "nothing leads before there is a head");
    publisher.set_head(Arc::new("first"), Why::Config).unwrap();
    publisher.push(tick(1, true)).unwrap();
    assert_eq!(heard(), None, "of one alone it is not known");
    publisher.push(tick(2, false)).unwrap();
    assert_eq!(heard(), Some(Duration::from_millis(40)));
    publisher.push(Tick { leads: false, ..tick(3, true) }).unwrap();
    assert_eq!(heard(), None, "that is another track's");
    publisher.push(tick(5, false)).unwrap();
    publisher.push(Tick { leads: false, ..tick(6, true) }).unwrap();
    assert_eq!(heard(), Some(Duration::from_millis(120)), "the newest of several");
    publisher.set_head(Arc::new("second"), Why::Config).unwrap();
    assert_eq!(heard(), None);
    publisher.push(tick(2, true)).unwrap();
    assert_eq!(heard(), None, "time has run backwards");
}

#[tokio::test]
async fn a_head_that_is_there_is_found_without_touching_the_gates() {
    let channel = Channel::<Tick>::new(Bounds::default());
    channel.lease().set_head(Arc::new("first"), Why::Config).unwrap();
    let before = Arc::clone(&channel.state.lock().gates);
    assert!(channel.settled().await.is_some());
    assert!(Arc::ptr_eq(&before, &channel.state.lock().gates), "nobody was let in or out");
}

struct House {
    registry: Arc<Registry>,
    start: Instant,
}

impl House {
    fn new(options: Options) -> Self {
        Self { registry: Registry::new(options), start: Instant::now() }
    }

    fn at(&self, seconds: u64) -> Instant {
        self.start + Duration::from_secs(seconds)
    }

    fn publish(&self, name: &str, takeover: Takeover, seconds: u64) -> Result<Session, PublishRefused> {
        let address = "127.0.0.1:5000".parse().unwrap();
        let info = PublisherInfo { connection: 1, address, protocol: "rtmp", encoder: None };
        let wall = WallClock::from_unix_millis(1_700_000_000_000 + seconds as i64 * 1_000);
        self.registry.publish(&StreamName::parse(name).unwrap(), info, takeover, self.at(seconds), wall)
    }
}

#[test]
fn a_lost_publisher_may_come_back_within_the_grace() {
    let house = House::new(Options::default());
    let first = house.publish("live/a", Takeover::Reject, 0).unwrap();
    let stream = Arc::clone(first.stream());
    assert!(!first.resumed());
    first.finish(Departure::Lost, house.at(5));
    assert!(matches!(stream.state(), State::Waiting { .. }));
    assert_eq!(house.registry.sweep(house.at(14)), Some(house.at(15)));
    let second = house.publish("live/a", Takeover::Reject, 14).unwrap();
    assert!(second.resumed() && Arc::ptr_eq(second.stream(), &stream));
    assert_eq!(house.registry.sweep(house.at(60)), None);
    assert_eq!(stream.source().samples.ended(), None);
}

#[test]
fn a_stream_whose_grace_ran_out_ends_and_is_forgotten_after_the_linger() {
    let house = House::new(Options::default());
    let session = house.publish("live/a", Takeover::Allow, 0).unwrap();
    let stream = Arc::clone(session.stream());
    session.finish(Departure::Lost, house.at(0));
    assert_eq!(house.registry.sweep(house.at(10)), Some(house.at(40)));
    assert_eq!(stream.source().samples.ended(), Some(End::Unpublished));
    assert_eq!(house.registry.list().len(), 1);
    assert_eq!(house.registry.sweep(house.at(40)), None);
    assert!(house.registry.list().is_empty());
}

#[test]
fn a_clean_goodbye_ends_at_once_and_the_next_publication_is_another_presentation() {
    let house = House::new(Options::default());
    let session = house.publish("live/a", Takeover::Allow, 0).unwrap();
    let epoch = session.stream().epoch();
    session.finish(Departure::Clean, house.at(1));
    let again = house.publish("live/a", Takeover::Allow, 1).unwrap();
    assert!(!again.resumed());
    assert!(again.stream().epoch() > epoch);
}

#[test]
fn two_presentations_never_share_an_epoch_even_if_the_clock_stands_still() {
    let house = House::new(Options::default());
    let a = house.publish("live/a", Takeover::Allow, 0).unwrap();
    let b = house.publish("live/b", Takeover::Allow, 0).unwrap();
    assert_ne!(a.stream().epoch(), b.stream().epoch());
}

#[test]
fn a_takeover_supersedes_at_once_and_the_old_ones_going_is_not_noticed() {
    let house = House::new(Options::default());
    let old = house.publish("live/a", Takeover::Allow, 0).unwrap();
    assert!(matches!(house.publish("live/a", Takeover::Reject, 1), Err(PublishRefused::NameTaken(_))));
    let new = house.publish("live/a", Takeover::Allow, 1).unwrap();
    drop(old);
    assert_eq!(new.stream().state(), State::Live);
}

#[test]
fn limits_and_shutdown_refuse_newcomers() {
    let house = House::new(Options { max_streams: 1, ..Options::default() });
    let held = house.publish("live/a", Takeover::Allow, 0).unwrap();
    assert_eq!(house.publish("live/b", Takeover::Allow, 0).unwrap_err(), PublishRefused::Full(1));
    house.registry.shut_down(End::Shutdown, house.at(1));
    assert_eq!(held.stream().source().samples.ended(), Some(End::Shutdown));
    assert_eq!(house.publish("live/a", Takeover::Allow, 2).unwrap_err(), PublishRefused::ShuttingDown);
}

#[test]
fn whoever_comes_in_while_all_is_shut_down_is_refused_or_ended() {
    for _ in 0..1_000 {
        let house = House::new(Options::default());
        let start = std::sync::Barrier::new(2);
        let session = std::thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                house.registry.shut_down(End::Shutdown, house.at(1));
            });
            start.wait();
            house.publish("live/a", Takeover::Allow, 0)
        });
        match session {
            Ok(session) => assert!(matches!(session.stream().state(), State::Ended { .. }), "it is left behind"),
            Err(refused) => assert_eq!(refused, PublishRefused::ShuttingDown),
        }
    }
}

#[test]
fn a_newcomer_takes_the_place_of_a_stream_that_is_over_and_never_of_one_that_waits_with_media() {
    let house = House::new(Options { max_streams: 3, ..Options::default() });
    let begin = |name: &str, has_media: bool| {
        let mut session = house.publish(name, Takeover::Allow, 0).unwrap();
        if has_media {
            let program = Program { epoch: session.stream().epoch(), tracks: TrackSet::default(), metadata: Metadata::default() };
            session.publisher().set_head(Arc::new(program), Why::Config).unwrap();
        }
        session
    };
    begin("live/ended", true).finish(Departure::Clean, house.at(1));
    begin("live/empty", false).finish(Departure::Lost, house.at(1));
    begin("live/waiting", true).finish(Departure::Lost, house.at(1));
    let names = || house.registry.list().iter().map(|stream| stream.name().name().to_owned()).collect::<Vec<_>>();
    let _one = house.publish("live/one", Takeover::Allow, 2).unwrap();
    assert_eq!(names(), ["empty", "one", "waiting"]);
    let _two = house.publish("live/two", Takeover::Allow, 2).unwrap();
    assert_eq!(names(), ["one", "two", "waiting"]);
    assert_eq!(house.publish("live/three", Takeover::Allow, 2).unwrap_err(), PublishRefused::Full(3));
    assert!(house.publish("live/waiting", Takeover::Reject, 3).unwrap().resumed());
}

#[test]
fn viewers_are_counted_for_as_long_as_they_stay() {
    let house = House::new(Options::default());
    let session = house.publish("live/a", Takeover::Allow, 0).unwrap();
    let stream = session.stream();
    let guard = stream.enter("http_flv", None, house.at(0));
    let other = stream.enter("rtmp", None, house.at(2));
    assert_eq!((stream.viewers(house.at(2))["http_flv"], stream.viewings().len()), (1, 2));
    drop(guard);
    assert_eq!(stream.viewers(house.at(2))["http_flv"], 0);
    let [left] = &stream.viewings()[..] else { panic!("one is left") };
    assert!(Arc::ptr_eq(left, other.viewing()));
    assert_eq!((left.exit(), left.lasts(house.at(5))), ("rtmp", Duration::from_secs(3)));
}
