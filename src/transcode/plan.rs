//! What the worker is told, and how the two talk.
//!
//! The gateway starts `sluicegate-ladder --plan JSON`, where JSON is one [`Plan`] in one argument. From then on there are two pipes of FLV with
//! Enhanced RTMP bodies, and lines for people on standard error.
//!
//! **Standard input** is one video track, number 0: the file header or none, its configuration, then its coded frames, beginning with a sync
//! sample. [`crate::flv::Muxer`] writes just that for a program of one track in [`SOURCE`]. The worker understands timestamp, composition time
//! and the nanoseconds of ModEx as one presentation time and looks at nothing else: frames come in the order of decoding, whatever their
//! timestamps. A configuration may be sent again at any time. A change of codec or picture size there is survived, with pictures pressed
//! into the sizes of the plan: whoever wants others starts a worker with another plan. Where the plan has a sound, audio track 0 comes between
//! them ([`Plan::source`]), or alone where there are no rungs; else sound is passed over, as script data is always. A tag may have up to [`MAX_TAG`] bytes.
//!
//! **Standard output** is FLV in [`RUNGS`]: the rung at position N of the plan is video track N. Each has its configuration before its first
//! frame, and again when it changes or another rung's has come; then one tag for each frame, in the order of presentation:
//! - The presentation time is the source frame's to the nanosecond; the decoding time is the same, for rungs have no B-frames.
//! - Frames of several rungs interleave as their encoders finish, so timestamps fall back a little from tag to tag; within one track they rise.
//! - A frame is a sync sample where the source's was, and nowhere else. But for the frames that [`Rung::every`] leaves out, and those around
//!   damage, overload and a decoder's start, each frame of the source has its counterpart.
//! - What is inside the source's pictures is inside the rungs' as well: captions, and how the picture is to be turned before it is shown, which
//!   each keyframe tells again. AV1 has no word for the latter.
//! - The plan's sound is audio track 0. Its configuration comes before anything of the pictures; where it is missing, no sound can be made, and
//!   the worker says why. Its frames follow one another by the count of their samples, from the source's time on, and begin anew where
//!   that leaves them: what a player hears when it decodes one is what the source had at that moment.
//! - About once a second, also while there are no frames, a script tag tells how it goes: [`super::report`].
//!
//! **The end.** When standard input ends, the worker codes what it has and leaves with status 0. So it does when nobody reads its output. Bytes
//! that are no FLV end it with status 65, a plan that it cannot read with 64, and a libav that refuses what every rung needs with 70. Frames
//! that cannot be decoded are counted, and it goes on at the next sync sample. A rung whose encoder cannot be opened, even in software, is
//! shed for good and told of so.
//!
//! **Time.** The worker reads its input as it comes and drops nothing unread: the gateway need never wait on the pipe for long, and a pipe that stays full
//! means a worker that hangs. It has no clock of its own for media; how far it is behind it tells from when bytes came in and when their
//! frames went out. Beyond a bound it sheds rungs ([`super::ladder::shedding_order`]), and takes them up again at a sync sample when it has
//! long been at ease, each time later than the time before.

use serde::{Deserialize, Serialize};

use super::ladder::{BIT_RATES, FRAME_RATES, MAX_RUNGS, Rung, is_name, is_word};
use super::sound::Sound;
use crate::flv::{Dialect, FlvVariant, HevcForm};
use crate::media::codec::{MAX_PICTURE, MIN_PICTURE};
use crate::media::{Pick, Selection};

/// The worker's name, as it is installed beside the gateway.
pub const WORKER: &str = "sluicegate-ladder";

/// The worker's exit status where libav has no decoder for the source's codec: there is no use in starting it anew (sysexits.h, `EX_UNAVAILABLE`).
pub const CANNOT_DECODE: u8 = 69;

/// The longest tag that either side sends or takes, in bytes: as much as an RTMP message of video may have.
pub const MAX_TAG: usize = crate::flv::reader::DEFAULT_MAX_TAG;

/// Most threads of a decoder or an encoder.
pub const MAX_THREADS: u32 = 64;

/// How the source's pictures cross the pipe.
pub const SOURCE: FlvVariant = FlvVariant {
    selection: Selection { video: Pick::Leading, audio: Pick::None },
    dialect: Dialect::Enhanced,
    hevc: HevcForm::Enhanced,
    nanos: true,
};

/// How the rungs come back, and the sound where it is made.
pub const RUNGS: FlvVariant = FlvVariant { selection: Selection { video: Pick::All, audio: Pick::Leading }, ..SOURCE };

