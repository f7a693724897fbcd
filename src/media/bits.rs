//! Reading bit fields and Exp-Golomb codes, with every read checked.

use std::borrow::Cow;

/// Reads big-endian bit fields from a buffer, most significant bit first.
#[derive(Clone, Debug)]
pub struct BitReader<'a> {
    bytes: &'a [u8],
    /// In bits from the start of `bytes`.
    position: usize,
}

/// The buffer ends inside a field, or an Exp-Golomb code is longer than 32 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no complete bit field at byte {position}")]
pub struct BitsError {
    /// Byte in which the field begins.
    pub position: usize,
}

impl<'a> BitReader<'a> {
    /// Starts at the first bit of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// Bits read so far.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Bits not read yet.
    pub fn remaining(&self) -> usize {
        self.bytes.len() * 8 - self.position
    }

    /// The next `count` bits as a number; `count` is at most 32.
    ///
    /// # Errors
    /// When fewer bits are left; the position then stays.
    pub fn bits(&mut self, count: u32) -> Result<u32, BitsError> {
        debug_assert!(count <= 32, "a field of {count} bits does not fit");
        if self.remaining() < count as usize {
            return Err(self.fail());
        }
        let mut value = 0u64;
        let mut wanted = count as usize;
        while wanted > 0 {
            let byte = u64::from(self.bytes[self.position / 8]);
            let free = 8 - self.position % 8;
            let taken = free.min(wanted);
            value = value << taken | (byte >> (free - taken)) & ((1 << taken) - 1);
            self.position += taken;
            wanted -= taken;
        }
        Ok(value as u32)
    }

    /// The next bit.
    ///
    /// # Errors
    /// At the end of the buffer.
    pub fn bit(&mut self) -> Result<bool, BitsError> {
        self.bits(1).map(|bit| bit == 1)
    }

    /// Passes over `count` bits.
    ///
    /// # Errors
    /// When fewer bits are left; the position then stays.
    pub fn skip(&mut self, count: usize) -> Result<(), BitsError> {
        if self.remaining() < count {
            return Err(self.fail());
        }
        self.position += count;
        Ok(())
    }

    /// Passes over the bits up to the next byte boundary.
    pub fn align(&mut self) {
        self.position = self.position.next_multiple_of(8);
    }

    /// An unsigned Exp-Golomb code, `ue(v)` (ISO/IEC 14496-10 §9.1).
    ///
    /// # Errors
    /// When the buffer ends inside the code, or the code has more than 31 leading zeros.
    pub fn ue(&mut self) -> Result<u32, BitsError> {
        let start = self.clone();
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
            if zeros > 31 {
                return Err(start.fail());
            }
        }
        Ok(((1u64 << zeros) - 1) as u32 + self.bits(zeros)?)
    }

    /// A signed Exp-Golomb code, `se(v)` (ISO/IEC 14496-10 §9.1.1).
    ///
    /// # Errors
    /// As [`BitReader::ue`].
    pub fn se(&mut self) -> Result<i32, BitsError> {
        let code = i64::from(self.ue()?);
        let magnitude = (code + 1) / 2;
        Ok(if code % 2 == 1 { magnitude } else { -magnitude } as i32)
    }

    fn fail(&self) -> BitsError {
        BitsError { position: self.position / 8 }
    }
}

/// A NAL unit without its emulation prevention bytes (ISO/IEC 14496-10 §7.3.1): each `00 00 03` becomes `00 00`.
pub fn unescape(nal: &[u8]) -> Cow<'_, [u8]> {
    if !nal.windows(3).any(|three| three == [0, 0, 3]) {
        return Cow::Borrowed(nal);
    }
    let mut raw = Vec::with_capacity(nal.len());
    let mut zeros = 0;
    for &byte in nal {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        raw.push(byte);
    }
    Cow::Owned(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_cross_byte_boundaries() {
        let mut bits = BitReader::new(&[0b1010_0101, 0xFF, 0x00, 0x12, 0x34]);
        assert_eq!(bits.bits(3), Ok(0b101));
        assert_eq!(bits.bits(7), Ok(0b0010111));
        bits.align();
        assert_eq!(bits.bits(24), Ok(0x1234));
        assert_eq!(bits.bit(), Err(BitsError { position: 5 }));
    }

    #[test]
    fn a_field_of_32_bits_at_an_odd_place_is_whole() {
        let mut bits = BitReader::new(&[0x7F, 0xFF, 0xFF, 0xFF, 0x80]);
        assert_eq!(bits.bits(1), Ok(0));
        assert_eq!(bits.bits(32), Ok(u32::MAX));
    }

    #[test]
    fn exp_golomb_codes_follow_the_standards_table() {
        let mut bits = BitReader::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        assert_eq!([bits.ue(), bits.ue(), bits.ue(), bits.ue(), bits.ue()], [Ok(0), Ok(1), Ok(2), Ok(3), Ok(4)]);
        let mut bits = BitReader::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        assert_eq!([bits.se(), bits.se(), bits.se(), bits.se(), bits.se()], [Ok(0), Ok(1), Ok(-1), Ok(2), Ok(-2)]);
    }

    #[test]
    fn an_endless_exp_golomb_code_is_refused() {
        assert_eq!(BitReader::new(&[0; 8]).ue(), Err(BitsError { position: 0 }));
        assert_eq!(BitReader::new(&[0; 2]).ue(), Err(BitsError { position: 2 }));
        assert_eq!(BitReader::new(&[0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFE]).ue(), Ok(u32::MAX - 1));
    }

    #[test]
    fn emulation_prevention_is_removed_only_behind_two_zeros() {
        assert_eq!(&*unescape(&[0, 0, 3, 1, 3, 0, 3, 0, 0, 3]), [0, 0, 1, 3, 0, 3, 0, 0]);
        assert!(matches!(unescape(&[1, 0, 3]), Cow::Borrowed(_)));
    }
}
