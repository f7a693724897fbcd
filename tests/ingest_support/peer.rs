//! A client whose every byte the test decides.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use sluicegate::rtmp::client::{Client, Event, Options, Role};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::PATIENCE;

/// x264's High profile, 64x48 at 25 frames per second, behind FLV's AVC sequence header.
pub const VIDEO_CONFIG: &[u8] = &[
    0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x0A, 0xFF, 0xE1, 0, 24, 0x67, 0x64, 0x00, 0x0A, 0xAC, 0xD9, 0x44, 0x7B, 0x01, 0x10, 0x00, 0x00, 0x03,
    0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0x20, 0xF1, 0x22, 0x59, 0x60, 1, 0, 5, 0x68, 0xEF, 0x81, 0x87, 0x2C, 0xFD, 0xF8, 0xF8, 0,
];
pub const AUDIO_CONFIG: &[u8] = &[0xAF, 0, 0x12, 0x10];
pub const AUDIO: &[u8] = &[0xAF, 1, 0x21, 0x10, 0x04];
pub const KEY: &[u8] = &[0x17, 1, 0, 0, 0, 0, 0, 0, 2, 0x65, 0x88];

/// A publisher or player that can be made to misbehave.
pub struct Peer<S = TcpStream> {
    pub socket: S,
    pub client: Client,
    input: BytesMut,
}

impl Peer {
    pub async fn connect(port: u16, app: &str, name: &str) -> Self {
        Self::with_role(port, Role::Publish, app, name).await
    }

    pub async fn with_role(port: u16, role: Role, app: &str, name: &str) -> Self {
        Self::with(port, Options::new(role, "127.0.0.1", app, name)).await
    }

    /// A player that says in `capsEx` what it knows.
    pub async fn player(port: u16, app: &str, name: &str, caps: f64) -> Self {
        let mut options = Options::new(Role::Play, "127.0.0.1", app, name);
        options.extra = vec![("capsEx".to_owned(), caps.into())];
        Self::with(port, options).await
    }

    async fn with(port: u16, options: Options) -> Self {
        Self::over(TcpStream::connect(("127.0.0.1", port)).await.unwrap(), options)
    }

    /// Its own, as the server sees it.
    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    pub fn over(socket: S, options: Options) -> Self {
        Self { socket, client: Client::new(options, &mut rand::rng()), input: BytesMut::new() }
    }

    pub async fn flush(&mut self) {
        while let Some(bytes) = self.client.poll_output() {
            // The server may have closed already; what it said is still to be read.
            if self.socket.write_all(&bytes).await.is_err() {
                break;
            }
        }
    }

    /// The next event; `None` when the server has closed.
    pub async fn event(&mut self) -> Option<Event> {
        let next = async {
            loop {
                let event = self.client.poll_event(&mut self.input);
                self.flush().await;
                if event.is_some() {
                    return event;
                }
                if self.socket.read_buf(&mut self.input).await.unwrap_or(0) == 0 {
                    return None;
                }
            }
        };
        tokio::time::timeout(PATIENCE, next).await.expect("the server answers or closes")
    }

    pub async fn started(&mut self) {
        while let Some(event) = self.event().await {
            if event == Event::Started {
                return;
            }
        }
        panic!("the server closed before Publish.Start");
    }

    /// Passes over everything until a picture comes.
    pub async fn picture(&mut self) {
        while let Some(event) = self.event().await {
            match event {
                Event::Video { payload, .. } if payload[1] == 1 => return,
                Event::Refused { code, description } => panic!("{code}: {description}"),
                _ => {}
            }
        }
        panic!("the server closed before a picture came");
    }

    /// Passes over everything until a status of that code.
    pub async fn until(&mut self, code: &str) {
        while let Some(event) = self.event().await {
            if matches!(&event, Event::Status { code: heard, .. } if heard == code) {
                return;
            }
        }
        panic!("the server closed before {code}");
    }

    /// The status codes until the server closes.
    pub async fn codes_until_closed(&mut self) -> Vec<String> {
        self.words_until_closed().await.into_iter().map(|(code, _)| code).collect()
    }

    /// Codes and descriptions until the server closes.
    pub async fn words_until_closed(&mut self) -> Vec<(String, String)> {
        let mut words = Vec::new();
        while let Some(event) = self.event().await {
            match event {
                Event::Refused { code, description } | Event::Status { code, description } => words.push((code, description)),
                _ => {}
            }
        }
        words
    }

    pub async fn send_raw(&mut self, bytes: &[u8]) {
        self.flush().await;
        let _ = self.socket.write_all(bytes).await;
    }

    pub async fn send_start(&mut self) {
        self.client.send_video(0, Bytes::from_static(VIDEO_CONFIG));
        self.client.send_audio(0, Bytes::from_static(AUDIO_CONFIG));
        self.client.send_video(0, Bytes::from_static(KEY));
        self.flush().await;
    }
}
