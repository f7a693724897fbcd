//! The values of AMF 3 that stand behind AMF 0's marker 0x11 (AMF 3 section 3), read as the AMF 0 values that say the same.
//!
//! Two things have no such value and read as undefined: byte arrays, and complex values by reference, which are not followed because a
//! few bytes could then grow without bound. Strings and traits by reference are followed, for no object can be read without them.

use super::reader::{MAX_DEPTH, MAX_ELEMENTS};
use super::{Error, Problem, Properties, Reader, Value};

/// How many bytes a packet may gain by naming its strings again, in total. Flash names members again with every object of a class; a
/// reference of two bytes to a string of 64 KiB, four thousand times over, has another purpose.
pub const MAX_REPEATED: usize = 256 << 10;

/// What earlier values of the packet defined. Flash keeps one set of tables for all values of a packet.
#[derive(Debug, Default)]
pub(super) struct Tables {
    strings: Vec<String>,
    traits: Vec<Traits>,
    repeated: usize,
}

/// How the members of a class are written.
#[derive(Debug, Clone)]
struct Traits {
    class: String,
    form: Form,
    sealed: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Only the sealed members.
    Sealed,
    /// Further members follow them.
    Dynamic,
    /// The class writes itself.
    Externalizable,
}

/// Classes of Flex that write themselves as the one value they wrap.
const WRAPPERS: [&str; 2] = ["flex.messaging.io.ArrayCollection", "flex.messaging.io.ObjectProxy"];

/// The AMF 3 value that follows the marker 0x11, already counted as one of the packet's values.
pub(super) fn read(reader: &mut Reader<'_>, depth: usize) -> Result<Value, Error> {
    let start = reader.position();
    let marker = reader.u8()?;
    if matches!(marker, 0x09 | 0x0A | 0x10 | 0x11) && depth >= MAX_DEPTH {
        return Err(reader.fail(start, Problem::TooDeep));
    }
    Ok(match marker {
        0x00 => Value::Undefined,
        0x01 => Value::Null,
        0x02 => Value::Boolean(false),
        0x03 => Value::Boolean(true),
        0x04 => Value::Number(f64::from(sign_extend(u29(reader)?))),
        0x05 => Value::Number(reader.f64()?),
        0x06 => Value::String(string(reader)?),
        0x07 | 0x0B => match inline(reader)? {
            Some(length) => Value::String(reader.string(length)?),
            None => Value::Undefined,
        },
        0x08 => match inline(reader)? {
            Some(_) => Value::Date(reader.f64()?),
            None => Value::Undefined,
        },
        0x09 => array(reader, depth)?,
        0x0A => object(reader, depth)?,
        0x0C => {
            if let Some(length) = inline(reader)? {
                reader.skip(length)?;
            }
            Value::Undefined
        }
        0x0D..=0x10 => vector(reader, marker, depth)?,
        0x11 => dictionary(reader, depth)?,
        marker => return Err(reader.fail(start, Problem::Amf3Marker(marker))),
    })
}

fn nested(reader: &mut Reader<'_>, depth: usize) -> Result<Value, Error> {
    reader.count()?;
    read(reader, depth + 1)
}

/// The associative members, then the elements (section 3.11).
fn array(reader: &mut Reader<'_>, depth: usize) -> Result<Value, Error> {
    let Some(count) = inline(reader)? else { return Ok(Value::Undefined) };
    let mut members = named(reader, depth)?;
    let mut elements = Vec::new();
    for _ in 0..count {
        elements.push(nested(reader, depth)?);
    }
    if members.is_empty() {
        return Ok(Value::StrictArray(elements));
    }
    members.extend(elements.into_iter().enumerate().map(|(at, value)| (at.to_string(), value)));
    Ok(Value::EcmaArray(members))
}

/// Traits, sealed members, dynamic members (section 3.12).
fn object(reader: &mut Reader<'_>, depth: usize) -> Result<Value, Error> {
    let start = reader.position();
    let header = u29(reader)?;
    if header & 1 == 0 {
        return Ok(Value::Undefined);
    }
    let at = if header & 2 == 0 { (header >> 2) as usize } else { define(reader, header)? };
    let Some(Traits { class, form, sealed }) = reader.amf3.traits.get(at).cloned() else {
        return Err(reader.fail(start, Problem::Amf3Reference));
    };
    // The copy just made of the names, which two bytes can ask for again and again.
    reader.repeat(start, class.len() + sealed.iter().map(String::len).sum::<usize>())?;
    if form == Form::Externalizable {
        return if WRAPPERS.contains(&class.as_str()) {
            nested(reader, depth)
        } else {
            Err(reader.fail(start, Problem::Amf3Externalizable(class)))
        };
    }
    let mut properties = Vec::new();
    for name in sealed {
        properties.push((name, nested(reader, depth)?));
    }
    if form == Form::Dynamic {
        properties.extend(named(reader, depth)?);
    }
    Ok(if class.is_empty() { Value::Object(properties) } else { Value::TypedObject { class, properties } })
}

