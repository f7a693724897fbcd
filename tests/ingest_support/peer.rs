//! A client whose every byte the test decides.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use sluicegate::rtmp::client::{Client, Event, Options, Role};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
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
pub struct Peer {
    pub socket: TcpStream,
    pub client: Client,
    input: BytesMut,
}

impl Peer {
    pub async fn connect(port: u16, app: &str, name: &str) -> Self {
        Self::with_role(port, Role::Publish, app, name).await
    }

    pub async fn with_role(port: u16, role: Role, app: &str, name: &str) -> Self {
        let socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let options = Options::new(role, "127.0.0.1", app, name);
        Self { socket, client: Client::new(options, &mut rand::rng()), input: BytesMut::new() }
    }

    /// Its own, as the server sees it.
    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
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
