//! Which tracks of a program a viewer gets.

use std::fmt;
use std::sync::Arc;

use super::track::{Kind, Track, TrackId, TrackSet};

/// The highest track number that can be asked for. Publishers' go up to 15; from 16 on are those of what is made here.
pub const MAX_INDEX: u8 = 31;

/// The most bytes of a selection's text that are looked at: four times what the longest sensible one has.
pub const MAX_TEXT: usize = 64;

/// Which tracks of each kind a viewer gets; by default the leading one of each. Script data goes to everybody.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Selection {
    /// Of the video tracks.
    pub video: Pick,
    /// Of the audio tracks.
    pub audio: Pick,
}

/// Which tracks of one kind a viewer gets.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Pick {
    /// The one of lowest index that the viewer's format can carry.
    #[default]
    Leading,
    /// The one of that index.
    Track(u8),
    /// All that the viewer's format can carry.
    All,
    /// None.
    None,
}

/// What is wrong with a selection's text.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SelectionError {
    /// A word that names no track.
    #[error(
        "'{word}' names no track: write v0 to v{MAX_INDEX} or v*, a0 to a{MAX_INDEX} or a*, novideo, noaudio or all, with commas between"
    )]
    Word {
        /// The word.
        word: String,
    },
    /// Two words for one kind.
    #[error("'{first}' and '{second}' both choose {kind}: one track of each kind can be chosen, or all")]
    Twice {
        /// The kind, in words.
        kind: &'static str,
        /// The word that chose first.
        first: String,
        /// The word that chose again.
        second: String,
    },
    /// `all` beside other words.
    #[error("'all' stands alone")]
    Crowded,
    /// Nothing would be left to play.
    #[error("'novideo' and 'noaudio' together leave nothing to play")]
    Nothing,
    /// More text than any selection takes.
    #[error("a selection of {length} bytes is longer than the {MAX_TEXT} that are looked at")]
    Long {
        /// Bytes of the text.
        length: usize,
    },
}

impl Selection {
    /// Every track.
    pub const ALL: Self = Self { video: Pick::All, audio: Pick::All };

    /// Reads `v1`, `a1`, `v1,a1`, `a*` (all of a kind), `novideo`, `noaudio` or `all`, as in the query `?track=`. A kind that is not named
    /// stays at its leading track.
    ///
    /// # Errors
    /// Names the word that is wrong.
    pub fn parse(text: &str) -> Result<Self, SelectionError> {
        if text.len() > MAX_TEXT {
            return Err(SelectionError::Long { length: text.len() });
        }
        if text == "all" {
            return Ok(Self::ALL);
        }
        let mut selection = Self::default();
        let mut chosen: [Option<&str>; 2] = [None; 2];
        for word in text.split(',') {
            let (kind, pick) = read_word(word)?;
            let (place, at, name) = match kind {
                Kind::Audio => (&mut selection.audio, 1, "sound"),
                Kind::Video | Kind::Data => (&mut selection.video, 0, "the picture"),
            };
            if let Some(first) = chosen[at].replace(word) {
                return Err(SelectionError::Twice { kind: name, first: first.to_owned(), second: word.to_owned() });
            }
            *place = pick;
        }
        if selection == (Self { video: Pick::None, audio: Pick::None }) {
            return Err(SelectionError::Nothing);
        }
        Ok(selection)
    }

    /// That one track of its kind.
    pub fn of(track: TrackId) -> Self {
        match track.kind {
            Kind::Video => Self { video: Pick::Track(track.index), ..Self::default() },
            Kind::Audio | Kind::Data => Self { audio: Pick::Track(track.index), ..Self::default() },
        }
    }

    /// What is chosen of one kind.
    pub fn pick(&self, kind: Kind) -> Pick {
        match kind {
            Kind::Video => self.video,
            Kind::Audio => self.audio,
            Kind::Data => Pick::All,
        }
    }

