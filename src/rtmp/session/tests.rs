use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;
use crate::amf0::{self, Value, object};
use crate::rtmp::chunk::{self, Message, Writer};
use crate::rtmp::client::{self, Client, Role};
use crate::rtmp::message::type_id;
use crate::rtmp::status::Code;
use crate::rtmp::{command, handshake};

mod encoders;
mod play;

/// Our client and our server, joined by two buffers, on virtual time.
struct Pair {
    now: Instant,
    client: Client,
    server: Session,
    to_client: BytesMut,
    to_server: BytesMut,
    client_events: Vec<client::Event>,
    server_events: Vec<Event>,
    /// All that the server has sent.
    from_server: BytesMut,
}

impl Pair {
    fn new(options: client::Options) -> Self {
        let now = Instant::now();
        Self {
            now,
            client: Client::new(options, &mut StdRng::seed_from_u64(1)),
            server: Session::new(Options::default(), now, &mut StdRng::seed_from_u64(2)),
            to_client: BytesMut::new(),
            to_server: BytesMut::new(),
            client_events: Vec::new(),
            server_events: Vec::new(),
            from_server: BytesMut::new(),
        }
    }

    fn publisher() -> Self {
        Self::new(client::Options::new(Role::Publish, "host", "live", "key?token=t"))
    }

    /// Carries bytes until neither side has anything to say.
    fn run(&mut self) -> &mut Self {
        loop {
            let before = (self.client_events.len(), self.server_events.len());
            self.client_events.extend(std::iter::from_fn(|| self.client.poll_event(&mut self.to_client)));
            let sent = self.client.poll_output();
            self.to_server.extend_from_slice(sent.as_deref().unwrap_or_default());
            self.server_events.extend(std::iter::from_fn(|| self.server.poll_event(self.now, &mut self.to_server)));
            let answered = self.server.poll_output();
            self.to_client.extend_from_slice(answered.as_deref().unwrap_or_default());
            self.from_server.extend_from_slice(answered.as_deref().unwrap_or_default());
            if sent.is_none() && answered.is_none() && before == (self.client_events.len(), self.server_events.len()) {
                return self;
            }
        }
    }

    fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.to_server.extend_from_slice(bytes);
        self.run()
    }

    fn request(&mut self) -> Request {
        match self.run().server_events.pop() {
            Some(Event::PublishRequested(request) | Event::PlayRequested(request)) => *request,
            other => panic!("a request was due, not {other:?}"),
        }
    }

    fn publishing() -> Self {
        let mut pair = Self::publisher();
        let request = pair.request();
        pair.server.accept_publish(request.id, pair.now).expect("is open");
        pair.run();
        assert_eq!(pair.client_events.pop(), Some(client::Event::Started));
        pair
    }

    fn failed(&mut self) -> Error {
        match self.run().server_events.pop() {
            Some(Event::Closed(CloseReason::Failed(error))) => error,
            other => panic!("a failure was due, not {other:?}"),
        }
    }

    fn refusal(&self) -> Option<&str> {
        self.client_events.iter().rev().find_map(|event| match event {
            client::Event::Refused { code, .. } => Some(code.as_str()),
            _ => None,
        })
    }
}

fn message(type_id: u8, payload: impl Into<Bytes>) -> BytesMut {
    let mut out = BytesMut::new();
    let mut writer = Writer::default();
    writer.set_chunk_size(4096); // As our client has announced.
    // A chunk stream that our client does not use.
    writer.write(&Message { csid: 20, timestamp: 0, type_id, msid: 1, payload: payload.into() }, &mut out);
    out
}

#[test]
fn a_publisher_hears_start_only_after_it_was_accepted() {
    let mut pair = Pair::publisher();
    let request = pair.request();
    assert_eq!(request.address.path, "live/key");
    assert_eq!(request.address.query.get("token"), Some("t"));
    assert_eq!((request.kind.as_str(), request.msid), ("live", 1));
    assert!(request.connect.flash_ver().starts_with("FMLE/3.0"));
    assert!(!pair.client_events.contains(&client::Event::Started));
    assert_eq!(pair.server.deadline(), None, "deciding is our own time");

    pair.server.accept_publish(request.id, pair.now).expect("is open");
    assert!(pair.run().client_events.contains(&client::Event::Started));
    assert_eq!(pair.server.accept_publish(request.id, pair.now), Err(StaleRequest));
}

