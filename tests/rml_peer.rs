//! Our server session against the client of an independent implementation, in memory.

use std::time::Instant;

use bytes::{Bytes, BytesMut};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rml_rtmp::handshake::{Handshake, HandshakeProcessResult, PeerType};
use rml_rtmp::sessions::{ClientSession, ClientSessionConfig, ClientSessionEvent, ClientSessionResult, PublishRequestType, StreamMetadata};
use rml_rtmp::time::RtmpTimestamp;
use sluicegate::amf0;
use sluicegate::rtmp::session::{CloseReason, Event, Options, Session, UnpublishReason};
use sluicegate::rtmp::status::Code;
use sluicegate::rtmp::unit;

struct Pair {
    now: Instant,
    server: Session,
    client: ClientSession,
    to_server: BytesMut,
    server_events: Vec<Event>,
    client_events: Vec<ClientSessionEvent>,
}

impl Pair {
    fn connected() -> Self {
        let now = Instant::now();
        let mut server = Session::new(Options::default(), now, &mut StdRng::seed_from_u64(1));
        let mut shake = Handshake::new(PeerType::Client);
        let mut to_server = BytesMut::from(&shake.generate_outbound_p0_and_p1().expect("can be made")[..]);
        let rest = loop {
            assert_eq!(server.poll_event(now, &mut to_server), None);
            let answer = server.poll_output().expect("the handshake goes on");
            match shake.process_bytes(&answer).expect("our handshake is right") {
                HandshakeProcessResult::InProgress { response_bytes } => to_server.extend_from_slice(&response_bytes),
                HandshakeProcessResult::Completed { response_bytes, remaining_bytes } => {
                    to_server.extend_from_slice(&response_bytes);
                    break remaining_bytes;
                }
            }
        };
        let (client, results) = ClientSession::new(ClientSessionConfig::new()).expect("can be made");
        let mut pair = Self { now, server, client, to_server, server_events: Vec::new(), client_events: Vec::new() };
        pair.take(results);
        let results = pair.client.handle_input(&rest).expect("is legal");
        pair.take(results);
        let request = pair.client.request_connection("live".into()).expect("is possible");
        pair.take(vec![request]);
        pair.run();
        assert!(pair.client_events.contains(&ClientSessionEvent::ConnectionRequestAccepted), "{:?}", pair.client_events);
        pair
    }

    fn take(&mut self, results: Vec<ClientSessionResult>) {
        for result in results {
            match result {
                ClientSessionResult::OutboundResponse(packet) => self.to_server.extend_from_slice(&packet.bytes),
                ClientSessionResult::RaisedEvent(event) => self.client_events.push(event),
                ClientSessionResult::UnhandleableMessageReceived(_) => {}
            }
        }
    }

    fn run(&mut self) {
        loop {
            self.server_events.extend(std::iter::from_fn(|| self.server.poll_event(self.now, &mut self.to_server)));
            let Some(answer) = self.server.poll_output() else { return };
            let results = self.client.handle_input(&answer).expect("what we send is legal");
            self.take(results);
        }
    }

    fn request(&mut self) -> sluicegate::rtmp::session::Request {
        let request = self.client.request_publishing("key".into(), PublishRequestType::Live).expect("is possible");
        self.take(vec![request]);
        self.run();
        match self.server_events.pop() {
            Some(Event::PublishRequested(request)) => *request,
            other => panic!("a request was due, not {other:?}"),
        }
    }
}

