//! The simple values of AMF 3, met behind AMF 0's marker 0x11 (AMF 3 section 3). Objects, arrays and reference tables, which only
//! Flash ever sent, are a clear error.

use super::{Error, Problem, Reader, Value};

/// The AMF 3 value that follows the marker 0x11.
pub(super) fn read(reader: &mut Reader<'_>) -> Result<Value, Error> {
    let start = reader.position();
    Ok(match reader.u8()? {
        0x00 => Value::Undefined,
        0x01 => Value::Null,
        0x02 => Value::Boolean(false),
        0x03 => Value::Boolean(true),
        0x04 => Value::Number(f64::from(sign_extend(u29(reader)?))),
        0x05 => Value::Number(reader.f64()?),
        0x06 | 0x07 | 0x0B => {
            let length = inline_length(reader)?;
            Value::String(reader.string(length)?)
        }
        0x08 => {
            inline_length(reader)?; // Only its lowest bit says anything.
            Value::Date(reader.f64()?)
        }
        marker => return Err(reader.fail(start, Problem::Amf3Marker(marker))),
    })
}

/// A U29 whose lowest bit is 1 for a value that follows, the other bits its length.
fn inline_length(reader: &mut Reader<'_>) -> Result<usize, Error> {
    let start = reader.position();
    let header = u29(reader)?;
    if header & 1 == 0 {
        return Err(reader.fail(start, Problem::Amf3Reference));
    }
    Ok((header >> 1) as usize)
}

/// A variable-length integer of 29 bits: seven to a byte, eight in the fourth (AMF 3 section 1.3.1).
fn u29(reader: &mut Reader<'_>) -> Result<u32, Error> {
    let mut value = 0;
    for _ in 0..3 {
        let byte = reader.u8()?;
        value = value << 7 | u32::from(byte & 0x7F);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Ok(value << 8 | u32::from(reader.u8()?))
}

fn sign_extend(value: u32) -> i32 {
    ((value << 3) as i32) >> 3
}
