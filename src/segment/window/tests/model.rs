//! Whatever happens to a window, its spool and its limits: what is listed can be fetched, and nothing takes more than it may.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::*;

const TARGET: i64 = 2_000;

#[derive(Clone, Debug)]
enum Step {
    /// A slot with segments of these sizes; none is a gap. In milliseconds.
    Append {
        sizes: Vec<usize>,
        length: i64,
        discontinuity: bool,
    },
    /// Time passes.
    Pass(i64),
    /// So many of what should leave memory are given away.
    Offer(usize),
    /// So many of those are written, to a new volume if it says so.
    Write(usize, bool),
    Limits {
        memory: u64,
        spool: u64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let sizes = proptest::collection::vec(1..200_usize, 0..3);
    let append = || {
        (sizes.clone(), 1_000..TARGET + 400, proptest::bool::weighted(0.1)).prop_map(|(sizes, length, discontinuity)| Step::Append {
            sizes,
            length,
            discontinuity,
        })
    };
    let step = prop_oneof![
        8 => append(),
        1 => (0..30_000_i64).prop_map(Step::Pass),
        4 => (0..6_usize).prop_map(Step::Offer),
        4 => (0..6_usize, proptest::bool::weighted(0.3)).prop_map(|(count, anew)| Step::Write(count, anew)),
        1 => (0..3_000_u64, 0..6_000_u64).prop_map(|(memory, spool)| Step::Limits { memory, spool }),
    ];
    proptest::collection::vec(step, 0..150)
}

/// The window with all that is outside of it.
struct World {
    window: Window,
    limits: Limits,
    counters: Counters,
    now: i64,
    next: u64,
    appended: BTreeMap<u64, Arc<Slot>>,
    on_the_way: VecDeque<Arc<Slot>>,
    last_offer: Option<MediaSequence>,
    volume: Arc<Volume>,
    /// What lies at each place.
    disk: BTreeMap<(u64, u64), Pieces>,
    /// Until when parts of a slot must be there, by the wall clock.
    parts_until: BTreeMap<u64, i64>,
    listed: BTreeMap<u64, i64>,
}

impl World {
    fn new() -> Self {
        let limits = Limits { memory: Allowance::of(2_000, 4), spool: 5_000 };
        Self {
            window: Window::new(Span::from_secs(30), Span::from_millis(TARGET), limits),
            limits,
            counters: Counters::default(),
            now: 0,
            next: 1_000,
            appended: BTreeMap::new(),
            on_the_way: VecDeque::new(),
            last_offer: None,
            volume: Volume::new(0, ()),
            disk: BTreeMap::new(),
            parts_until: BTreeMap::new(),
            listed: BTreeMap::new(),
        }
    }

    fn step(&mut self, step: Step) {
        let now = WallClock::from_unix_millis(self.now);
        match step {
            Step::Append { sizes, length, discontinuity } => {
                let slot = self.slot(&sizes, length, discontinuity);
                self.now += length;
                self.next += 1;
                self.appended.insert(slot.msn.0, Arc::clone(&slot));
                self.window.append(slot, WallClock::from_unix_millis(self.now), &mut self.counters);
            }
            Step::Pass(millis) => {
                self.now += millis;
                self.window.pass(WallClock::from_unix_millis(self.now), &mut self.counters);
            }
            Step::Offer(count) => {
                let offered: Vec<_> = (0..count).map_while(|_| self.window.offer()).collect();
                for slot in &offered {
                    assert!(self.last_offer.is_none_or(|last| last < slot.msn), "each is offered once, in order");
                    assert!(slot.in_memory() > 0 && slot.segments.iter().all(|segment| segment.parts.is_empty()));
                    self.last_offer = Some(slot.msn);
                }
                self.on_the_way.extend(offered);
            }
            Step::Write(count, anew) => {
                if anew {
                    self.volume = Volume::new(self.volume.number() + 1, ());
                }
                for slot in (0..count).map_while(|_| self.on_the_way.pop_front()).collect::<Vec<_>>() {
                    let places = slot.segments.iter().map(|segment| self.write(segment.body.in_memory().unwrap()));
                    let places = places.collect();
                    self.window.spooled(&Spooled { msn: slot.msn, places });
                }
            }
            Step::Limits { memory, spool } => {
                self.limits = Limits { memory: Allowance::of(memory, 4), spool };
                self.window.set_limits(self.limits);
                self.window.pass(now, &mut self.counters);
            }
        }
    }

    fn slot(&self, sizes: &[usize], length: i64, discontinuity: bool) -> Arc<Slot> {
        let empty = slot(self.next, 0, discontinuity);
        let segments = sizes.iter().enumerate().map(|(track, size)| {
            let body = Bytes::from(vec![(self.next as usize * 7 + track) as u8; *size]);
            let parts = vec![Part { bytes: body.clone(), ..empty.segments[0].parts[0].clone() }];
            Arc::new(Segment { parts: parts.into(), body: body.into(), ..(*empty.segments[0]).clone() })
        });
        let period = empty.period.clone().filter(|_| !sizes.is_empty());
        let (wall, duration) = (WallClock::from_unix_millis(self.now), Span::from_millis(length));
        Arc::new(Slot { wall, duration, period, segments: segments.collect(), ..(*empty).clone() })
    }

