//! Names made from templates: `$Number$` and its kin (ISO/IEC 23009-1 §5.3.9.4.4).

use super::model::Representation;

/// Longest number that a template may pad to; more than any number has.
const MAX_WIDTH: usize = 32;

/// Why a template makes no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mistake {
    /// A dollar sign without its partner.
    #[error("a dollar sign stands alone")]
    Alone,
    /// An identifier that the standard does not know.
    #[error("${0}$ is no identifier")]
    Unknown(String),
    /// A format that is none.
    #[error("{0:?} is no format")]
    Format(String),
}

/// An identifier, and the width that its number is padded to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    Id,
    Number(usize),
    Time(usize),
    Bandwidth(usize),
    SubNumber(usize),
}

/// What a template names segments by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Uses {
    /// `$Number$`.
    pub number: bool,
    /// `$Time$`.
    pub time: bool,
}

/// What `template` names segments by.
///
/// # Errors
///
/// A [`Mistake`] where it is no template.
pub fn uses(template: &str) -> Result<Uses, Mistake> {
    let mut uses = Uses::default();
    for piece in pieces(template) {
        match piece? {
            Piece::Number(_) => uses.number = true,
            Piece::Time(_) => uses.time = true,
            _ => {}
        }
    }
    Ok(uses)
}

/// The name that `template` makes for a segment of `representation`.
///
/// # Errors
///
/// A [`Mistake`] where it is no template.
pub fn fill(template: &str, representation: &Representation, number: u64, time: i64) -> Result<String, Mistake> {
    let mut name = String::new();
    for piece in pieces(template) {
        match piece? {
            Piece::Text(text) => name.push_str(text),
            Piece::Id => name.push_str(&representation.id),
            Piece::Number(width) => name.push_str(&format!("{number:0width$}")),
            Piece::Time(width) => name.push_str(&format!("{time:0width$}")),
            Piece::Bandwidth(width) => name.push_str(&format!("{:0width$}", representation.bandwidth.unwrap_or(0))),
            Piece::SubNumber(width) => name.push_str(&format!("{:0width$}", 1)),
        }
    }
    Ok(name)
}

fn pieces(template: &str) -> impl Iterator<Item = Result<Piece<'_>, Mistake>> {
    let dollars = template.bytes().filter(|byte| *byte == b'$').count();
    let alone = (dollars % 2 == 1).then_some(Err(Mistake::Alone));
    // Between two dollar signs stands an identifier, or nothing, which is a dollar sign itself.
    let whole = template.split('$').enumerate().map(|(position, text)| match (position % 2, text) {
        (0, text) => Ok(Piece::Text(text)),
        (_, "") => Ok(Piece::Text("$")),
        (_, identifier) => piece(identifier),
    });
    alone.into_iter().chain(whole)
}

fn piece(identifier: &str) -> Result<Piece<'_>, Mistake> {
    let (name, format) = identifier.find('%').map_or((identifier, None), |at| (&identifier[..at], Some(&identifier[at..])));
    let width = match format {
        None => 1,
        Some(format) => format
            .strip_prefix("%0")
            .and_then(|rest| rest.strip_suffix('d'))
            .and_then(|width| width.parse().ok())
            .filter(|width| *width <= MAX_WIDTH)
            .ok_or_else(|| Mistake::Format(format.to_owned()))?,
    };
    match (name, format) {
        ("RepresentationID", None) => Ok(Piece::Id),
        ("Number", _) => Ok(Piece::Number(width)),
        ("Time", _) => Ok(Piece::Time(width)),
        ("Bandwidth", _) => Ok(Piece::Bandwidth(width)),
        ("SubNumber", _) => Ok(Piece::SubNumber(width)),
        _ => Err(Mistake::Unknown(identifier.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(template: &str) -> Result<String, Mistake> {
        let representation = Representation { id: "v0".to_owned(), bandwidth: Some(5_000), ..Representation::default() };
        fill(template, &representation, 42, 90_000)
    }

    #[test]
    fn templates_make_names() {
        assert_eq!(name("$RepresentationID$/$Bandwidth$/$Number%05d$.m4s?a=$$"), Ok("v0/5000/00042.m4s?a=$".to_owned()));
        assert_eq!((name("$Time$"), name("init.mp4")), (Ok("90000".to_owned()), Ok("init.mp4".to_owned())));
        assert_eq!(uses("a-$Number%03d$"), Ok(Uses { number: true, time: false }));
    }

    #[test]
    fn mistakes_in_templates_are_told() {
        assert_eq!(name("a$Number"), Err(Mistake::Alone));
        assert_eq!(name("$number$"), Err(Mistake::Unknown("number".to_owned())));
        assert_eq!(name("$Number%d$"), Err(Mistake::Format("%d".to_owned())));
        assert_eq!(name("$Number%099d$"), Err(Mistake::Format("%099d".to_owned())));
        assert_eq!(name("$RepresentationID%05d$"), Err(Mistake::Unknown("RepresentationID%05d".to_owned())));
    }
}
