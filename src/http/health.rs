//! Asking a running gateway whether it is well.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// How long each step of a check may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// Most bytes of an answer that are looked at: a status line.
const ANSWER: u64 = 256;

/// Asks `url` (plain `http://HOST:PORT/PATH`) and wants 200.
///
/// # Errors
/// Says what is wrong with the address, the connection or the answer.
pub fn check(url: &str) -> Result<(), String> {
    let rest = url.strip_prefix("http://").ok_or("the address must begin with http://")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let address = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    let address = address.to_socket_addrs().map_err(|error| error.to_string())?.next().ok_or("the host has no address")?;
    let mut socket = TcpStream::connect_timeout(&address, PATIENCE).map_err(|error| error.to_string())?;
    socket.set_read_timeout(Some(PATIENCE)).map_err(|error| error.to_string())?;
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
    let mut answer = String::new();
    socket.take(ANSWER).read_to_string(&mut answer).map_err(|error| error.to_string())?;
    let status = answer.split(' ').nth(1).unwrap_or_default();
    if status == "200" { Ok(()) } else { Err(format!("answered {}", answer.lines().next().unwrap_or("nothing"))) }
}
