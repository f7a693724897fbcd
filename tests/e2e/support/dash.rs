//! A player of DASH: reloads the manifest until it is static, fetches every segment, and holds each manifest to those before it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use dash_mpd_core::{MPD, Period, Representation};
use tokio::time::{Instant, sleep};

use super::{PATIENCE, POLL, hls, http};

const MANIFEST: &str = "application/dash+xml";
/// The segment in progress is told of, and the one after it, but none further away.
const AHEAD: Duration = Duration::from_secs(4);

/// What a player saw of one stream.
#[derive(Debug, Default)]
pub struct Player {
    /// Representations by their ids, such as `v0`.
    pub tracks: BTreeMap<String, Track>,
    /// Starts of periods by id.
    pub periods: BTreeMap<String, Duration>,
    pub loads: usize,
    pub is_static: bool,
    published: i64,
}

/// One representation, over time.
#[derive(Debug, Default)]
pub struct Track {
    /// Init segments and media, laid end to end.
    pub media: Vec<u8>,
    pub codecs: String,
    /// Start and duration in ticks, by number.
    pub segments: BTreeMap<u64, (u64, u64)>,
    /// The number from which on durations were a guess when they were told.
    guessed: u64,
    init: String,
}

/// Plays from the first manifest that there is until the last.
pub async fn play(address: SocketAddr, stream: &str) -> Player {
    let mut player = Player::default();
    let deadline = Instant::now() + PATIENCE;
    while !player.is_static {
        assert!(Instant::now() < deadline, "the manifest never became static");
        let answer = http::get(address, &format!("/{stream}/manifest.mpd")).await;
        match answer.status {
            200 => {
                answer.assert_fit_for_pages(MANIFEST);
                assert!(answer.field("cache-control").starts_with("max-age="), "{:?}", answer.fields);
                player.take(&dash_mpd_core::parse(answer.text()).unwrap(), address, stream).await;
            }
            404 | 503 => {}
            status => panic!("{status}: {answer:?}"),
        }
        sleep(POLL).await;
    }
    player
}

impl Player {
    async fn take(&mut self, mpd: &MPD, address: SocketAddr, stream: &str) {
        self.loads += 1;
        self.is_static = mpd.mpdtype.as_deref() == Some("static");
        let published = mpd.publishTime.expect("publishTime").timestamp_millis();
        assert!(published >= self.published, "manifests are published in order");
        self.published = published;
        assert_eq!(mpd.availabilityStartTime.expect("availabilityStartTime").timestamp_millis(), 0);
        assert_eq!(mpd.minimumUpdatePeriod.is_some(), !self.is_static);
        let clock = &mpd.UTCTiming.first().expect("UTCTiming");
        assert_eq!(clock.schemeIdUri, "urn:mpeg:dash:utc:http-iso:2014");
        let told = http::get(address, clock.value.as_deref().expect("a clock")).await;
        assert_eq!((told.status, told.field("access-control-allow-origin"), told.field("cache-control")), (200, "*", "no-store"));
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        for period in &mpd.periods {
            // Only what is over is taken: the length of the others is a guess.
            let now = if self.is_static { Duration::MAX - AHEAD } else { now };
            self.period(period, now, address, stream).await;
        }
    }

    async fn period(&mut self, period: &Period, now: Duration, address: SocketAddr, stream: &str) {
        let (id, start) = (period.id.clone().expect("id"), period.start.expect("start"));
        let known = *self.periods.entry(id).or_insert(start);
        assert_eq!(known, start, "a period begins where it began");
        assert!(!period.adaptations.is_empty());
        for representation in period.adaptations.iter().flat_map(|set| &set.representations) {
            let track = self.tracks.entry(representation.id.clone().expect("id")).or_default();
            track.codecs.clone_from(representation.codecs.as_ref().expect("codecs"));
            track.take(representation, start, now, address, stream).await;
        }
    }
}

impl Track {
    async fn take(&mut self, representation: &Representation, start: Duration, now: Duration, address: SocketAddr, stream: &str) {
        let template = representation.SegmentTemplate.as_ref().expect("SegmentTemplate");
        let (init, media) = (template.initialization.as_deref().unwrap(), template.media.as_deref().unwrap());
        let (mut number, timescale) = (template.startNumber.expect("startNumber"), template.timescale.expect("timescale"));
        let offset = template.presentationTimeOffset.unwrap_or(0);
        let mut at = None;
        let timeline = &template.SegmentTimeline.as_ref().expect("SegmentTimeline").segments;
        let count: u64 = timeline.iter().map(|s| 1 + u64::try_from(s.r.unwrap_or(0)).unwrap()).sum();
        // The segment in progress, and the one after it.
        let ahead = if template.availabilityTimeComplete == Some(false) { 2 } else { 0 };
        let guessed = std::mem::replace(&mut self.guessed, number + count - ahead);
        for s in timeline {
            assert!(s.t.is_none_or(|t| at.is_none_or(|at| t >= at)), "segments do not overlap");
            let mut t = s.t.or(at).expect("the first S has a t");
            for _ in 0..=s.r.unwrap_or(0) {
                let mut known = self.segments.get(&number).copied();
                if number >= guessed && known.is_some_and(|(from, _)| from == t) {
                    // Longer or shorter than it was expected to become.
                    known = self.segments.insert(number, (t, s.d)).map(|_| (t, s.d));
                }
                assert!(known.is_none_or(|known| known == (t, s.d)), "a segment stays as it is: {known:?}, {t} {}", s.d);
                let end = start + Duration::from_secs_f64((t + s.d - offset) as f64 / timescale as f64);
                assert!(end <= now + AHEAD, "segment {number} is not told of long before its time: {end:?} at {now:?}");
                // What is not said to be in progress is whole, also where its media came sooner than the first of the period, and so before
                // its time: it is fetched, and stays as it is.
                if known.is_none() && end > now && template.availabilityTimeComplete == Some(false) {
                    return;
                }
                if known.is_none() {
                    if self.init != init {
                        init.clone_into(&mut self.init);
                        self.media.extend(hls::fetch(address, stream, init).await);
                    }
                    self.media.extend(hls::fetch(address, stream, &media.replace("$Number$", &number.to_string())).await);
                    self.segments.insert(number, (t, s.d));
                }
                (t, number) = (t + s.d, number + 1);
            }
            at = Some(t);
        }
    }
}
