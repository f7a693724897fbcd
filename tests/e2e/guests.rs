//! Players of RTMP beside a publisher whose every byte is known: what they are told, and what is done about those who ask too much.

use std::time::Duration;

use bytes::Bytes;
use sluicegate::amf0::Value;
use sluicegate::rtmp::client::{Event, Role};
use tokio::time::{sleep, timeout};

use crate::ingest_support::peer::{KEY, Peer};
use crate::support::house::{House, config};

/// A picture that needs the one before it.
const INTER: &[u8] = &[0x27, 1, 0, 0, 0, 0, 0, 0, 2, 0x41, 0x88];

const PAUSED: &str = "NetStream.Pause.Notify";
const STOPPED: &str = "NetStream.Play.Stop";
const RECONNECT: &str = "NetConnection.Connect.ReconnectRequest";
const SHUTDOWN: &str = "NetConnection.Connect.AppShutdown";

/// A publisher of `live/show` that has sent a picture and sound.
async fn publisher(house: &House) -> Peer {
    let mut peer = Peer::connect(house.gateway.rtmp.port(), "live", "show").await;
    peer.started().await;
    peer.send_start().await;
    house.stream("live/show").await.source().samples.settled().await.expect("it settles");
    peer
}

/// One of its players, which has its first picture.
async fn player(house: &House, caps: f64) -> Peer {
    let mut peer = Peer::player(house.gateway.rtmp.port(), "live", "show", caps).await;
    peer.picture().await;
    peer
}

async fn command(peer: &mut Peer, name: &str, argument: bool) {
    peer.client.send_command(name, 0.0, [Value::Null, argument.into()]);
    peer.flush().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_that_ends_its_play_has_time_to_ask_again() {
    let mut config = config();
    config.rtmp.publish_timeout_s = 1;
    let house = House::start(config).await;
    let _publisher = publisher(&house).await;
    let mut player = player(&house, 0.0).await;
    // Longer than a newcomer may take, and then less than that.
    sleep(Duration::from_millis(1_100)).await;
    command(&mut player, "closeStream", true).await;
    player.until(STOPPED).await;
    sleep(Duration::from_millis(300)).await;
    player.client.request(Role::Play, "show");
    player.picture().await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_that_wants_the_live_edge_begins_with_the_next_keyframe() {
    let house = House::start(config()).await;
    let mut publisher = publisher(&house).await;
    let mut player = Peer::with_role(house.gateway.rtmp.port(), Role::Play, "live", "show?start=live").await;
    player.started().await;
    assert!(timeout(Duration::from_millis(500), player.picture()).await.is_err(), "what there is already is for others");
    publisher.client.send_video(40, Bytes::from_static(INTER));
    publisher.client.send_video(80, Bytes::from_static(KEY));
    publisher.flush().await;
    let first = loop {
        match player.event().await.expect("the connection stands") {
            Event::Video { timestamp, payload } if payload[1] == 1 => break (timestamp, payload),
            _ => {}
        }
    };
    assert_eq!(first, (80, Bytes::from_static(KEY)));
    drop((player, publisher));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_that_halted_hears_that_its_stream_is_over() {
    let house = House::start(config()).await;
    let mut publisher = publisher(&house).await;
    let mut player = player(&house, 0.0).await;
    command(&mut player, "pause", true).await;
    player.until(PAUSED).await;
    publisher.client.unpublish();
    publisher.flush().await;
    player.until("NetStream.Play.UnpublishNotify").await;
    player.until(STOPPED).await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn players_that_know_how_are_asked_to_connect_anew_when_the_gateway_stops() {
    let house = House::start(config()).await;
    let _publisher = publisher(&house).await;
    let (mut knows, mut halted, mut plain) = (player(&house, 1.0).await, player(&house, 1.0).await, player(&house, 2.0).await);
    command(&mut halted, "pause", true).await;
    halted.until(PAUSED).await;
    let ((), knows, halted, plain) =
        tokio::join!(house.stop(), knows.codes_until_closed(), halted.codes_until_closed(), plain.codes_until_closed());
    for codes in [&knows, &halted] {
        assert_eq!(codes.iter().filter(|code| *code == RECONNECT).count(), 1, "{codes:?}");
        assert_eq!(codes.last().map(String::as_str), Some(SHUTDOWN), "{codes:?}");
    }
    assert_eq!(plain, ["NetStream.Play.UnpublishNotify", STOPPED, SHUTDOWN]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_that_will_not_wait_gets_what_is_there() {
    let mut config = config();
    config.rtmp.play_wait_ms = 0;
    let house = House::start(config).await;
    let _publisher = publisher(&house).await;
    player(&house, 0.0).await;
    let mut early = Peer::with_role(house.gateway.rtmp.port(), Role::Play, "live", "absent").await;
    assert_eq!(early.codes_until_closed().await, ["NetStream.Play.StreamNotFound"]);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_that_keeps_asking_for_the_stream_anew_is_sent_away() {
    let house = House::start(config()).await;
    let mut publisher = publisher(&house).await;
    // A group of pictures that is worth asking for.
    for at in 1..50 {
        publisher.client.send_video(at * 10, Bytes::from([&KEY[..5], &[0, 0, 0x40, 0, 0x41], &[0x9A; 0x3FFF]].concat()));
    }
    publisher.flush().await;
    let mut greedy = player(&house, 0.0).await;
    for _ in 0..40 {
        for paused in [true, false] {
            command(&mut greedy, "pause", paused).await;
        }
    }
    let words = greedy.words_until_closed().await;
    let (code, description) = words.last().expect("a last word");
    assert_eq!(code, "NetConnection.Connect.Closed");
    assert!(description.contains("anew"), "{description}");
    // So is one that ends its play and begins another, again and again.
    let mut greedy = player(&house, 0.0).await;
    for _ in 0..40 {
        greedy.client.request(Role::Play, "show");
    }
    greedy.flush().await;
    let words = greedy.words_until_closed().await;
    assert_eq!(words.last().expect("a last word").0, "NetConnection.Connect.Closed");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_household_that_waits_for_its_stream_does_not_keep_others_from_connecting() {
    let mut config = config();
    config.rtmp.max_pending_per_address = 2;
    config.rtmp.play_wait_ms = 30_000;
    let house = House::start(config).await;
    let mut waiting = Vec::new();
    for _ in 0..8 {
        let mut player = taken(&house, Role::Play).await;
        waiting.push(tokio::spawn(async move { player.picture().await }));
    }
    let mut publisher = taken(&house, Role::Publish).await;
    publisher.started().await;
    publisher.send_start().await;
    for player in waiting {
        player.await.unwrap();
    }
    house.stop().await;
}

/// Connects until it is taken: those before may be about to be let in.
async fn taken(house: &House, role: Role) -> Peer {
    loop {
        let mut peer = Peer::with_role(house.gateway.rtmp.port(), role, "live", "show").await;
        if peer.event().await.is_some() {
            return peer;
        }
    }
}
