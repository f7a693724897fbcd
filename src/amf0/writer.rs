//! Writes values.

use bytes::{BufMut, Bytes, BytesMut};

use super::Value;

/// A packet of these values.
#[must_use]
pub fn encode(values: &[Value]) -> Bytes {
    let mut out = BytesMut::new();
    for value in values {
        write(value, &mut out);
    }
    out.freeze()
}

/// Appends one value. Strings beyond 65,535 bytes are written as long strings; names that long are cut at a character.
pub fn write(value: &Value, out: &mut BytesMut) {
    match value {
        Value::Number(number) => {
            out.put_u8(0x00);
            out.put_f64(*number);
        }
        Value::Boolean(truth) => {
            out.put_u8(0x01);
            out.put_u8(u8::from(*truth));
        }
        Value::String(text) => write_str(text, out),
        Value::Object(properties) => {
            out.put_u8(0x03);
            write_properties(properties, out);
        }
        Value::Null => out.put_u8(0x05),
        Value::Undefined => out.put_u8(0x06),
        Value::Reference(index) => {
            out.put_u8(0x07);
            out.put_u16(*index);
        }
        Value::EcmaArray(properties) => {
            out.put_u8(0x08);
            out.put_u32(count(properties.len()));
            write_properties(properties, out);
        }
        Value::StrictArray(elements) => {
            out.put_u8(0x0A);
            out.put_u32(count(elements.len()));
            for element in elements {
                write(element, out);
            }
        }
        Value::Date(milliseconds) => {
            out.put_u8(0x0B);
            out.put_f64(*milliseconds);
            out.put_u16(0);
        }
        Value::TypedObject { class, properties } => {
            out.put_u8(0x10);
            write_name(class, out);
            write_properties(properties, out);
        }
    }
}

/// Appends a string value, saving the making of a [`Value`].
pub fn write_str(text: &str, out: &mut BytesMut) {
    match u16::try_from(text.len()) {
        Ok(length) => {
            out.put_u8(0x02);
            out.put_u16(length);
        }
        Err(_) => {
            out.put_u8(0x0C);
            out.put_u32(count(text.len()));
        }
    }
    out.put_slice(text.as_bytes());
}

fn write_properties(properties: &[(String, Value)], out: &mut BytesMut) {
    for (name, value) in properties {
        write_name(name, out);
        write(value, out);
    }
    out.put_slice(&[0, 0, 9]);
}

/// A name read from the wire can outgrow its 16-bit length only by the replacement of bytes that were not UTF-8.
fn write_name(name: &str, out: &mut BytesMut) {
    let cut = name.floor_char_boundary(usize::from(u16::MAX));
    out.put_u16(cut as u16);
    out.put_slice(&name.as_bytes()[..cut]);
}

fn count(length: usize) -> u32 {
    u32::try_from(length).expect("a packet in memory has fewer than 2^32 elements and bytes")
}
