//! What every answer tells pages and caches: forms, tags, lifetimes, and that pages of other origins may read it.

use std::io::Read;
use std::time::Duration;

use bytes::Bytes;
use flate2::read::GzDecoder;
use http::StatusCode;
use sluicegate::bus::Why;
use sluicegate::config::Config;
use tokio::time::{Instant, sleep};

use crate::client::Http;
use crate::house::{Answer, Client, House, PATIENCE};
use crate::show::{GOP, Show};

const PLAYLISTS: [&str; 4] = ["/live/show/index.m3u8", "/live/show/v0.m3u8", "/live/show/a0.m3u8", "/live/show/manifest.mpd"];

type Fields<'a> = &'a [(&'a str, &'a str)];

fn inflated(body: &Bytes) -> Vec<u8> {
    let mut text = Vec::new();
    GzDecoder::new(&body[..]).read_to_end(&mut text).expect("it is gzip");
    text
}

fn field<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.fields.get(name).map_or("", |value| value.to_str().unwrap())
}

/// The number of the last whole segment, and the name of its file.
async fn last_segment(client: &Client, playlist: &str) -> (u64, String) {
    let text = String::from_utf8(client.get(playlist).await.body.to_vec()).unwrap();
    let name = text.lines().rfind(|line| line.contains(".m4s") && !line.starts_with('#')).expect("a segment");
    let number = name.split(['.', '-']).nth(2).unwrap().parse().unwrap();
    (number, format!("/live/show/{name}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_compressed_inflates_to_what_is_not_and_has_a_tag_of_its_own() {
    let house = House::start().await;
    let _show = house.on_air().await;
    let client = house.h2c().await;
    for path in PLAYLISTS {
        let plain = client.get(path).await;
        assert_eq!((field(&plain, "vary"), field(&plain, "content-encoding")), ("accept-encoding", ""), "{path}");
        let gzip = client.ask("GET", path, &[("accept-encoding", "gzip, deflate, br")]).await;
        assert_eq!((field(&gzip, "vary"), field(&gzip, "content-type")), ("accept-encoding", field(&plain, "content-type")), "{path}");
        if plain.body.len() < 512 {
            assert_eq!((&gzip.body, field(&gzip, "etag")), (&plain.body, field(&plain, "etag")), "{path}: too short");
            continue;
        }
        assert_eq!(field(&gzip, "content-encoding"), "gzip", "{path}");
        assert_eq!(inflated(&gzip.body), plain.body, "{path}");
        assert!(gzip.body.len() * 2 < plain.body.len(), "{path}: {} of {} bytes", gzip.body.len(), plain.body.len());
        assert_ne!(field(&gzip, "etag"), field(&plain, "etag"), "{path}");
        let head = client.ask("HEAD", path, &[("accept-encoding", "gzip")]).await;
        assert_eq!(field(&head, "content-length"), gzip.body.len().to_string(), "{path}");
        for unwilling in ["identity", "gzip;q=0", "br", "gzip;q=0.5, identity"] {
            let answer = client.ask("GET", path, &[("accept-encoding", unwilling)]).await;
            assert_eq!((&answer.body, field(&answer, "content-encoding")), (&plain.body, ""), "{path}: {unwilling}");
        }
    }
    let long = client.ask("GET", PLAYLISTS[1], &[("accept-encoding", "gzip")]).await;
    assert_eq!(field(&long, "content-encoding"), "gzip", "at least this one is long enough");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_the_text_already_is_told_so_until_there_is_another() {
    let house = House::start().await;
    let mut show = house.on_air().await;
    let client = house.h2c().await;
    let mut tags = Vec::new();
    for path in PLAYLISTS {
        for accepted in ["identity", "gzip"] {
            let ask = async |tag: &str| client.ask("GET", path, &[("accept-encoding", accepted), ("if-none-match", tag)]).await;
            let first = ask("\"another\"").await;
            assert_eq!(first.status, StatusCode::OK);
            let tag = field(&first, "etag").to_owned();
            assert!(tag.len() > 30 && tag.starts_with('"'), "a strong tag: {tag}");
            for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
                let again = ask(&known).await;
                assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0), "{path} {known}");
                for name in ["etag", "cache-control", "vary", "access-control-allow-origin"] {
                    assert_eq!(field(&again, name), field(&first, name), "{path}: {name}");
                }
            }
            tags.push((path, accepted, tag));
        }
    }
    show.send(6 * GOP);
    // What renditions there are does not change with every segment.
    for (path, accepted, tag) in tags.iter().filter(|(path, ..)| *path != PLAYLISTS[0]) {
        let fields = [("accept-encoding", *accepted), ("if-none-match", tag.as_str())];
        let begun = Instant::now();
        while client.ask("GET", path, &fields).await.status != StatusCode::OK {
            assert!(begun.elapsed() < PATIENCE, "{path}: the text has changed, its tag has not");
            sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_are_read_in_ranges_and_named_by_a_tag() {
    let house = House::start().await;
    let _show = house.on_air().await;
    let client = house.h2c().await;
    let (_, path) = last_segment(&client, PLAYLISTS[1]).await;
    let whole = client.get(&path).await;
    let tag = field(&whole, "etag").to_owned();
    assert_eq!(field(&whole, "accept-ranges"), "bytes");
    let total = whole.body.len();
    for (range, condition, status, body) in [
        ("bytes=4-7", None, 206, 4..8),
        ("bytes=-10", None, 206, total - 10..total),
        ("bytes=100-", Some(tag.as_str()), 206, 100..total),
        ("bytes=4-7", Some("\"another\""), 200, 0..total),
        ("bytes=4-7", Some("Sat, 28 Nov 2026 20:58:19 GMT"), 200, 0..total),
        ("bytes=0-1,5-6", None, 200, 0..total),
    ] {
        let mut fields = vec![("range", range)];
        fields.extend(condition.map(|tag| ("if-range", tag)));
        let answer = client.ask("GET", &path, &fields).await;
        assert_eq!(answer.status, status, "{range} {condition:?}");
        assert_eq!(answer.body, whole.body.slice(body.clone()), "{range} {condition:?}");
        let told = if status == 206 { format!("bytes {}-{}/{total}", body.start, body.end - 1) } else { String::new() };
        assert_eq!(field(&answer, "content-range"), told);
        assert_eq!(field(&answer, "etag"), tag);
    }
    let beyond = client.ask("GET", &path, &[("range", &format!("bytes={total}-"))]).await;
    assert_eq!((beyond.status, field(&beyond, "content-range")), (StatusCode::RANGE_NOT_SATISFIABLE, &format!("bytes */{total}")[..]));
    let known = client.ask("GET", &path, &[("if-none-match", &tag)]).await;
    assert_eq!((known.status, known.body.len()), (StatusCode::NOT_MODIFIED, 0));
    let head = client.ask("HEAD", &path, &[("range", "bytes=0-3")]).await;
    assert_eq!((head.status, field(&head, "content-length")), (StatusCode::OK, &total.to_string()[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_may_lie_across_the_parts_of_a_segment() {
    let house = House::start().await;
    let _show = house.on_air().await;
    let client = house.h2c().await;
    let playlist = String::from_utf8(client.get(PLAYLISTS[1]).await.body.to_vec()).unwrap();
    let (_, path) = last_segment(&client, PLAYLISTS[1]).await;
    let (before, _) = playlist.split_once(path.trim_start_matches("/live/show/")).unwrap();
    let of_segment = before.rsplit_once(".m4s\n").unwrap().1;
    let mut parts = Vec::new();
    for name in of_segment.lines().filter_map(|line| line.strip_prefix("#EXT-X-PART:")?.split('"').nth(1)) {
        parts.push(client.get(&format!("/live/show/{name}")).await.body);
    }
    let whole = parts.concat();
    let answer = client.get(&path).await;
    assert_eq!((field(&answer, "content-length"), &answer.body[..]), (&whole.len().to_string()[..], &whole[..]));
    let borders = parts.iter().scan(0, |end, part| Some(std::mem::replace(end, *end + part.len()))).skip(1).collect::<Vec<_>>();
    let (first, last) = (borders[0], borders[borders.len() - 1]);
    assert!(first < last, "at least three parts: {borders:?}");
    for range in [first - 1..first + 1, first..last, first - 1..last + 1, 0..first, 1..whole.len(), last..whole.len()] {
        let value = format!("bytes={}-{}", range.start, range.end - 1);
        let answer = client.ask("GET", &path, &[("range", &value)]).await;
        assert_eq!((answer.status, &answer.body[..]), (StatusCode::PARTIAL_CONTENT, &whole[range.clone()]), "{value}");
        assert_eq!(field(&answer, "content-length"), range.len().to_string());
        let mut old = Http::connect(house.http).await;
        old.send(&format!("GET {path} HTTP/1.1\r\nHost: test\r\nRange: {value}\r\nConnection: close\r\n\r\n")).await;
        let head = old.head().await;
        assert!(head.starts_with("http/1.1 206 ") && head.contains(&format!("\r\ncontent-length: {}\r\n", range.len())), "{head}");
        assert_eq!(old.rest().await, whole[range], "{value}");
    }
}

fn with_tokens(config: &mut Config) {
    config.apps = Config::parse("[apps.live]\n[apps.closed]\nplay = \"token\"\ntokens = [\"the-right-one\"]\n").unwrap().apps;
    config.http.playlist_wait_s = 0;
    config.push.join_wait_ms = 0;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_may_read_every_answer_of_a_stream() {
    let house = House::with(with_tokens).await;
    let _show = house.on_air().await;
    let mut young = Show::begin(&house.gateway.registry, "young");
    let client = house.h2c().await;
    let (_, segment) = last_segment(&client, PLAYLISTS[1]).await;
    let unsatisfiable = [("range", "bytes=99999999-")];
    let table: [(u16, &str, &str, Fields<'_>); 22] = [
        (200, "GET", PLAYLISTS[0], &[]),
        (200, "HEAD", PLAYLISTS[1], &[]),
        (200, "GET", PLAYLISTS[3], &[]),
        (200, "GET", "/live/show/info.json", &[]),
        (200, "GET", "/time", &[]),
        (200, "GET", &segment, &[]),
        (200, "HEAD", "/live/show.flv", &[]),
        (206, "GET", &segment, &[("range", "bytes=0-9")]),
        (304, "GET", PLAYLISTS[1], &[("if-none-match", "*")]),
        (304, "GET", &segment, &[("if-none-match", "*")]),
        (400, "GET", "/live/show/v0.m3u8?_HLS_part=1", &[]),
        (400, "GET", "/live/show/index.m3u8?track=x", &[]),
        (401, "GET", "/closed/show/index.m3u8", &[]),
        (403, "GET", "/closed/show/index.m3u8?token=wrong", &[]),
        (404, "GET", "/live/show/v9.m3u8", &[]),
        (404, "GET", "/live/show/v0-1-1.m4s", &[]),
        (404, "GET", "/live/nobody/index.m3u8", &[]),
        (404, "GET", "/no/such/thing", &[]),
        (405, "POST", PLAYLISTS[0], &[]),
        (416, "GET", &segment, &unsatisfiable),
        (503, "GET", "/live/young/index.m3u8", &[]),
        (503, "GET", "/live/young.flv", &[]),
    ];
    for (status, method, path, fields) in table {
        let answer = client.ask(method, path, fields).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(field(&answer, "access-control-allow-origin"), "*", "{status} {method} {path}");
        assert_eq!(field(&answer, "timing-allow-origin"), "*", "{status} {method} {path}");
        assert!(field(&answer, "access-control-expose-headers").contains("etag"), "{status} {method} {path}");
        assert!(!answer.fields.contains_key("age") && !field(&answer, "date").is_empty(), "{status} {method} {path}");
    }
    let asked = [("origin", "https://example.org"), ("access-control-request-method", "GET"), ("access-control-request-headers", "range")];
    let preflight = client.ask("OPTIONS", PLAYLISTS[1], &asked).await;
    assert_eq!((preflight.status, field(&preflight, "access-control-allow-headers")), (StatusCode::OK, "*"));
    assert!(field(&preflight, "access-control-max-age").parse::<u32>().unwrap() >= 600);
    young.head(1280, Why::Joined);
}

/// The name that follows `EXT-X-MAP`.
async fn init_segment(client: &Client, playlist: &str) -> String {
    let text = String::from_utf8(client.get(playlist).await.body.to_vec()).unwrap();
    let name = text.split("URI=\"").find_map(|rest| rest.split('"').next().filter(|name| name.ends_with(".mp4"))).expect("an init segment");
    format!("/live/show/{name}")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_init_segment_names_its_codec() {
    let house = House::start().await;
    let _show = house.on_air().await;
    let client = house.h2c().await;
    for (playlist, mime) in [(PLAYLISTS[1], "video/mp4; codecs=\"avc1.64001f\""), (PLAYLISTS[2], "audio/mp4; codecs=\"mp4a.40.2\"")] {
        let name = init_segment(&client, playlist).await;
        for method in ["GET", "HEAD"] {
            assert_eq!(field(&client.ask(method, &name, &[]).await, "content-type"), mime, "{method} {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_answer_has_its_lifetime() {
    let house = House::with(with_tokens).await;
    let _show = house.on_air().await;
    let client = house.h2c().await;
    let playlist = String::from_utf8(client.get(PLAYLISTS[1]).await.body.to_vec()).unwrap();
    let target: u32 = playlist.lines().find_map(|line| line.strip_prefix("#EXT-X-TARGETDURATION:")).unwrap().parse().unwrap();
    let (number, segment) = last_segment(&client, PLAYLISTS[1]).await;
    let init = init_segment(&client, PLAYLISTS[1]).await;
    let reloaded = format!("{}?_HLS_msn={number}", PLAYLISTS[1]);
    let with_token = format!("{}?token=abc&_HLS_msn={number}", PLAYLISTS[1]);
    let far = format!("{}?_HLS_msn={}", PLAYLISTS[1], number + 100);
    let not_blocking = (target / 2).max(1);
    let for_ever = "public, max-age=31536000, immutable";
    for (path, wanted) in [
        (PLAYLISTS[0], "max-age=1".to_owned()),
        (PLAYLISTS[1], format!("max-age={not_blocking}")),
        (PLAYLISTS[3], format!("max-age={not_blocking}")),
        (&reloaded, format!("max-age={}", 6 * target)),
        (&with_token, format!("private, max-age={}", 6 * target)),
        (&far, format!("max-age={}", 4 * target)),
        ("/live/show/v9.m3u8", format!("max-age={target}")),
        (&segment, for_ever.to_owned()),
        (&init, for_ever.to_owned()),
        ("/live/show/v0-1-1.m4s", "no-store".to_owned()),
        ("/live/nobody/index.m3u8", "no-store".to_owned()),
        ("/closed/show/index.m3u8?token=wrong", "no-store".to_owned()),
        ("/live/show/info.json", "no-store".to_owned()),
    ] {
        let answer = client.get(path).await;
        assert_eq!(field(&answer, "cache-control"), wanted, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_the_same_for_all_who_ask_the_same_and_hand_on_no_directive() {
    let house = House::start().await;
    let _show = house.on_air().await;
    let client = house.h2c().await;
    let (number, _) = last_segment(&client, PLAYLISTS[1]).await;
    let text = async |query: &str| {
        let answer = client.get(&format!("{}?{query}", PLAYLISTS[1])).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}");
        String::from_utf8(answer.body.to_vec()).unwrap()
    };
    let plain = text("token=a%2Fb").await;
    assert!(plain.contains(".m4s?token=a%2Fb\n") || plain.contains(".m4s?token=a%2Fb\""), "{plain}");
    for query in [
        format!("_HLS_msn={number}&token=a%2Fb"),
        format!("token=a%2Fb&_HLS_msn={number}&_HLS_msn=x&_HLS_part=0"),
        "%5FHLS_msn=1&token=a%2Fb&%5fHLS%5fskip=no".to_owned(),
        "&&token=a%2Fb&".to_owned(),
    ] {
        assert_eq!(text(&query).await, plain, "{query}");
    }
    let twice = text("token=a&token=b").await;
    assert!(twice.contains("?token=a&token=b"), "{twice}");
    assert!(!text("x=%22%0A%zz").await.contains("\"\n\""), "nothing breaks a line");
}
