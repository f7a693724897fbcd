//! A segmenter that panics.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::runtime::Handle;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};

use super::*;
use crate::bus::registry::Options;
use crate::bus::{End, PublisherInfo, Registry, Revoked, Session, State, StreamName, Takeover, Why, wall};
use crate::media::codec::{AvcConfig, VideoShape};
use crate::media::{Codec, Metadata, Program, Sample, Timescale, Timestamp, Track, TrackId, TrackSet};
use crate::{feed, segment};

const PATIENCE: Duration = Duration::from_secs(10);

/// A log that breaks the first segmenter that tells what it has made.
#[derive(Default)]
struct Fuse(AtomicBool);

impl<S: Subscriber> Layer<S> for Fuse {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let told = event.metadata().target().ends_with("segment::task") && *event.metadata().level() == Level::INFO;
        assert!(!told || self.0.swap(true, Ordering::Relaxed), "this panic is meant");
    }
}

fn publish(registry: &Arc<Registry>, name: &str) -> Session {
    let info = PublisherInfo { connection: 1, address: "127.0.0.1:5000".parse().unwrap(), protocol: "rtmp", encoder: None };
    let name = StreamName::parse(name).unwrap();
    let mut session = registry.publish(&name, info, Takeover::Reject, Instant::now(), wall::now()).unwrap();
    let record = Bytes::from_static(&[1, 0x64, 0, 0x2a, 0xff, 0xe0, 0]);
    let codec = Codec::Avc(AvcConfig { record, length_size: 4, shape: VideoShape::new(1280, 720) });
    let (epoch, tracks) = (session.stream().epoch(), TrackSet::new([Track::new(TrackId::VIDEO, codec)]));
    session.publisher().set_head(Arc::new(Program { epoch, tracks, metadata: Metadata::default() }), Why::Config).unwrap();
    session
}

/// Seven seconds of pictures, unless it is ended before. One at a time, as a segmenter begins with the newest keyframe.
async fn play(session: &mut Session) {
    for frame in 0..70 {
        let (dts, data) = (Timestamp::new(frame * 9_000, Timescale::VIDEO), Bytes::from(vec![frame as u8; 50]));
        if session.publisher().push(Sample { track: TrackId::VIDEO, dts, cts: 0, is_sync: frame % 20 == 0, data }).is_err() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_stream_whose_segmenter_panics_ends_and_is_made_anew_and_others_go_on() {
    let _log = tracing::subscriber::set_default(tracing_subscriber::registry().with(Fuse::default()));
    let registry = Registry::new(Options::default());
    let outlets = Outlets::new(feed::Options::default(), segment::options::Options::default(), None, Handle::current());
    let mut broken = publish(&registry, "live/broken");
    let outlet = outlets.of(broken.stream());
    play(&mut broken).await;
    assert!(outlet.shelf().settled(PATIENCE).await.is_ok(), "it told what it had made");
    let held = outlet.shelf().until(PATIENCE, |_| None::<()>).await;
    assert_eq!(held, Err(NotHeld::Over), "nobody is held for what will not come");
    assert_eq!(broken.revoked().await, Revoked::Failed);
    assert!(matches!(broken.stream().state(), State::Ended { why: End::Failed, .. }));

    let mut other = publish(&registry, "live/other");
    let shelf = outlets.of(other.stream());
    play(&mut other).await;
    assert!(shelf.shelf().settled(PATIENCE).await.is_ok());
    let mut anew = publish(&registry, "live/broken");
    assert!(!anew.resumed() && anew.stream().epoch() > broken.stream().epoch());
    let outlet = outlets.of(anew.stream());
    play(&mut anew).await;
    assert_eq!(outlet.shelf().settled(PATIENCE).await.unwrap().epoch, anew.stream().epoch());
    drop(broken);
    assert_eq!((anew.stream().state(), other.stream().state()), (State::Live, State::Live));
}
