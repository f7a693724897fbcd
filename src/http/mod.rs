//! The HTTP side: routes, push exits, HLS, DASH, the API and the pages.

pub mod admin;
pub mod api;
pub mod assets;
pub mod driver;
pub mod problem;
pub mod push;
pub mod socket;
pub mod websocket;
