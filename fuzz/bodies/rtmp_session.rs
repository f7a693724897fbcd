//! Any bytes after a handshake: the session never panics, ends at most once and last, and answers no more than they can pay for. The
//! first byte of the input decides about requests.

use std::time::Instant;

use bytes::BytesMut;
use rand::SeedableRng;
use rand::rngs::StdRng;
use sluicegate::rtmp::handshake::PACKET;
use sluicegate::rtmp::session::{Event, Options, Session};
use sluicegate::rtmp::status::Code;

/// The longest answer to a byte: connect is answered with some 400 bytes, every other command with less.
const ANSWER_PER_BYTE: usize = 64;

pub fn run(data: &[u8]) {
    let Some((&policy, data)) = data.split_first() else { return };
    let now = Instant::now();
    let mut session = Session::new(Options::default(), now, &mut StdRng::seed_from_u64(7));
    let mut input = BytesMut::from(&[3][..]);
    input.extend_from_slice(&[0; 2 * PACKET]);
    assert_eq!(session.poll_event(now, &mut input), None);
    let handshake = session.poll_output().map_or(0, |output| output.len());
    assert_eq!(handshake, 1 + 2 * PACKET);
    let (mut closed, mut answered) = (false, 0);
    for part in data.chunks(if policy & 1 == 0 { 17 } else { 4096 }) {
        input.extend_from_slice(part);
        while let Some(event) = session.poll_event(now, &mut input) {
            assert!(!closed, "nothing comes after the end: {event:?}");
            match event {
                Event::PublishRequested(request) if policy & 2 == 0 => session.accept_publish(request.id, now).expect("is open"),
                Event::PlayRequested(request) if policy & 4 == 0 => session.accept_play(request.id, now).expect("is open"),
                Event::PublishRequested(request) | Event::PlayRequested(request) => {
                    session.refuse(request.id, Code::PublishDenied, "no").expect("is open");
                }
                Event::Closed(_) => closed = true,
                _ => {}
            }
        }
        answered += session.poll_output().map_or(0, |output| output.len());
        assert!(closed || input.len() < 18);
    }
    assert!(answered <= 4096 + ANSWER_PER_BYTE * data.len(), "{answered} bytes answer {}", data.len());
    session.handle_eof();
    assert_eq!(closed, session.poll_event(now, &mut input).is_none());
}
