//! Any bytes are a codec's configuration or an error inside them; one that is accepted reads back as itself, and so do frames.

use bytes::Bytes;
use sluicegate::media::VideoShape;
use sluicegate::media::codec::access_unit::{self, NalSets};
use sluicegate::media::codec::av1::{self, Announced};
use sluicegate::media::codec::vpx::{VpFrame, VpRecord, vp8_frame, vp9_frame};
use sluicegate::media::codec::{
    AacConfig, Ac3Config, Av1Config, AvcConfig, ConfigError, Eac3Config, FlacConfig, HevcConfig, Mp3Config, OpusConfig, VpConfig,
    VvcConfig, aac, ac3, mp3, opus,
};

pub fn run(data: &[u8]) {
    let read = |config: AvcConfig| (config.record.clone(), config.shape, config.rfc6381(), config.sets());
    let avc_sets = record("avc1.", data, |data| AvcConfig::parse(data).map(read));
    let read = |config: HevcConfig| (config.record.clone(), config.shape, config.rfc6381(), config.sets());
    let hevc_sets = record("hvc1.", data, |data| HevcConfig::parse(data).map(read));
    let read = |config: VvcConfig| (config.record.clone(), config.shape, config.rfc6381(), config.sets());
    let vvc_sets = record("vvc1.", data, |data| VvcConfig::parse(data).map(read));
    match AacConfig::parse(data) {
        Ok(config) => assert_eq!(AacConfig::parse(&config.record), Ok(config)),
        Err(error) => assert!(error.position <= data.len()),
    }
    if let Err(error) = Mp3Config::parse(data) {
        assert!(error.position <= data.len());
    }
    if let Ok(config) = OpusConfig::parse(data) {
        assert_eq!(OpusConfig::parse(&config.record), Ok(config.clone()));
        assert_eq!(config.dops().len(), config.record.len() - 8);
    }
    if let Ok(config) = FlacConfig::parse(data) {
        assert_eq!(FlacConfig::parse(&config.metadata_block()), Ok(config));
    }
    if let Ok(config) = Ac3Config::parse(data) {
        assert_eq!(config.record.len(), 3);
    }
    if let Ok(config) = Eac3Config::parse(data) {
        assert!((5..=42).contains(&config.record.len()));
    }
    assert!(opus::packet_samples(data).is_none_or(|samples| samples <= 5_760));
    let data = Bytes::copy_from_slice(data);
    assert_eq!(ac3::split(&data).concat(), data);
    assert!(mp3::split(&data).iter().map(Bytes::len).sum::<usize>() <= data.len());
    assert!(aac::strip_adts(&data).iter().map(Bytes::len).sum::<usize>() <= data.len());
    frames(&data, &avc_sets);
    frames(&data, &hevc_sets);
    frames(&data, &vvc_sets);
    av1(&data);
    vpx(&data);
}

/// A record is read back the same, and gives its parameter sets; none where it is refused.
fn record<S: NalSets>(prefix: &str, data: &[u8], parse: impl Fn(&[u8]) -> Result<(Bytes, VideoShape, String, S), ConfigError>) -> S {
    match parse(data) {
        Ok((record, shape, name, sets)) => {
            let again = parse(&record).expect("what we write is well formed");
            assert_eq!((again.0, again.1), (record, shape));
            assert!(name.starts_with(prefix), "{name}");
            sets
        }
        Err(error) => {
            assert!(error.position <= data.len());
            S::default()
        }
    }
}

/// An access unit in its canonical form is its own.
fn frames<S: NalSets + std::fmt::Debug>(data: &Bytes, sets: &S) {
    for length_size in [1, 2, 4] {
        let Ok(frame) = access_unit::canonical(data, length_size, sets) else { continue };
        let in_force = frame.sets.unwrap_or_else(|| sets.clone());
        let again = access_unit::canonical(&frame.data, 4, &in_force).expect("what we write is well formed");
        assert_eq!((again.data, again.is_sync, again.sets), (frame.data, frame.is_sync, None));
    }
}

fn av1(data: &Bytes) {
    for announced in [Av1Config::parse(data), Av1Config::parse_descriptor(data)] {
        match announced {
            Ok(Announced::Whole(config)) => {
                assert!(config.rfc6381().starts_with("av01."));
                assert_eq!(Av1Config::parse(&config.record), Ok(Announced::Whole(config)));
            }
            Ok(Announced::Bare) => {}
            Err(error) => assert!(error.position <= data.len()),
        }
    }
    if let Ok(unit) = av1::canonical(data) {
        let again = av1::canonical(&unit.data).expect("what we write is well formed");
        assert_eq!((again.data, again.is_key), (unit.data, unit.is_key));
        if let Some(Ok(config)) = unit.sequence_header.map(|header| Av1Config::from_sequence_header(&header)) {
            assert_eq!(Av1Config::from_sequence_header(&config.sequence_header()), Ok(config));
        }
    }
}

/// The first twelve bytes as a record, too, for the frame behind them.
fn vpx(data: &[u8]) {
    let (head, rest) = data.split_at(data.len().min(12));
    let announced = VpRecord::parse(head).ok();
    for frame in [vp8_frame(data), vp9_frame(data), vp8_frame(rest), vp9_frame(rest)] {
        match frame {
            Ok(VpFrame::Key(key)) => {
                let config = VpConfig::new(&key, announced.as_ref());
                let again = VpRecord::parse(&config.full_box()).expect("what we write is well formed");
                assert_eq!(VpConfig::new(&key, Some(&again)), config);
                assert!(config.rfc6381_vp9().len() == 28 && config.rfc6381_vp8().len() == 13);
            }
            Ok(VpFrame::Inter) => {}
            Err(error) => assert!(error.position <= data.len()),
        }
    }
}
