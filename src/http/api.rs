//! What the API says about streams.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;

use super::monitor::vitals::Figures;
use super::monitor::warnings::{self, Warning};
use super::thumbnail::Keyframe;
use crate::bus::ladder::LadderStatus;
use crate::bus::{LeftOut, PublisherInfo, State, Stream, Viewing, Window};
use crate::media::color::VideoRange;
use crate::media::{Codec, Program, Rung, Track, WallClock};
use crate::segment::snapshot::Snapshot;

/// `GET /api/v1/streams`
#[derive(Debug, Serialize)]
pub struct StreamList {
    /// All streams, by name.
    pub streams: Vec<StreamStatus>,
    /// Where to publish.
    pub publish: Entrance,
}

/// Where to publish, as far as the gateway knows it: not under which name it is reached.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Entrance {
    /// The port of RTMP.
    pub rtmp: u16,
    /// The port of RTMPS; `null` where it has none.
    pub rtmps: Option<u16>,
    /// The application that is first by name.
    pub app: String,
    /// Whether it demands a key.
    pub key: bool,
}

/// One stream, as its operator sees it.
#[derive(Debug, Serialize)]
pub struct StreamStatus {
    /// What everybody may know.
    #[serde(flatten)]
    pub public: StreamInfo,
    /// Who publishes; `null` while nobody does.
    pub publisher: Option<PublisherInfo>,
    /// Viewers right now, by exit.
    pub viewers: BTreeMap<&'static str, u64>,
    /// What came in since the stream began.
    pub received: ReceivedStatus,
    /// What there is for HLS and DASH; `null` before the first segments exist.
    pub segments: Option<SegmentsStatus>,
    /// How it does.
    pub figures: Figures,
    /// What is not as it should be.
    pub warnings: Vec<Warning>,
    /// The number of the newest keyframe, which `thumbnail.mp4` below the stream's own address shows; `null` while there is none.
    pub keyframe: Option<u64>,
    /// How its rungs are coming along; `null` where none are configured.
    pub ladder: Option<LadderStatus>,
}

/// Most viewers that one answer tells of.
pub const MAX_VIEWERS: usize = 1_000;

/// `GET /api/v1/streams/{app}/{name}/viewers`: those who stay connected.
#[derive(Debug, Serialize)]
pub struct ViewerList {
    /// How many there are.
    pub total: usize,
    /// Those furthest behind, at most [`MAX_VIEWERS`].
    pub viewers: Vec<ViewerStatus>,
}

/// One viewer who stays connected.
#[derive(Debug, Serialize)]
pub struct ViewerStatus {
    /// The protocol, as in [`StreamStatus::viewers`].
    pub exit: &'static str,
    /// Its end of the connection, where that is known.
    pub address: Option<SocketAddr>,
    /// Milliseconds since it came.
    pub lasts_ms: u64,
    /// Bytes that its connection took.
    pub bytes: u64,
    /// Milliseconds of media that were there when it joined: the delay that it began with.
    pub joined_behind_ms: i64,
    /// Milliseconds of media that it has still to be given; `null` before it got any. What its connection holds is not in it.
    pub behind_ms: Option<i64>,
    /// How often it was led to a newer keyframe because it was too slow.
    pub skips: u64,
    /// Samples, tags or fragments that it never got for that.
    pub skipped: u64,
}

/// What there is for HLS and DASH.
#[derive(Debug, Serialize)]
pub struct SegmentsStatus {
    /// Numbers that playlists list.
    pub listed: usize,
    /// Milliseconds from the beginning of the first to the end of the last.
    pub listed_ms: i64,
    /// Numbers that playlists no longer list and players may still fetch.
    pub retained: usize,
    /// Bytes in memory.
    pub memory_bytes: u64,
    /// Bytes of files in the spool.
    pub spool_bytes: u64,
    /// Numbers whose segments are in the spool.
    pub spooled: usize,
    /// Numbers forgotten before their time, because memory was full.
    pub evicted: u64,
    /// Numbers forgotten before their time, because the spool was full.
    pub overflowed: u64,
}

/// What came in since the stream began.
#[derive(Debug, Serialize)]
pub struct ReceivedStatus {
    /// Bytes of media.
    pub bytes: u64,
    /// Media messages.
    pub messages: u64,
    /// Messages that could not be used.
    pub dropped: u64,
    /// Timestamps that had to be repaired.
    pub repaired: u64,
}

