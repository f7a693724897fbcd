//! What no honest peer sends ends its own connection, and costs no more than it brought.

use super::*;

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