#[test]
fn media_and_data_arrive_as_sent_in_order() {
    let mut pair = Pair::publishing();
    let metadata = Value::EcmaArray(vec![("width".into(), 1280.0.into())]);
    pair.client.send_data(0, "onMetaData", std::slice::from_ref(&metadata));
    pair.client.send_video(0, Bytes::from(vec![0x17; 100_000]));
    pair.client.send_audio(5, Bytes::from_static(&[0xAF, 1]));
    pair.client.send_video(u32::MAX, Bytes::from_static(&[0x27]));
    pair.run();
    let payload = amf0::encode(&["onMetaData".into(), metadata.clone()]);
    assert_eq!(
        pair.server_events,
        [
            Event::Data { timestamp: 0, name: "onMetaData".into(), values: vec![metadata], payload },
            Event::Video { timestamp: 0, payload: Bytes::from(vec![0x17; 100_000]) },
            Event::Audio { timestamp: 5, payload: Bytes::from_static(&[0xAF, 1]) },
            Event::Video { timestamp: u32::MAX, payload: Bytes::from_static(&[0x27]) },
        ]
    );
}

#[test]
fn media_sent_without_waiting_for_start_is_not_lost() {
    let mut pair = Pair::publisher();
    let request = pair.request();
    pair.client.send_video(0, Bytes::from_static(b"config"));
    assert_eq!(pair.run().server_events, []);
    pair.server.accept_publish(request.id, pair.now).expect("is open");
    assert_eq!(pair.run().server_events, [Event::Video { timestamp: 0, payload: Bytes::from_static(b"config") }]);
}

#[test]
fn a_refused_publisher_hears_the_code_and_the_connection_ends() {
    let mut pair = Pair::publisher();
    let request = pair.request();
    pair.server.refuse(request.id, Code::PublishBadName, "The name is taken.").expect("is open");
    pair.run();
    assert_eq!(pair.server_events, [Event::Closed(CloseReason::Refused(Code::PublishBadName))]);
    let refused = client::Event::Refused { code: "NetStream.Publish.BadName".into(), description: "The name is taken.".into() };
    assert_eq!(pair.client_events.last(), Some(&refused));
    assert_eq!(pair.server.accept_publish(request.id, pair.now), Err(StaleRequest));
}

#[test]
fn a_player_asks_and_is_refused_or_accepted() {
    for accepted in [true, false] {
        let mut pair = Pair::new(client::Options::new(Role::Play, "host", "live", "key"));
        let request = pair.request();
        assert_eq!(request.address.path, "live/key");
        assert_eq!(pair.server.accept_publish(request.id, pair.now), Err(StaleRequest), "it asked for something else");
        if accepted {
            pair.server.accept_play(request.id, pair.now).expect("is open");
            assert!(pair.run().client_events.contains(&client::Event::Started));
        } else {
            pair.server.refuse(request.id, Code::PlayStreamNotFound, "No such stream.").expect("is open");
            assert_eq!(pair.run().refusal(), Some("NetStream.Play.StreamNotFound"));
        }
    }
}

#[test]
fn an_unpublished_connection_can_publish_again() {
    let mut pair = Pair::publishing();
    pair.client.unpublish();
    pair.run();
    assert_eq!(pair.server_events, [Event::Unpublish { reason: UnpublishReason::Encoder }]);
    pair.client.request(Role::Publish, "other");
    assert_eq!(pair.request().address.path, "live/other");
}

#[test]
fn a_second_publish_on_one_connection_is_refused() {
    let mut pair = Pair::publishing();
    pair.client.send_audio(0, Bytes::from_static(b"a"));
    pair.client.request(Role::Publish, "other");
    pair.run();
    assert_eq!(
        pair.server_events,
        [
            Event::Audio { timestamp: 0, payload: Bytes::from_static(b"a") },
            Event::Unpublish { reason: UnpublishReason::ConnectionLost },
            Event::Closed(CloseReason::SecondRequest)
        ]
    );
    assert_eq!(pair.refusal(), Some("NetStream.Publish.BadName"));
}

#[test]
fn a_lost_connection_unpublishes_before_it_closes() {
    let mut pair = Pair::publishing();
    pair.server.handle_eof();
    pair.server.handle_eof();
    pair.run();
    assert_eq!(pair.server_events, [Event::Unpublish { reason: UnpublishReason::ConnectionLost }, Event::Closed(CloseReason::Eof)]);
}

#[test]
fn each_stage_has_its_deadline() {
    let options = Options::default();
    let mut server = Session::new(options.clone(), Instant::now(), &mut StdRng::seed_from_u64(1));
    let start = server.deadline().expect("waits for a handshake") - options.handshake_timeout;
    server.handle_timeout(start + options.handshake_timeout - Duration::from_millis(1));
    assert_eq!(server.poll_event(start, &mut BytesMut::new()), None);
    server.handle_timeout(start + options.handshake_timeout);
    let closed = Event::Closed(CloseReason::Deadline(Deadline::Handshake));
    assert_eq!(server.poll_event(start, &mut BytesMut::new()), Some(closed));
    assert_eq!(server.deadline(), None);
}

