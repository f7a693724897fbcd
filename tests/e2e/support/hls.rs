//! A player of HLS: reloads playlists until they end, fetches every segment, and holds each playlist to those before it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use m3u8_rs::{MasterPlaylist, MediaPlaylist, MediaSegment};
use quick_m3u8::config::ParsingOptionsBuilder;
use quick_m3u8::{HlsLine, Reader};
use tokio::time::{Instant, sleep};

use super::http::{self, Answer};
use super::{PATIENCE, POLL};

const PLAYLIST: &str = "application/vnd.apple.mpegurl";
/// What a name may never change.
pub const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// What a player saw of one stream.
#[derive(Debug, Default)]
pub struct Player {
    /// Media playlists by address, below the stream.
    pub tracks: BTreeMap<String, Track>,
    pub codecs: String,
    pub has_ended: bool,
}

/// One media playlist, over time.
#[derive(Debug, Default)]
pub struct Track {
    /// Init segments and media, laid end to end; what a player would feed its decoder.
    pub media: Vec<u8>,
    pub loads: usize,
    pub target_duration: u64,
    pub listed: BTreeMap<u64, Listed>,
    init: String,
}

/// One entry: what may not change while it is listed.
#[derive(Clone, PartialEq, Debug)]
pub struct Listed {
    pub uri: String,
    pub seconds: f32,
    pub gap: bool,
    /// How many discontinuities lie before it since the beginning.
    pub discontinuity: u64,
    /// Its moment on the wall clock, in milliseconds.
    pub wall: i64,
}

/// Plays from the first playlist that there is until the last.
pub async fn play(address: SocketAddr, stream: &str) -> Player {
    let mut player = Player::default();
    let index = first_index(address, stream).await;
    for variant in index.variants.iter().filter(|variant| !variant.is_i_frame) {
        // The first is what players begin with.
        if player.codecs.is_empty() {
            player.codecs.clone_from(variant.codecs.as_ref().expect("CODECS"));
        }
        assert!(variant.bandwidth >= variant.average_bandwidth.unwrap() && variant.bandwidth > 10_000, "{variant:?}");
        player.tracks.entry(variant.uri.clone()).or_default();
    }
    for uri in index.alternatives.iter().filter_map(|rendition| rendition.uri.clone()) {
        player.tracks.entry(uri).or_default();
    }
    let deadline = Instant::now() + PATIENCE;
    while !player.load(address, stream).await {
        assert!(Instant::now() < deadline, "the playlists never ended");
        sleep(POLL).await;
    }
    player
}

/// The multivariant playlist, asked for until there is one.
async fn first_index(address: SocketAddr, stream: &str) -> MasterPlaylist {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = http::get(address, &format!("/{stream}/index.m3u8")).await;
        if answer.status == 200 {
            answer.assert_fit_for_pages(PLAYLIST);
            assert!(answer.field("cache-control").starts_with("max-age="), "{:?}", answer.fields);
            read_every_line(answer.text());
            return m3u8_rs::parse_master_playlist_res(&answer.body).unwrap();
        }
        assert!(matches!(answer.status, 404 | 503) && Instant::now() < deadline, "{answer:?}");
        sleep(POLL).await;
    }
}

/// A second parser, which knows every tag and lets none through that it does not know.
fn read_every_line(text: &str) {
    let mut reader = Reader::from_str(text, ParsingOptionsBuilder::new().with_parsing_for_all_tags().build());
    while let Some(line) = reader.read_line().unwrap() {
        assert!(matches!(line, HlsLine::KnownTag(_) | HlsLine::Uri(_)), "{line:?}");
    }
}

impl Player {
    /// Loads all playlists once. Returns whether they are over.
    async fn load(&mut self, address: SocketAddr, stream: &str) -> bool {
        let mut over = true;
        for (uri, track) in &mut self.tracks {
            let Ok(answer) = tokio::time::timeout(PATIENCE, http::get(address, &format!("/{stream}/{uri}"))).await else { return true };
            if answer.status != 200 {
                continue;
            }
            let ended = track.take(&answer, address, stream).await;
            self.has_ended |= ended;
            over &= ended;
        }
        over
    }

    /// Entries of all playlists that have the same number are as many discontinuities away from the beginning (RFC 8216bis §6.2.4).
    pub fn assert_aligned(&self) {
        let mut by_number = BTreeMap::new();
        for (number, listed) in self.tracks.values().flat_map(|track| &track.listed) {
            let first = by_number.entry(number).or_insert(listed.discontinuity);
            assert_eq!(*first, listed.discontinuity, "{number}");
        }
    }
}