    /// The chosen tracks of `program` among those that `carries` says the viewer's format can carry: video first, then audio, each by
    /// index; no script data.
    pub fn tracks<'a>(&self, program: &'a TrackSet, carries: impl Fn(&Track) -> bool) -> Vec<&'a Arc<Track>> {
        let mut chosen = Vec::new();
        for kind in [Kind::Video, Kind::Audio] {
            let mut fit = program.of(kind).filter(|track| carries(track));
            match self.pick(kind) {
                Pick::Leading => chosen.extend(fit.next()),
                Pick::Track(index) => chosen.extend(fit.find(|track| track.id.index == index)),
                Pick::All => chosen.extend(fit),
                Pick::None => {}
            }
        }
        chosen
    }

    /// The one way to say the same of `program` to viewers whose format carries what `carries` says, so that those who get the same
    /// tracks are seen to: the leading track's number, all of no more than one, and anything of a kind that is not there are
    /// [`Pick::Leading`].
    pub fn canonical(&self, program: &TrackSet, carries: impl Fn(&Track) -> bool) -> Self {
        let pick = |kind| {
            let mut fit = program.of(kind).filter(|track| carries(track)).map(|track| track.id.index);
            match (self.pick(kind), fit.next()) {
                (_, None) => Pick::Leading,
                (Pick::Track(index), Some(leading)) if index == leading => Pick::Leading,
                (Pick::All, Some(_)) if fit.next().is_none() => Pick::Leading,
                (pick, Some(_)) => pick,
            }
        };
        Self { video: pick(Kind::Video), audio: pick(Kind::Audio) }
    }

    /// Whether a list that players choose from shows the track: there a kind that is not named keeps all of its tracks.
    pub fn lists(&self, id: TrackId) -> bool {
        match self.pick(id.kind) {
            Pick::Leading | Pick::All => true,
            Pick::Track(index) => id.index == index,
            Pick::None => false,
        }
    }

    /// The tracks that were asked for by their numbers.
    pub fn named(&self) -> impl Iterator<Item = TrackId> {
        let named = |kind| match self.pick(kind) {
            Pick::Track(index) => Some(TrackId { kind, index }),
            Pick::Leading | Pick::All | Pick::None => None,
        };
        [Kind::Video, Kind::Audio].map(named).into_iter().flatten()
    }

    /// A track that was asked for by its number and is not in `program`.
    pub fn missing(&self, program: &TrackSet) -> Option<TrackId> {
        self.named().find(|id| program.get(*id).is_none())
    }
}

impl fmt::Display for Selection {
    /// The form that [`Selection::parse`] reads, for logs and addresses; empty for the default.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ALL {
            return f.write_str("all");
        }
        let word = |pick, letter, none: &str| match pick {
            Pick::Leading => None,
            Pick::Track(index) => Some(format!("{letter}{index}")),
            Pick::All => Some(format!("{letter}*")),
            Pick::None => Some(none.to_owned()),
        };
        let words = [word(self.video, 'v', "novideo"), word(self.audio, 'a', "noaudio")];
        f.write_str(&words.into_iter().flatten().collect::<Vec<_>>().join(","))
    }
}

