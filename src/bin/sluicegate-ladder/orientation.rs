//! How a picture is to be turned before it is shown, from libav's matrix to the messages of H.264 and HEVC.

use std::f64::consts::TAU;

use sluicegate::transcode::ladder::RungCodec;

/// A full turn in the units of the messages.
const FULL_TURN: f64 = 65_536.0;

/// Flipped from left to right where it is to be, and turned then. By default it stands upright.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Orientation {
    pub is_flipped: bool,
    /// Anticlockwise, in 65536ths of a full turn.
    pub turn: u16,
}

impl Orientation {
    /// What a matrix of libav's does (`libavutil/display.h`): x' and y' are made with its first two columns.
    pub fn of(matrix: [i32; 9]) -> Self {
        let [a, b, _, c, d, ..] = matrix.map(f64::from);
        let is_flipped = a * d < b * c;
        let turn = c.atan2(if is_flipped { -a } else { a }) / TAU * FULL_TURN;
        Self { is_flipped, turn: (turn.round() as i64).rem_euclid(FULL_TURN as i64) as u16 }
    }

    pub fn is_upright(self) -> bool {
        self == Self::default()
    }

    /// The payload of a message that holds until the next, or until the next sync sample (ISO/IEC 14496-10 §D.1.27, 23008-2 §D.2.17). Of a
    /// picture that stands upright it takes back what was said before.
    pub fn payload(self, codec: RungCodec) -> Vec<u8> {
        if self.is_upright() {
            // The flag of that, and the bit behind the last one.
            return vec![0xC0];
        }
        let bits = u32::from(self.is_flipped) << 22 | u32::from(self.turn) << 5;
        // H.264 counts how often it is repeated and HEVC has a flag for its staying; the bit behind the last one follows.
        let bits = bits | if codec == RungCodec::H264 { 0b01001 } else { 0b11000 };
        bits.to_be_bytes()[1..].to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fixed point with 16 bits behind it.
    const ONE: i32 = 1 << 16;

    #[test]
    fn a_matrix_is_a_flip_and_a_turn() {
        let of = |[a, b, c, d]: [i32; 4]| {
            let Orientation { is_flipped, turn } = Orientation::of([a, b, 0, c, d, 0, 0, 0, 1 << 30]);
            (is_flipped, turn)
        };
        assert_eq!(of([ONE, 0, 0, ONE]), (false, 0));
        assert_eq!(of([0, -ONE, ONE, 0]), (false, 0x4000));
        assert_eq!(of([-ONE, 0, 0, -ONE]), (false, 0x8000));
        assert_eq!(of([0, ONE, -ONE, 0]), (false, 0xC000));
        assert_eq!(of([-ONE, 0, 0, ONE]), (true, 0));
        // Upside down is flipped and half a turn.
        assert_eq!(of([ONE, 0, 0, -ONE]), (true, 0x8000));
        assert_eq!(of([0; 4]), (false, 0), "a matrix of nothing");
    }

    #[test]
    fn a_picture_that_stands_upright_again_takes_it_back() {
        assert_eq!(Orientation::default().payload(RungCodec::H264), [0xC0]);
        let turned = Orientation { is_flipped: true, turn: 0xC000 };
        assert_eq!(turned.payload(RungCodec::H264), [0x58, 0, 0x09]);
        assert_eq!(turned.payload(RungCodec::Hevc), [0x58, 0, 0x18]);
    }
}
