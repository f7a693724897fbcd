//! Requests and their answers, as a player in a browser sends and gets them, each with the moments at which it came.
//!
//! HTTP/1.1, and HTTP/2 where TLS settles on it. Whatever the other side sends is bounded: heads, bodies, redirects and time.

mod answer;
mod client;
mod trust;

pub use answer::{Answer, Http};
pub use client::{Ask, Client, Error, MAX_REDIRECTS, Options};
