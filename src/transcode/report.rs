//! What the worker tells of itself, about once a second: a script tag on its output, `onLadder` with one text, the [`Report`] as JSON.

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::amf0;

/// The script message's name.
pub const NAME: &str = "onLadder";

/// How the worker does. Counts are those since its start.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// Milliseconds from the arrival of what let a frame be decoded to its going out, coded again: the longest since the last report. Zero
    /// where none went out.
    pub lag_ms: u64,
    /// Milliseconds of media between what came in last and the oldest frame that is being worked at. What sheds rungs is that this stays
    /// high.
    pub behind_ms: u64,
    /// Frames of the source that came in.
    pub frames_in: u64,
    /// Pictures that were decoded of them.
    pub decoded: u64,
    /// Frames, and bodies that should have held one, that could not be decoded.
    pub decode_errors: u64,
    /// Width and height of the pictures as decoded; zeros before the first.
    pub size: (u32, u32),
    /// The sound, where there is to be one.
    pub sound: SoundReport,
    /// Each rung, in the order of the plan.
    pub rungs: Vec<RungReport>,
}

/// How one rung does.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RungReport {
    /// Frames that went out.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Frames that should have gone out and did not, as the machine could not keep up or the encoder failed.
    pub dropped: u64,
    /// Whether it is given up at present.
    pub shed: bool,
    /// How many times it was given up.
    pub sheds: u64,
    /// The encoder that makes it, by libav's name, such as `libx264`; empty before it is open, and where none can be.
    pub encoder: String,
}

/// How the sound does; zeros where none is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SoundReport {
    /// Frames that went out.
    pub frames: u64,
    /// Frames of the source that could not be decoded.
    pub decode_errors: u64,
}

impl Report {
    /// The script tag's body.
    pub fn body(&self) -> Bytes {
        let mut out = BytesMut::new();
        amf0::write_str(NAME, &mut out);
        amf0::write_str(&serde_json::to_string(self).expect("numbers and names are always JSON"), &mut out);
        out.freeze()
    }

    /// Reads a script tag's body; none where it holds something else.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let mut reader = amf0::Reader::new(body);
        let name = reader.read().ok()?;
        let text = reader.read().ok()?;
        (name.as_str()? == NAME).then(|| serde_json::from_str(text.as_str()?).ok())?
    }
}
