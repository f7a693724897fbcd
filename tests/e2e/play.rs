//! Players of RTMP: what they may ask for while media flows, and publishers that come and go meanwhile.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use bytes::BytesMut;
use sluicegate::amf0::Value;
use sluicegate::rtmp::client::{Client, Event, Options, Role};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use crate::support::PATIENCE;
use crate::support::house::{House, config, until_media};
use crate::support::media;

const STREAM: &str = "live/show";
const CROWD: usize = 50;

/// Our own client on a socket.
struct Player {
    socket: TcpStream,
    client: Client,
    input: BytesMut,
}

impl Player {
    async fn ask(address: SocketAddr, name: &str) -> Self {
        let options = Options::new(Role::Play, &address.to_string(), "live", name);
        let client = Client::new(options, &mut rand::rng());
        Self { socket: TcpStream::connect(address).await.unwrap(), client, input: BytesMut::new() }
    }

    /// The next event; none when the gateway has closed the connection.
    async fn next(&mut self) -> Option<Event> {
        let next = async {
            loop {
                let event = self.client.poll_event(&mut self.input);
                while let Some(bytes) = self.client.poll_output() {
                    self.socket.write_all(&bytes).await.unwrap();
                }
                if event.is_some() {
                    return event;
                }
                if self.socket.read_buf(&mut self.input).await.unwrap_or_default() == 0 {
                    return None;
                }
            }
        };
        timeout(PATIENCE, next).await.expect("something happens")
    }

    /// Passes over everything until a status of that code, or `Play.Start` for an empty one; how much media came before it.
    async fn until(&mut self, code: &str) -> usize {
        let mut media = 0;
        loop {
            match self.next().await.expect("the connection stands") {
                Event::Status { code: heard, .. } if heard == code => return media,
                Event::Started if code.is_empty() => return media,
                Event::Audio { .. } | Event::Video { .. } => media += 1,
                Event::Failed(error) => panic!("{error}"),
                _ => {}
            }
        }
    }

    /// The next media begin as for a newcomer: metadata, configurations, a key frame.
    async fn assert_begins(&mut self) {
        let mut heads = Vec::new();
        while heads.last() != Some(&(9, 0x17, 1)) {
            match self.next().await.expect("the connection stands") {
                Event::Data { payload, .. } => heads.push((18, payload[0], 0)),
                Event::Audio { payload, .. } => heads.push((8, payload[0], payload[1])),
                Event::Video { payload, .. } => heads.push((9, payload[0], payload[1])),
                Event::Failed(error) => panic!("{error}"),
                _ => {}
            }
        }
        heads.retain(|head| *head != (8, 0xAF, 1));
        let access = heads.iter().position(|head| head.0 == 9).unwrap();
        assert_eq!(heads[access..], [(9, 0x17, 0), (8, 0xAF, 0), (9, 0x17, 1)], "{heads:?}");
        assert!(heads[..access].iter().all(|head| head.0 == 18) && access > 0, "{heads:?}");
    }

    fn command(&mut self, name: &str, argument: bool) {
        self.client.send_command(name, 0.0, [Value::Null, argument.into()]);
    }
}

/// What one of the crowd saw until its end: the codes, and the time of each picture.
pub async fn watch(address: SocketAddr) -> (Vec<String>, Vec<u32>) {
    let mut player = Player::ask(address, "show").await;
    let (mut codes, mut times) = (Vec::new(), Vec::new());
    while let Some(event) = player.next().await {
        match event {
            Event::Status { code, .. } => codes.push(code),
            Event::Video { timestamp, payload } if payload[1] == 1 => times.push(timestamp),
            Event::Failed(error) => panic!("{error}"),
            _ => {}
        }
    }
    (codes, times)
}

/// Halts, goes on, does without pictures, ends its play and begins another, all on one connection.
async fn steer(address: SocketAddr) {
    let mut player = Player::ask(address, "mp4:show").await;
    player.until("").await;
    player.assert_begins().await;

    player.command("pause", true);
    player.until("NetStream.Pause.Notify").await;
    assert!(timeout(Duration::from_millis(400), player.next()).await.is_err(), "nothing comes to one that halted");
    player.command("pause", false);
    assert_eq!(player.until("NetStream.Unpause.Notify").await, 0);
    player.assert_begins().await;

    player.command("receiveVideo", false);
    player.client.send_command("seek", 0.0, [Value::Null, 0.0.into()]);
    player.until("NetStream.Seek.Notify").await;
    for _ in 0..20 {
        assert!(!matches!(player.next().await, Some(Event::Video { .. })), "no pictures are wanted");
    }
    player.command("receiveVideo", true);
    player.until("").await;
    player.assert_begins().await;

    player.command("closeStream", true);
    player.until("NetStream.Play.Stop").await;
    player.client.request(Role::Play, "show");
    assert_eq!(player.until("").await, 0);
    player.assert_begins().await;

    player.client.request(Role::Play, "absent");
    loop {
        match player.next().await.expect("a refusal") {
            Event::Refused { code, .. } => break assert_eq!(code, "NetStream.Play.StreamNotFound"),
            Event::Failed(error) => panic!("{error}"),
            _ => {}
        }
    }
    assert_eq!(player.next().await, None, "and the connection ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_players_of_rtmp_steer_and_outlast_their_publisher() {
    let dir = tempfile::tempdir().unwrap();
    let clip = media::clip("zerolatency");
    let sent = media::sent(&clip, "30", dir.path());
    let mut config = config();
    config.rtmp.play_wait_ms = 3_000;
    // All of them come from one address, and so does the encoder.
    config.rtmp.max_pending_per_address = 0;
    let house = House::start(config).await;
    let address = house.gateway.rtmp;

    // Before there is anything to play: they wait.
    let crowd: Vec<_> = (0..CROWD).map(|_| tokio::spawn(watch(address))).collect();
    let mut first = house.publish(&clip, STREAM, "30");
    let stream = house.stream(STREAM).await;
    until_media(&stream, 1_000).await;
    let file = dir.path().join("player.flv");
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-copyts", "-i", &format!("rtmp://{address}/{STREAM}"), "-c", "copy"]).arg(&file);
    let ffmpeg = command.stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    timeout(PATIENCE, steer(address)).await.unwrap();
    first.kill().await.unwrap();
    sleep(Duration::from_millis(1_200)).await;
    let mut second = house.publish(&clip, STREAM, "3");
    assert!(timeout(PATIENCE, second.wait()).await.unwrap().unwrap().success());

    for player in crowd {
        let (codes, times) = timeout(PATIENCE, player).await.unwrap().unwrap();
        let told: Vec<_> = codes.iter().map(|code| code.trim_start_matches("NetStream.Play.")).collect();
        assert_eq!(told, ["Reset", "PublishNotify", "UnpublishNotify", "Stop"]);
        assert!(times.len() > 150 && times.is_sorted_by(|a, b| a < b), "{times:?}");
    }
    let output = timeout(PATIENCE, ffmpeg.wait_with_output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    media::assert_decodes(&file);
    let got = media::packets(&file);
    let (video, audio) = (media::stretches("ffmpeg", &sent, &got, true), media::stretches("ffmpeg", &sent, &got, false));
    assert_eq!((video.len(), audio.len(), video[1].from), (2, 2, 0), "{video:?} {audio:?}");
    assert_eq!(stream.viewers(std::time::Instant::now()).get("rtmp"), Some(&0));
    house.stop().await;
}
