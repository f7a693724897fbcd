//! Viewers of the endless exits, who keep all that they get.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use socket2::{Domain, Socket, Type};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::{PATIENCE, http};

/// The ways to watch without playlists.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    HttpFlv,
    WsFlv,
    HttpMp4,
    WsMp4,
    Go2rtc,
    Vdk,
    Raw,
}

pub const ALL: [Exit; 7] = [Exit::HttpFlv, Exit::WsFlv, Exit::HttpMp4, Exit::WsMp4, Exit::Go2rtc, Exit::Vdk, Exit::Raw];

/// What a viewer got from joining to the end.
#[derive(Debug, Default)]
pub struct Recording {
    pub media: Vec<u8>,
    /// Text messages, in order.
    pub texts: Vec<String>,
    /// Whether the end was said in the exit's own way: the last chunk, or a closing handshake.
    pub whole: bool,
    /// The code of the closing handshake.
    pub close: Option<CloseCode>,
}

impl Exit {
    pub fn is_flv(self) -> bool {
        matches!(self, Self::HttpFlv | Self::WsFlv)
    }

    pub fn is_websocket(self) -> bool {
        !matches!(self, Self::HttpFlv | Self::HttpMp4)
    }

    pub fn path(self, stream: &str) -> String {
        let file = if self.is_flv() { format!("/{stream}.flv") } else { format!("/{stream}.mp4") };
        match self {
            Self::Go2rtc => file + "?fmt=go2rtc",
            Self::Vdk => file + "?fmt=vdk",
            Self::Raw => file + "?fmt=raw",
            _ => file,
        }
    }

    /// Watches until the stream ends.
    pub async fn watch(self, address: SocketAddr, stream: &str) -> Recording {
        let path = self.path(stream);
        if self.is_websocket() { self.watch_messages(address, &path).await } else { self.watch_body(address, &path).await }
    }

    async fn watch_body(self, address: SocketAddr, path: &str) -> Recording {
        let answer = http::get(address, path).await;
        assert_eq!(answer.status, 200, "{self:?}: {}", String::from_utf8_lossy(&answer.body));
        answer.assert_fit_for_pages(if self.is_flv() { "video/x-flv" } else { "video/mp4" });
        assert_eq!(answer.field("cache-control"), "no-store");
        Recording { media: answer.body, whole: answer.whole, ..Recording::default() }
    }

    async fn watch_messages(self, address: SocketAddr, path: &str) -> Recording {
        let (mut socket, _) = tokio_tungstenite::connect_async(format!("ws://{address}{path}")).await.unwrap();
        if self == Self::Go2rtc {
            socket.send(Message::text(r#"{"type":"mse","value":"avc1.640029,mp4a.40.2"}"#)).await.unwrap();
        }
        let mut recording = Recording::default();
        let watching = async {
            while let Some(message) = socket.next().await {
                match message {
                    Ok(Message::Binary(bytes)) if self == Self::Vdk && bytes.first() == Some(&9) => {
                        recording.texts.push(String::from_utf8(bytes[1..].to_vec()).unwrap());
                    }
                    Ok(Message::Binary(bytes)) => recording.media.extend_from_slice(&bytes),
                    Ok(Message::Text(text)) => recording.texts.push(text.to_string()),
                    Ok(Message::Close(frame)) => {
                        recording.close = frame.map(|frame| frame.code);
                        recording.whole = true;
                    }
                    Ok(_) => {}
                    Err(_) => break,
                }
            }
        };
        timeout(PATIENCE, watching).await.expect("the stream ends");
        recording
    }
}

/// A connection whose window closes after a few kilobytes.
pub fn narrow_socket(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    socket.connect(&address.into()).unwrap();
    socket.set_nonblocking(true).unwrap();
    TcpStream::from_std(socket.into()).unwrap()
}

/// The same with a request. It reads nothing.
pub async fn narrow(address: SocketAddr, path: &str) -> TcpStream {
    ask(address, path, "").await
}

/// The same with the request for a WebSocket.
pub async fn narrow_websocket(address: SocketAddr, path: &str) -> TcpStream {
    let fields =
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    ask(address, path, fields).await
}

async fn ask(address: SocketAddr, path: &str, fields: &str) -> TcpStream {
    let mut stream = narrow_socket(address);
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{fields}\r\n").as_bytes()).await.unwrap();
    stream
}
