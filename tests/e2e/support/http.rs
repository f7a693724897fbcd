//! An HTTP/1.1 client that tells everything it saw.

use std::collections::HashMap;
use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::PATIENCE;

/// An answer, read to its end.
#[derive(Debug, Default)]
pub struct Answer {
    pub status: u16,
    /// By names in lower case.
    pub fields: HashMap<String, String>,
    pub body: Vec<u8>,
    /// Whether the body came to the end that HTTP promises: the length announced, or the last chunk.
    pub whole: bool,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(&self.body)))
    }

    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    /// What every answer to a player must say.
    pub fn assert_fit_for_pages(&self, content_type: &str) {
        assert_eq!(self.field("content-type"), content_type);
        assert_eq!(self.field("access-control-allow-origin"), "*", "{:?}", self.fields);
        assert_eq!(self.field("timing-allow-origin"), "*", "{:?}", self.fields);
    }

    /// What every refusal must be: a problem in JSON (RFC 9457) of the same status.
    pub fn assert_problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.field("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert!(problem["title"].is_string());
        problem["detail"].as_str().expect("a detail").to_owned()
    }
}

/// Asks for a path and reads the whole answer; for endless ones that is until the stream ends.
pub async fn get(address: SocketAddr, path: &str) -> Answer {
    request(address, "GET", path, "").await
}

/// The same with another method and more fields, each with its line end.
pub async fn request(address: SocketAddr, method: &str, path: &str, fields: &str) -> Answer {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let text = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\n{fields}\r\n");
    socket.write_all(text.as_bytes()).await.unwrap();
    timeout(PATIENCE, read(&mut BufReader::new(socket), method == "HEAD")).await.expect("the answer ends")
}

/// Reads one answer.
pub async fn read(socket: &mut BufReader<TcpStream>, head_only: bool) -> Answer {
    let mut answer = Answer::default();
    let mut line = String::new();
    if socket.read_line(&mut line).await.unwrap_or(0) == 0 {
        return answer;
    }
    answer.status = line.split(' ').nth(1).unwrap().parse().unwrap();
    loop {
        line.clear();
        socket.read_line(&mut line).await.unwrap();
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        answer.fields.insert(name.to_lowercase(), value.trim().to_owned());
    }
    if head_only || answer.status == 204 {
        answer.whole = true;
    } else if answer.field("transfer-encoding") == "chunked" {
        answer.whole = read_chunks(socket, &mut answer.body).await;
    } else if let Ok(length) = answer.field("content-length").parse() {
        answer.body.resize(length, 0);
        answer.whole = socket.read_exact(&mut answer.body).await.is_ok();
    } else {
        answer.whole = socket.read_to_end(&mut answer.body).await.is_ok();
    }
    answer
}

/// Returns whether the last chunk came (RFC 9112 §7.1).
async fn read_chunks(socket: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> bool {
    loop {
        let mut line = String::new();
        if socket.read_line(&mut line).await.unwrap_or(0) == 0 {
            return false;
        }
        let size = usize::from_str_radix(line.trim_end(), 16).expect("a chunk's size");
        let from = body.len();
        body.resize(from + size, 0);
        let mut end = [0; 2];
        if socket.read_exact(&mut body[from..]).await.is_err() || socket.read_exact(&mut end).await.is_err() {
            return false;
        }
        assert_eq!(&end, b"\r\n");
        if size == 0 {
            return true;
        }
    }
}
