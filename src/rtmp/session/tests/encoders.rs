//! What encoders rely on, and what they do that the specification does not say.

use super::*;
use crate::rtmp::message::{Limit, Typed, UserControl};

/// A server behind the handshake, and what it says.
struct Raw {
    now: Instant,
    server: Session,
    input: BytesMut,
    reader: chunk::Reader,
}

impl Raw {
    /// C2 is nothing but zeros, as is C1: only one of them may be.
    fn new() -> Self {
        let now = Instant::now();
        let mut server = Session::new(Options::default(), now, &mut StdRng::seed_from_u64(2));
        let mut input = BytesMut::from(&[3][..]);
        input.extend_from_slice(&[0; 2 * handshake::PACKET]);
        assert_eq!(server.poll_event(now, &mut input), None);
        assert_eq!(server.poll_output().map(|output| output.len()), Some(1 + 2 * handshake::PACKET));
        Self { now, server, input, reader: chunk::Reader::new(chunk::Options::default()) }
    }

    fn publishing() -> Self {
        let mut raw = Self::new();
        raw.command("connect", 1.0, [object([("app", "live".into())])]);
        raw.send(3, 1, type_id::COMMAND_AMF0, command::command("publish", 5.0, [Value::Null, "key".into()]));
        let Some(Event::PublishRequested(request)) = raw.event() else { panic!("a request is due") };
        raw.server.accept_publish(request.id, raw.now).expect("is open");
        raw.answers();
        raw
    }

    fn send(&mut self, csid: u32, msid: u32, type_id: u8, payload: impl Into<Bytes>) {
        let message = Message { csid, timestamp: 0, type_id, msid, payload: payload.into() };
        chunk::write_independent(&message, chunk::DEFAULT_CHUNK_SIZE, &mut self.input);
    }

    fn command(&mut self, name: &str, tx: f64, values: impl IntoIterator<Item = Value>) {
        self.send(3, 0, type_id::COMMAND_AMF0, command::command(name, tx, values));
    }

    fn event(&mut self) -> Option<Event> {
        self.server.poll_event(self.now, &mut self.input)
    }

    /// All that the server has said since, in order: message types, with the names of commands.
    fn answers(&mut self) -> Vec<String> {
        while self.event().is_some() {}
        let mut output = BytesMut::new();
        while let Some(bytes) = self.server.poll_output() {
            output.extend_from_slice(&bytes);
        }
        let before = self.reader.position();
        let mut said = Vec::new();
        while let Some(message) = self.reader.read(&mut output).expect("we write what can be read") {
            said.push(match Typed::parse(message.type_id, message.payload).expect("and understood") {
                Typed::Command(payload) => {
                    let values = amf0::read_all(&payload).expect("values");
                    let code = values.iter().filter_map(|value| value.get("code")?.as_str()).next_back();
                    format!("{} {}", values[0].as_str().unwrap(), code.unwrap_or_default()).trim().to_owned()
                }
                other => format!("{other:?}"),
            });
        }
        assert!(output.is_empty() && self.reader.position() >= before);
        said
    }
}

#[test]
fn the_answer_to_connect_comes_in_the_order_that_encoders_expect_and_announces_a_chunk_size() {
    let mut raw = Raw::new();
    raw.command("connect", 1.0, [object([("app", "live".into()), ("objectEncoding", 3.0.into())])]);
    raw.event();
    let output = raw.server.poll_output().expect("an answer");
    let position = |what: &[u8]| output.windows(what.len()).position(|window| window == what);
    // A header of type 1, as its chunk stream was in use before.
    let announced = position(&[0x42, 0, 0, 0, 0, 0, 4, chunk::SET_CHUNK_SIZE, 0, 1, 0, 0]);
    assert!(announced.is_some_and(|at| Some(at) < position(b"_result")), "65,536 is announced ahead of the result");
    let mut output = BytesMut::from(&output[..]);
    let mut types = Vec::new();
    while let Some(message) = raw.reader.read(&mut output).expect("is legal") {
        if message.type_id == type_id::COMMAND_AMF0 {
            let values = amf0::read_all(&message.payload).expect("values");
            assert_eq!((values[0].as_str(), values[1].as_number()), (Some("_result"), Some(1.0)));
            assert_eq!(values[3].get("objectEncoding").and_then(Value::as_number), Some(3.0), "as the client wants it");
        }
        types.push(message.type_id);
    }
    assert_eq!(types, [type_id::WINDOW_ACK_SIZE, type_id::SET_PEER_BANDWIDTH, type_id::USER_CONTROL, type_id::COMMAND_AMF0]);
}

#[test]
fn what_c2_says_is_not_looked_at() {
    for fill in [0, 0xAA] {
        let now = Instant::now();
        let mut server = Session::new(Options::default(), now, &mut StdRng::seed_from_u64(2));
        let mut input = BytesMut::from(&[3][..]);
        input.extend_from_slice(&[7; handshake::PACKET]);
        input.extend_from_slice(&[fill; handshake::PACKET]);
        chunk::write_independent(
            &Message { csid: 3, timestamp: 0, type_id: type_id::COMMAND_AMF0, msid: 0, payload: command::command("connect", 1.0, []) },
            chunk::DEFAULT_CHUNK_SIZE,
            &mut input,
        );
        assert_eq!(server.poll_event(now, &mut input), None);
        assert!(server.poll_output().expect("S0 to S2 and the answer").len() > 1 + 2 * handshake::PACKET);
    }
}

