//! How the RTMP listener behaves.

use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::bus::Takeover;
use crate::ingest;
use crate::net::Buffers;
use crate::rtmp::session;

/// `[rtmp]`
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Where encoders connect.
    pub listen: SocketAddr,
    /// Where encoders connect by RTMPS; empty for nowhere.
    pub tls_listen: String,
    /// Whether the plain port also takes RTMPS, and answers HTTP by telling where that is served.
    pub sniff: bool,
    /// KiB of the system's buffer for what a connection sends us; 0 leaves it to the system.
    pub receive_kib: u32,
    /// KiB of the system's buffer for what we send; 0 leaves it to the system.
    pub send_kib: u32,
    /// What happens when a name is published that is being published: `allow` lets the newcomer take over, `reject` refuses it.
    pub takeover: Takeover,
    /// Most connections at a time that do not play; players count among all viewers.
    pub max_connections: usize,
    /// Most connections at a time from one address that have not been let in yet, neither to publish nor to play; 0 for no limit.
    pub max_pending_per_address: usize,
    /// How long a connection may take, in seconds, until it publishes or asks to play.
    pub publish_timeout_s: u64,
    /// How long a publisher may be silent, in seconds, before it counts as lost.
    pub idle_s: u64,
    /// Most bits per second of one publisher; 0 for no limit.
    pub max_bit_rate: u64,
    /// How long a stream's first media waits, in milliseconds, for a track of the other kind.
    pub settle_ms: u64,
    /// How long a player waits, in milliseconds, for a stream that is not there, and again for one that does not know its tracks yet.
    pub play_wait_ms: u64,
    /// How far, in milliseconds, media may run ahead of real time before its publisher is held back.
    pub max_ahead_ms: u64,
    /// Whether VVC (H.266) is carried.
    pub vvc: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv6Addr::UNSPECIFIED, 1935)),
            tls_listen: String::new(),
            sniff: false,
            receive_kib: 0,
            send_kib: 0,
            takeover: Takeover::Allow,
            max_connections: 1_000,
            max_pending_per_address: 64,
            publish_timeout_s: 10,
            idle_s: 15,
            max_bit_rate: 0,
            settle_ms: 1_000,
            play_wait_ms: 2_000,
            max_ahead_ms: 5_000,
            vvc: false,
        }
    }
}

impl Options {
    /// The system's buffers of its sockets.
    pub fn buffers(&self) -> Buffers {
        let bytes = |kib: u32| kib.saturating_mul(1 << 10);
        Buffers { receive: bytes(self.receive_kib), send: bytes(self.send_kib) }
    }

    pub(super) fn publish_timeout(&self) -> Duration {
        Duration::from_secs(self.publish_timeout_s)
    }

    pub(super) fn play_wait(&self) -> Duration {
        Duration::from_millis(self.play_wait_ms)
    }

    pub(super) fn session(&self) -> session::Options {
        let wait = self.publish_timeout();
        session::Options {
            handshake_timeout: wait,
            connect_timeout: wait,
            request_timeout: wait,
            media_timeout: Duration::from_secs(self.idle_s),
            carries_vvc: self.vvc,
            ..session::Options::default()
        }
    }

    pub(super) fn ingest(&self) -> ingest::Options {
        ingest::Options {
            settle: Duration::from_millis(self.settle_ms),
            max_ahead: Duration::from_millis(self.max_ahead_ms),
            vvc: self.vvc,
        }
    }
}