    fn write(&mut self, pieces: &Pieces) -> Place {
        let offset = self.disk.len() as u64;
        self.disk.insert((self.volume.number(), offset), pieces.clone());
        Place { volume: Arc::clone(&self.volume), offset, length: pieces.len() }
    }

    fn pieces<'a>(&'a self, body: &'a Body) -> &'a Pieces {
        match body {
            Body::Memory(pieces) => pieces,
            Body::Spooled(place) => {
                let pieces = &self.disk[&(place.volume.number(), place.offset)];
                assert_eq!(pieces.len(), place.length);
                pieces
            }
        }
    }

    fn check(&mut self) {
        self.check_lists();
        self.check_limits();
        self.check_parts();
    }

    fn check_lists(&mut self) {
        let (listed, retained) = (self.window.listed(), self.window.retained());
        let mut expected = retained.first().or(listed.first()).map_or(self.next, |slot| slot.msn.0);
        for slot in retained.iter().chain(listed) {
            assert_eq!(slot.msn.0, expected, "numbers have no holes");
            expected += 1;
        }
        assert_eq!(expected, self.next, "the newest is there");
        for slot in listed {
            let original = &self.appended[&slot.msn.0];
            assert_eq!(slot.segments.len(), original.segments.len(), "what is listed is there");
            for (segment, original) in slot.segments.iter().zip(&original.segments) {
                assert_eq!(self.pieces(&segment.body), original.body.in_memory().unwrap(), "and are the bytes that it was");
            }
        }
        for slot in retained.iter().filter(|slot| !slot.segments.is_empty()) {
            for (segment, original) in slot.segments.iter().zip(&self.appended[&slot.msn.0].segments) {
                assert_eq!(self.pieces(&segment.body), original.body.in_memory().unwrap());
            }
        }
        let unlisted = self.appended.range(..listed.first().map_or(self.next, |slot| slot.msn.0));
        let discontinuities = unlisted.filter(|(_, slot)| slot.discontinuity).count() as u64;
        assert_eq!(self.window.discontinuity_sequence(), discontinuities);
        // RFC 8216 §6.2.2, at least for its own duration and what is listed now.
        let span = listed.iter().fold(0, |sum, slot| sum + slot.duration.millis());
        self.listed.extend(listed.iter().map(|slot| (slot.msn.0, self.now + slot.duration.millis() + span)));
        if self.counters.evicted_segments + self.counters.overflowed_segments == 0 {
            let due = self.listed.iter().filter(|(_, until)| **until > self.now);
            due.for_each(|(msn, _)| assert!(self.window.find(MediaSequence(*msn)).is_some(), "{msn} went too early"));
        }
    }

    fn check_limits(&self) {
        let (listed, retained) = (self.window.listed(), self.window.retained());
        let all = || retained.iter().chain(listed);
        let usage = self.window.usage();
        assert_eq!(usage.memory, all().map(|slot| slot.in_memory()).sum::<u64>());
        assert_eq!(usage.spooled_segments, all().filter(|slot| slot.is_spooled()).count());
        let needed = |slot: &&Arc<Slot>| slot.msn.0 + MIN_LISTED_STARVED as u64 >= self.next;
        let superfluous = all().find(|slot| slot.in_memory() > 0).filter(|slot| !needed(slot));
        assert!(usage.memory <= self.limits.memory.most || superfluous.is_none(), "{usage:?}, {superfluous:?}");

        let spooled = |slot: &Arc<Slot>| slot.segments.iter().map(|segment| segment.body.len() as u64).sum::<u64>();
        let live: u64 = all().filter(|slot| slot.is_spooled()).map(spooled).sum();
        assert!(usage.spooled >= live && (usage.spooled_segments > 0 || usage.spooled == 0));
    }

    fn check_parts(&mut self) {
        let Some(end) = self.window.listed().last().map(|slot| slot.wall_end().unix_millis()) else { return };
        for slot in self.window.listed().iter().filter(|slot| !slot.segments.is_empty()) {
            if slot.wall_end().unix_millis() + 3 * TARGET > end {
                self.parts_until.insert(slot.msn.0, self.now + 3 * TARGET);
            }
        }
        for (msn, _) in self.parts_until.iter().filter(|(_, until)| **until > self.now) {
            let Some(slot) = self.window.find(MediaSequence(*msn)).filter(|slot| !slot.segments.is_empty()) else { continue };
            assert!(slot.segments.iter().all(|segment| !segment.parts.is_empty()), "{msn} lost its parts too early");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_listed_can_be_fetched_whatever_memory_and_disk_do(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            let keeps_up = matches!(step, Step::Append { .. } | Step::Pass(_) | Step::Limits { .. });
            world.step(step);
            world.check();
            let usage = world.window.usage();
            let spool = world.limits.spool;
            // The last volume stays where too little would be listed without it.
            let few = world.window.listed().len() <= 2 * MIN_LISTED_STARVED;
            prop_assert!(!keeps_up || usage.spooled <= spool || few, "{usage:?} of {spool}");
        }
        // Nobody publishes any more, and nothing is left but the list.
        world.step(Step::Pass(10_000_000));
        prop_assert!(world.window.retained().is_empty());
    }
}
