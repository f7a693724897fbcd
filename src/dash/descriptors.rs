//! Descriptors of sets and representations: a scheme, and a value in it.

use crate::media::{Captions, Codec, Track};

/// A descriptor's `@schemeIdUri` and `@value`.
pub(super) type Descriptor = (&'static str, String);

const PRIMARIES: &str = "urn:mpeg:mpegB:cicp:ColourPrimaries";
const TRANSFER: &str = "urn:mpeg:mpegB:cicp:TransferCharacteristics";
const MATRIX: &str = "urn:mpeg:mpegB:cicp:MatrixCoefficients";
const CHANNELS: &str = "urn:mpeg:mpegB:cicp:ChannelConfiguration";
const DOLBY_CHANNELS: &str = "tag:dolby.com,2014:dash:audio_channel_configuration:2011";
/// Sets between which players may switch, by their ids (DASH-IF IOP §3.8).
pub(super) const SWITCHING: &str = "urn:mpeg:dash:adaptation-set-switching:2016";
const CEA_608: &str = "urn:scte:dash:cc:cea-608:2015";
const CEA_708: &str = "urn:scte:dash:cc:cea-708:2015";

/// The `SupplementalProperty`s of a video track: its code points, where it has any (ISO/IEC 23091-2).
pub(super) fn colors(track: &Track) -> Vec<Descriptor> {
    let color = track.color;
    if !color.is_specified() {
        return Vec::new();
    }
    [(PRIMARIES, color.primaries), (TRANSFER, color.transfer), (MATRIX, color.matrix)]
        .map(|(scheme, code)| (scheme, code.to_string()))
        .into()
}

/// Whether two video tracks show their colours alike, so that a player may switch between them.
pub(super) fn same_colors(one: &Track, other: &Track) -> bool {
    colors(one) == colors(other)
}

/// The `Accessibility` of a video track: its captions, in a language that nobody told (SCTE 214-1 §7.6).
pub(super) fn captions(captions: Captions) -> Vec<Descriptor> {
    let channels: Vec<_> = captions.channels().map(|channel| format!("{channel}=und")).collect();
    let services: Vec<_> = captions.service_numbers().map(|number| format!("{number}=lang:und")).collect();
    let described = [(CEA_608, channels.join(";")), (CEA_708, services.join(";"))];
    described.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

/// The `AudioChannelConfiguration` of a sound track; `None` where the layout is not known.
pub(super) fn channels(track: &Track) -> Option<Descriptor> {
    let dolby = |map: u16| Some((DOLBY_CHANNELS, format!("{map:04X}")));
    match &track.codec {
        Codec::Ac3(config) => dolby(config.channel_map()),
        Codec::Eac3(config) => dolby(config.channel_map()),
        codec => {
            let told = track.channels.as_ref().and_then(|layout| layout.configuration());
            let configuration = told.or_else(|| usual_configuration(codec.audio()?.channels))?;
            Some((CHANNELS, configuration.to_string()))
        }
    }
}

/// Channels as an index of ISO/IEC 23091-3 where only their number is known; `None` where that does not tell the layout.
fn usual_configuration(channels: u8) -> Option<u8> {
    match channels {
        1..=6 => Some(channels),
        8 => Some(12),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::codec::{Ac3Config, AudioShape, OpusConfig};
    use crate::media::{ChannelLayout, TrackId};

    #[test]
    fn captions_are_named_by_channel_and_service() {
        let found = captions(Captions { carried: true, fields: [true, true], services: 0b11 });
        assert_eq!(found, [(CEA_608, "CC1=und;CC3=und".to_owned()), (CEA_708, "1=lang:und;2=lang:und".to_owned())]);
        assert!(captions(Captions { carried: true, ..Captions::default() }).is_empty());
    }

    #[test]
    fn channels_are_told_by_layout_or_else_by_number_and_for_dolby_by_map() {
        let opus = |count| Track::new(TrackId::AUDIO, Codec::Opus(OpusConfig::of_channels(count)));
        assert_eq!(channels(&opus(6)), Some((CHANNELS, "6".to_owned())));
        assert_eq!(channels(&opus(8)), Some((CHANNELS, "12".to_owned())));
        assert_eq!(channels(&opus(7)), None);
        let wide = Track { channels: ChannelLayout::of_mask(0xFF), ..opus(8) };
        assert_eq!(channels(&wide), Some((CHANNELS, "7".to_owned())));
        let shape = AudioShape { sample_rate: 48_000, channels: 6, frame_samples: 1_536 };
        let five_one = Ac3Config { record: vec![0x10, 0x3D, 0xC0].into(), shape };
        assert_eq!(channels(&Track::new(TrackId::AUDIO, Codec::Ac3(five_one))), Some((DOLBY_CHANNELS, "F801".to_owned())));
    }
}