/// `GET /{app}/{name}/info.json`: what everybody may know of a stream. Tells no addresses.
#[derive(Debug, Serialize)]
pub struct StreamInfo {
    /// The application.
    pub app: String,
    /// The stream's own name.
    pub name: String,
    /// `live`, `waiting` (for its publisher) or `ended`.
    pub state: &'static str,
    /// Milliseconds since the presentation began.
    pub uptime_ms: u64,
    /// This gateway's clock, in milliseconds since the Unix epoch.
    pub server_time_ms: i64,
    /// Its tracks, once they are settled.
    pub tracks: Vec<TrackInfo>,
    /// Rungs that are made from it, by their configuration.
    pub renditions: Vec<RenditionInfo>,
    /// Where to watch, relative to this origin.
    pub exits: Exits,
    /// Which media time was received when: the distance to live is measured against it.
    pub wall_clock: Option<ClockPoint>,
}

/// Where to watch, relative to this origin.
#[derive(Debug, Serialize)]
pub struct Exits {
    /// HLS.
    pub hls: String,
    /// DASH.
    pub dash: String,
    /// FLV over HTTP.
    pub http_flv: String,
    /// FLV over WebSocket.
    pub ws_flv: String,
    /// Fragmented MP4 over WebSocket, for Media Source Extensions.
    pub ws_fmp4: String,
    /// Fragmented MP4 as an endless file.
    pub http_fmp4: String,
}

/// A media time and when it was received.
#[derive(Debug, Serialize)]
pub struct ClockPoint {
    /// Milliseconds on the stream's timeline.
    pub media_ms: i64,
    /// Milliseconds since the Unix epoch.
    pub unix_ms: i64,
}

/// A rung, as it is to be.
#[derive(Debug, Serialize)]
pub struct RenditionInfo {
    /// Its name, as in `?rendition=`.
    pub label: Arc<str>,
    /// Its track in HLS and DASH.
    pub id: String,
    /// RFC 6381, such as `avc1.64001f`.
    pub codec: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Bits per second that its encoder aims at.
    pub bit_rate: u64,
    /// Whether it is left out at present, as the machine cannot keep up.
    pub shed: bool,
}

/// One track.
#[derive(Debug, Serialize)]
pub struct TrackInfo {
    /// `v0`, `a0`.
    pub id: String,
    /// `video` or `audio`.
    pub kind: crate::media::Kind,
    /// What the publisher calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// RFC 5646 language, where the publisher told it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// RFC 6381, such as `avc1.64001f`.
    pub codec: String,
    /// For people, such as `H.264`.
    pub codec_name: &'static str,
    /// Displayed width in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Displayed height in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Frames per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_rate: Option<f64>,
    /// `SDR`, `HLG` or `PQ`, where bitstream or publisher tell it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_range: Option<&'static str>,
    /// Samples per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_rate: Option<u32>,
    /// Channels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<u8>,
    /// Bits per second over the samples the gateway still holds.
    pub bit_rate: Option<u64>,
    /// Why HLS and DASH are without it: `keyframes`, which are not where the leading video track's are, or `format`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<LeftOut>,
}

impl StreamInfo {
    /// What everybody may know of `stream` now.
    pub fn of(stream: &Stream, now: Instant, wall: WallClock) -> Self {
        let name = stream.name();
        let state = match stream.state() {
            State::Live => "live",
            State::Waiting { .. } => "waiting",
            State::Ended { .. } => "ended",
        };
        let (latest, ladder) = (stream.received().latest(), stream.ladder().status());
        let is_shed = |rung: &Rung| ladder.iter().flat_map(|ladder| &ladder.rungs).any(|one| one.label == rung.label && one.shed);
        Self {
            app: name.app().to_owned(),
            name: name.name().to_owned(),
            state,
            uptime_ms: u64::try_from(now.saturating_duration_since(stream.started()).as_millis()).unwrap_or(u64::MAX),
            server_time_ms: wall.unix_millis(),
            tracks: stream.program().map(|program| tracks(stream, &program)).unwrap_or_default(),
            renditions: stream.ladder().rungs().iter().map(|one| RenditionInfo::of(&one.rung, is_shed(&one.rung))).collect(),
            exits: Exits {
                hls: format!("/{name}/index.m3u8"),
                dash: format!("/{name}/manifest.mpd"),
                http_flv: format!("/{name}.flv"),
                ws_flv: format!("/{name}.flv"),
                ws_fmp4: format!("/{name}.mp4"),
                http_fmp4: format!("/{name}.mp4"),
            },
            wall_clock: latest.map(|(at, wall)| ClockPoint { media_ms: at.millis(), unix_ms: wall.unix_millis() }),
        }
    }
}