#[test]
fn it_connects_publishes_and_sends_media() {
    let mut pair = Pair::connected();
    let request = pair.request();
    assert_eq!(request.address.path, "live/key");
    assert!(!pair.client_events.contains(&ClientSessionEvent::PublishRequestAccepted));
    pair.server.accept_publish(request.id, pair.now).expect("is open");
    pair.run();
    assert!(pair.client_events.contains(&ClientSessionEvent::PublishRequestAccepted), "{:?}", pair.client_events);

    let mut metadata = StreamMetadata::new();
    metadata.video_width = Some(640);
    let sent = [
        pair.client.publish_metadata(&metadata),
        pair.client.publish_video_data(vec![0x17; 10_000].into(), RtmpTimestamp::new(40), false),
        pair.client.publish_audio_data(vec![0xAF; 10].into(), RtmpTimestamp::new(0x0100_0000), false),
        pair.client.publish_audio_data(vec![0xAF; 10].into(), RtmpTimestamp::new(0x0100_0017), false),
    ];
    pair.take(sent.into_iter().map(|result| result.expect("can be sent")).collect());
    let end = pair.client.stop_publishing().expect("is possible");
    pair.take(end);
    pair.run();
    let [Event::Data { name, values, .. }, media @ ..] = &pair.server_events[..] else { panic!("{:?}", pair.server_events) };
    assert_eq!((name.as_str(), values[0].get("width").and_then(amf0::Value::as_number)), ("onMetaData", Some(640.0)));
    let audio = Bytes::from(vec![0xAF; 10]);
    assert_eq!(
        media,
        [
            Event::Video { timestamp: 40, payload: vec![0x17; 10_000].into() },
            Event::Audio { timestamp: 0x0100_0000, payload: audio.clone() },
            Event::Audio { timestamp: 0x0100_0017, payload: audio },
            Event::Unpublish { reason: UnpublishReason::Encoder },
        ]
    );
}

#[test]
fn it_hears_a_refusal() {
    let mut pair = Pair::connected();
    let request = pair.request();
    pair.server.refuse(request.id, Code::PublishDenied, "No.").expect("is open");
    pair.run();
    assert_eq!(pair.server_events, [Event::Closed(CloseReason::Refused(Code::PublishDenied))]);
    let heard = ClientSessionEvent::UnhandleableOnStatusCode { code: "NetStream.Publish.Denied".into() };
    assert!(pair.client_events.contains(&heard), "{:?}", pair.client_events);
}

#[test]
fn it_plays_shared_messages() {
    let mut pair = Pair::connected();
    let request = pair.client.request_playback("key".into()).expect("is possible");
    pair.take(vec![request]);
    pair.run();
    let request = match pair.server_events.pop() {
        Some(Event::PlayRequested(request)) => *request,
        other => panic!("a request was due, not {other:?}"),
    };
    assert_eq!(request.address.path, "live/key");
    pair.server.accept_play(request.id, pair.now).expect("is open");
    pair.run();
    assert!(pair.client_events.contains(&ClientSessionEvent::PlaybackRequestAccepted), "{:?}", pair.client_events);
    pair.client_events.clear();

    let mut media = BytesMut::new();
    unit::write(unit::Kind::Data, 0, &[], &amf0::encode(&["onMetaData".into(), amf0::object([("width", 640.0.into())])]), &mut media);
    unit::write(unit::Kind::Video, 40, &[0x17, 1, 0, 0, 0], &[7; 200_000], &mut media);
    unit::write(unit::Kind::Audio, 0x0100_0000, &[0xAF, 1], &[8; 10], &mut media);
    pair.server.ping(5);
    let results = pair.client.handle_input(&media).expect("what we send is legal");
    pair.take(results);
    pair.run();
    let [ClientSessionEvent::StreamMetadataReceived { metadata }, rest @ ..] = &pair.client_events[..] else {
        panic!("{:?}", pair.client_events)
    };
    assert_eq!(metadata.video_width, Some(640));
    let [ClientSessionEvent::VideoDataReceived { data, timestamp }, ClientSessionEvent::AudioDataReceived { timestamp: late, .. }, ..] =
        rest
    else {
        panic!("{rest:?}")
    };
    assert_eq!((data.len(), timestamp.value, late.value), (200_005, 40, 0x0100_0000));

    let end = pair.client.stop_playback().expect("is possible");
    pair.take(end);
    pair.run();
    assert_eq!(pair.server_events, [Event::PlayStopped]);
}
