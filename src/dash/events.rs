//! Cues as events: what is announced of those in the parts, and those that came too late for them.

use std::io;
use std::sync::Arc;

use quick_xml::events::BytesText;

use crate::media::{Kind, WallClock};
use crate::segment::events::{CUE_SCHEME, Event, SCHEMES, VALUE};
use crate::segment::snapshot::Period;

use super::manifest::Xml;

/// Ticks of the times of events.
const TIMESCALE: &str = "1000";

/// The `InbandEventStream`s of a set: tracks of the kind that leads carry the events, whether or not there have been any.
pub(super) fn write_inband(xml: &mut Xml, period: &Period, kind: Kind) -> io::Result<()> {
    if period.inits.first().is_some_and(|init| init.track.id.kind == kind) {
        for scheme in SCHEMES {
            xml.create_element("InbandEventStream").with_attributes([("schemeIdUri", scheme), ("value", VALUE)]).write_empty()?;
        }
    }
    Ok(())
}

/// The `EventStream`s of a period that lasts until `end`: those of the late events that lie in it.
pub(super) fn write_late(xml: &mut Xml, late: &[Arc<Event>], period: &Period, end: Option<WallClock>) -> io::Result<()> {
    let lies_here = |event: &&Arc<Event>| event.date >= period.wall && end.is_none_or(|end| event.date < end);
    for scheme in SCHEMES {
        let events: Vec<_> = late.iter().filter(lies_here).filter(|event| event.scheme == scheme).collect();
        if events.is_empty() {
            continue;
        }
        let stream = [("schemeIdUri", scheme), ("value", VALUE), ("timescale", TIMESCALE)];
        xml.create_element("EventStream")
            .with_attributes(stream)
            .write_inner_content(|xml| events.iter().try_for_each(|event| write_event(xml, event, period)))?;
    }
    Ok(())
}

fn write_event(xml: &mut Xml, event: &Event, period: &Period) -> io::Result<()> {
    let (at, id) = (event.date.since(period.wall).millis().to_string(), event.id.to_string());
    let element = xml.create_element("Event").with_attributes([("presentationTime", at.as_str()), ("id", id.as_str())]);
    let element = match event.told_duration() {
        Some(duration) => element.with_attribute(("duration", duration.millis().to_string().as_str())),
        None => element,
    };
    if event.scheme == CUE_SCHEME {
        element.write_text_content(BytesText::new(&String::from_utf8_lossy(&event.data)))?;
    } else {
        element.with_attribute(("contentEncoding", "base64")).write_text_content(BytesText::new(&base64(&event.data)))?;
    }
    Ok(())
}

/// RFC 4648 §4.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().enumerate().fold(0, |bits, (at, byte)| bits | u32::from(*byte) << (16 - 8 * at));
        for letter in 0..4 {
            let index = bits >> (18 - 6 * letter) & 63;
            text.push(if letter <= group.len() { char::from(LETTERS[index as usize]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_letters() {
        let texts = [(&b""[..], ""), (b"f", "Zg=="), (b"fo", "Zm8="), (b"foo", "Zm9v"), (b"\xfb\xff\xfe", "+//+")];
        for (bytes, text) in texts {
            assert_eq!(base64(bytes), text);
        }
    }
}
