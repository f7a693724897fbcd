//! Bit rates as they were measured, beside those that a multivariant playlist declares.

use crate::check::finding::Finding;
use crate::check::hls::model::{Multivariant, Variant};
use crate::media::Span;

use super::conduct;

/// Less than this of a stream says little about its rates.
const ENOUGH: Span = Span::from_secs(30);
/// A rate may miss what was declared by a tenth; a peak that has not come yet is no fault.
const PEAK_WITHIN: std::ops::RangeInclusive<u64> = 0..=110;
const AVERAGE_WITHIN: std::ops::RangeInclusive<u64> = 90..=110;

/// The segments of one playlist: how long each is, and its bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct Sizes {
    pub segments: Vec<(Span, u64)>,
    pub target: Span,
}

impl Sizes {
    fn length(&self) -> Span {
        self.segments.iter().fold(Span::ZERO, |sum, (length, _)| sum + *length)
    }

    fn average(&self) -> u64 {
        rate(self.segments.iter().map(|(_, bytes)| bytes).sum(), self.length())
    }

    /// The peak segment bit rate (§4.4.6.2): of the stretch of segments, between half a target duration and one and a half, that has most.
    fn peak(&self) -> u64 {
        let (shortest, longest) = (self.target.nanos() / 2, self.target.nanos() / 2 * 3);
        let mut peak = 0;
        for first in 0..self.segments.len() {
            let (mut length, mut bytes) = (Span::ZERO, 0);
            for (span, size) in &self.segments[first..] {
                (length, bytes) = (length + *span, bytes + size);
                if length.nanos() > longest {
                    break;
                }
                if length.nanos() >= shortest {
                    peak = peak.max(rate(bytes, length));
                }
            }
        }
        peak
    }
}

fn rate(bytes: u64, length: Span) -> u64 {
    let nanos = u128::try_from(length.nanos().max(1)).unwrap_or(1);
    u64::try_from(u128::from(bytes) * 8 * 1_000_000_000 / nanos).unwrap_or(u64::MAX)
}

/// Compares each variant with what its playlist and the largest rendition of its audio group brought. `sizes` finds a playlist by the address
/// that the multivariant playlist gives.
pub(super) fn judge<'a>(list: &Multivariant, sizes: impl Fn(&str) -> Option<&'a Sizes>) -> Vec<Finding> {
    list.variants.iter().filter_map(|variant| of_variant(list, variant, &sizes)).flatten().collect()
}

fn of_variant<'a>(list: &Multivariant, variant: &Variant, sizes: &impl Fn(&str) -> Option<&'a Sizes>) -> Option<Vec<Finding>> {
    let own = sizes(&variant.uri).filter(|sizes| sizes.length() >= ENOUGH)?;
    let group = list.renditions.iter().filter(|rendition| rendition.kind == "AUDIO" && Some(&rendition.group) == variant.audio.as_ref());
    let sound: Vec<&Sizes> =
        group.filter_map(|rendition| sizes(rendition.uri.as_deref()?)).filter(|sizes| sizes.segments != own.segments).collect();
    let most = |of: fn(&Sizes) -> u64| of(own) + sound.iter().map(|sizes| of(sizes)).max().unwrap_or_default();
    let judged = [
        variant.bandwidth.and_then(|declared| conduct::of_rate(&conduct::PEAK, &variant.uri, declared, most(Sizes::peak), PEAK_WITHIN)),
        variant
            .average_bandwidth
            .and_then(|declared| conduct::of_rate(&conduct::AVERAGE, &variant.uri, declared, most(Sizes::average), AVERAGE_WITHIN)),
    ];
    Some(judged.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_is_that_of_the_densest_stretch() {
        let second = Span::from_secs(1);
        let sizes =
            Sizes { segments: vec![(second, 1_000), (second, 3_000), (second, 5_000), (second, 1_000)], target: Span::from_secs(2) };
        // Stretches of one, two and three seconds count; one of them is a single segment of 40 kbit/s.
        assert_eq!((sizes.peak(), sizes.average()), (40_000, 20_000));
    }
}
