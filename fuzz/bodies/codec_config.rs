//! Any bytes are a codec's configuration or an error inside them; one that is accepted reads back as itself, and so do frames.

use bytes::Bytes;
use sluicegate::media::codec::avc::{self, ParameterSets};
use sluicegate::media::codec::hevc;
use sluicegate::media::codec::{
    AacConfig, Ac3Config, AvcConfig, Eac3Config, FlacConfig, HevcConfig, Mp3Config, OpusConfig, aac, ac3, mp3, opus,
};

pub fn run(data: &[u8]) {
    let sets = match AvcConfig::parse(data) {
        Ok(config) => {
            let again = AvcConfig::parse(&config.record).expect("what we write is well formed");
            assert_eq!((&again.record, again.shape), (&config.record, config.shape));
            assert!(config.rfc6381().starts_with("avc1."));
            config.sets()
        }
        Err(error) => {
            assert!(error.position <= data.len());
            ParameterSets::default()
        }
    };
    match AacConfig::parse(data) {
        Ok(config) => assert_eq!(AacConfig::parse(&config.record), Ok(config)),
        Err(error) => assert!(error.position <= data.len()),
    }
    if let Err(error) = Mp3Config::parse(data) {
        assert!(error.position <= data.len());
    }
    let hevc_sets = match HevcConfig::parse(data) {
        Ok(config) => {
            let again = HevcConfig::parse(&config.record).expect("what we write is well formed");
            assert_eq!((&again.record, again.shape), (&config.record, config.shape));
            assert!(config.rfc6381().starts_with("hvc1."));
            config.sets()
        }
        Err(error) => {
            assert!(error.position <= data.len());
            hevc::ParameterSets::default()
        }
    };
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
    for length_size in [1, 2, 4] {
        let Ok(frame) = avc::canonical(&data, length_size, &sets) else { continue };
        let in_force = frame.sets.unwrap_or_else(|| sets.clone());
        let again = avc::canonical(&frame.data, 4, &in_force).expect("what we write is well formed");
        assert_eq!((again.data, again.is_sync, again.sets), (frame.data, frame.is_sync, None));
    }
    for length_size in [1, 2, 4] {
        let Ok(frame) = hevc::canonical(&data, length_size, &hevc_sets) else { continue };
        let in_force = frame.sets.unwrap_or_else(|| hevc_sets.clone());
        let again = hevc::canonical(&frame.data, 4, &in_force).expect("what we write is well formed");
        assert_eq!((again.data, again.is_sync, again.sets), (frame.data, frame.is_sync, None));
    }
}
