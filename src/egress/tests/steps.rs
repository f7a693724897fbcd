//! What one viewer got is what another is due.

use proptest::prelude::*;

use super::*;

/// Viewers of one worker: they share a gate. The last one is the stage's.
fn neighbours<const N: usize>(stage: &Stage, forms: [char; N]) -> [Pump<Toy, ()>; N] {
    let gate = Arc::new(Gate::new());
    let mut viewings = [(); N].map(|()| Arc::new(Viewing::new("test", None, Instant::now())));
    viewings[N - 1] = Arc::clone(&stage.viewing);
    let mut viewings = viewings.into_iter();
    forms.map(|form| {
        let viewing = viewings.next().unwrap();
        let mut pump = Pump::new(Arc::clone(&stage.channel), From::NewestSync, form, Arc::clone(&stage.policy), viewing, ());
        pump.attach(&gate);
        pump
    })
}

/// What the next batch holds, and the step that it is.
fn batch(pump: &mut Pump<Toy, ()>) -> (String, Option<Step>) {
    let mut batch = Batch::new();
    pump.fill(&mut batch);
    let step = batch.step();
    (String::from_utf8(batch.unwritten().concat()).unwrap(), step)
}

/// Some step.
pub fn any() -> Step {
    let mut stage = Stage::new();
    stage.send(0..1);
    let [mut one, _other] = neighbours(&stage, ['u', 'u']);
    batch(&mut one);
    stage.send(1..2);
    batch(&mut one).1.unwrap()
}

#[test]
fn whoever_stands_where_a_step_began_takes_it_and_gets_what_comes_next() {
    let mut stage = Stage::new();
    stage.send(0..1);
    let [mut one, mut other] = neighbours(&stage, ['u', 'u']);
    assert_eq!(batch(&mut one), ("[A joined at 0 after None] u0 ".to_owned(), None), "what a head is in is no step");
    batch(&mut other);
    stage.send(1..3);
    let (text, step) = batch(&mut one);
    assert_eq!(text, "u100 u200 ");
    assert!(other.take_step(&step.unwrap()));
    assert_eq!(stage.viewing.behind_ms(Timestamp::from_millis(250)), Some(50), "its lag is known");
    assert_eq!(batch(&mut other), (String::new(), None), "it has it");
    assert!(!other.take_step(&step.unwrap()), "it has it");
    stage.send(3..4);
    assert_eq!(batch(&mut other).0, "u300 ");
}

#[test]
fn a_step_is_for_none_who_stands_elsewhere_or_gets_it_otherwise() {
    let mut stage = Stage::new();
    stage.send(0..1);
    let [mut one, mut behind, mut other_form, mut pictures, mut before_its_head] = neighbours(&stage, ['u', 'u', 'v', 'u', 'u']);
    batch(&mut one);
    for pump in [&mut other_form, &mut pictures] {
        batch(pump);
    }
    pictures.set_kinds(Kinds { audio: false, video: true });
    stage.send(1..2);
    batch(&mut behind);
    let step = batch(&mut one).1.unwrap();
    for pump in [&mut behind, &mut other_form, &mut pictures, &mut before_its_head] {
        assert!(!pump.take_step(&step));
    }
    assert_eq!(batch(&mut other_form).0, "v100 ");
    let mut stranger = Stage::new();
    stranger.send(0..1);
    let [mut stranger] = neighbours(&stranger, ['u']);
    batch(&mut stranger);
    assert!(!stranger.take_step(&step), "another channel's");
}

#[test]
fn there_is_no_step_where_more_is_to_be_read() {
    let mut stage = Stage::new();
    stage.send(0..1);
    let [mut one, mut other] = neighbours(&stage, ['u', 'u']);
    batch(&mut one);
    batch(&mut other);
    stage.send(1..100);
    assert!(batch(&mut one).1.is_none(), "the budget ended before");
    let step = batch(&mut one).1.unwrap();
    batch(&mut other);
    stage.send(100..101);
    assert!(!other.take_step(&step), "there is more by now, which goes into the same write");
}

#[test]
fn what_a_viewer_has_to_say_by_itself_goes_before_a_step() {
    let (mut stage, now) = (Stage::new(), Instant::now());
    stage.send(0..1);
    let gate = Arc::new(Gate::new());
    let envelopes = [Envelope::Raw, Envelope::Raw, Envelope::Chunked, Envelope::Talking(Box::new(Letters)), Envelope::Raw];
    let mut viewers = envelopes.map(|envelope| {
        let mut viewer = viewer(&stage, envelope, now);
        viewer.attach(&gate);
        written(&mut viewer, now);
        viewer
    });
    stage.send(1..2);
    let [one, same, chunked, talking, waited] = &mut viewers;
    let mut out = Batch::new();
    assert_eq!(one.next(now, &mut out), viewer::Next::Write);
    let step = out.step().unwrap();
    waited.block(now);
    talking.input(b"r", now);
    for viewer in [chunked, talking, waited] {
        assert!(!viewer.take_step(&step));
    }
    assert!(same.take_step(&step));
}

proptest! {
    /// One viewer shares what it gets, one takes that wherever it can, and one always reads for itself.
    #[test]
    fn steps_change_nothing_about_what_a_viewer_gets(deeds in prop::collection::vec((0u8..5, 1i64..80), 1..60)) {
        let mut stage = Stage::keeping(Span::from_secs(3_600));
        stage.send(0..1);
        let [mut sharer, mut taker, mut reader] = neighbours(&stage, ['u', 'u', 'u']);
        batch(&mut sharer);
        let (mut next, mut taken, mut read) = (1, batch(&mut taker).0, batch(&mut reader).0);
        for (deed, amount) in deeds {
            match deed {
                0 | 1 => {
                    let amount = if deed == 0 { 1 } else { amount };
                    stage.send(next..next + amount);
                    next += amount;
                }
                2 => stage.publisher.set_head(Arc::new(["B", "C"][amount as usize % 2]), Why::Config).unwrap(),
                3 => taken.push_str(&batch(&mut taker).0),
                _ => {
                    let (text, step) = batch(&mut sharer);
                    if step.is_some_and(|step| taker.take_step(&step)) {
                        taken.push_str(&text);
                    }
                    read.push_str(&batch(&mut reader).0);
                }
            }
        }
        for (pump, got) in [(&mut taker, &mut taken), (&mut reader, &mut read)] {
            loop {
                let (text, _) = batch(pump);
                if text.is_empty() { break; }
                got.push_str(&text);
            }
        }
        prop_assert_eq!(taken, read);
    }
}