#[test]
fn a_handshake_that_drips_does_not_move_its_deadline() {
    let now = Instant::now();
    let mut server = Session::new(Options::default(), now, &mut StdRng::seed_from_u64(1));
    let deadline = server.deadline();
    for second in 1..9 {
        let mut input = BytesMut::from(&[3, 0, 0][..]);
        assert_eq!(server.poll_event(now + Duration::from_secs(second), &mut input), None);
        assert_eq!(server.deadline(), deadline);
    }
}

#[test]
fn a_publisher_that_falls_silent_is_told_and_closed() {
    let mut pair = Pair::publishing();
    let timeout = Options::default().media_timeout;
    pair.now += timeout - Duration::from_secs(1);
    pair.client.send_audio(0, Bytes::from_static(b"a"));
    pair.run();
    pair.client.send_command("_checkbw", 9.0, []);
    pair.now += Duration::from_secs(5);
    pair.run();
    assert_eq!(pair.server.deadline(), Some(pair.now - Duration::from_secs(5) + timeout), "only media counts");
    pair.now += timeout;
    pair.server.handle_timeout(pair.now);
    pair.run();
    assert_eq!(
        pair.server_events[1..],
        [Event::Unpublish { reason: UnpublishReason::ConnectionLost }, Event::Closed(CloseReason::Deadline(Deadline::Media))]
    );
    assert!(matches!(pair.client_events.last(), Some(client::Event::Status { code, .. }) if code == "NetConnection.Connect.Closed"));
}

#[test]
fn waiting_for_connect_and_for_publish_end_too() {
    let now = Instant::now();
    let mut server = Session::new(Options::default(), now, &mut StdRng::seed_from_u64(1));
    let mut input = BytesMut::from(&[3][..]);
    input.extend_from_slice(&[0; 2 * handshake::PACKET]);
    assert_eq!(server.poll_event(now, &mut input), None);
    input.extend_from_slice(&message(type_id::COMMAND_AMF0, command::command("createStream", 1.0, [])));
    assert_eq!(server.poll_event(now, &mut input), None);
    server.handle_timeout(server.deadline().expect("waits for connect"));
    assert_eq!(server.poll_event(now, &mut input), Some(Event::Closed(CloseReason::Deadline(Deadline::Connect))));
}

#[test]
fn commands_are_answered_known_or_not() {
    let mut pair = Pair::publishing();
    pair.client.send_command("somethingNew", 42.0, [Value::Null]);
    pair.client.send_command("silent", 0.0, [Value::Null]);
    let sent = pair.client.poll_output().expect("was sent");
    pair.to_server.extend_from_slice(&sent);
    assert_eq!(pair.server.poll_event(pair.now, &mut pair.to_server), None);
    let output = pair.server.poll_output().expect("one answer");
    assert!(output.ends_with(&command::result(42.0, [Value::Null, Value::Undefined])));
    assert!(output.len() < 60, "and only one");
}

#[test]
fn fcpublish_is_confirmed_under_its_own_transaction() {
    let mut pair = Pair::publishing();
    pair.client.send_command("FCPublish", 7.0, [Value::Null, "key".into()]);
    let sent = pair.client.poll_output().expect("was sent");
    pair.to_server.extend_from_slice(&sent);
    assert_eq!(pair.server.poll_event(pair.now, &mut pair.to_server), None);
    let output = pair.server.poll_output().expect("answers");
    let expected = command::command("onFCPublish", 7.0, [Value::Null, Code::PublishStart.information("key")]);
    assert!(output.ends_with(&expected));
}

#[test]
fn enhanced_capabilities_are_told_to_those_who_name_theirs() {
    for enhanced in [true, false] {
        let mut options = client::Options::new(Role::Publish, "host", "live", "key");
        if enhanced {
            options.extra.push(("fourCcList".into(), Value::StrictArray(vec!["hvc1".into()])));
        }
        let mut pair = Pair::new(options);
        pair.request();
        let Some(client::Event::Connected(information)) = pair.client_events.first() else { panic!("connect was answered") };
        assert_eq!(information.get("code").and_then(Value::as_str), Some("NetConnection.Connect.Success"));
        assert_eq!(information.get("videoFourCcInfoMap").is_some(), enhanced);
        assert_eq!(information.get("capsEx").and_then(Value::as_number), enhanced.then_some(15.0), "all that there is in version 2");
    }
}

