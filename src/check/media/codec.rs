//! The name of a codec as its sample entry tells it (RFC 6381), whoever wrote the entry.

use crate::fmp4::boxes::FourCc;
use crate::media::codec::{HevcConfig, VvcConfig};

/// Bytes of version and flags before the fields of a FullBox.
const FULL: usize = 4;
/// Descriptor tags of an `esds` (ISO/IEC 14496-1 §7.2.2.1).
const ES: u8 = 3;
const DECODER_CONFIG: u8 = 4;
const DECODER_SPECIFIC: u8 = 5;
/// Bytes of an ES_Descriptor before its children, where no flag brings more, and of a DecoderConfigDescriptor.
const ES_FIELDS: usize = 3;
const DECODER_FIELDS: usize = 13;
/// Object type indications (registered at mp4ra.org).
const MPEG4_AUDIO: u8 = 0x40;
const MPEG_LAYERS: [u8; 2] = [0x69, 0x6b];
/// The object type that says that the true one follows in six bits (ISO/IEC 14496-3 §1.6.2.1).
const ESCAPE: u8 = 31;

/// The `codecs` parameter of a sample entry of type `entry` whose first box is `config`; `None` for what is not known, such as an encrypted
/// track.
pub fn name(entry: FourCc, config: Option<&(FourCc, Vec<u8>)>) -> Option<String> {
    let kind = std::str::from_utf8(&entry).ok()?;
    match kind {
        "ac-3" | "ec-3" | "fLaC" | "Opus" | "wvtt" | "stpp" => return Some(kind.to_owned()),
        _ => {}
    }
    let (config_kind, body) = config?;
    let byte = |at: usize| body.get(at).copied();
    match (kind, config_kind) {
        ("avc1" | "avc3", b"avcC") => Some(format!("{kind}.{:02x}{:02x}{:02x}", byte(1)?, byte(2)?, byte(3)?)),
        ("hvc1" | "hev1", b"hvcC") => renamed(kind, &HevcConfig::parse(body).ok()?.rfc6381()),
        ("vvc1" | "vvi1", b"vvcC") => renamed(kind, &VvcConfig::parse(body.get(FULL..)?).ok()?.rfc6381()),
        ("av01", b"av1C") => {
            let (level, depth) = (byte(1)?, byte(2)?);
            let profile = level >> 5;
            let tier = if depth & 0x80 == 0 { 'M' } else { 'H' };
            let bits = match (depth & 0x40 != 0, depth & 0x20 != 0) {
                (false, _) => 8,
                (true, false) => 10,
                (true, true) => 12,
            };
            Some(format!("av01.{profile}.{:02}{tier}.{bits:02}", level & 0x1f))
        }
        ("vp08" | "vp09", b"vpcC") => Some(format!("{kind}.{:02}.{:02}.{:02}", byte(FULL)?, byte(FULL + 1)?, byte(FULL + 2)? >> 4)),
        ("mp4a", b"esds") => mpeg4_audio(body.get(FULL..)?),
        _ => None,
    }
}

/// The name behind another first word: what is in band changes the sample entry and nothing else.
fn renamed(kind: &str, name: &str) -> Option<String> {
    name.split_once('.').map(|(_, rest)| format!("{kind}.{rest}"))
}

/// `mp4a.40.2` and its like, from the descriptors of an `esds`.
fn mpeg4_audio(esds: &[u8]) -> Option<String> {
    let config = descriptor(descriptor(esds, ES)?.get(ES_FIELDS..)?, DECODER_CONFIG)?;
    match config.first()? {
        &MPEG4_AUDIO => {
            let specific = descriptor(config.get(DECODER_FIELDS..)?, DECODER_SPECIFIC)?;
            let first = specific.first()? >> 3;
            let extended = || Some(32 + ((specific.first()? & 7) << 3 | specific.get(1)? >> 5));
            let object_type = if first == ESCAPE { extended()? } else { first };
            Some(format!("mp4a.40.{object_type}"))
        }
        other if MPEG_LAYERS.contains(other) => Some("mp4a.40.34".to_owned()),
        other => Some(format!("mp4a.{other:02x}")),
    }
}

