//! What a player is told, and in which order.

use super::*;
use crate::rtmp::chunk::Reader;
use crate::rtmp::unit::{self, MESSAGE_STREAM};

/// A player, and how much of what the server sent it has been looked at.
struct Stage {
    pair: Pair,
    seen: usize,
}

impl Stage {
    fn asking(extra: &[(&str, Value)]) -> (Self, Request) {
        let mut options = client::Options::new(Role::Play, "host", "live", "mp4:key?track=v1");
        options.extra = extra.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let mut pair = Pair::new(options);
        let request = pair.request();
        let mut stage = Self { pair, seen: 0 };
        stage.heard();
        (stage, request)
    }

    fn playing() -> Self {
        let (mut stage, request) = Self::asking(&[]);
        stage.pair.server.accept_play(request.id, stage.pair.now).expect("is open");
        stage.heard();
        stage
    }

    /// Sends a command on the stream.
    fn command(&mut self, name: &str, tx: f64, argument: Option<Value>) -> Vec<String> {
        let payload = command::command(name, tx, std::iter::once(Value::Null).chain(argument));
        self.pair.raw(&message(type_id::COMMAND_AMF0, payload));
        self.heard()
    }

    /// What was heard since the last look: events and codes by name, with their message stream.
    fn heard(&mut self) -> Vec<String> {
        self.pair.run();
        let handshake = 1 + 2 * handshake::PACKET;
        let mut input = BytesMut::from(&self.pair.from_server[handshake..]);
        let mut reader = Reader::new(chunk::Options::default());
        let all: Vec<_> = std::iter::from_fn(|| reader.read(&mut input).expect("what the server sends is legal")).collect();
        let new = all[self.seen..].iter().map(describe).collect();
        self.seen = all.len();
        new
    }
}

fn describe(message: &Message) -> String {
    let Message { msid, type_id, payload, .. } = message;
    if *type_id == type_id::USER_CONTROL {
        assert_eq!(*msid, 0);
        let name = match payload[1] {
            0 => "StreamBegin",
            1 => "StreamEOF",
            2 => "StreamDry",
            6 => "PingRequest",
            _ => "?",
        };
        return format!("{name} {}", u32::from_be_bytes(payload[2..6].try_into().expect("four bytes")));
    }
    if !matches!(*type_id, type_id::COMMAND_AMF0 | type_id::DATA_AMF0) {
        return format!("type {type_id}");
    }
    let values = amf0::read_all(payload).expect("AMF 0");
    let name = values[0].as_str().expect("a name");
    match values.last().and_then(|information| information.get("code")).and_then(Value::as_str) {
        Some(code) => format!("{msid}: {name} {code}"),
        None => format!("{msid}: {name} {:?}", &values[1..]),
    }
}

#[test]
fn a_player_is_told_all_in_the_order_that_players_expect() {
    let (mut stage, request) = Stage::asking(&[]);
    assert_eq!((request.address.path.as_str(), request.address.query.get("track")), ("live/key", Some("v1")));
    stage.pair.server.accept_play(request.id, stage.pair.now).expect("is open");
    assert_eq!(
        stage.heard(),
        [
            "StreamBegin 1",
            "1: onStatus NetStream.Play.Reset",
            "1: onStatus NetStream.Play.Start",
            "1: |RtmpSampleAccess [Boolean(true), Boolean(true)]",
        ]
    );
    assert!(stage.pair.server.deadline().is_none());
}

