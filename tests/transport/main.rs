//! HTTP as it goes over the wire: HTTPS, HTTP/2 by ALPN and by prior knowledge, and the limits that hold on it.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall say where")]

#[allow(dead_code, reason = "what clients of endless answers alone need")]
#[path = "../push/client.rs"]
mod client;
#[allow(dead_code, reason = "streams of other tracks are read elsewhere")]
#[path = "../push/show.rs"]
mod show;

mod house;
mod raw;
mod tls;

mod caching;
mod curl;
mod hostile;
mod limits;
mod media;
mod versions;
