//! What a sequence header says of the pictures (AV1 specification §5.5).

use super::config::RECORD;
use crate::media::bits::{BitReader, BitsError};
use crate::media::codec::{ConfigError, VideoShape, frame_rate, picture_size};
use crate::media::color::{ColorInfo, UNSPECIFIED};

/// The fields of a sequence header that a record and a track need.
#[derive(Default)]
pub(super) struct Header {
    profile: u8,
    /// Of the first operating point, as are level and tier everywhere here.
    level: u8,
    tier: bool,
    width: u32,
    height: u32,
    frame_rate: Option<f64>,
    high_bit_depth: bool,
    twelve_bit: bool,
    mono: bool,
    sub_x: bool,
    sub_y: bool,
    sample_position: u8,
    code_points: [u8; 3],
    full_range: bool,
}

const LAST_PROFILE: u8 = 2;
/// Primaries, transfer characteristics and matrix of sRGB, which is always 4:4:4 of full range.
const SRGB: [u8; 3] = [1, 13, 0];

impl Header {
    /// Reads the payload of a sequence header OBU.
    pub fn read(payload: &[u8]) -> Result<Self, ConfigError> {
        let header = Self::fields(&mut BitReader::new(payload)).map_err(ConfigError::bits(RECORD))?;
        if header.profile > LAST_PROFILE {
            return Err(ConfigError::value(RECORD, 0, "seq_profile", header.profile.into()));
        }
        Ok(header)
    }

    /// The second and third byte of the record.
    pub fn summary(&self) -> [u8; 2] {
        let flags = [self.tier, self.high_bit_depth, self.twelve_bit, self.mono, self.sub_x, self.sub_y];
        let format = flags.into_iter().fold(0, |bits, flag| bits << 1 | u8::from(flag)) << 2 | self.sample_position;
        [self.profile << 5 | self.level, format]
    }

    /// The largest size of the pictures, and their colours.
    pub fn shape(&self) -> Result<VideoShape, ConfigError> {
        let [primaries, transfer, matrix] = self.code_points.map(u32::from);
        let color = ColorInfo::new(primaries, transfer, matrix, self.full_range).with_depth(self.bit_depth());
        Ok(VideoShape { frame_rate: self.frame_rate, color, ..picture_size(RECORD, self.width, self.height)? })
    }

    /// `P.LLT.DD`, with sampling and colour behind it where they are not the usual ones (AV1 in ISOBMFF §5).
    pub fn name(&self) -> String {
        let tier = if self.tier { 'H' } else { 'M' };
        let name = format!("{}.{:02}{tier}.{:02}", self.profile, self.level, self.bit_depth());
        // What is not specified is left out, for the form without it says just as little to those who ask what they can play.
        let usual = !self.mono
            && (self.sub_x, self.sub_y) == (true, true)
            && !self.full_range
            && self.code_points.iter().all(|&code| code == 1 || code == UNSPECIFIED);
        if usual {
            return name;
        }
        let [primaries, transfer, matrix] = self.code_points;
        let [mono, sub_x, sub_y, range] = [self.mono, self.sub_x, self.sub_y, self.full_range].map(u8::from);
        format!("{name}.{mono}.{sub_x}{sub_y}{}.{primaries:02}.{transfer:02}.{matrix:02}.{range}", self.sample_position)
    }

    fn bit_depth(&self) -> u8 {
        match (self.high_bit_depth, self.twelve_bit) {
            (false, _) => 8,
            (true, false) => 10,
            (true, true) => 12,
        }
    }

    fn fields(bits: &mut BitReader<'_>) -> Result<Self, BitsError> {
        let mut header = Self { profile: bits.bits(3)? as u8, ..Self::default() };
        bits.skip(1)?; // still_picture
        let reduced = bits.bit()?;
        if reduced {
            header.level = bits.bits(5)? as u8;
        } else {
            header.operating_points(bits)?;
        }
        let (across, down) = (bits.bits(4)? + 1, bits.bits(4)? + 1);
        (header.width, header.height) = (bits.bits(across)? + 1, bits.bits(down)? + 1);
        if !reduced && bits.bit()? {
            bits.skip(4 + 3)?; // lengths of frame ids
        }
        bits.skip(3)?; // 128x128 superblocks, filter intra, intra edge filter
        if !reduced {
            tools(bits)?;
        }
        bits.skip(3)?; // superres, cdef, restoration
        header.color(bits)?;
        Ok(header)
    }

    fn operating_points(&mut self, bits: &mut BitReader<'_>) -> Result<(), BitsError> {
        let mut delay_length = None;
        if bits.bit()? {
            let (tick, scale) = (bits.bits(32)?, bits.bits(32)?);
            if bits.bit()? {
                // num_ticks_per_picture_minus_1, coded as an Exp-Golomb code is.
                self.frame_rate = frame_rate(scale, u64::from(tick) * (u64::from(bits.ue()?) + 1));
            }
            if bits.bit()? {
                delay_length = Some(bits.bits(5)? as usize + 1);
                bits.skip(32 + 5 + 5)?;
            }
        }
        let has_display_delay = bits.bit()?;
        for point in 0..=bits.bits(5)? {
            bits.skip(12)?; // operating_point_idc
            let level = bits.bits(5)? as u8;
            let tier = level > 7 && bits.bit()?;
            if point == 0 {
                (self.level, self.tier) = (level, tier);
            }
            if let Some(length) = delay_length
                && bits.bit()?
            {
                bits.skip(2 * length + 1)?;
            }
            if has_display_delay && bits.bit()? {
                bits.skip(4)?;
            }
        }
        Ok(())
    }

    /// color_config (§5.5.2).
    fn color(&mut self, bits: &mut BitReader<'_>) -> Result<(), BitsError> {
        self.high_bit_depth = bits.bit()?;
        self.twelve_bit = self.profile == 2 && self.high_bit_depth && bits.bit()?;
        self.mono = self.profile != 1 && bits.bit()?;
        self.code_points = [UNSPECIFIED; 3];
        if bits.bit()? {
            for code in &mut self.code_points {
                *code = bits.bits(8)? as u8;
            }
        }
        if !self.mono && self.code_points == SRGB {
            self.full_range = true;
            return Ok(());
        }
        self.full_range = bits.bit()?;
        (self.sub_x, self.sub_y) = match self.profile {
            _ if self.mono => (true, true),
            0 => (true, true),
            1 => (false, false),
            _ if self.twelve_bit => {
                let across = bits.bit()?;
                (across, across && bits.bit()?)
            }
            _ => (true, false),
        };
        if !self.mono && self.sub_x && self.sub_y {
            self.sample_position = bits.bits(2)? as u8;
        }
        Ok(())
    }
}

/// The tools between frames, which only say what decoders may meet.
fn tools(bits: &mut BitReader<'_>) -> Result<(), BitsError> {
    bits.skip(4)?; // interintra and masked compound, warped motion, dual filter
    let order_hint = bits.bit()?;
    if order_hint {
        bits.skip(2)?; // jnt_comp, ref_frame_mvs
    }
    let screen_content = bits.bit()? || bits.bit()?;
    if screen_content && !bits.bit()? {
        bits.skip(1)?; // seq_force_integer_mv
    }
    if order_hint {
        bits.skip(3)?;
    }
    Ok(())
}
