//! The types of attributes, as the schema of the manifest names them.

use crate::check::dash::value;

/// What an attribute's value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Any text (`xs:string`, `xs:anyURI`, and lists that players take apart).
    Text,
    /// A text without white space.
    Word,
    /// One of some words.
    OneOf(&'static [&'static str]),
    /// `xs:unsignedInt`.
    Uint,
    /// `xs:unsignedLong`.
    Ulong,
    /// `xs:integer`.
    Integer,
    /// One or two `xs:unsignedInt`s or more, white space between them.
    Uints,
    /// `xs:boolean`.
    Boolean,
    /// `xs:unsignedInt` or `xs:boolean`.
    UintOrBoolean,
    /// `xs:double`.
    Double,
    /// `xs:duration`.
    Duration,
    /// `xs:dateTime`.
    DateTime,
    /// `xs:language`.
    Language,
    /// Two numbers with a colon between them.
    Ratio,
    /// A number, or a fraction of two.
    FrameRate,
    /// A type of stream access point, from 0 to 6.
    Sap,
}

impl Type {
    /// Whether `text` is a value of this type.
    pub fn takes(self, text: &str) -> bool {
        let is_uint = |text: &str| value::unsigned(text).is_some_and(|value| value <= u64::from(u32::MAX));
        match self {
            Self::Text => true,
            Self::Word => !text.contains(char::is_whitespace),
            Self::OneOf(words) => words.contains(&text),
            Self::Uint => is_uint(text),
            Self::Ulong => value::unsigned(text).is_some(),
            Self::Integer => text.strip_prefix('+').unwrap_or(text).parse::<i128>().is_ok(),
            Self::Uints => !text.trim().is_empty() && text.split_whitespace().all(is_uint),
            Self::Boolean => value::boolean(text).is_some(),
            Self::UintOrBoolean => is_uint(text) || value::boolean(text).is_some(),
            Self::Double => value::seconds(text).is_some() || text == "NaN",
            Self::Duration => value::duration(text).is_some(),
            Self::DateTime => value::date_time(text).is_some(),
            Self::Language => is_language(text),
            Self::Ratio => text.split_once(':').is_some_and(|(a, b)| is_digits(a) && is_digits(b)),
            Self::FrameRate => value::frame_rate(text).is_some(),
            Self::Sap => value::unsigned(text).is_some_and(|value| value <= 6),
        }
    }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Subtags of one to eight letters and digits, the first of letters alone.
fn is_language(text: &str) -> bool {
    let mut subtags = text.split('-');
    let fits = |subtag: &str| (1..=8).contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric());
    subtags.next().is_some_and(|first| fits(first) && first.bytes().all(|byte| byte.is_ascii_alphabetic())) && subtags.all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_take_what_the_schema_lets_them() {
        let taken = [
            (Type::Uint, "4294967295"),
            (Type::Ulong, "18446744073709551615"),
            (Type::Integer, "-1"),
            (Type::Uints, "22050 44100"),
            (Type::UintOrBoolean, "true"),
            (Type::Double, "INF"),
            (Type::Language, "zh-Hant-TW"),
            (Type::Ratio, "16:9"),
            (Type::Sap, "6"),
            (Type::OneOf(&["static"]), "static"),
        ];
        let refused = [
            (Type::Uint, "4294967296"),
            (Type::Ulong, "-1"),
            (Type::Integer, "1.5"),
            (Type::Uints, ""),
            (Type::UintOrBoolean, "yes"),
            (Type::Double, "1,5"),
            (Type::Language, "deutsch-"),
            (Type::Ratio, "16/9"),
            (Type::Sap, "7"),
            (Type::OneOf(&["static"]), "Static"),
            (Type::Word, "a b"),
        ];
        assert_eq!(taken.iter().find(|(of, text)| !of.takes(text)), None);
        assert_eq!(refused.iter().find(|(of, text)| of.takes(text)), None);
    }
}
