//! The HTTP side: routes, push exits, HLS, DASH, the API and the pages.

pub mod address;
pub mod admin;
pub mod api;
pub mod assets;
pub mod choice;
mod content;
mod cors;
pub mod driver;
pub mod exchange;
pub mod files;
pub mod gauges;
pub mod health;
pub mod http1;
pub mod http2;
pub mod late;
pub mod monitor;
mod negotiation;
pub mod opening;
mod playlists;
pub mod problem;
pub mod push;
pub mod router;
pub mod site;
pub mod socket;
mod streams;
pub mod thumbnail;
pub mod websocket;
