//! Sample entries (ISO/IEC 14496-12 §8.5.2): how each codec is announced in an init segment.

use mp4_atom::Encode;
use mp4_atom::esds::{DecoderConfig, DecoderSpecific, EsDescriptor, Esds};

use super::boxes::{FourCc, close, open};
use super::error::Error;
use crate::media::codec::{AudioShape, Codec, VideoShape};
use crate::media::{Track, TrackId};

/// Object type indications of the `esds` (registered at mp4ra.org).
mod object_type {
    pub const MPEG4_AUDIO: u8 = 0x40;
    pub const MPEG2_PART3: u8 = 0x69;
    pub const MPEG1_PART3: u8 = 0x6b;
}

/// The `streamType` of sound in a decoder configuration (ISO/IEC 14496-1 §7.2.6.6).
const AUDIO_STREAM: u8 = 5;
/// The sample size that the template calls for where the codec has none of its own.
const SAMPLE_BITS: u16 = 16;
/// MPEG-1 audio has no rate below this one; MPEG-2 has no higher.
const LOWEST_MPEG1_RATE: u32 = 32_000;

/// Whether there is a sample entry for the codec: for all but script data.
pub fn is_carried(codec: &Codec) -> bool {
    !matches!(codec, Codec::Script)
}

/// Writes the one sample entry of the track.
pub(super) fn write(out: &mut Vec<u8>, track: &Track) -> Result<(), Error> {
    match &track.codec {
        Codec::Avc(config) => picture_entry(out, track, *b"avc1", config.shape, *b"avcC", &config.record),
        Codec::Hevc(config) => picture_entry(out, track, *b"hvc1", config.shape, *b"hvcC", &config.record),
        Codec::Av1(config) => picture_entry(out, track, *b"av01", config.shape, *b"av1C", &config.record),
        Codec::Vp8(config) => picture_entry(out, track, *b"vp08", config.shape, *b"vpcC", &config.full_box()),
        Codec::Vp9(config) => picture_entry(out, track, *b"vp09", config.shape, *b"vpcC", &config.full_box()),
        Codec::Vvc(config) => picture_entry(out, track, *b"vvc1", config.shape, *b"vvcC", &full_box(&config.record)),
        Codec::Aac(config) => mp4a(out, config.shape, object_type::MPEG4_AUDIO, Some(&config.record)),
        Codec::Mp3(config) => {
            let mpeg1 = config.shape.sample_rate >= LOWEST_MPEG1_RATE;
            mp4a(out, config.shape, if mpeg1 { object_type::MPEG1_PART3 } else { object_type::MPEG2_PART3 }, None)
        }
        Codec::Opus(config) => sound_entry(out, *b"Opus", config.shape, SAMPLE_BITS, *b"dOps", &config.dops()),
        Codec::Flac(config) => {
            let body = full_box(&config.metadata_block());
            sound_entry(out, *b"fLaC", config.shape, config.bits_per_sample.into(), *b"dfLa", &body)
        }
        Codec::Ac3(config) => sound_entry(out, *b"ac-3", config.shape, SAMPLE_BITS, *b"dac3", &config.record),
        Codec::Eac3(config) => sound_entry(out, *b"ec-3", config.shape, SAMPLE_BITS, *b"dec3", &config.record),
        Codec::Script => Err(Error::NoSampleEntry { track: track.id, codec: track.codec.name() }),
    }
}

/// The body of a FullBox of version 0 without flags.
fn full_box(body: &[u8]) -> Vec<u8> {
    [&[0; 4], body].concat()
}

/// A visual sample entry with its configuration box, and what is known of its colours.
fn picture_entry(out: &mut Vec<u8>, track: &Track, kind: FourCc, shape: VideoShape, config: FourCc, body: &[u8]) -> Result<(), Error> {
    let (width, height) = picture_size(track.id, shape.width, shape.height)?;
    let entry = open(out, kind);
    visual(out, width, height);
    leaf(out, config, body);
    colors(out, track);
    close(out, entry);
    Ok(())
}

