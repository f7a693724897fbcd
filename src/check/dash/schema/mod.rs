//! Whether a manifest is one by the schema: its elements in their order, its attributes there and of their types.

pub mod table;
pub mod types;

use crate::check::finding::{Finding, Level, MAX_FINDINGS, Rule};

use super::tree::Element;
use table::{Attribute, Child, Kind};

/// The order of elements.
pub const ORDER: Rule = Rule {
    id: "dash-element-order",
    level: Level::Must,
    source: "ISO/IEC 23009-1 annex B",
    demand: "Elements come in the order of the schema.",
};
/// The number of elements.
pub const COUNT: Rule = Rule {
    id: "dash-element-count",
    level: Level::Must,
    source: "ISO/IEC 23009-1 annex B",
    demand: "Elements are there as often as the schema asks for, and no more often than it allows.",
};
/// Elements that are not in the schema.
pub const UNKNOWN_ELEMENT: Rule = Rule {
    id: "dash-element-unknown",
    level: Level::Should,
    source: "ISO/IEC 23009-1 annex B",
    demand: "Elements of the manifest's namespace are those of the schema, each in its place.",
};
/// Attributes that are missing.
pub const REQUIRED: Rule = Rule {
    id: "dash-attribute-required",
    level: Level::Must,
    source: "ISO/IEC 23009-1 annex B",
    demand: "An element has the attributes that the schema asks for.",
};
/// Attributes of another type.
pub const TYPE: Rule = Rule {
    id: "dash-attribute-type",
    level: Level::Must,
    source: "ISO/IEC 23009-1 annex B",
    demand: "An attribute's value is of the type that the schema gives it.",
};
/// Attributes that are not in the schema.
pub const UNKNOWN_ATTRIBUTE: Rule = Rule {
    id: "dash-attribute-unknown",
    level: Level::Should,
    source: "ISO/IEC 23009-1 annex B",
    demand: "Attributes without a prefix are those of the schema.",
};

/// All rules of this module.
pub const RULES: &[&Rule] = &[&ORDER, &COUNT, &UNKNOWN_ELEMENT, &REQUIRED, &TYPE, &UNKNOWN_ATTRIBUTE];

/// What is wrong with the manifest whose root is `mpd`: [`MAX_FINDINGS`] and a few. Elements of other namespaces are not looked at.
pub fn check(mpd: &Element) -> Vec<Finding> {
    let mut found = Vec::new();
    walk(mpd, &table::MPD, "MPD", &mut found);
    found
}

fn walk(element: &Element, kind: &'static Kind, path: &str, found: &mut Vec<Finding>) {
    let Some(groups) = kind.attributes.filter(|_| found.len() < MAX_FINDINGS) else { return };
    let known: Vec<&Attribute> = groups.iter().copied().flatten().collect();
    attributes(element, &known, path, found);
    let known: Vec<&'static Child> = kind.children.iter().copied().flatten().collect();
    children(element, &known, path, found);
}

fn attributes(element: &Element, known: &[&Attribute], path: &str, found: &mut Vec<Finding>) {
    let line = element.line;
    for attribute in known.iter().filter(|attribute| attribute.is_required && element.get(attribute.name).is_none()) {
        found.push(Finding::new(&REQUIRED, path, format!("line {line}: there is no @{}", attribute.name)));
    }
    for (name, value) in element.attributes.iter().filter(|(name, _)| !name.contains(':') && name != "xmlns") {
        match known.iter().find(|attribute| attribute.name == name) {
            None => found.push(Finding::new(&UNKNOWN_ATTRIBUTE, path, format!("line {line}: @{name}"))),
            Some(attribute) if !attribute.of.takes(value) => {
                found.push(Finding::new(&TYPE, path, format!("line {line}: @{name} is {value:?}, no {:?}", attribute.of)));
            }
            Some(_) => {}
        }
    }
}

fn children(element: &Element, known: &[&'static Child], path: &str, found: &mut Vec<Finding>) {
    let mut counts = vec![0; known.len()];
    let mut furthest = 0;
    for child in element.children.iter().filter(|child| !child.is_foreign()) {
        let Some(place) = known.iter().position(|known| known.name == child.name) else {
            found.push(Finding::new(&UNKNOWN_ELEMENT, path, format!("line {}: {}", child.line, child.name)));
            continue;
        };
        if place < furthest {
            let detail = format!("line {}: {} comes behind {}", child.line, child.name, known[furthest].name);
            found.push(Finding::new(&ORDER, path, detail));
        }
        furthest = furthest.max(place);
        walk(child, known[place].kind, &format!("{path}/{}", child.label(counts[place])), found);
        counts[place] += 1;
    }
    for (known, count) in known.iter().zip(counts) {
        if !(known.min..=known.max).contains(&count) {
            let wanted = if count < known.min { known.min } else { known.max };
            let detail = format!("line {}: {count} of {}, not {wanted}", element.line, known.name);
            found.push(Finding::new(&COUNT, path, detail));
        }
    }
}
