//! A server that answers as it is told to, over loopback.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request, as far as answers depend on it.
pub struct Request {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub head: String,
}

impl Request {
    /// The value of a field, by its name in small letters.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.split_once(':').filter(|(known, _)| known.eq_ignore_ascii_case(name)))
            .map(|(_, value)| value.trim())
    }
}

/// An answer; its length is told unless a field does.
#[derive(Clone)]
pub struct Reply {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub wait: Duration,
}

impl Reply {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, fields: Vec::new(), body: body.into(), wait: Duration::ZERO }
    }

    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.fields.push((name.to_owned(), value.to_string()));
        self
    }

    pub fn after(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }
}

/// Serves until it is dropped.
pub struct Server {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    pub async fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer = Arc::new(answer);
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, Arc::clone(&answer)));
            }
        });
        Self { address, task }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut socket: TcpStream, answer: Arc<impl Fn(&Request) -> Reply>) -> Option<()> {
    let mut bytes = Vec::new();
    loop {
        while !bytes.ends_with(b"\r\n\r\n") {
            bytes.push(socket.read_u8().await.ok()?);
        }
        let head = String::from_utf8(std::mem::take(&mut bytes)).ok()?;
        let mut words = head.split_whitespace();
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let request = Request { method, target, head: head.clone() };
        let reply = answer(&request);
        tokio::time::sleep(reply.wait).await;
        let mut out = format!("HTTP/1.1 {} Answer\r\n", reply.status);
        for (name, value) in &reply.fields {
            out.push_str(&format!("{name}: {value}\r\n"));
        }
        if !reply.fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length")) {
            out.push_str(&format!("content-length: {}\r\n", reply.body.len()));
        }
        out.push_str("\r\n");
        socket.write_all(out.as_bytes()).await.ok()?;
        if request.method != "HEAD" {
            socket.write_all(&reply.body).await.ok()?;
        }
    }
}