#[test]
fn bytes_received_are_acknowledged_by_the_window() {
    let mut pair = Pair::publishing();
    for at in 0..30 {
        pair.client.send_video(at, Bytes::from(vec![0; 100_000]));
    }
    let sent = pair.client.poll_output().expect("was sent");
    pair.to_server.extend_from_slice(&sent);
    while pair.server.poll_event(pair.now, &mut pair.to_server).is_some() {}
    let output = pair.server.poll_output().expect("an acknowledgement");
    let total = output.last_chunk().map(|total| u32::from_be_bytes(*total));
    assert!(total.is_some_and(|total| (2_500_000..3_100_000).contains(&total)), "{total:?}");
}

#[test]
fn a_ping_is_answered_with_its_own_value() {
    let mut pair = Pair::publishing();
    pair.raw(&[]);
    pair.to_server.extend_from_slice(&message(type_id::USER_CONTROL, &[0, 6, 1, 2, 3, 4][..]));
    assert_eq!(pair.server.poll_event(pair.now, &mut pair.to_server), None);
    assert!(pair.server.poll_output().expect("an answer").ends_with(&[0, 7, 1, 2, 3, 4]));
}

#[test]
fn a_short_or_broken_data_frame_does_not_end_the_stream() {
    let mut pair = Pair::publishing();
    for payload in [amf0::encode(&["@setDataFrame".into()]), Bytes::new(), Bytes::from_static(&[5])] {
        pair.raw(&message(type_id::DATA_AMF0, payload));
    }
    assert_eq!(pair.server_events, []);
    pair.raw(&message(type_id::DATA_AMF0, &[2, 0, 9, b'x'][..]));
    assert!(matches!(pair.server_events[..], [Event::MalformedData { timestamp: 0, .. }]));
}

#[test]
fn data_without_its_end_marker_is_passed_on_well_formed() {
    let mut pair = Pair::publishing();
    let whole = amf0::encode(&["onMetaData".into(), object([("a", 1.0.into())])]);
    pair.raw(&message(type_id::DATA_AMF0, whole.slice(..whole.len() - 3)));
    assert!(matches!(&pair.server_events[..], [Event::Data { payload, .. }] if *payload == whole));
}

#[test]
fn aggregated_media_arrive_one_by_one() {
    let mut pair = Pair::publishing();
    let wire = [&[9, 0, 0, 1, 0, 0, 7, 0, 0, 0, 0, b'v', 0, 0, 0, 12][..], &[8, 0, 0, 1, 0, 0, 9, 0, 0, 0, 0, b'a', 0, 0, 0, 12]].concat();
    pair.raw(&message(type_id::AGGREGATE, wire));
    assert_eq!(
        pair.server_events,
        [
            Event::Video { timestamp: 0, payload: Bytes::from_static(b"v") },
            Event::Audio { timestamp: 2, payload: Bytes::from_static(b"a") }
        ]
    );
}

#[test]
fn an_aggregate_of_large_data_is_read_one_at_a_time() {
    // A strict array of nulls: four thousand values of some fifty bytes each out of four thousand bytes.
    let data = amf0::encode(&["x".into(), Value::StrictArray(vec![Value::Null; 4_000])]);
    let length = (data.len() as u32).to_be_bytes();
    let one = [&[18][..], &length[1..], &[0; 7], &data, &[0; 4]].concat();
    let mut pair = Pair::publishing();
    pair.to_server.extend_from_slice(&message(type_id::AGGREGATE, one.repeat(50)));
    for left in (0..50).rev() {
        assert!(matches!(pair.server.poll_event(pair.now, &mut pair.to_server), Some(Event::Data { .. })));
        assert_eq!((pair.server.events.len(), pair.server.aggregated.len()), (0, left));
    }
    assert_eq!(pair.server.poll_event(pair.now, &mut pair.to_server), None);
}

#[test]
fn amf3_commands_and_data_are_understood() {
    let mut pair = Pair::publishing();
    // onMetaData { width: 64 }: each value switches to AMF 3 by itself.
    let name = [&[0, 0x11, 0x06, 0x15][..], b"onMetaData"].concat();
    let object = [&[0x11, 0x0A, 0x0B, 0x01, 0x0B][..], b"width", &[0x04, 0x40, 0x01]].concat();
    pair.raw(&message(type_id::DATA_AMF3, [&name[..], &object].concat()));
    let metadata = object_of_width();
    let payload = amf0::encode(&["onMetaData".into(), metadata.clone()]);
    assert_eq!(pair.server_events, [Event::Data { timestamp: 0, name: "onMetaData".into(), values: vec![metadata], payload }]);
    // releaseStream with its transaction id as an AMF 3 integer.
    let command = [&[0, 2, 0, 13][..], b"releaseStream", &[0x11, 0x04, 0x2A, 0x05]].concat();
    pair.to_server.extend_from_slice(&message(type_id::COMMAND_AMF3, command));
    assert_eq!(pair.server.poll_event(pair.now, &mut pair.to_server), None);
    assert!(pair.server.poll_output().expect("an answer").ends_with(&command::result(42.0, [Value::Null, Value::Undefined])));
}

