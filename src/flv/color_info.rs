//! The Metadata packet of Enhanced video: `colorInfo`, both ways (Enhanced RTMP v2, "Metadata Frame").

use bytes::{Bytes, BytesMut};

use super::error::DemuxError;
use super::script::MAX_SCRIPT;
use crate::amf0::{self, Reader, Value};
use crate::media::color::{ContentLight, DisplayColors, MasteringDisplay, UNSPECIFIED, VideoRange};
use crate::media::{ColorInfo, Hdr, Track};

const COLOR_INFO: &str = "colorInfo";

/// Steps of a chromaticity and of a luminance in [`MasteringDisplay`].
const CHROMATICITY_STEPS: f64 = 50_000.0;
const LUMINANCE_STEPS: f64 = 10_000.0;

/// What a packet tells, as a whole: what it leaves out is not told any more. Without `colorInfo` it tells nothing, and nothing changes.
///
/// # Errors
/// When the packet is too long or no pairs of names and values.
pub(super) fn parse(body: &[u8]) -> Result<Option<(ColorInfo, Hdr)>, DemuxError> {
    if body.len() > MAX_SCRIPT {
        return Err(DemuxError::ScriptTooLong { length: body.len() });
    }
    let mut reader = Reader::new(body);
    let mut told = None;
    while !reader.is_empty() {
        let Value::String(name) = reader.read()? else { return Err(DemuxError::Nameless) };
        let value = if reader.is_empty() { Value::Undefined } else { reader.read()? };
        if name == COLOR_INFO {
            told = Some((color(value.get("colorConfig")), hdr(&value)));
        }
    }
    Ok(told)
}

/// The pairs of a packet for an HDR track, without a header; none for others, whose bitstream says all there is.
pub(super) fn body(track: &Track) -> Option<Bytes> {
    let is_hdr = matches!(track.color.range(), Some(VideoRange::Pq | VideoRange::Hlg)) || !track.hdr.is_empty();
    if !is_hdr {
        return None;
    }
    let mut members = vec![("colorConfig".to_owned(), color_config(&track.color))];
    if let Some(light) = track.hdr.light {
        let light = [("maxFall", f64::from(light.max_average)), ("maxCLL", f64::from(light.max_content))];
        members.push(("hdrCll".to_owned(), numbers(&light)));
    }
    if let Some(display) = track.hdr.mastering {
        members.push(("hdrMdcv".to_owned(), mastering_display(&display)));
    }
    let mut out = BytesMut::with_capacity(512);
    amf0::write_str(COLOR_INFO, &mut out);
    amf0::write(&Value::Object(members), &mut out);
    Some(out.freeze())
}

/// A number of an object, where it is one that can be.
fn number(object: &Value, name: &str, most: f64) -> Option<f64> {
    object.get(name)?.as_number().filter(|number| (0.0..=most).contains(number))
}

fn color(config: Option<&Value>) -> ColorInfo {
    let Some(config) = config else { return ColorInfo::default() };
    let code = |name| number(config, name, 255.0).map_or(u32::from(UNSPECIFIED), |code| code as u32);
    let info = ColorInfo::new(code("colorPrimaries"), code("transferCharacteristics"), code("matrixCoefficients"), false);
    number(config, "bitDepth", 255.0).map_or(info, |bits| info.with_depth(bits as u8))
}

fn hdr(info: &Value) -> Hdr {
    let light = info.get("hdrCll").and_then(|light| {
        let told = |name| number(light, name, f64::from(u16::MAX)).map_or(0, |light| light.round() as u16);
        ContentLight::new(told("maxCLL"), told("maxFall"))
    });
    let mastering = info.get("hdrMdcv").and_then(|display| {
        let at = |name| number(display, name, 1.0).map(|at| (at * CHROMATICITY_STEPS).round() as u16);
        let point = |x, y| at(x).zip(at(y)).map(|(x, y)| [x, y]);
        let colors = || {
            Some(DisplayColors {
                red: point("redX", "redY")?,
                green: point("greenX", "greenY")?,
                blue: point("blueX", "blueY")?,
                white: point("whitePointX", "whitePointY")?,
            })
        };
        let luminance = |name| number(display, name, 10_000.0).map_or(0, |light| (light * LUMINANCE_STEPS).round() as u32);
        MasteringDisplay::new(colors(), luminance("maxLuminance"), luminance("minLuminance"))
    });
    Hdr { mastering, light }
}

fn color_config(color: &ColorInfo) -> Value {
    let depth = color.bit_depth.map(|bits| ("bitDepth", f64::from(bits)));
    let codes = [
        ("colorPrimaries", f64::from(color.primaries)),
        ("transferCharacteristics", f64::from(color.transfer)),
        ("matrixCoefficients", f64::from(color.matrix)),
    ];
    numbers(&depth.into_iter().chain(codes).collect::<Vec<_>>())
}

fn mastering_display(display: &MasteringDisplay) -> Value {
    let points = display.colors.map(|colors| {
        let names = [["redX", "redY"], ["greenX", "greenY"], ["blueX", "blueY"], ["whitePointX", "whitePointY"]];
        names.into_iter().zip([colors.red, colors.green, colors.blue, colors.white])
    });
    let points = points.into_iter().flatten().flat_map(|(names, point)| names.into_iter().zip(point));
    let mut members: Vec<_> = points.map(|(name, at)| (name, f64::from(at) / CHROMATICITY_STEPS)).collect();
    if display.max_luminance > 0 {
        members.push(("maxLuminance", f64::from(display.max_luminance) / LUMINANCE_STEPS));
        members.push(("minLuminance", f64::from(display.min_luminance) / LUMINANCE_STEPS));
    }
    numbers(&members)
}

fn numbers(members: &[(&str, f64)]) -> Value {
    Value::Object(members.iter().map(|&(name, number)| (name.to_owned(), Value::Number(number))).collect())
}
