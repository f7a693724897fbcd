//! Several tracks of one kind.

use super::*;
use crate::media::Kind;

const fn v(index: u8) -> TrackId {
    TrackId { kind: Kind::Video, index }
}

const fn a(index: u8) -> TrackId {
    TrackId { kind: Kind::Audio, index }
}

/// The same media as a body of one further track (Enhanced RTMP, OneTrack).
fn on(track: TrackId, body: &[u8]) -> Vec<u8> {
    let (packet_type, payload) = match track.kind {
        Kind::Video if body[1] == 0 => (0, &body[5..]),
        Kind::Video => (1, &body[2..]),
        _ => (body[1], &body[2..]),
    };
    let (first, codec) = match track.kind {
        Kind::Video => (0x80 | (body[0] & 0x70) | 6, b"avc1"),
        _ => (0x95, b"mp4a"),
    };
    [&[first, packet_type][..], codec, &[track.index], payload].concat()
}

impl Bench {
    /// Sends a body on a track other than the default one.
    fn send_on(&mut self, track: TrackId, timestamp: u32, body: &[u8]) {
        let kind = if track.kind == Kind::Video { V } else { A };
        self.send(kind, timestamp, &on(track, body));
    }

    /// Two video and two audio tracks, all configured before the first frame.
    fn ladder() -> Self {
        let mut bench = Self::new();
        bench.send(V, 0, VIDEO_CONFIG);
        bench.send(A, 0, AUDIO_CONFIG);
        bench.send_on(v(1), 0, VIDEO_CONFIG);
        bench.send_on(a(1), 0, AUDIO_CONFIG);
        bench
    }

    fn tracks(&self) -> Vec<String> {
        let program = self.program().unwrap();
        program.tracks.iter().map(|track| track.id.to_string()).collect()
    }

    /// What the reader finds, without sound.
    fn read_pictures(&mut self) -> Vec<Result<(TrackId, i64), Why>> {
        let mut found = self.read();
        found.retain(|found| found.is_err() || found.is_ok_and(|(track, _)| track.kind == Kind::Video));
        found
    }
}

#[test]
fn all_tracks_travel_under_one_head_when_their_configurations_come_first() {
    let mut bench = Bench::ladder();
    assert!(bench.program().is_none(), "the tracks are only complete when the first frame comes");
    bench.send(V, 0, KEY);
    bench.send_on(v(1), 0, KEY);
    bench.send(A, 0, AUDIO);
    bench.send_on(a(1), 0, AUDIO);
    bench.send(V, 40, DELTA);
    bench.send_on(v(1), 40, DELTA);
    let expected = [Err(Why::Joined), Ok((v(0), 0)), Ok((v(1), 0)), Ok((a(0), 0)), Ok((a(1), 0)), Ok((v(0), 40)), Ok((v(1), 40))];
    assert_eq!(bench.read(), expected);
    assert_eq!(bench.tracks(), ["v0", "v1", "a0", "a1", "d0"]);
}

#[test]
fn a_viewer_joins_at_the_leading_track_whatever_comes_first() {
    let mut bench = Bench::ladder();
    bench.send_on(v(1), 0, KEY);
    bench.send_on(v(1), 40, DELTA);
    bench.send(V, 40, DELTA);
    assert!(bench.program().is_none(), "the leading track has nothing to show yet");
    bench.send_on(v(1), 400, DELTA);
    bench.send(V, 400, KEY);
    bench.send_on(v(1), 440, KEY);
    // The other track's pictures from before the start are gone, and those that need them.
    assert_eq!(bench.read(), [Err(Why::Joined), Ok((v(0), 0)), Ok((v(1), 40))]);
}

#[test]
fn a_keyframe_shown_with_the_leading_one_but_decoded_earlier_is_kept() {
    let mut bench = Bench::ladder();
    // Track 1 has B-frames: its keyframe is shown 80 ms after it is decoded.
    bench.send_on(v(1), 0, LATE_KEY);
    bench.send_on(v(1), 40, DELTA);
    bench.send(V, 80, KEY);
    bench.send_on(v(1), 80, DELTA);
    let expected = [Err(Why::Joined), Ok((v(0), 80)), Ok((v(1), 0)), Ok((v(1), 40)), Ok((v(1), 80))];
    assert_eq!(bench.read(), expected);
}

