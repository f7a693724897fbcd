//! Addresses: where to publish, where to watch, and by which protocol.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::ValueEnum;
use rustls::ClientConfig;

/// How a viewer watches.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Protocol {
    HttpFlv,
    WsFlv,
    WsFmp4,
    HttpFmp4,
    /// HTTP-FLV by HTTP/2, each viewer by a connection of its own.
    H2Flv,
    Rtmp,
    LlHls,
    LlDash,
    /// Each of them, one after another.
    All,
}

/// A protocol and what its addresses look like.
pub const PROTOCOLS: [(Protocol, &str, &str); 8] = [
    (Protocol::HttpFlv, "http", ".flv"),
    (Protocol::WsFlv, "ws", ".flv"),
    (Protocol::WsFmp4, "ws", ".mp4"),
    (Protocol::HttpFmp4, "http", ".mp4"),
    (Protocol::H2Flv, "h2", ".flv"),
    (Protocol::Rtmp, "rtmp", ""),
    (Protocol::LlHls, "http", "/index.m3u8"),
    (Protocol::LlDash, "http", "/manifest.mpd"),
];

impl Protocol {
    /// Whether HTTP is upgraded.
    pub fn is_websocket(self) -> bool {
        matches!(self, Self::WsFlv | Self::WsFmp4)
    }

    /// Whether the media comes as FLV tags.
    pub fn is_flv(self) -> bool {
        matches!(self, Self::HttpFlv | Self::WsFlv | Self::H2Flv)
    }

    /// Whether viewers fetch parts or chunks, rather than one endless answer.
    pub fn is_by_parts(self) -> bool {
        matches!(self, Self::LlHls | Self::LlDash)
    }

    /// Whether the harness knows it over TLS.
    pub fn can_be_encrypted(self) -> bool {
        !self.is_by_parts() && self != Self::Rtmp
    }

    /// The name it goes by on the command line.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// Where viewers connect, and what they ask for.
#[derive(Clone, Debug)]
pub struct Play {
    pub protocol: Protocol,
    pub address: SocketAddr,
    pub host: String,
    pub path: String,
    /// How viewers know the server, where they are served over TLS.
    pub tls: Option<Arc<ClientConfig>>,
}

impl Play {
    /// What it is called in the table.
    pub fn name(&self) -> String {
        self.protocol.name() + if self.tls.is_some() { ", TLS" } else { "" }
    }

    /// From `rtmp://`, or from `http://`, `h2://`, `ws://` and an address that ends in `.flv`, `.mp4`, `/index.m3u8` or `/manifest.mpd`, a query apart.
    pub fn parse(url: &str) -> anyhow::Result<Self> {
        let (scheme, rest) = url.split_once("://").with_context(|| format!("{url}: no scheme"))?;
        let (host, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        let file = path.split('?').next().unwrap_or(path);
        let known = PROTOCOLS.iter().find(|(_, known, ending)| *known == scheme && file.ends_with(ending));
        let &(protocol, _, _) = known.with_context(|| {
            format!("{url}: neither rtmp:// nor http://, h2:// or ws:// with .flv, .mp4, /index.m3u8 or /manifest.mpd at the end")
        })?;
        Ok(Self {
            protocol,
            address: resolve(host, if protocol == Protocol::Rtmp { 1935 } else { 80 })?,
            host: host.to_owned(),
            path: path.to_owned(),
            tls: None,
        })
    }
}

/// Where the stream is published.
#[derive(Clone, Debug)]
pub struct Publish {
    pub address: SocketAddr,
    pub host: String,
    pub app: String,
    /// The stream's name or key, with its query.
    pub name: String,
}

impl Publish {
    /// From `rtmp://host[:port]/app/name`; the app may hold slashes.
    pub fn parse(url: &str) -> anyhow::Result<Self> {
        let rest = url.strip_prefix("rtmp://").with_context(|| format!("{url}: not rtmp://"))?;
        let (path, query) = rest.find('?').map_or((rest, ""), |at| rest.split_at(at));
        let Some(((host, app), name)) = path.rsplit_once('/').and_then(|(place, name)| Some((place.split_once('/')?, name))) else {
            bail!("{url}: an app and a name are missing");
        };
        Ok(Self { address: resolve(host, 1935)?, host: host.to_owned(), app: app.to_owned(), name: format!("{name}{query}") })
    }
}

/// Only this machine is measured: the delays need one clock, and a load generator must not reach strangers by a slip.
fn resolve(host: &str, default_port: u16) -> anyhow::Result<SocketAddr> {
    let found = host.to_socket_addrs().or_else(|_| (host, default_port).to_socket_addrs());
    let address = found.with_context(|| format!("{host} has no address"))?.find(|address| address.ip().is_loopback());
    address.with_context(|| format!("{host} is not this machine; servers are measured over loopback"))
}