impl Track {
    pub fn gaps(&self) -> usize {
        self.listed.values().filter(|listed| listed.gap).count()
    }

    pub fn discontinuities(&self) -> u64 {
        let numbers = || self.listed.values().map(|listed| listed.discontinuity);
        numbers().max().unwrap_or(0) - numbers().min().unwrap_or(0)
    }

    /// Takes a playlist in and fetches what is new. Returns whether it is the last.
    async fn take(&mut self, answer: &Answer, address: SocketAddr, stream: &str) -> bool {
        answer.assert_fit_for_pages(PLAYLIST);
        assert!(answer.field("cache-control").starts_with("max-age="), "{:?}", answer.fields);
        read_every_line(answer.text());
        let list = m3u8_rs::parse_media_playlist_res(&answer.body).unwrap();
        if self.loads > 0 {
            assert_eq!(list.target_duration, self.target_duration, "the target duration never changes");
        }
        self.target_duration = list.target_duration;
        self.loads += 1;
        self.check_sequence(&list);
        let mut discontinuity = list.discontinuity_sequence;
        let mut init = None;
        for (number, segment) in (list.media_sequence..).zip(&list.segments) {
            discontinuity += u64::from(segment.discontinuity);
            init = segment.map.as_ref().map(|map| map.uri.clone()).or(init);
            let listed = listed(segment, discontinuity, list.target_duration);
            if let Some(known) = self.listed.get(&number) {
                assert_eq!(*known, listed, "an entry stays as it is");
                continue;
            }
            self.check_wall(number, &listed);
            if !listed.gap {
                self.fetch(address, stream, init.as_deref().expect("EXT-X-MAP"), &listed.uri).await;
            }
            self.listed.insert(number, listed);
        }
        list.end_list
    }

    fn check_sequence(&self, list: &MediaPlaylist) {
        assert!(!list.segments.is_empty());
        let (Some(first), Some(last)) = (self.listed.keys().next(), self.listed.keys().next_back()) else { return };
        assert!(list.media_sequence >= *first, "the media sequence never runs back");
        assert!(list.media_sequence <= last + 1, "nothing was removed before it was seen");
        assert!(list.media_sequence + list.segments.len() as u64 > *last, "nothing is removed at the end");
    }

    /// Each entry begins on the wall clock where the one before it ended, except at a discontinuity and around gaps.
    fn check_wall(&self, number: u64, listed: &Listed) {
        let Some(before) = number.checked_sub(1).and_then(|before| self.listed.get(&before)) else { return };
        let expected = before.wall + (f64::from(before.seconds) * 1e3).round() as i64;
        if before.discontinuity == listed.discontinuity && !before.gap && !listed.gap {
            assert!((listed.wall - expected).abs() <= 50, "{number}: {listed:?} after {before:?}");
        }
        assert!(listed.wall >= expected - 100, "{number}: the wall clock does not run back: {listed:?} after {before:?}");
    }

    async fn fetch(&mut self, address: SocketAddr, stream: &str, init: &str, uri: &str) {
        if self.init != init {
            init.clone_into(&mut self.init);
            self.media.extend(fetch(address, stream, init).await);
        }
        self.media.extend(fetch(address, stream, uri).await);
    }
}

fn listed(segment: &MediaSegment, discontinuity: u64, target_duration: u64) -> Listed {
    assert!(f64::from(segment.duration).round() as u64 <= target_duration, "EXTINF {} of {target_duration}", segment.duration);
    let wall = segment.program_date_time.expect("EXT-X-PROGRAM-DATE-TIME").timestamp_millis();
    let gap = segment.unknown_tags.iter().any(|tag| tag.tag == "X-GAP");
    Listed { uri: segment.uri.clone(), seconds: segment.duration, gap, discontinuity, wall }
}

/// An init segment or a segment: there, whole, and to be kept for ever.
pub async fn fetch(address: SocketAddr, stream: &str, uri: &str) -> Vec<u8> {
    let answer = http::get(address, &format!("/{stream}/{uri}")).await;
    assert_eq!(answer.status, 200, "{uri}: {}", String::from_utf8_lossy(&answer.body));
    let kind = if uri.starts_with('v') { "video/mp4" } else { "audio/mp4" };
    let told = answer.field("content-type");
    // Of an init segment it names the codec, too.
    let named = uri.ends_with(".mp4") && told.starts_with(&format!("{kind}; codecs=\""));
    answer.assert_fit_for_pages(if named { told } else { kind });
    assert_eq!(answer.field("cache-control"), IMMUTABLE);
    assert!(answer.whole);
    answer.body
}
