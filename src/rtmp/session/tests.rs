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

mod deadlines;
mod encoders;
mod hostile;
mod pair;
mod play;

use pair::{Pair, message};

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
