//! Metadata units (AV1 specification §5.8, §6.7): of HDR, and the captions among them.

use super::obu::leb128;
use crate::media::Captions;
use crate::media::codec::sei::Messages;
use crate::media::color::{ContentLight, DisplayColors, Hdr, MasteringDisplay};

const HDR_CLL: u64 = 1;
const HDR_MDCV: u64 = 2;
const ITUT_T35: u64 = 4;

/// Steps of a chromaticity, of the brightest and of the darkest luminance in one: 0.16, 24.8 and 18.14 bits.
const CHROMATICITY: u64 = 1 << 16;
const MAX_LUMINANCE: u64 = 1 << 8;
const MIN_LUMINANCE: u64 = 1 << 14;

/// What a unit's payload tells. What is cut short or unknown tells nothing.
pub(super) fn read(payload: &[u8]) -> Messages {
    let Some((kind, length)) = leb128(payload) else { return Messages::default() };
    let body = payload.get(length..).unwrap_or_default();
    match kind {
        HDR_CLL => of(Hdr { light: body.first_chunk().and_then(ContentLight::from_bytes), mastering: None }),
        HDR_MDCV => of(Hdr { mastering: body.first_chunk().and_then(mastering_display), light: None }),
        ITUT_T35 => Messages { captions: Captions::in_user_data(body), ..Messages::default() },
        _ => Messages::default(),
    }
}

fn of(hdr: Hdr) -> Messages {
    Messages { hdr, ..Messages::default() }
}

/// The fields of [`MasteringDisplay`] in their other order and steps.
fn mastering_display(bytes: &[u8; MasteringDisplay::LEN]) -> Option<MasteringDisplay> {
    let number = |at: usize| u64::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
    let rounded = |value: u64, steps: u64, wanted: u64| (value * wanted + steps / 2) / steps;
    // Less than one, and so within 16 bits.
    let point = |at: usize| [number(at), number(at + 2)].map(|value| rounded(value, CHROMATICITY, 50_000) as u16);
    let luminance = |at: usize, steps| rounded(number(at) << 16 | number(at + 2), steps, 10_000);
    let colors = DisplayColors { red: point(0), green: point(4), blue: point(8), white: point(12) };
    let [max, min] = [luminance(16, MAX_LUMINANCE), luminance(20, MIN_LUMINANCE)].map(|light| u32::try_from(light).unwrap_or(u32::MAX));
    MasteringDisplay::new(Some(colors), max, min)
}