#[test]
fn play_reset_is_only_said_to_those_who_want_a_reset() {
    let mut stage = Stage::playing();
    let play = [Value::Null, "other".into(), (-1.0).into(), (-1.0).into(), false.into()];
    stage.pair.raw(&message(type_id::COMMAND_AMF0, command::command("play", 9.0, play)));
    let events = std::mem::take(&mut stage.pair.server_events);
    let [Event::PlayStopped, Event::PlayRequested(request)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(request.address.path, "live/other", "asking for another stream ends the one before");
    stage.heard();
    stage.pair.server.accept_play(request.id, stage.pair.now).expect("is open");
    assert_eq!(stage.heard()[..2], ["StreamBegin 1", "1: onStatus NetStream.Play.Start"]);
}

#[test]
fn pause_and_going_on_are_answered_and_told() {
    let mut stage = Stage::playing();
    assert_eq!(stage.command("pause", 0.0, Some(true.into())), ["1: onStatus NetStream.Pause.Notify", "StreamEOF 1"]);
    assert_eq!(stage.command("pause", 0.0, Some(false.into())), ["StreamBegin 1", "1: onStatus NetStream.Unpause.Notify"]);
    let told = [PlayControl::Pause(true), PlayControl::Pause(false)].map(Event::Control);
    assert_eq!(stage.pair.server_events, told);
}

#[test]
fn what_is_received_again_begins_with_seek_and_start() {
    let mut stage = Stage::playing();
    assert!(stage.command("receiveVideo", 0.0, Some(false.into())).is_empty());
    assert_eq!(
        stage.command("receiveVideo", 0.0, Some(true.into())),
        ["1: onStatus NetStream.Seek.Notify", "1: onStatus NetStream.Play.Start"]
    );
    assert!(stage.command("receiveAudio", 0.0, Some(false.into())).is_empty());
    let told = [PlayControl::ReceiveVideo(false), PlayControl::ReceiveVideo(true), PlayControl::ReceiveAudio(false)].map(Event::Control);
    assert_eq!(stage.pair.server_events, told);
}

#[test]
fn a_seek_is_answered_without_moving_and_a_length_is_nothing() {
    let mut stage = Stage::playing();
    assert_eq!(stage.command("seek", 0.0, Some(5_000.0.into())), ["1: onStatus NetStream.Seek.Notify"]);
    assert_eq!(stage.command("getStreamLength", 7.0, Some("key".into())), ["0: _result [Number(7.0), Null, Number(0.0)]"]);
    assert_eq!(stage.pair.server_events, []);
}

#[test]
fn play2_fails_and_the_stream_goes_on() {
    let mut stage = Stage::playing();
    assert_eq!(stage.command("play2", 0.0, None), ["1: onStatus NetStream.Play.Failed"]);
    assert_eq!(stage.command("seek", 0.0, None), ["1: onStatus NetStream.Seek.Notify"], "it still plays");
}

#[test]
fn a_play_that_was_ended_leaves_the_connection_for_another() {
    for end in ["closeStream", "deleteStream"] {
        let mut stage = Stage::playing();
        let heard = stage.command(end, 0.0, (end == "deleteStream").then(|| 1.0.into()));
        assert_eq!(heard, ["1: onStatus NetStream.Play.Stop", "StreamEOF 1"]);
        assert_eq!(std::mem::take(&mut stage.pair.server_events), [Event::PlayStopped]);
        stage.pair.client.request(Role::Play, "again");
        assert_eq!(stage.pair.request().address.path, "live/again");
    }
}

#[test]
fn the_end_of_the_stream_is_said_in_full() {
    let mut stage = Stage::playing();
    stage.pair.server.tell_dry();
    assert_eq!(stage.heard(), ["StreamDry 1"], "a publisher that may come back is no end");
    stage.pair.server.end_play(stage.pair.now);
    let end = ["1: onStatus NetStream.Play.UnpublishNotify", "1: onStatus NetStream.Play.Stop", "StreamEOF 1"];
    assert_eq!(stage.heard(), end);
    stage.pair.server.end_play(stage.pair.now);
    assert!(stage.heard().is_empty(), "once");
}

#[test]
fn controls_mean_nothing_to_those_who_do_not_play() {
    let mut pair = Pair::publishing();
    for name in ["pause", "seek", "receiveAudio", "receiveVideo"] {
        pair.raw(&message(type_id::COMMAND_AMF0, command::command(name, 0.0, [Value::Null, true.into()])));
    }
    assert_eq!((pair.server_events.len(), pair.server.ignored()), (0, 4));
}

#[test]
fn only_peers_that_know_it_are_asked_to_connect_anew() {
    for (caps, knows) in [(1.0, true), (3.0, true), (2.0, false), (f64::NAN, false)] {
        let (mut stage, request) = Stage::asking(&[("capsEx", caps.into())]);
        stage.pair.server.accept_play(request.id, stage.pair.now).expect("is open");
        stage.heard();
        assert_eq!(stage.pair.server.request_reconnect("Please."), knows, "{caps}");
        let expected: &[&str] = if knows { &["0: onStatus NetConnection.Connect.ReconnectRequest"] } else { &[] };
        assert_eq!(stage.heard(), expected);
    }
}

#[test]
fn shared_media_may_come_between_any_two_words() {
    let mut stage = Stage::playing();
    let media = |stage: &mut Stage, at: u32| {
        let mut out = BytesMut::new();
        unit::write(unit::Kind::Video, at, &[0x27, 1, 0, 0, 0], &[7; 100_000], &mut out);
        unit::write(unit::Kind::Data, 0, &[], &amf0::encode(&["onMetaData".into()]), &mut out);
        stage.pair.to_client.extend_from_slice(&out);
        stage.pair.run();
    };
    media(&mut stage, 40);
    stage.command("pause", 0.0, Some(true.into()));
    media(&mut stage, 0x0100_0000);
    stage.command("pause", 0.0, Some(false.into()));
    media(&mut stage, 0x0100_0028);
    let heard = stage.pair.client_events.iter().filter_map(|event| match event {
        client::Event::Video { timestamp, payload } => Some((*timestamp, payload.len())),
        client::Event::Failed(error) => panic!("{error}"),
        _ => None,
    });
    assert_eq!(heard.collect::<Vec<_>>(), [(40, 100_005), (0x0100_0000, 100_005), (0x0100_0028, 100_005)]);
    assert_eq!(MESSAGE_STREAM, 1, "what createStream answers");
}
