//! How long a session waits, for what.

use super::*;

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
