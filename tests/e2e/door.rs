//! RTMPS, and one port for everything.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sluicegate::amf0::Value;
use sluicegate::net::tls;
use sluicegate::rtmp::client::{self, Role};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, version};

use crate::ingest_support::peer::Peer;
use crate::ingest_support::{publish, read_until};
use crate::support::house::{House, Program, config};
use crate::support::{PATIENCE, http, media};

/// C0 and C1 without a digest, and how long the answer to them is.
const SHAKE: [u8; 1537] = {
    let mut shake = [0; 1537];
    shake[0] = 3;
    shake
};
const ANSWER: usize = 1 + 2 * 1536;

/// A certificate of this machine's name, on a disk that the gateway looks at.
struct Certificate {
    options: tls::Options,
    /// What a client must trust.
    der: CertificateDer<'static>,
    dir: tempfile::TempDir,
}

impl Certificate {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = tls::Options { certificate: dir.path().join("cert.pem"), key: dir.path().join("key.pem") };
        let mut certificate = Self { options, der: CertificateDer::from(Vec::new()), dir };
        certificate.renew();
        certificate
    }

    /// Puts another certificate in its place. Returns the one before.
    fn renew(&mut self) -> CertificateDer<'static> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(&self.options.certificate, made.cert.pem()).unwrap();
        std::fs::write(&self.options.key, made.signing_key.serialize_pem()).unwrap();
        std::mem::replace(&mut self.der, made.cert.der().clone())
    }

    fn environment(&self) -> [(&str, &str); 4] {
        let (certificate, key) = (self.options.certificate.to_str().unwrap(), self.options.key.to_str().unwrap());
        [
            ("SLUICEGATE_TLS_CERTIFICATE", certificate),
            ("SLUICEGATE_TLS_KEY", key),
            ("SLUICEGATE_RTMP_TLS_LISTEN", "127.0.0.1:0"),
            ("SLUICEGATE_RTMP_PUBLISH_TIMEOUT_S", "6"),
        ]
    }
}

/// A certificate that signed nothing here.
fn stranger() -> CertificateDer<'static> {
    let mut parameters = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "stranger");
    parameters.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().clone()
}

/// Shakes hands as one who trusts this certificate alone.
async fn connect(
    address: SocketAddr,
    trusted: &CertificateDer<'static>,
    versions: &[&'static SupportedProtocolVersion],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = builder.with_protocol_versions(versions).unwrap().with_root_certificates(roots).with_no_client_auth();
    let socket = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), socket).await
}

/// Begins an RTMP handshake and reads the answer to it.
async fn shake(mut stream: TlsStream<TcpStream>) {
    stream.write_all(&SHAKE).await.unwrap();
    let mut answer = vec![0; ANSWER];
    timeout(PATIENCE, stream.read_exact(&mut answer)).await.expect("an answer").unwrap();
    assert_eq!(answer[0], 3);
}