impl RenditionInfo {
    fn of(rung: &Rung, shed: bool) -> Self {
        Self {
            label: Arc::clone(&rung.label),
            id: rung.track.to_string(),
            codec: rung.codecs.clone(),
            width: rung.width,
            height: rung.height,
            bit_rate: rung.bit_rate,
            shed,
        }
    }
}

impl StreamStatus {
    /// All that an operator may know of `stream` now, of its segments, and of how it does.
    pub fn of(stream: &Stream, segments: Option<&Snapshot>, figures: Figures, now: Instant, wall: WallClock) -> Self {
        let (public, received, viewers) = (StreamInfo::of(stream, now, wall), stream.received(), stream.viewers(now));
        let ladder = stream.ladder().status();
        Self {
            warnings: warnings::of(&public, &figures, &viewers, ladder.as_ref()),
            public,
            publisher: publisher(stream),
            viewers,
            received: ReceivedStatus {
                bytes: received.bytes(),
                messages: received.messages(),
                dropped: received.dropped(),
                repaired: received.repaired(),
            },
            segments: segments.map(SegmentsStatus::of),
            figures,
            keyframe: segments.and_then(Keyframe::newest).map(|keyframe| keyframe.number),
            ladder,
        }
    }
}

impl ViewerList {
    /// Those who watch `stream` now.
    pub fn of(stream: &Stream, now: Instant) -> Self {
        let newest = stream.source().samples.inspect(Window::newest);
        let status = |viewing: Arc<Viewing>| ViewerStatus {
            exit: viewing.exit(),
            address: viewing.address(),
            lasts_ms: u64::try_from(viewing.lasts(now).as_millis()).unwrap_or(u64::MAX),
            bytes: viewing.bytes(),
            joined_behind_ms: viewing.joined_behind_ms(),
            behind_ms: newest.and_then(|newest| viewing.behind_ms(newest)),
            skips: viewing.skips(),
            skipped: viewing.skipped_entries(),
        };
        let mut viewers: Vec<_> = stream.viewings().into_iter().map(status).collect();
        let total = viewers.len();
        viewers.sort_by_key(|viewer| Reverse((viewer.behind_ms, viewer.lasts_ms)));
        viewers.truncate(MAX_VIEWERS);
        Self { total, viewers }
    }
}

/// Who publishes, by the name that its metadata gives the encoder: the handshake's is often that of the program that others imitate.
fn publisher(stream: &Stream) -> Option<PublisherInfo> {
    let told = stream.program().and_then(|program| program.metadata.encoder.clone());
    stream.publisher().map(|publisher| PublisherInfo { encoder: told.or(publisher.encoder), ..publisher })
}

impl SegmentsStatus {
    /// What a snapshot tells.
    pub fn of(snapshot: &Snapshot) -> Self {
        let (usage, counters) = (snapshot.usage, snapshot.counters);
        let ends = snapshot.slots.first().zip(snapshot.slots.last());
        Self {
            listed: snapshot.slots.len(),
            listed_ms: ends.map_or(0, |(first, last)| last.wall_end().since(first.wall).millis()),
            retained: snapshot.retained.len(),
            memory_bytes: usage.memory,
            spool_bytes: usage.spooled,
            spooled: usage.spooled_segments,
            evicted: counters.evicted_segments,
            overflowed: counters.overflowed_segments,
        }
    }
}

fn tracks(stream: &Stream, program: &Program) -> Vec<TrackInfo> {
    let media = program.tracks.iter().filter(|track| track.codec != Codec::Script);
    let left_out = stream.left_out();
    media.map(|track| TrackInfo::of(track, stream.bit_rate(track.id), left_out.get(&track.id).copied())).collect()
}

impl TrackInfo {
    /// A track whose measured bit rate is `bit_rate`, and why HLS and DASH are without it, if they are.
    pub fn of(track: &Track, bit_rate: Option<u64>, left_out: Option<LeftOut>) -> Self {
        let (video, audio) = (track.codec.video(), track.codec.audio());
        Self {
            id: track.id.to_string(),
            kind: track.id.kind,
            name: track.name.clone(),
            language: track.language.clone(),
            codec: track.codec.rfc6381(),
            codec_name: track.codec.name(),
            width: video.map(|shape| shape.width),
            height: video.map(|shape| shape.height),
            frame_rate: track.frame_rate,
            video_range: track.color.range().map(VideoRange::name),
            sample_rate: audio.map(|shape| shape.sample_rate),
            channels: audio.map(|shape| shape.channels),
            bit_rate,
            left_out,
        }
    }
}