fn object_of_width() -> Value {
    object([("width", 64.0.into())])
}

#[test]
fn connect_with_ten_thousand_nested_objects_ends_that_connection_only() {
    let mut payload = BytesMut::from(&command::command("connect", 1.0, [])[..]);
    payload.extend_from_slice(&[3, 0, 1, b'a'].repeat(10_000));
    let mut pair = Pair::publishing();
    pair.raw(&message(type_id::COMMAND_AMF0, payload));
    let error = pair.failed();
    assert!(error.to_string().contains("nested deeper than 16"), "{error}");
    assert_eq!(pair.refusal(), Some("NetConnection.Call.Failed"));
    assert_eq!(pair.server_events, [Event::Unpublish { reason: UnpublishReason::ConnectionLost }]);
}

#[test]
fn broken_input_ends_the_connection_with_what_and_where() {
    let too_long = [&[4, 0, 0, 0, 0xFF, 0xFF, 0xFF, 9, 1, 0, 0, 0][..]].concat();
    let table: &[(Vec<u8>, &str)] = &[
        (vec![0xC0 | 60], "type 3 on chunk stream 60, which has no header yet"),
        (too_long, "message of 16777215 bytes announced on chunk stream 4, limit 8388608"),
        (message(chunk::SET_CHUNK_SIZE, &[0; 4][..]).to_vec(), "chunk size 0 is not in 1 to 2147483647"),
        (message(type_id::COMMAND_AMF0, &[2, 0xFF, 0xFF][..]).to_vec(), "65535 bytes needed, 0 left"),
        (message(type_id::COMMAND_AMF0, command::command("connect", 1.0, [])).to_vec(), "connect on a connection that is open"),
        (message(type_id::AGGREGATE, &[9][..]).to_vec(), "runs past the end"),
        (message(type_id::USER_CONTROL, &[][..]).to_vec(), "2 bytes needed, 0 there"),
    ];
    for (bytes, expected) in table {
        let mut pair = Pair::publishing();
        pair.raw(bytes);
        let error = pair.failed().to_string();
        assert!(error.contains(expected) && error.contains("byte "), "{error:?} lacks {expected:?}");
    }
}

#[test]
fn a_stranger_may_send_commands_but_nothing_large() {
    let header = |length: u32| [&[20, 0, 0, 0][..], &length.to_be_bytes()[1..], &[9, 1, 0, 0, 0]].concat();
    let mut pair = Pair::publisher();
    let request = pair.request();
    pair.server.accept_publish(request.id, pair.now).expect("is open");
    pair.raw(&header(1 << 20));
    assert_eq!(pair.server_events, [], "a publisher may");

    let mut pair = Pair::new(client::Options::new(Role::Play, "host", "live", "key"));
    let request = pair.request();
    pair.server.accept_play(request.id, pair.now).expect("is open");
    pair.raw(&header(1 << 20));
    assert!(pair.failed().to_string().contains("message of 1048576 bytes announced on chunk stream 20, limit 131072"));
}

#[test]
fn publish_before_connect_and_another_protocol_are_refused() {
    let now = Instant::now();
    let mut server = Session::new(Options::default(), now, &mut StdRng::seed_from_u64(1));
    let mut input = BytesMut::from(&[3][..]);
    input.extend_from_slice(&[0; 2 * handshake::PACKET]);
    input.extend_from_slice(&message(type_id::COMMAND_AMF0, command::command("publish", 1.0, [Value::Null, "k".into()])));
    let Some(Event::Closed(CloseReason::Failed(error))) = server.poll_event(now, &mut input) else { panic!("must be refused") };
    assert!(matches!(error, Error::NotConnected { command: "publish", .. }));

    let mut server = Session::new(Options::default(), now, &mut StdRng::seed_from_u64(1));
    let closed = server.poll_event(now, &mut BytesMut::from(&b"GET / HTTP/1.1\r\n"[..]));
    assert_eq!(closed, Some(Event::Closed(CloseReason::Failed(handshake::Error::NotRtmp(b'G').into()))));
    assert_eq!(server.poll_output(), None, "it would not understand");
}
