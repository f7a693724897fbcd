//! What is muxed and read again is the same.

use proptest::prelude::*;

use super::*;
use crate::media::codec::{AacConfig, AvcConfig};

#[derive(Clone, Debug)]
struct Shot {
    video: bool,
    dts: u32,
    cts: i32,
    is_sync: bool,
    payload: Vec<u8>,
}

fn shot() -> impl Strategy<Value = Shot> {
    let payload = prop::collection::vec(any::<u8>(), 1..40);
    (any::<bool>(), 0u32..1 << 31, -0x80_0000i32..0x80_0000, any::<bool>(), payload).prop_map(|(video, dts, cts, is_sync, payload)| Shot {
        video,
        dts,
        cts,
        is_sync,
        payload,
    })
}

impl Shot {
    fn sample(&self) -> Sample {
        let (track, is_sync, data) = if self.video {
            let header = if self.is_sync { 0x65 } else { 0x41 };
            let length = (self.payload.len() as u32 + 1).to_be_bytes();
            (TrackId::VIDEO, self.is_sync, [&length[..], &[header], &self.payload].concat())
        } else {
            // No element of a raw access unit begins with these bits, but ADTS does.
            (TrackId::AUDIO, true, [&[0x21][..], &self.payload].concat())
        };
        let cts = if self.video { self.cts } else { 0 };
        Sample { track, dts: Timestamp::from_millis(self.dts.into()), cts, is_sync, data: data.into() }
    }
}

proptest! {
    #[test]
    fn samples_survive_tags_in_pieces_of_any_size(shots in prop::collection::vec(shot(), 1..20), piece in 1usize..50) {
        let video = track(TrackId::VIDEO, 1000, Codec::Avc(AvcConfig::parse(goldens::avcc()).unwrap()));
        let audio = track(TrackId::AUDIO, 1000, Codec::Aac(AacConfig::parse(&[0x11, 0x90]).unwrap()));
        let tracks = TrackSet::new([video, audio]);
        let muxer = muxer(FlvVariant::default(), tracks.iter().map(|track| Track::clone(track)));
        let mut bytes = BytesMut::new();
        muxer.file_header().write(&mut bytes);
        for body in muxer.preamble() {
            body.write_tag(0, &mut bytes);
        }
        for sample in shots.iter().map(Shot::sample) {
            bytes.extend_from_slice(&muxer.sample(&sample).unwrap().to_tag(muxer.timestamp(&sample), 0));
        }

        let mut reader = Reader::default();
        let mut demuxer = Demuxer::new();
        let mut found = Vec::new();
        for piece in bytes.chunks(piece) {
            reader.push(piece);
            while let Some(event) = reader.poll().unwrap() {
                if let Event::Tag { kind, timestamp_ms, body } = event {
                    found.extend(items(&mut demuxer, kind, timestamp_ms, &body));
                }
            }
        }
        prop_assert_eq!(reader.wrong_trailers(), 0);
        let mut found = found.into_iter();
        let first = matches!(found.next(), Some(Item::Metadata { .. }));
        prop_assert!(first);
        for track in tracks.iter() {
            prop_assert_eq!(found.next(), Some(Item::Config { track: track.id, codec: track.codec.clone() }));
        }
        for sample in shots.iter().map(Shot::sample) {
            let Sample { track, dts, cts, is_sync, data } = sample;
            let dts_ms = dts.millis() as u32;
            prop_assert_eq!(found.next(), Some(Item::Coded { track, dts_ms, cts_ms: cts, extra_nanos: 0, is_sync, data }));
        }
        prop_assert_eq!(found.next(), None);
    }

    #[test]
    fn presentation_times_are_rounded_from_themselves(dts in 0i64..1_000_000_000, cts in 0i32..1_000_000) {
        let sample = Sample { track: TrackId::VIDEO, dts: Timestamp::new(dts, Timescale::VIDEO), cts, is_sync: true, data: Bytes::new() };
        let WireTime { timestamp_ms, cts_ms, .. } = WireTime::of(&sample);
        prop_assert_eq!(i64::from(timestamp_ms) + i64::from(cts_ms), sample.pts().millis());
    }
}

#[test]
fn timestamps_begin_afresh_before_players_would_read_them_as_negative() {
    let at = |millis| mux::timestamp(Timestamp::from_millis(millis));
    assert_eq!([at(-5), at(0), at(0x7FFF_FFFF), at(0x8000_0000), at(0x8000_0028)], [0, 0, 0x7FFF_FFFF, 0, 40]);
}