/// Sends this and reads to the end.
async fn talk(address: SocketAddr, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, socket.read_to_end(&mut answer)).await.expect("the server closes");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encoder_publishes_by_rtmps() {
    let certificate = Certificate::new();
    let mut config = config();
    config.tls = certificate.options.clone();
    config.rtmp.tls_listen = "127.0.0.1:0".into();
    let house = House::start(config).await;
    let rtmps = house.gateway.rtmps.unwrap();
    let clip = media::clip("bframes");
    let mut seen = Vec::new();
    for (url, protocol) in
        [(format!("rtmps://{rtmps}/live/encrypted"), "rtmps"), (format!("rtmp://{}/live/plain", house.gateway.rtmp), "rtmp")]
    {
        // In real time: it must still be there when it is looked at.
        let mut encoder = publish(&clip, &url, true, &["-t", "3"]);
        let stream = house.stream(url.split_once("/live/").map(|(_, name)| format!("live/{name}")).unwrap().as_str()).await;
        assert_eq!(stream.publisher().unwrap().protocol, protocol);
        seen.push(read_until(&stream, |_| false).await.samples.len());
        assert!(timeout(PATIENCE, encoder.wait()).await.expect("FFmpeg ends").unwrap().success());
    }
    assert!(seen[0] > 200 && seen[0] == seen[1], "all of it arrives either way: {seen:?}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_of_rtmps_ends_its_play_and_begins_another() {
    let certificate = Certificate::new();
    let mut config = config();
    config.tls = certificate.options.clone();
    config.rtmp.tls_listen = "127.0.0.1:0".into();
    let house = House::start(config).await;
    let mut publisher = Peer::connect(house.gateway.rtmp.port(), "live", "show").await;
    publisher.started().await;
    publisher.send_start().await;
    let socket = connect(house.gateway.rtmps.unwrap(), &certificate.der, &[&version::TLS13]).await.unwrap();
    let mut player = Peer::over(socket, client::Options::new(Role::Play, "localhost", "live", "show"));
    for _ in 0..3 {
        player.picture().await;
        player.client.send_command("closeStream", 0.0, [Value::Null]);
        player.flush().await;
        player.until("NetStream.Play.Stop").await;
        player.client.request(Role::Play, "show");
    }
    player.picture().await;
    publisher.client.unpublish();
    publisher.flush().await;
    player.until("NetStream.Play.UnpublishNotify").await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_taken_up_while_connections_stand() {
    let mut certificate = Certificate::new();
    let mut config = config();
    config.tls = certificate.options.clone();
    config.rtmp.tls_listen = "127.0.0.1:0".into();
    let house = House::start(config).await;
    let rtmps = house.gateway.rtmps.unwrap();
    let before = connect(rtmps, &certificate.der, &[&version::TLS13]).await.unwrap();
    let old = certificate.renew();
    let renewed = async {
        while connect(rtmps, &certificate.der, &[&version::TLS13]).await.is_err() {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(PATIENCE, renewed).await.expect("the new certificate is used");
    assert!(connect(rtmps, &old, &[&version::TLS13]).await.is_err(), "the old one no longer");
    shake(before).await;
    shake(connect(rtmps, &certificate.der, &[&version::TLS12]).await.unwrap()).await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_port_takes_rtmp_and_rtmps_and_tells_browsers_where_to_go() {
    let certificate = Certificate::new();
    let mut config = config();
    config.tls = certificate.options.clone();
    config.rtmp.sniff = true;
    let house = House::start(config).await;
    let rtmp = house.gateway.rtmp;
    let mut plain = Peer::connect(rtmp.port(), "live", "plain").await;
    plain.started().await;
    shake(connect(rtmp, &certificate.der, &[&version::TLS13]).await.unwrap()).await;
    let answer = talk(rtmp, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("\r\nConnection: close\r\n"), "{answer}");
    assert!(answer.contains(&format!("http://{}/", house.http)), "{answer}");
    assert_eq!(http::get(rtmp, "/live/plain.flv").await.status, 400);
    house.stop().await;
}

/// What comes to the wrong port is told what to do by the log, for the peer could not understand.
#[tokio::test(flavor = "multi_thread")]
async fn who_comes_to_the_wrong_port_is_recognised() {
    let certificate = Certificate::new();
    let program = Program::serve(&[], &certificate.environment()).await;
    let rtmps = program.rtmps.unwrap();
    assert_eq!(talk(rtmps, &SHAKE).await, "");
    assert!(talk(rtmps, b"GET / HTTP/1.1\r\n\r\n").await.contains(&format!("http://{}/", program.http)));
    assert_eq!(talk(rtmps, &[0xFF; 40]).await, "");
    // A TLS record that holds no ClientHello.
    talk(rtmps, &[&[0x16, 3, 1, 0, 5][..], &[0xFF; 5]].concat()).await;
    assert!(connect(rtmps, &stranger(), &[&version::TLS13]).await.is_err(), "this certificate is not trusted");
    assert!(connect(program.rtmp, &certificate.der, &[&version::TLS13]).await.is_err());
    assert_eq!(talk(program.rtmp, b"GET / HTTP/1.1\r\n\r\n").await, "");
    // Hanging up in the middle of a handshake, and waiting longer than anyone may.
    drop(TcpStream::connect(rtmps).await.unwrap());
    assert_eq!(tokio::join!(talk(rtmps, &[0x16, 3, 1]), talk(rtmps, b"")), Default::default());
    let metrics = http::get(program.http, "/metrics").await.text().to_owned();
    for (reason, count) in [("not_tls", 2), ("http", 1), ("late_tls", 2), ("cut_handshake", 1), ("bad_handshake", 2)] {
        let line = format!("sluicegate_rtmp_closed_total{{reason=\"{reason}\"}} {count}\n");
        assert!(metrics.contains(&line), "{line}{metrics}");
    }
    program.signal("TERM");
    let (status, _, log) = program.left().await;
    assert!(status.success());
    for words in [
        "the peer speaks plain RTMP to the RTMPS port",
        "an unknown protocol (first byte 0xff) to the RTMPS port",
        "the peer speaks HTTP to an RTMP port",
        "TLS handshake failed: the peer does not speak TLS",
        "does not trust our certificate",
        "TLS handshake not finished in time",
        "it speaks TLS: RTMPS needs a port of its own",
        "it speaks HTTP: that is served at http.listen",
    ] {
        assert!(log.contains(words), "{words}: {log}");
    }
}

#[test]
fn a_certificate_that_does_not_fit_is_found_before_anybody_connects() {
    use crate::support::house::run;
    let certificate = Certificate::new();
    let file = certificate.dir.path().join("house.toml");
    let missing = certificate.dir.path().join("missing.pem");
    let path = certificate.options.certificate.display();
    std::fs::write(&file, format!("[tls]\ncertificate = \"{path}\"\nkey = \"{}\"\n", missing.display())).unwrap();
    let file = file.to_str().unwrap();
    let (ok, _, errors) = run(&["check-config", file], &[]);
    assert!(!ok && errors.contains("missing.pem cannot be read"), "{errors}");
    let (ok, _, errors) = run(&["serve", "--config", file, "--rtmp", "127.0.0.1:0", "--http", "127.0.0.1:0"], &[]);
    assert!(!ok && errors.contains("missing.pem cannot be read"), "{errors}");
}

/// The log lives on the same machine as the streams.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_connections_does_not_flood_the_log() {
    const FLOOD: usize = 1_000;
    let program = Program::serve(&[], &[("SLUICEGATE_RTMP_MAX_PENDING_PER_ADDRESS", "4")]).await;
    let began = std::time::Instant::now();
    for _ in 0..FLOOD {
        let _ = TcpStream::connect(program.rtmp).await.unwrap().write_all(b"x").await;
    }
    let mut publisher = loop {
        let mut peer = Peer::connect(program.rtmp.port(), "live", "real").await;
        if peer.event().await.is_some() {
            break peer;
        }
    };
    publisher.started().await;
    let seconds = began.elapsed().as_secs() as usize;
    program.signal("TERM");
    let (status, _, log) = program.left().await;
    assert!(status.success());
    let lines = log.lines().filter(|line| line.contains("connection closed") || line.contains("not taken")).count();
    assert!((20..=20 * (seconds + 2) + 1).contains(&lines), "{lines} lines in {seconds} s");
    let untold = log.lines().filter_map(|line| line.split_once("untold=")?.1.parse::<usize>().ok()).sum::<usize>();
    assert!(untold + lines >= FLOOD, "{untold} and {lines} lines: none is forgotten");
    assert!(log.contains("publishing stream=live/real"), "{log}");
}