/// Reads new traits; their place in the table.
fn define(reader: &mut Reader<'_>, header: u32) -> Result<usize, Error> {
    let form = match header {
        _ if header & 4 != 0 => Form::Externalizable,
        _ if header & 8 != 0 => Form::Dynamic,
        _ => Form::Sealed,
    };
    let class = string(reader)?;
    let mut sealed = Vec::new();
    // Names count like values: an object of these traits has one for each.
    for _ in 0..if form == Form::Externalizable { 0 } else { header >> 4 } {
        reader.count()?;
        sealed.push(string(reader)?);
    }
    reader.amf3.traits.push(Traits { class, form, sealed });
    Ok(reader.amf3.traits.len() - 1)
}

/// Names and values up to an empty name.
fn named(reader: &mut Reader<'_>, depth: usize) -> Result<Properties, Error> {
    let mut members = Vec::new();
    loop {
        let name = string(reader)?;
        if name.is_empty() {
            return Ok(members);
        }
        members.push((name, nested(reader, depth)?));
    }
}

/// Elements of one type (section 3.15).
fn vector(reader: &mut Reader<'_>, marker: u8, depth: usize) -> Result<Value, Error> {
    let Some(count) = inline(reader)? else { return Ok(Value::Undefined) };
    reader.u8()?; // Whether its length may change.
    if marker == 0x10 {
        string(reader)?; // The class of the elements, which they name themselves.
    }
    let mut elements = Vec::new();
    for _ in 0..count {
        elements.push(match marker {
            0x10 => nested(reader, depth)?,
            _ => {
                reader.count()?;
                Value::Number(match marker {
                    0x0D => f64::from(reader.u32()? as i32),
                    0x0E => f64::from(reader.u32()?),
                    _ => reader.f64()?,
                })
            }
        });
    }
    Ok(Value::StrictArray(elements))
}

/// Keys and values (section 3.16). Keys that are neither text nor number have no name and are left out.
fn dictionary(reader: &mut Reader<'_>, depth: usize) -> Result<Value, Error> {
    let Some(count) = inline(reader)? else { return Ok(Value::Undefined) };
    reader.u8()?; // Whether its keys are held weakly.
    let mut members = Vec::new();
    for _ in 0..count {
        let (key, value) = (nested(reader, depth)?, nested(reader, depth)?);
        match key {
            Value::String(name) => members.push((name, value)),
            Value::Number(number) => members.push((number.to_string(), value)),
            _ => {}
        }
    }
    Ok(Value::Object(members))
}

/// A string, or the one that stood there before (section 1.3.2). The empty string is never in the table.
fn string(reader: &mut Reader<'_>) -> Result<String, Error> {
    let start = reader.position();
    let header = u29(reader)?;
    if header & 1 == 0 {
        let Some(known) = reader.amf3.strings.get((header >> 1) as usize).cloned() else {
            return Err(reader.fail(start, Problem::Amf3Reference));
        };
        reader.repeat(start, known.len())?;
        return Ok(known);
    }
    let text = reader.string((header >> 1) as usize)?;
    if !text.is_empty() {
        reader.amf3.strings.push(text.clone());
    }
    Ok(text)
}

/// Length or count of a complex value that follows; none where it is a reference.
fn inline(reader: &mut Reader<'_>) -> Result<Option<usize>, Error> {
    let header = u29(reader)?;
    Ok((header & 1 == 1).then_some((header >> 1) as usize))
}

/// A variable-length integer of 29 bits: seven to a byte, eight in the fourth (section 1.3.1).
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

impl Reader<'_> {
    /// Counts one more value of the packet.
    fn count(&mut self) -> Result<(), Error> {
        if self.elements >= MAX_ELEMENTS {
            return Err(self.fail(self.position(), Problem::TooManyElements));
        }
        self.elements += 1;
        Ok(())
    }

    /// Counts bytes that a reference gave.
    fn repeat(&mut self, start: usize, bytes: usize) -> Result<(), Error> {
        self.amf3.repeated = self.amf3.repeated.saturating_add(bytes);
        if self.amf3.repeated > MAX_REPEATED {
            return Err(self.fail(start, Problem::TooMuchRepeated));
        }
        Ok(())
    }
}
