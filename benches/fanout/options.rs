//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use crate::target::{PROTOCOLS, Protocol};

/// Measures what fan-out costs: CPU seconds per GiB delivered, memory per viewer, delay and time to the first picture, beside the floor
/// that a bare vectored-write loop sets in the same run. Asserts nothing.
#[derive(Parser, Debug)]
#[command(name = "fanout")]
pub struct Options {
    /// How many viewers, one row after another
    #[arg(long, default_value = "500", value_delimiter = ',', value_name = "N,...")]
    pub viewers: Vec<usize>,
    /// How they watch
    #[arg(long, value_enum, default_value = "all", value_delimiter = ',')]
    pub protocol: Vec<Protocol>,
    /// The stream's bits per second, sound included: 2.5M, 200k
    #[arg(long, default_value = "2.5M", value_parser = bitrate)]
    pub bitrate: u64,
    /// Serve those of HTTP-FLV, HTTP-fMP4, HTTP/2 and WebSockets over TLS, and let the floor encrypt, too
    #[arg(long, conflicts_with_all = ["play", "stuck_one_in"])]
    pub tls: bool,
    /// Length of the measured interval of a row
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// Length of the measured interval of a floor
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=600), value_name = "SECONDS")]
    pub floor_seconds: u64,
    /// Between the last viewer's first keyframe and the measured interval
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(0..=600), value_name = "SECONDS")]
    pub warmup: u64,
    /// How many streams the gateway carries, each of that bit rate; viewers are spread over them. Not for those by parts
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000), value_name = "N", conflicts_with = "play")]
    pub streams: u32,
    /// How fast viewers join
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000), value_name = "N")]
    pub joins_per_second: u32,
    /// Lets one more viewer join for each so many, who reads nothing; in no figure but the server's own
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..), value_name = "N")]
    pub stuck_one_in: Option<u32>,
    /// Batch intervals in milliseconds at which the floor is measured, beside the one that matches each row
    #[arg(long, default_value = "0,30,100,350", value_delimiter = ',', value_name = "MS,...")]
    pub batches: Vec<u64>,
    /// Measure one floor for each row, at this batch interval in milliseconds and at the same time, on the same core
    #[arg(long, value_name = "MS", conflicts_with = "no_floor")]
    pub beside: Option<u64>,
    /// Measure no floor at all, nor nginx
    #[arg(long)]
    pub no_floor: bool,
    /// Viewers of LL-HLS ask for the hinted part ahead, on a second connection for each track
    #[arg(long)]
    pub hints: bool,
    /// Viewers of LL-HLS ask for whole playlists, never for delta updates
    #[arg(long)]
    pub whole_playlists: bool,
    /// The core of the server and of the floor, or several as taskset writes them [default: the last]
    #[arg(long, value_name = "CORES")]
    pub server_core: Option<String>,
    /// The cores of publisher and viewers, as taskset writes them [default: the first]
    #[arg(long, value_name = "CORES")]
    pub load_cores: Option<String>,

    /// The gateway to start [default: the one built with this harness]
    #[arg(long, env = "FANOUT_GATEWAY", value_name = "PATH")]
    pub gateway: Option<PathBuf>,
    /// One more argument for `sluicegate serve`; may be given several times
    #[arg(long = "gateway-arg", allow_hyphen_values = true, value_name = "ARGUMENT")]
    pub gateway_args: Vec<String>,

    /// Measure a server that runs already: where to publish
    #[arg(long, value_name = "RTMP_URL", requires = "play")]
    pub publish: Option<String>,
    /// Where to watch: rtmp://, or http://, h2:// or ws:// ending in .flv, .mp4, /index.m3u8 or /manifest.mpd; may be given several times. Without --publish the stream has to carry
    /// this harness's marks all the same
    #[arg(long, value_name = "URL")]
    pub play: Vec<String>,
    /// The process whose CPU time and memory are read
    #[arg(long, requires = "play")]
    pub pid: Option<u32>,

    /// Be the floor: serve until ended
    #[arg(long, hide = true)]
    pub floor: bool,
    /// The floor's batch interval in microseconds
    #[arg(long, hide = true, default_value_t = 0)]
    pub batch_micros: u64,
    /// The floor's certificate and key
    #[arg(long, hide = true)]
    pub floor_identity: Option<PathBuf>,
    /// Cargo says this to every benchmark
    #[arg(long, hide = true)]
    pub bench: bool,
}

impl Options {
    /// The protocols asked for, each once.
    pub fn protocols(&self) -> Vec<Protocol> {
        let all = PROTOCOLS.iter().map(|(protocol, ..)| *protocol);
        let fits = |protocol: &Protocol| !self.tls || protocol.can_be_encrypted();
        all.filter(fits).filter(|protocol| self.protocol.contains(protocol) || self.protocol.contains(&Protocol::All)).collect()
    }

    /// Connections that a viewer of any of the protocols opens at most.
    pub fn connections(&self) -> usize {
        let of = |protocol: &Protocol| match protocol {
            Protocol::LlHls if self.hints => 4,
            Protocol::LlHls | Protocol::LlDash => 2,
            _ => 1,
        };
        self.protocols().iter().map(of).max().unwrap_or(1)
    }

    /// A floor ends by itself after so long, whatever becomes of its parent.
    pub fn floor_lifetime(&self) -> Duration {
        const MARGIN: Duration = Duration::from_secs(120);
        Duration::from_secs(self.floor_seconds + self.warmup) + MARGIN
    }
}

fn bitrate(text: &str) -> Result<u64, String> {
    let (number, factor) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 1e3),
        Some((at, 'm' | 'M')) => (&text[..at], 1e6),
        _ => (text, 1.0),
    };
    let value = number.parse::<f64>().map_err(|error| error.to_string())? * factor;
    if (64e3..=100e6).contains(&value) { Ok(value as u64) } else { Err("not in 64k to 100M".into()) }
}