/// What a worker makes, and with how much of the machine.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// At most [`MAX_RUNGS`], and none only beside a sound; a rung's place is the number of its track.
    pub rungs: Vec<Rung>,
    /// The sound that is made beside them.
    #[serde(default)]
    pub sound: Option<Sound>,
    /// Threads that decode. Each beyond the first costs a frame of delay.
    pub decoder_threads: u32,
    /// Threads of each rung's encoder. More than one codes pictures in slices, which costs some quality.
    pub encoder_threads: u32,
    /// What is added to the worker's nice level: 0 to 19.
    pub nice: u8,
    /// Whether the input comes as it is made. Where it is a file instead, nothing is shed and nothing skipped: whoever writes has to wait.
    #[serde(default = "yes")]
    pub live: bool,
}

fn yes() -> bool {
    true
}

/// A plan that cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// It is not JSON, or not of a plan.
    #[error("not a plan: {0}")]
    Json(#[from] serde_json::Error),
    /// It has too many rungs, or none and no sound.
    #[error("{0} rungs: from 1 to {MAX_RUNGS}, or none beside a sound")]
    Rungs(usize),
    /// A number is out of bounds.
    #[error("{what}: {value} is out of bounds")]
    Bounds {
        /// Which.
        what: &'static str,
        /// The number.
        value: u64,
    },
    /// A sound that AAC or the pipe has no form for.
    #[error("no sound that can be made: {0:?}")]
    Sound(Sound),
    /// A name, preset or profile that is none.
    #[error("'{0}' is no name, preset or profile")]
    Word(String),
}

impl Plan {
    /// A plan of these rungs that leaves most of the machine to others: one thread for each encoder.
    pub fn new(rungs: Vec<Rung>) -> Self {
        Self { rungs, sound: None, decoder_threads: 1, encoder_threads: 1, nice: 0, live: true }
    }

    /// The worker's arguments.
    pub fn arguments(&self) -> [String; 2] {
        let json = serde_json::to_string(self).expect("names and numbers are always JSON");
        ["--plan".to_owned(), json]
    }

    /// Reads a plan and holds it to what an encoder can be asked for.
    ///
    /// # Errors
    /// What is wrong with it first.
    pub fn parse(json: &str) -> Result<Self, PlanError> {
        let plan: Self = serde_json::from_str(json)?;
        if plan.rungs.len() > MAX_RUNGS || plan.rungs.is_empty() && plan.sound.is_none() {
            return Err(PlanError::Rungs(plan.rungs.len()));
        }
        within("decoder_threads", plan.decoder_threads, 1, MAX_THREADS)?;
        within("encoder_threads", plan.encoder_threads, 1, MAX_THREADS)?;
        within("nice", plan.nice.into(), 0, 19)?;
        plan.rungs.iter().try_for_each(check)?;
        match plan.sound.filter(|sound| !sound.is_possible()) {
            Some(sound) => Err(PlanError::Sound(sound)),
            None => Ok(plan),
        }
    }

    /// How the source crosses the pipe.
    pub fn source(&self) -> FlvVariant {
        let pick = |is_wanted| if is_wanted { Pick::Leading } else { Pick::None };
        let selection = Selection { video: pick(!self.rungs.is_empty()), audio: pick(self.sound.is_some()) };
        FlvVariant { selection, ..SOURCE }
    }
}

fn check(rung: &Rung) -> Result<(), PlanError> {
    for (what, pixels) in [("width", rung.width), ("height", rung.height)] {
        // Half of the pixels have chroma.
        within(what, pixels, MIN_PICTURE, MAX_PICTURE)?;
        within(what, pixels % 2, 0, 0)?;
    }
    within("every", rung.every, 1, 1_000)?;
    within("bit_rate", rung.bit_rate, *BIT_RATES.start(), *BIT_RATES.end())?;
    if !FRAME_RATES.contains(&rung.frame_rate) {
        return Err(PlanError::Bounds { what: "frame_rate", value: rung.frame_rate as u64 });
    }
    if !is_name(&rung.name) {
        return Err(PlanError::Word(rung.name.clone()));
    }
    match [&rung.preset, &rung.profile].into_iter().find(|word| !is_word(word)) {
        Some(word) => Err(PlanError::Word(word.clone())),
        None => Ok(()),
    }
}

fn within(what: &'static str, value: u32, least: u32, most: u32) -> Result<(), PlanError> {
    if (least..=most).contains(&value) { Ok(()) } else { Err(PlanError::Bounds { what, value: value.into() }) }
}
