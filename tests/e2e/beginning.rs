//! Players that come to a stream that has just begun: those of browsers begin three segments from the end, and wait until there are as many.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::support::house::{House, config};
use crate::support::http::{self, Answer};
use crate::support::show::Show;
use crate::support::{PATIENCE, POLL};

const STREAM: &str = "live/show";
const PLAYLISTS: [&str; 2] = ["v0.m3u8", "a0.m3u8"];
/// As Chromium 156 asks for a playlist, where it trusts the way and where it does not.
const TRUSTING: &str = "Sec-Fetch-Dest: video\r\nRange: bytes=0-\r\nAccept-Encoding: identity;q=1, *;q=0\r\n";
const NOT_TRUSTING: &str = "Range: bytes=0-\r\nAccept-Encoding: identity;q=1, *;q=0\r\n";
/// As the scripts of a page do, and players that are no browsers.
const OTHERS: [&str; 4] = ["Sec-Fetch-Dest: empty\r\n", "", "Range: bytes=0-\r\n", "Accept-Encoding: br, *;q=0\r\n"];
/// Times as fast as it lasts that the beginning of a show is published.
const FAST: u32 = 20;

async fn ask(house: &House, playlist: &str, fields: &str) -> Answer {
    http::request(house.http, "GET", &format!("/{STREAM}/{playlist}"), fields).await
}

/// The segments that a playlist lists.
fn segments(answer: &Answer) -> usize {
    assert_eq!((answer.status, answer.field("vary")), (200, "accept-encoding"), "{answer:?}");
    answer.text().lines().filter(|line| line.starts_with("#EXTINF")).count()
}

/// A show of two segments, and what is in progress behind them.
async fn young(house: &House) -> Show {
    let mut show = Show::publish(house, STREAM, 1_000);
    show.play(5, FAST).await;
    let first = async {
        while ask(house, "v0.m3u8", "").await.status != 200 {
            sleep(POLL).await;
        }
    };
    timeout(PATIENCE, first).await.expect("it is announced");
    show
}

async fn until_held(house: &House, wanted: usize) {
    let line = format!("sluicegate_held_requests{{stream=\"{STREAM}\"}} {wanted}");
    let held = async {
        while !http::get(house.http, "/metrics").await.text().contains(&line) {
            sleep(POLL).await;
        }
    };
    timeout(PATIENCE, held).await.unwrap_or_else(|_| panic!("{wanted} requests are held"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browsers_own_player_waits_for_a_third_segment_and_nobody_else() {
    let house = House::start(config()).await;
    let mut show = young(&house).await;
    let asks = [TRUSTING, NOT_TRUSTING].iter().flat_map(|fields| PLAYLISTS.map(|playlist| (*fields, playlist)));
    let address = house.http;
    let waiting: Vec<_> = asks
        .map(|(fields, playlist)| {
            let path = format!("/{STREAM}/{playlist}");
            tokio::spawn(async move { http::request(address, "GET", &path, fields).await })
        })
        .collect();
    until_held(&house, waiting.len()).await;
    for playlist in PLAYLISTS {
        for fields in OTHERS {
            assert_eq!(segments(&ask(&house, playlist, fields).await), 2, "{playlist} {fields}");
        }
    }
    show.play(2, FAST).await;
    for answer in waiting {
        assert_eq!(segments(&timeout(PATIENCE, answer).await.unwrap().unwrap()), 3);
    }
    assert_eq!(segments(&ask(&house, "v0.m3u8", TRUSTING).await), 3, "and none waits any more");
    show.finish();
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_come_is_not_waited_for_beyond_the_bound() {
    let mut config = config();
    config.http.playlist_wait_s = 1;
    let house = House::start(config).await;
    let show = young(&house).await;
    assert_eq!(segments(&ask(&house, "v0.m3u8", TRUSTING).await), 2, "it got what there is");
    show.finish();
    let ended = async {
        while !ask(&house, "v0.m3u8", "").await.text().contains("#EXT-X-ENDLIST") {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, ended).await.expect("it ends");
    assert!(ask(&house, "v0.m3u8", TRUSTING).await.text().contains("#EXT-X-ENDLIST"), "nothing more will come");
    house.stop().await;
}
