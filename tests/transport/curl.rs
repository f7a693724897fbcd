//! curl and its library of HTTP/2, which is not ours.

use std::net::SocketAddr;
use std::process::Output;

use tokio::process::Command;
use tokio::time::timeout;

use crate::house::{House, PATIENCE};

/// Runs curl with what all calls here need.
async fn curl(house: &House, arguments: &[&str], scheme: &str, address: SocketAddr, path: &str) -> Output {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--cacert"]).arg(house.certificate.path());
    command.args(["--resolve", &format!("localhost:{}:127.0.0.1", address.port())]).args(arguments);
    command.arg(format!("{scheme}://localhost:{}{path}", address.port())).kill_on_drop(true);
    timeout(PATIENCE, command.output()).await.expect("curl ends").expect("curl is installed")
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_reads_playlists_and_segments_in_every_version_and_trusts_the_certificate() {
    let house = House::start().await;
    let _show = house.on_air().await;
    for (version, scheme, address, wanted) in [
        ("--http2", "https", house.https, "2"),
        ("--http1.1", "https", house.https, "1.1"),
        ("--http2-prior-knowledge", "http", house.http, "2"),
        ("--http1.1", "http", house.http, "1.1"),
        // An upgrade from HTTP/1.1, which RFC 9113 has given up, is not taken up and does no harm.
        ("--http2", "http", house.http, "1.1"),
    ] {
        let playlist = text(&curl(&house, &[version], scheme, address, "/live/show/v0.m3u8").await);
        let segment = playlist.lines().find(|line| line.ends_with(".m4s") && !line.starts_with('#')).expect("a segment");
        let tell = [version, "--output", "/dev/null", "--write-out", "%{http_version} %{http_code} %{size_download}"];
        let told = text(&curl(&house, &tell, scheme, address, &format!("/live/show/{segment}")).await);
        let mut told = told.split(' ');
        assert_eq!((told.next(), told.next()), (Some(wanted), Some("200")), "{version} {scheme}");
        assert!(told.next().unwrap().parse::<u64>().unwrap() > 50_000);
        let head = text(&curl(&house, &[version, "--head"], scheme, address, &format!("/live/show/{segment}")).await);
        assert!(head.to_lowercase().contains("content-length: "), "{head}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_asks_for_many_files_at_once_on_one_connection() {
    let house = House::start().await;
    let _show = house.on_air().await;
    let playlist = text(&curl(&house, &["--http2"], "https", house.https, "/live/show/v0.m3u8").await);
    let names: Vec<_> = playlist.lines().filter(|line| line.ends_with(".m4s") && !line.starts_with('#')).collect();
    let list = format!("/live/show/{{{}}}", names.join(","));
    let tell = ["--http2", "--parallel", "--output", "/dev/null", "--write-out", "%{http_version} %{http_code} %{num_connects}\n"];
    let told = text(&curl(&house, &tell, "https", house.https, &list).await);
    let answers: Vec<_> = told.lines().collect();
    assert_eq!(answers.len(), names.len());
    assert!(answers.iter().all(|answer| answer.starts_with("2 200 ")), "{told}");
    let connections: u32 = answers.iter().filter_map(|answer| answer.rsplit(' ').next()?.parse::<u32>().ok()).sum();
    assert!(connections < names.len() as u32, "{told}");
}
