//! The values of AMF 0, in the order and with the names in which they were sent.

use std::collections::HashMap;

use serde::ser::{Serialize, SerializeMap, Serializer};

/// Named members in the order sent. A name may occur twice; the last one counts (see [`Value::get`]).
pub type Properties = Vec<(String, Value)>;

/// One AMF 0 value (AMF 0 section 2).
///
/// Long strings and XML documents read as [`Value::String`]: they differ from it only in how their length is written.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Marker 0x00, the only number there is.
    Number(f64),
    /// Marker 0x01.
    Boolean(bool),
    /// Markers 0x02, 0x0C (long) and 0x0F (XML). Bytes that are not UTF-8 were replaced by U+FFFD.
    String(String),
    /// Marker 0x03, an anonymous object.
    Object(Properties),
    /// Marker 0x05.
    Null,
    /// Marker 0x06, and 0x0D (unsupported), which says the same.
    Undefined,
    /// Marker 0x07: index into the complex values of the same packet. Kept as it is: following it would let a few bytes grow without bound.
    Reference(u16),
    /// Marker 0x08, an object whose count is only advice.
    EcmaArray(Properties),
    /// Marker 0x0A.
    StrictArray(Vec<Value>),
    /// Marker 0x0B: milliseconds since the Unix epoch, UTC. The time zone is reserved and written as 0.
    Date(f64),
    /// Marker 0x10, an object with a class name.
    TypedObject {
        /// The name of the class as registered by the sender.
        class: String,
        /// Its members.
        properties: Properties,
    },
}

/// An anonymous object of these members, in this order.
pub fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

impl Value {
    /// The number, where this is one.
    #[must_use]
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The text, where this is a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The truth value, where this is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Boolean(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The members of an object of any kind: anonymous, typed or ECMA array.
    #[must_use]
    pub fn properties(&self) -> Option<&[(String, Value)]> {
        match self {
            Self::Object(properties) | Self::EcmaArray(properties) | Self::TypedObject { properties, .. } => Some(properties),
            _ => None,
        }
    }

    /// The elements of a strict array.
    #[must_use]
    pub fn elements(&self) -> Option<&[Value]> {
        match self {
            Self::StrictArray(elements) => Some(elements),
            _ => None,
        }
    }

    /// The member of this name; the last one where the sender repeated it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.properties()?.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Whether there is nothing here: null or undefined.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::Null | Self::Undefined)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Boolean(truth)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

/// As a reader of JSON expects it: objects of every kind as maps without repeated names, dates as numbers, references as null.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) | Self::Date(number) => serializer.serialize_f64(*number),
            Self::Boolean(truth) => serializer.serialize_bool(*truth),
            Self::String(text) => serializer.serialize_str(text),
            Self::Null | Self::Undefined | Self::Reference(_) => serializer.serialize_unit(),
            Self::StrictArray(elements) => serializer.collect_seq(elements),
            Self::Object(properties) | Self::EcmaArray(properties) | Self::TypedObject { properties, .. } => {
                let last: HashMap<&str, usize> = properties.iter().enumerate().map(|(at, (name, _))| (name.as_str(), at)).collect();
                let mut map = serializer.serialize_map(Some(last.len()))?;
                for (at, (name, value)) in properties.iter().enumerate() {
                    if last.get(name.as_str()) == Some(&at) {
                        map.serialize_entry(name, value)?;
                    }
                }
                map.end()
            }
        }
    }
}
