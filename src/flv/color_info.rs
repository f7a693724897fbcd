//! The Metadata packet of Enhanced RTMP v2: what pictures' numbers mean, for players that cannot learn it from the container.

use bytes::{Bytes, BytesMut};

use crate::amf0::{self, Value, object};
use crate::media::Track;
use crate::media::color::VideoRange;

/// Chromaticities are kept in 0.00002 and told as they are; luminance is kept in 0.0001 cd/m² and told in cd/m².
const CHROMATICITY: f64 = 0.000_02;
const LUMINANCE: f64 = 0.000_1;

/// The packet's AMF0 values (name, then value) for HDR tracks; none for others, whose bitstream says all there is.
pub(super) fn body(track: &Track) -> Option<Bytes> {
    let is_hdr = matches!(track.color.range(), Some(VideoRange::Pq | VideoRange::Hlg)) || !track.hdr.is_empty();
    if !is_hdr {
        return None;
    }
    let mut groups: Vec<(String, Value)> = Vec::with_capacity(3);
    let mut put = |name: &str, value| groups.push((name.to_owned(), value));
    if track.color.is_specified() || track.color.bit_depth.is_some() {
        let color = track.color;
        let number = |name: &str, value: u8| (name.to_owned(), Value::Number(value.into()));
        let depth = color.bit_depth.map(|bits| number("bitDepth", bits));
        let points =
            [("colorPrimaries", color.primaries), ("transferCharacteristics", color.transfer), ("matrixCoefficients", color.matrix)];
        put("colorConfig", Value::Object(depth.into_iter().chain(points.map(|(name, value)| number(name, value))).collect()));
    }
    if let Some(light) = track.hdr.light {
        put("hdrCll", object([("maxFall", f64::from(light.max_average).into()), ("maxCLL", f64::from(light.max_content).into())]));
    }
    if let Some(display) = track.hdr.mastering {
        let mut members = Vec::with_capacity(10);
        if let Some(colors) = display.colors {
            let points = [("red", colors.red), ("green", colors.green), ("blue", colors.blue), ("whitePoint", colors.white)];
            for (name, [x, y]) in points {
                members.push((format!("{name}X"), Value::Number(f64::from(x) * CHROMATICITY)));
                members.push((format!("{name}Y"), Value::Number(f64::from(y) * CHROMATICITY)));
            }
        }
        members.push(("maxLuminance".to_owned(), Value::Number(f64::from(display.max_luminance) * LUMINANCE)));
        members.push(("minLuminance".to_owned(), Value::Number(f64::from(display.min_luminance) * LUMINANCE)));
        put("hdrMdcv", Value::Object(members));
    }
    let mut out = BytesMut::with_capacity(256);
    amf0::write_str("colorInfo", &mut out);
    amf0::write(&Value::Object(groups), &mut out);
    Some(out.freeze())
}
