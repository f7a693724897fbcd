//! A publisher that does everything right, while all that a peer may legally send fills the other chunk streams between its chunks: its
//! media come out as they went in, in order, however the bytes are cut. The input is read as a list of choices.

use std::time::Instant;

use bytes::{BufMut, Bytes, BytesMut};
use rand::SeedableRng;
use rand::rngs::StdRng;
use sluicegate::amf0::Value;
use sluicegate::rtmp::chunk::{Message, Writer};
use sluicegate::rtmp::command;
use sluicegate::rtmp::handshake::PACKET;
use sluicegate::rtmp::session::{CloseReason, Event, Options, Session};

/// Steps taken for one input.
const MOST_STEPS: usize = 2_000;
const EXTENDED: u32 = 0xFF_FFFF;
/// Chunk streams of the publisher, and of everything else.
const HEALTHY: [u32; 2] = [4, 6];
const OTHERS: [u32; 5] = [2, 9, 63, 64, 400];

/// What the input says, and zeros behind its end.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit
    }

    fn number(&mut self) -> u32 {
        u32::from_be_bytes([self.byte(), self.byte(), self.byte(), self.byte()])
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = self.below(256) * (1 + self.below(8));
        let fill = self.byte();
        (0..length).map(|at| if at < 8 { self.byte() } else { fill.wrapping_add(at as u8) }).collect()
    }
}

/// One chunk stream as its sender sees it.
#[derive(Default)]
struct Sender {
    csid: u32,
    known: bool,
    timestamp: u32,
    delta: Option<u32>,
    extended: Option<u32>,
    type_id: u8,
    length: usize,
    left: Vec<u8>,
    starts: bool,
}

impl Sender {
    fn basic(&self, fmt: u8, choices: &mut Choices<'_>, out: &mut BytesMut) {
        let fmt = fmt << 6;
        match self.csid {
            // The longer form is as good as the short one.
            64..320 if choices.byte() & 1 == 0 => out.put_slice(&[fmt, (self.csid - 64) as u8]),
            64.. => out.put_slice(&[fmt | 1, (self.csid - 64) as u8, ((self.csid - 64) >> 8) as u8]),
            id => out.put_u8(fmt | id as u8),
        }
    }

    fn begin(&mut self, timestamp: u32, type_id: u8, payload: Vec<u8>, choices: &mut Choices<'_>, out: &mut BytesMut) {
        let delta = timestamp.wrapping_sub(self.timestamp);
        let same = self.known && (self.type_id, self.length) == (type_id, payload.len());
        let fmt = match choices.byte() & 3 {
            3 if same && self.delta == Some(delta) => 3,
            2 | 3 if same => 2,
            1..=3 => 1,
            _ => 0,
        };
        self.basic(fmt, choices, out);
        let time = if fmt == 0 { timestamp } else { delta };
        if fmt < 3 {
            out.put_uint(u64::from(time.min(EXTENDED)), 3);
            self.extended = (time >= EXTENDED).then_some(time);
        }
        if fmt < 2 {
            out.put_uint(payload.len() as u64, 3);
            out.put_u8(type_id);
        }
        if fmt == 0 {
            out.put_u32_le(1);
        }
        if let Some(extended) = self.extended {
            out.put_u32(extended);
        }
        self.delta = (fmt != 0).then_some(delta);
        (self.known, self.starts) = (true, true);
        (self.timestamp, self.type_id, self.length, self.left) = (timestamp, type_id, payload.len(), payload);
    }

    /// The next chunk of what was begun. Returns whether that was the last.
    fn chunk(&mut self, size: usize, choices: &mut Choices<'_>, out: &mut BytesMut) -> bool {
        if !std::mem::take(&mut self.starts) {
            self.basic(3, choices, out);
            if let Some(extended) = self.extended {
                // Older encoders leave it out. What follows must then not look like it.
                let first = self.left.first().copied();
                let alike = [extended, self.timestamp].iter().any(|time| first == Some(time.to_be_bytes()[0]));
                if alike || choices.byte() & 1 == 0 {
                    out.put_u32(extended);
                }
            }
        }
        let rest = self.left.split_off(size.min(self.left.len()));
        out.put_slice(&std::mem::replace(&mut self.left, rest));
        self.left.is_empty()
    }

    fn whole(&mut self, timestamp: u32, type_id: u8, payload: Vec<u8>, size: usize, choices: &mut Choices<'_>, out: &mut BytesMut) {
        self.begin(timestamp, type_id, payload, choices, out);
        while !self.chunk(size, choices, out) {}
    }
}

/// A message that nothing healthy comes of, and that ends nothing.
fn other(choices: &mut Choices<'_>) -> (u8, Vec<u8>) {
    let bytes = choices.bytes();
    let with = |head: &[u8]| [head, &bytes].concat();
    match choices.below(8) {
        0 => (3, with(&[1, 2, 3, 4])),
        1 => (4, with(&[0, choices.byte() % 40, 0, 0, 0, 1, 0, 0, 0, 1])),
        2 => (5, with(&choices.number().to_be_bytes())),
        3 => (6, with(&choices.number().to_be_bytes())),
        4 => (if choices.byte() & 1 == 0 { 18 } else { 15 }, bytes),
        5 => (20, command::command("xyz", f64::from(choices.byte()), [Value::Null]).to_vec()),
        6 => (17, [&[0][..], &command::command("xyz", 0.0, [])].concat()),
        _ => (choices.byte() | 0x20, bytes),
    }
}