#[test]
fn a_track_that_metadata_announces_is_waited_for() {
    let maps = amf0::object([
        ("videocodecid", 7.0.into()),
        ("audiocodecid", 10.0.into()),
        ("videoTrackIdInfoMap", amf0::object([("1", amf0::object([("framerate", 12.5.into())]))])),
        ("audioTrackIdInfoMap", amf0::object([("1", amf0::object([("language", "de".into()), ("name", "Deutsch".into())]))])),
    ]);
    let mut bench = Bench::new();
    bench.send(S, 0, &amf0::encode(&["onMetaData".into(), maps]));
    // Each configuration comes just before its track's first frame.
    bench.send(V, 0, VIDEO_CONFIG);
    bench.send(V, 0, KEY);
    bench.send(A, 0, AUDIO_CONFIG);
    bench.send(A, 0, AUDIO);
    bench.send_on(v(1), 0, VIDEO_CONFIG);
    bench.send_on(v(1), 0, KEY);
    assert!(bench.program().is_none());
    bench.send_on(a(1), 0, AUDIO_CONFIG);
    bench.send_on(a(1), 0, AUDIO);
    assert_eq!(bench.read(), [Err(Why::Joined), Ok((v(0), 0)), Ok((a(0), 0)), Ok((v(1), 0)), Ok((a(1), 0))]);
    let program = bench.program().unwrap();
    let sound = program.tracks.get(a(1)).unwrap();
    assert_eq!((sound.language.as_deref(), sound.name.as_deref()), (Some("de"), Some("Deutsch")));
    assert_eq!(program.tracks.get(a(0)).unwrap().language, None);
}

#[test]
fn an_announced_track_that_never_comes_holds_the_others_for_the_settle_time_only() {
    let maps = amf0::object([("videocodecid", 7.0.into()), ("videoTrackIdInfoMap", amf0::object([("1", amf0::Value::Null)]))]);
    let mut bench = Bench::new();
    bench.send(S, 0, &amf0::encode(&["onMetaData".into(), maps]));
    bench.send(V, 0, VIDEO_CONFIG);
    bench.send(A, 0, AUDIO_CONFIG);
    bench.send(V, 0, KEY);
    bench.wait(900);
    bench.send(V, 40, DELTA);
    assert!(bench.program().is_none());
    bench.wait(100);
    bench.send(V, 80, DELTA);
    assert_eq!(bench.tracks(), ["v0", "a0", "d0"]);
}

#[test]
fn a_late_track_gets_a_head_and_begins_at_its_own_keyframe() {
    let mut bench = Bench::live();
    bench.send_on(v(1), 40, VIDEO_CONFIG);
    bench.send_on(v(1), 40, DELTA);
    bench.send(V, 40, DELTA);
    bench.send_on(v(1), 80, KEY);
    assert_eq!(bench.read(), [Err(Why::Joined), Ok((v(0), 0)), Err(Why::Config), Ok((v(0), 40)), Ok((v(1), 80))]);
}

#[test]
fn a_changed_configuration_of_one_track_makes_only_that_one_wait_for_a_keyframe() {
    let mut bench = Bench::ladder();
    bench.send(V, 0, KEY);
    bench.send_on(v(1), 0, KEY);
    let mut other = VIDEO_CONFIG.to_vec();
    other[8] = 0x0B;
    other[16] = 0x0B;
    bench.send_on(v(1), 40, &other);
    bench.send_on(v(1), 40, DELTA);
    bench.send(V, 40, DELTA);
    bench.send_on(v(1), 80, KEY);
    let expected = [Err(Why::Joined), Ok((v(0), 0)), Ok((v(1), 0)), Err(Why::Config), Ok((v(0), 40)), Ok((v(1), 80))];
    assert_eq!(bench.read(), expected);
}