/// The body of the first descriptor, which must have that tag. Its length has up to four bytes of seven bits.
fn descriptor(data: &[u8], tag: u8) -> Option<&[u8]> {
    let (first, mut rest) = data.split_first()?;
    if *first != tag {
        return None;
    }
    let mut length = 0;
    for _ in 0..4 {
        let (byte, behind) = rest.split_first()?;
        rest = behind;
        length = length << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    rest.get(..length)
}

/// Whether a declared name means the codec that the boxes tell. The declared one may leave out what is optional behind the first fields, and
/// letters of hexadecimal numbers may be large or small.
pub fn agrees(declared: &str, told: &str) -> bool {
    let fold = |name: &str| match name.to_ascii_lowercase().as_str() {
        "mp4a.6b" | "mp4a.69" | "mp3" => "mp4a.40.34".to_owned(),
        other => other.to_owned(),
    };
    let (declared, told) = (fold(declared), fold(told));
    let longer = |a: &str, b: &str| a == b || a.strip_prefix(b).is_some_and(|rest| rest.starts_with('.'));
    longer(&declared, &told) || longer(&told, &declared)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(entry: &[u8; 4], kind: &[u8; 4], body: &[u8]) -> Option<String> {
        name(*entry, Some(&(*kind, body.to_vec())))
    }

    #[test]
    fn each_configuration_tells_its_codec() {
        assert_eq!(told(b"avc3", b"avcC", &[1, 0x64, 0, 0x1f]).unwrap(), "avc3.64001f");
        assert_eq!(told(b"av01", b"av1C", &[0x81, 0x08, 0x0c, 0]).unwrap(), "av01.0.08M.08");
        assert_eq!(told(b"av01", b"av1C", &[0x81, 0x4d, 0xec, 0]).unwrap(), "av01.2.13H.12");
        assert_eq!(told(b"vp09", b"vpcC", &[1, 0, 0, 0, 2, 41, 0xa2]).unwrap(), "vp09.02.41.10");
        assert_eq!(name(*b"Opus", None).unwrap(), "Opus");
        let esds = |object: u8, specific: &[u8]| {
            let mut body = vec![0, 0, 0, 0, 3, 0x80, 0x80, 0x80, 0x22, 0, 1, 0, 4, 0x11, object];
            body.extend([0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, specific.len() as u8]);
            body.extend(specific);
            body.resize(60, 0);
            body
        };
        assert_eq!(told(b"mp4a", b"esds", &esds(0x40, &[0x12, 0x10])).unwrap(), "mp4a.40.2");
        assert_eq!(told(b"mp4a", b"esds", &esds(0x40, &[0xf9, 0x40])).unwrap(), "mp4a.40.42");
        assert_eq!(told(b"mp4a", b"esds", &esds(0x6b, &[])).unwrap(), "mp4a.40.34");
        assert_eq!(told(b"encv", b"avcC", &[1, 0x64, 0, 0x1f]), None);
        assert_eq!(told(b"avc1", b"avcC", &[1, 0x64]), None, "cut short");
    }

    #[test]
    fn a_declared_name_may_be_shorter_and_in_other_letters() {
        assert!(agrees("avc1.64001F", "avc1.64001f") && agrees("vp09.00.10.08", "vp09.00.10.08") && agrees("mp4a.6B", "mp4a.40.34"));
        assert!(agrees("av01.0.08M.08.0.110.01.01.01.0", "av01.0.08M.08") && agrees("opus", "Opus"));
        assert!(!agrees("avc1.64001f", "avc1.640028") && !agrees("mp4a.40.2", "mp4a.40.29") && !agrees("avc1.64001f", "avc3.64001f"));
    }
}