#[test]
fn control_messages_count_on_any_chunk_stream_and_message_stream() {
    let mut raw = Raw::publishing();
    raw.send(37, 1, chunk::SET_CHUNK_SIZE, 4096_u32.to_be_bytes().to_vec());
    let large = Message { csid: 4, timestamp: 0, type_id: type_id::VIDEO, msid: 1, payload: Bytes::from(vec![0x17; 4096]) };
    chunk::write_independent(&large, 4096, &mut raw.input);
    assert_eq!(raw.event(), Some(Event::Video { timestamp: 0, payload: large.payload }));
    raw.send(6, 1, type_id::USER_CONTROL, &[0, 6, 9, 9, 9, 9][..]);
    assert_eq!(raw.answers(), [format!("{:?}", Typed::UserControl(UserControl::PingResponse(0x0909_0909)))]);
}

#[test]
fn a_new_peer_bandwidth_is_answered_with_a_window_and_the_same_again_is_not() {
    let mut raw = Raw::publishing();
    let wish = |window: u32| [&window.to_be_bytes()[..], &[2]].concat();
    raw.send(2, 0, type_id::SET_PEER_BANDWIDTH, wish(500_000));
    raw.send(2, 0, type_id::SET_PEER_BANDWIDTH, wish(500_000));
    assert_eq!(raw.answers(), [format!("{:?}", Typed::WindowAckSize(500_000))]);
    assert_eq!(Typed::parse(6, wish(500_000).into()), Ok(Typed::SetPeerBandwidth { window: 500_000, limit: Limit::Dynamic }));
}

#[test]
fn what_nobody_knows_is_ignored() {
    let mut raw = Raw::publishing();
    for unknown in [0, 7, 10, 14, 16, 19, 21, 23, 99, 255] {
        raw.send(9, 1, unknown, &[1, 2, 3][..]);
    }
    for event in [4_u16, 26, 27, 31, 32, 999] {
        raw.send(2, 0, type_id::USER_CONTROL, [&event.to_be_bytes()[..], &[0; 42]].concat());
    }
    raw.send(4, 1, type_id::AUDIO, &b"a"[..]);
    assert_eq!(raw.event(), Some(Event::Audio { timestamp: 0, payload: Bytes::from_static(b"a") }));
    assert_eq!((raw.event(), raw.server.ignored()), (None, 16));
}

#[test]
fn sound_picture_and_data_may_share_a_chunk_stream_and_name_any_message_stream() {
    let mut raw = Raw::publishing();
    for msid in [0, 1, 7] {
        raw.send(4, msid, type_id::VIDEO, &b"v"[..]);
        raw.send(4, msid, type_id::AUDIO, &b"a"[..]);
        raw.send(4, msid, type_id::DATA_AMF0, amf0::encode(&["onMetaData".into(), object([])]));
        assert!(matches!(raw.event(), Some(Event::Video { .. })));
        assert!(matches!(raw.event(), Some(Event::Audio { .. })));
        assert!(matches!(raw.event(), Some(Event::Data { name, .. }) if name == "onMetaData"));
    }
}

#[test]
fn a_stream_ends_by_any_of_the_words_for_it() {
    for (name, msid) in [("FCUnpublish", 0), ("closeStream", 1), ("deleteStream", 0)] {
        let mut raw = Raw::publishing();
        let argument: Value = if name == "deleteStream" { 1.0.into() } else { "key".into() };
        raw.send(3, msid, type_id::COMMAND_AMF0, command::command(name, 6.0, [Value::Null, argument]));
        assert_eq!(raw.event(), Some(Event::Unpublish { reason: UnpublishReason::Encoder }), "{name}");
        assert!(raw.answers().contains(&"onStatus NetStream.Unpublish.Success".to_owned()), "{name}");
        // Those who say it twice say nothing new.
        raw.send(3, 1, type_id::COMMAND_AMF0, command::command("deleteStream", 7.0, [Value::Null, 1.0.into()]));
        assert_eq!(raw.event(), None, "{name}");
    }
    let mut raw = Raw::publishing();
    raw.server.handle_eof();
    assert_eq!(raw.event(), Some(Event::Unpublish { reason: UnpublishReason::ConnectionLost }));
    let mut raw = Raw::publishing();
    raw.server.handle_timeout(raw.server.deadline().expect("media is waited for"));
    assert_eq!(raw.event(), Some(Event::Unpublish { reason: UnpublishReason::ConnectionLost }));
}

#[test]
fn every_command_that_appliances_wait_for_is_answered() {
    let mut raw = Raw::publishing();
    for name in ["releaseStream", "FCPublish", "FCSubscribe", "getStreamLength", "_checkbw", "createStream", "anything"] {
        raw.command(name, 9.0, [Value::Null, "key".into()]);
        let said = raw.answers();
        assert!(said.contains(&"_result".to_owned()), "{name}: {said:?}");
        assert_eq!(said.iter().any(|said| said == "onFCPublish NetStream.Publish.Start"), name == "FCPublish", "{said:?}");
    }
}
