//! Event messages, which travel between the fragments (ISO/IEC 23009-1 §5.10.3.3).

use super::boxes;
use crate::media::Timescale;

/// What stands for a length that nobody knows.
pub const UNKNOWN_DURATION: u32 = u32::MAX;

/// An event that a player hears of with the media.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EventMessage<'a> {
    /// What kind of event it is: a URI without NUL.
    pub scheme: &'a str,
    /// Which of that kind, as the manifest announces it; without NUL.
    pub value: &'a str,
    /// Ticks of the times.
    pub timescale: Timescale,
    /// When it begins, on the track's timeline.
    pub presentation_time: u64,
    /// How long it lasts; [`UNKNOWN_DURATION`] where that is open.
    pub duration: u32,
    /// Tells it apart from others of its scheme and value. The same number again is the same event.
    pub id: u32,
    /// What it says.
    pub data: &'a [u8],
}

impl EventMessage<'_> {
    /// Appends the box, `emsg` of version 1.
    pub fn write(&self, out: &mut Vec<u8>) {
        let emsg = boxes::open_full(out, *b"emsg", 1, 0);
        out.extend_from_slice(&self.timescale.hz().to_be_bytes());
        out.extend_from_slice(&self.presentation_time.to_be_bytes());
        out.extend_from_slice(&self.duration.to_be_bytes());
        out.extend_from_slice(&self.id.to_be_bytes());
        for text in [self.scheme, self.value] {
            out.extend(text.bytes().filter(|byte| *byte != 0));
            out.push(0);
        }
        out.extend_from_slice(self.data);
        boxes::close(out, emsg);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_these_bytes() {
        let message = EventMessage {
            scheme: "urn:a",
            value: "1",
            timescale: Timescale::VIDEO,
            presentation_time: 180_000,
            duration: UNKNOWN_DURATION,
            id: 7,
            data: b"what",
        };
        let mut out = Vec::new();
        message.write(&mut out);
        assert_eq!(out, b"\0\0\0\x2cemsg\x01\0\0\0\0\x01\x5f\x90\0\0\0\0\0\x02\xbf\x20\xff\xff\xff\xff\0\0\0\x07urn:a\x001\0what");
    }
}