/// A session in which a publication was accepted.
fn publishing(now: Instant) -> Session {
    let mut session = Session::new(Options::default(), now, &mut StdRng::seed_from_u64(7));
    let mut input = BytesMut::from(&[3][..]);
    input.extend_from_slice(&[0; 2 * PACKET]);
    let mut writer = Writer::default();
    let connect = command::command("connect", 1.0, [Value::Object(vec![("app".into(), "live".into())])]);
    for payload in [connect, command::command("publish", 5.0, [Value::Null, "key".into(), "live".into()])] {
        writer.write(&Message { csid: 3, timestamp: 0, type_id: 20, msid: 1, payload }, &mut input);
    }
    let Some(Event::PublishRequested(request)) = session.poll_event(now, &mut input) else { panic!("a request is due") };
    session.accept_publish(request.id, now).expect("is open");
    session
}

pub fn run(data: &[u8]) {
    let mut choices = Choices(data);
    let now = Instant::now();
    let mut session = publishing(now);
    let mut healthy = HEALTHY.map(|csid| Sender { csid, ..Sender::default() });
    let mut others = OTHERS.map(|csid| Sender { csid, ..Sender::default() });
    let (mut size, mut clock) = (128, choices.number());
    let (mut wire, mut input) = (BytesMut::new(), BytesMut::new());
    let (mut expected, mut found) = (Vec::new(), Vec::new());
    for _ in 0..MOST_STEPS {
        if choices.0.is_empty() {
            break;
        }
        step(&mut choices, &mut healthy, &mut others, &mut size, &mut clock, &mut expected, &mut wire);
        if choices.byte() & 3 == 0 {
            let cut = wire.len().min(choices.below(256) * 8);
            input.extend_from_slice(&wire.split_to(cut));
            take(&mut session, now, &mut input, &mut found);
        }
    }
    for sender in &mut healthy {
        while !sender.left.is_empty() || sender.starts {
            if sender.chunk(size, &mut choices, &mut wire) {
                expected.push((sender.type_id, sender.timestamp, Bytes::from(expect(sender))));
            }
        }
    }
    input.extend_from_slice(&wire);
    take(&mut session, now, &mut input, &mut found);
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    session.handle_eof();
    assert!(matches!(session.poll_event(now, &mut input), Some(Event::Unpublish { .. })));
    assert_eq!(session.poll_event(now, &mut input), Some(Event::Closed(CloseReason::Eof)));
}

/// What was sent is known by its number alone: the sender's copy is used up.
fn expect(sender: &Sender) -> Vec<u8> {
    picture(sender.timestamp, sender.length)
}

fn picture(timestamp: u32, length: usize) -> Vec<u8> {
    (0..length).map(|at| (timestamp as usize + at) as u8).collect()
}

fn step(
    choices: &mut Choices<'_>,
    healthy: &mut [Sender],
    others: &mut [Sender],
    size: &mut usize,
    clock: &mut u32,
    expected: &mut Vec<(u8, u32, Bytes)>,
    wire: &mut BytesMut,
) {
    match choices.below(8) {
        0..3 => {
            let sender = &mut healthy[choices.below(2)];
            if sender.left.is_empty() && !sender.starts {
                let jump = if choices.byte() == 0xFF { choices.number() } else { choices.below(50) as u32 };
                *clock = clock.wrapping_add(jump);
                let length = choices.below(256) * (1 + choices.below(16));
                sender.begin(*clock, if sender.csid == 4 { 8 } else { 9 }, picture(*clock, length), choices, wire);
            }
            if sender.chunk(*size, choices, wire) {
                expected.push((sender.type_id, sender.timestamp, Bytes::from(expect(sender))));
            }
        }
        3 | 4 => {
            let sender = &mut others[choices.below(OTHERS.len())];
            if sender.left.is_empty() && !sender.starts {
                let (type_id, payload) = other(choices);
                sender.begin(choices.number(), type_id, payload, choices, wire);
            }
            sender.chunk(*size, choices, wire);
        }
        5 => {
            // Set Chunk Size counts from here on, in the middle of messages, too.
            let sender = &mut others[0];
            while !sender.left.is_empty() || sender.starts {
                sender.chunk(*size, choices, wire);
            }
            let next = 1 + choices.below(256) * (1 + choices.below(32));
            sender.whole(0, 1, (next as u32).to_be_bytes().to_vec(), *size, choices, wire);
            *size = next;
        }
        6 => {
            let (control, rest) = others.split_at_mut(1);
            while !control[0].left.is_empty() || control[0].starts {
                control[0].chunk(*size, choices, wire);
            }
            let dropped = &mut rest[choices.below(OTHERS.len() - 1)];
            control[0].whole(0, 2, dropped.csid.to_be_bytes().to_vec(), *size, choices, wire);
            // A header without a byte of payload is a message that began.
            (dropped.left, dropped.starts) = (Vec::new(), false);
        }
        _ => {
            // An aggregate that holds one picture, moved to the aggregate's own time.
            let sender = &mut healthy[1];
            if sender.left.is_empty() && !sender.starts {
                let body = picture(7, choices.below(256));
                let length = (body.len() as u32).to_be_bytes();
                let payload = [&[9][..], &length[1..], &[0, 0, 9, 0, 0, 0, 0], &body, &[0; 4]].concat();
                sender.whole(*clock, 22, payload, *size, choices, wire);
                expected.push((9, *clock, body.into()));
            }
        }
    }
}

fn take(session: &mut Session, now: Instant, input: &mut BytesMut, found: &mut Vec<(u8, u32, Bytes)>) {
    while let Some(event) = session.poll_event(now, input) {
        match event {
            Event::Audio { timestamp, payload } => found.push((8, timestamp, payload)),
            Event::Video { timestamp, payload } => found.push((9, timestamp, payload)),
            Event::Data { .. } | Event::MalformedData { .. } => {}
            other => panic!("{other:?} of a healthy publisher"),
        }
    }
    session.poll_output();
}
