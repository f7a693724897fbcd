//! A feed that panics.

use tokio::runtime::Handle;

use super::*;

/// A sample as it is.
#[derive(Clone, Debug)]
struct Plain(Sample);

impl Entry for Plain {
    type Head = Program;

    fn time(&self) -> Timestamp {
        self.0.time()
    }

    fn bytes(&self) -> usize {
        self.0.bytes()
    }

    fn leads(&self, program: &Program) -> bool {
        self.0.leads(program)
    }

    fn is_sync(&self) -> bool {
        self.0.is_sync
    }
}

impl Unit for Plain {
    type Variant = ();
    type Maker = Fragile;

    fn canonical((): (), _: &TrackSet) {}

    fn maker((): ()) -> Fragile {
        Fragile
    }
}

/// Breaks at sound.
struct Fragile;

impl Maker<Plain> for Fragile {
    fn program(&mut self, program: Arc<Program>, why: Why, out: &mut Vec<Item<Plain>>) {
        out.push(Item::Head(program, why));
    }

    fn sample(&mut self, sample: Sample, out: &mut Vec<Item<Plain>>) {
        assert!(sample.track == TrackId::VIDEO, "this panic is meant");
        out.push(Item::Unit(Plain(sample)));
    }

    fn flush(&mut self, _: &mut Vec<Item<Plain>>) {}
}

#[tokio::test]
async fn viewers_of_a_feed_that_breaks_down_leave_and_find_another() {
    let (samples, mut publisher) = source();
    publisher.push(picture(0, true)).unwrap();
    let lazy = Lazy::<Plain>::new(Arc::clone(&samples), (), &Options::default(), Handle::current(), tracing::Span::none(), None);
    let guard = lazy.acquire().await;
    let mut reader = guard.channel().subscribe(From::NewestSync, &Arc::new(Gate::new()));
    publisher.push(sound(1)).unwrap();
    let mut batch = Vec::new();
    let end = async {
        loop {
            match reader.read(Budget::default(), &mut batch) {
                Read::Empty => reader.gate().rung().await,
                Read::End(end) => return end,
                Read::Head { .. } | Read::Batch => {}
            }
        }
    };
    let end = tokio::time::timeout(Duration::from_secs(5), end).await.expect("nobody waits for ever");
    assert_eq!(end, End::Failed, "which players come back from");
    publisher.push(picture(40, true)).unwrap();
    let anew = lazy.acquire().await;
    assert!(!Arc::ptr_eq(anew.channel(), guard.channel()));
    drop(guard);
    assert!(anew.channel().ended().is_none() && lazy.is_running(), "who left the broken one takes nothing from the new one");
}