fn read_word(word: &str) -> Result<(Kind, Pick), SelectionError> {
    let index = |digits: &str| {
        // Rust's parser takes a plus sign.
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|index| plain && *index <= MAX_INDEX)
    };
    match word {
        "novideo" => return Ok((Kind::Video, Pick::None)),
        "noaudio" => return Ok((Kind::Audio, Pick::None)),
        "v*" => return Ok((Kind::Video, Pick::All)),
        "a*" => return Ok((Kind::Audio, Pick::All)),
        "all" => return Err(SelectionError::Crowded),
        _ => {}
    }
    let track = match word.split_at_checked(1) {
        Some(("v", digits)) => index(digits).map(|index| (Kind::Video, Pick::Track(index))),
        Some(("a", digits)) => index(digits).map(|index| (Kind::Audio, Pick::Track(index))),
        _ => None,
    };
    track.ok_or_else(|| SelectionError::Word { word: word.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Codec;

    fn set(ids: &[(Kind, u8)]) -> TrackSet {
        TrackSet::new(ids.iter().map(|&(kind, index)| Track::new(TrackId { kind, index }, Codec::Script)))
    }

    fn chosen(text: &str, carries: impl Fn(&Track) -> bool) -> String {
        let program = set(&[(Kind::Video, 0), (Kind::Video, 2), (Kind::Audio, 0), (Kind::Audio, 1), (Kind::Data, 0)]);
        let selection = if text.is_empty() { Selection::default() } else { Selection::parse(text).unwrap() };
        selection.tracks(&program, carries).iter().map(|track| track.id.to_string()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_not_named_stays_at_its_leading_track() {
        let any = |_: &Track| true;
        assert_eq!(chosen("", any), "v0 a0");
        assert_eq!(chosen("v2", any), "v2 a0");
        assert_eq!(chosen("a1", any), "v0 a1");
        assert_eq!(chosen("a1,v2", any), "v2 a1");
        assert_eq!(chosen("noaudio", any), "v0");
        assert_eq!(chosen("novideo,a1", any), "a1");
        assert_eq!(chosen("all", any), "v0 v2 a0 a1");
        assert_eq!(chosen("a*", any), "v0 a0 a1");
        assert_eq!(chosen("v1", any), "a0", "a track that is not there is not replaced by another");
    }

    #[test]
    fn the_leading_track_is_the_first_that_can_be_carried() {
        let not_the_first = |track: &Track| track.id != TrackId::VIDEO;
        assert_eq!(chosen("", not_the_first), "v2 a0");
        assert_eq!(chosen("v0", not_the_first), "a0");
        assert_eq!(chosen("all", not_the_first), "v2 a0 a1");
    }

    #[test]
    fn what_leads_to_the_same_tracks_is_the_same_selection() {
        let canonical = |text: &str, ids: &[(Kind, u8)], carries: fn(&Track) -> bool| {
            Selection::parse(text).unwrap().canonical(&set(ids), carries).to_string()
        };
        let any = |_: &Track| true;
        let one_each = [(Kind::Video, 0), (Kind::Audio, 2)];
        for text in ["v0", "v*", "a2", "a*", "all", "v0,a2", "v*,a2"] {
            assert_eq!(canonical(text, &one_each, any), "", "{text}");
        }
        assert_eq!(canonical("noaudio", &one_each, any), "noaudio");
        assert_eq!(canonical("noaudio", &one_each[..1], any), "", "there is no sound to leave out");
        assert_eq!(canonical("novideo", &one_each[1..], any), "");
        let two = [(Kind::Video, 0), (Kind::Video, 1), (Kind::Audio, 0), (Kind::Audio, 1)];
        for (text, expected) in [("v0,a1", "a1"), ("v1,a0", "v1"), ("v1,a1", "v1,a1"), ("v*", "v*"), ("all", "all")] {
            assert_eq!(canonical(text, &two, any), expected, "{text}");
        }
        let not_the_first = |track: &Track| track.id != TrackId::VIDEO;
        assert_eq!(canonical("v1", &two, not_the_first), "", "the first that can be carried leads");
        assert_eq!(canonical("v*,noaudio", &two, not_the_first), "noaudio");
    }

    #[test]
    fn a_list_keeps_all_of_a_kind_that_is_not_named() {
        let listed = |text: &str| {
            let selection = if text.is_empty() { Selection::default() } else { Selection::parse(text).unwrap() };
            let program = set(&[(Kind::Video, 0), (Kind::Video, 1), (Kind::Audio, 0), (Kind::Audio, 1)]);
            program.iter().map(|track| track.id).filter(|id| selection.lists(*id)).map(|id| id.to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(listed(""), "v0 v1 a0 a1");
        assert_eq!(listed("v1"), "v1 a0 a1");
        assert_eq!(listed("v1,a0"), "v1 a0");
        assert_eq!(listed("noaudio"), "v0 v1");
    }

    #[test]
    fn an_absent_track_is_named() {
        let program = set(&[(Kind::Video, 0), (Kind::Audio, 0)]);
        let missing = |text| Selection::parse(text).unwrap().missing(&program).map(|id| id.to_string());
        assert_eq!(missing("v1").as_deref(), Some("v1"));
        assert_eq!(missing("v0,a3").as_deref(), Some("a3"));
        assert_eq!((missing("v0,a0"), missing("all")), (None, None));
    }

    #[test]
    fn a_wrong_text_is_told_by_its_word() {
        let word = |word: &str| Err(SelectionError::Word { word: word.into() });
        for wrong in ["", "x1", "v", "v32", "v+1", "v-1", "V1", "v1;a1", "é1", "video"] {
            assert_eq!(Selection::parse(wrong), word(wrong));
        }
        assert_eq!(Selection::parse("v1,"), word(""));
        let twice = SelectionError::Twice { kind: "the picture", first: "v0".into(), second: "v1".into() };
        assert_eq!(Selection::parse("v0,a0,v1"), Err(twice));
        assert!(matches!(Selection::parse("a0,noaudio"), Err(SelectionError::Twice { kind: "sound", .. })));
        assert_eq!(Selection::parse("all,v1"), Err(SelectionError::Crowded));
        assert_eq!(Selection::parse("noaudio,novideo"), Err(SelectionError::Nothing));
        assert_eq!(Selection::parse(&"v".repeat(65)), Err(SelectionError::Long { length: 65 }));
    }

    #[test]
    fn a_selection_is_shown_as_it_is_read() {
        for text in ["v1", "a2", "v1,a2", "novideo", "v3,noaudio", "all", "v*", "v1,a*"] {
            assert_eq!(Selection::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Selection::parse("a0,v0").unwrap().to_string(), "v0,a0");
        assert_eq!(Selection::default().to_string(), "");
    }
}