/// The boxes of colour and HDR (ISO/IEC 14496-12 §12.1.5, §12.1.6, §12.1.7): only of what is known, for players take them over the
/// bitstream. A display whose colours are not told has no box, which has no way to leave them out.
///
/// By hand, because the library knows neither `mdcv` nor `clli`.
fn colors(out: &mut Vec<u8>, track: &Track) {
    let color = track.color;
    if color.is_specified() {
        let this = open(out, *b"colr");
        out.extend_from_slice(b"nclx");
        for code in [color.primaries, color.transfer, color.matrix] {
            out.extend_from_slice(&u16::from(code).to_be_bytes());
        }
        out.push(u8::from(color.full_range) << 7);
        close(out, this);
    }
    if let Some(display) = track.hdr.mastering.filter(|display| display.colors.is_some()) {
        leaf(out, *b"mdcv", &display.to_bytes());
    }
    if let Some(light) = track.hdr.light {
        leaf(out, *b"clli", &light.to_bytes());
    }
}

/// The size as the 16-bit fields of the sample entry hold it.
pub(super) fn picture_size(track: TrackId, width: u32, height: u32) -> Result<(u16, u16), Error> {
    let fits = |pixels: u32| u16::try_from(pixels).ok().filter(|pixels| *pixels > 0);
    fits(width).zip(fits(height)).ok_or(Error::PictureSize { track, width, height })
}

/// The fields of a VisualSampleEntry, before its child boxes (§12.1.3).
///
/// By hand, because the library's entries take no children beyond those it knows.
fn visual(out: &mut Vec<u8>, width: u16, height: u16) {
    const RESOLUTION_72_DPI: u32 = 72 << 16;
    const COLOUR_WITHOUT_ALPHA: u16 = 24;
    out.extend_from_slice(&[0; 6]);
    out.extend_from_slice(&1u16.to_be_bytes()); // data_reference_index
    out.extend_from_slice(&[0; 16]);
    out.extend_from_slice(&width.to_be_bytes());
    out.extend_from_slice(&height.to_be_bytes());
    out.extend_from_slice(&RESOLUTION_72_DPI.to_be_bytes());
    out.extend_from_slice(&RESOLUTION_72_DPI.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&1u16.to_be_bytes()); // frame_count
    out.extend_from_slice(&[0; 32]); // compressorname
    out.extend_from_slice(&COLOUR_WITHOUT_ALPHA.to_be_bytes());
    out.extend_from_slice(&u16::MAX.to_be_bytes()); // pre_defined = -1
}

fn mp4a(out: &mut Vec<u8>, shape: AudioShape, object_type_indication: u8, config: Option<&[u8]>) -> Result<(), Error> {
    let entry = open(out, *b"mp4a");
    sound(out, shape, SAMPLE_BITS);
    let dec_specific = config.map(|raw| DecoderSpecific { raw: raw.to_vec(), ..Default::default() });
    let dec_config = DecoderConfig { object_type_indication, stream_type: AUDIO_STREAM, dec_specific, ..Default::default() };
    Esds { es_desc: EsDescriptor { dec_config, ..Default::default() } }.encode(out)?;
    close(out, entry);
    Ok(())
}

/// A sample entry with its configuration box.
fn sound_entry(out: &mut Vec<u8>, kind: FourCc, shape: AudioShape, bits: u16, config: FourCc, body: &[u8]) -> Result<(), Error> {
    let entry = open(out, kind);
    sound(out, shape, bits);
    leaf(out, config, body);
    close(out, entry);
    Ok(())
}

/// The fields of an AudioSampleEntry version 0, before its child boxes (§12.2.3).
fn sound(out: &mut Vec<u8>, shape: AudioShape, bits: u16) {
    out.extend_from_slice(&[0; 6]);
    out.extend_from_slice(&1u16.to_be_bytes()); // data_reference_index
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&u16::from(shape.channels).to_be_bytes());
    out.extend_from_slice(&bits.to_be_bytes()); // samplesize
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&(representable_rate(shape.sample_rate) << 16).to_be_bytes());
}

/// The sample rate as the 16.16 field can hold it: 96000 is written as 48000 there, and players take the true one from elsewhere.
fn representable_rate(mut hz: u32) -> u32 {
    while hz > u32::from(u16::MAX) {
        hz /= 2;
    }
    hz
}

fn leaf(out: &mut Vec<u8>, kind: FourCc, body: &[u8]) {
    let this = open(out, kind);
    out.extend_from_slice(body);
    close(out, this);
}