#[test]
fn after_a_jump_every_video_track_waits_for_its_keyframe_and_one_break_is_told() {
    let mut bench = Bench::ladder();
    bench.send(V, 0, KEY);
    bench.send_on(v(1), 0, KEY);
    bench.read();
    for (stamp, body) in [(7_200_000, DELTA), (7_200_040, DELTA), (7_200_080, KEY)] {
        bench.send(V, stamp, body);
        bench.send_on(v(1), stamp, body);
    }
    let found = bench.read();
    assert_eq!(found.iter().filter(|found| found.is_err()).count(), 1, "{found:?}");
    let tracks: Vec<_> = found.iter().flatten().map(|(track, _)| *track).skip_while(|track| *track == v(0)).collect();
    assert_eq!(found.first().map(Result::is_err), Some(false), "one wild timestamp is taken for dirt: {found:?}");
    assert!(tracks.ends_with(&[v(1)]), "{found:?}");
}

#[test]
fn a_video_track_that_stops_leaves_the_program_and_comes_back_at_a_keyframe() {
    let mut bench = Bench::ladder();
    bench.send(V, 0, KEY);
    bench.send_on(v(1), 0, KEY);
    for n in 1..300 {
        bench.wait(40);
        bench.send_on(v(1), n * 40, if n % 50 == 0 { KEY } else { DELTA });
        bench.read();
    }
    assert_eq!(bench.tracks(), ["v1", "a0", "a1", "d0"], "who joins now is not kept waiting for the track that stopped");
    bench.send(V, 12_000, DELTA);
    bench.send(V, 12_040, KEY);
    bench.send(V, 12_080, DELTA);
    assert_eq!(bench.read(), [Err(Why::Config), Ok((v(0), 12_040)), Ok((v(0), 12_080))]);
    assert_eq!(bench.tracks(), ["v0", "v1", "a0", "a1", "d0"]);
}

#[test]
fn a_leading_track_that_never_shows_a_picture_gives_way() {
    let mut bench = Bench::ladder();
    for n in 0..=250 {
        bench.send_on(v(1), n * 40, if n % 50 == 0 { KEY } else { DELTA });
        bench.wait(40);
    }
    assert_eq!(bench.tracks(), ["v1", "a0", "a1", "d0"]);
    assert_eq!(bench.read_pictures().first(), Some(&Err(Why::Joined)));
}

#[test]
fn a_reconnect_goes_on_with_all_tracks_anchored_together() {
    let mut bench = Bench::ladder();
    bench.send(V, 0, KEY);
    bench.send_on(v(1), 0, KEY);
    bench.read();
    bench.wait(3_000);
    bench.reconnect();
    bench.send(V, 500_000, VIDEO_CONFIG);
    bench.send(A, 500_000, AUDIO_CONFIG);
    bench.send_on(v(1), 500_000, VIDEO_CONFIG);
    bench.send(V, 500_000, KEY);
    bench.send_on(v(1), 500_000, KEY);
    let found = bench.read();
    let [Err(Why::Break(Cause::Publisher)), Ok((one, at)), Ok((other, too))] = found[..] else { panic!("{found:?}") };
    assert_eq!((one, other, at), (v(0), v(1), too));
}

#[test]
fn colours_told_without_a_track_hold_for_further_tracks_of_the_codec_that_tell_none() {
    let mut bench = Bench::ladder();
    let pq = notes::color_info(16.0);
    bench.send(V, 0, &pq);
    bench.send(V, 0, KEY);
    bench.send_on(v(1), 0, KEY);
    let transfers = |bench: &Bench| [v(0), v(1)].map(|id| bench.program().unwrap().tracks.get(id).unwrap().color.transfer);
    assert_eq!(transfers(&bench), [16, 16]);
    bench.read();
    bench.send(V, 0, &notes::color_info(18.0));
    bench.send(V, 40, DELTA);
    bench.send_on(v(1), 40, DELTA);
    assert_eq!(transfers(&bench), [18, 18]);
    assert_eq!(bench.read_pictures(), [Err(Why::Config)], "both begin anew at a key frame");
    let own = [&b"\x86\x04avc1\x01"[..], &pq[5..]].concat();
    bench.send(V, 0, &own);
    assert_eq!(transfers(&bench), [18, 16], "its own word wins");
}
