//! Cues as date ranges (RFC 8216bis §4.4.5.1).

use std::fmt::Write;

use bytes::Bytes;

use crate::segment::cue::{Cue, Parameter};
use crate::segment::snapshot::Snapshot;

use super::text::{quotable, seconds};

/// Writes a line for each cue that lies in the time of the playlists.
///
/// Each has an `ID` that no other has, in other presentations of the stream neither: publishers use theirs again. A break that ends keeps
/// its `ID` and gains a `DURATION`, and with it the section that told of the end.
pub(super) fn write(out: &mut String, snapshot: &Snapshot) -> std::fmt::Result {
    snapshot.cues.iter().try_for_each(|cue| date_range(out, snapshot, cue))
}

fn date_range(out: &mut String, snapshot: &Snapshot, cue: &Cue) -> std::fmt::Result {
    write!(out, "#EXT-X-DATERANGE:ID=\"cue-{}-{}\"", snapshot.epoch, cue.number)?;
    write!(out, ",CLASS=\"{}\",START-DATE=\"{}\"", quotable(&cue.class), cue.date)?;
    for (name, span) in [("DURATION", cue.duration), ("PLANNED-DURATION", cue.planned)] {
        if let Some(span) = span {
            write!(out, ",{name}={}", seconds(span.nanos() / 1_000))?;
        }
    }
    for (name, section) in [("CMD", &cue.splices.command), ("OUT", &cue.splices.out), ("IN", &cue.splices.back)] {
        if let Some(section) = section {
            write!(out, ",SCTE35-{name}=")?;
            hexadecimal(out, section)?;
        }
    }
    for (name, value) in &cue.parameters {
        match value {
            Parameter::Number(number) => write!(out, ",X-{name}={number}")?,
            Parameter::Text(text) => write!(out, ",X-{name}=\"{}\"", quotable(text))?,
        }
    }
    writeln!(out)
}

fn hexadecimal(out: &mut String, bytes: &Bytes) -> std::fmt::Result {
    write!(out, "0x")?;
    bytes.iter().try_for_each(|byte| write!(out, "{byte:02X}"))
}
