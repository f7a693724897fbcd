//! Captions inside the pictures, as a multivariant playlist announces them (RFC 8216 §4.3.4.1, §4.3.4.2).

use std::fmt::Write;

use crate::media::Captions;
use crate::segment::snapshot::TrackStatus;

use super::text::VERSION;

/// The one `GROUP-ID` of captions.
const GROUP: &str = "captions";
/// `INSTREAM-ID` of a service of CEA-708, without its number, and the version of playlists that have one (§7).
const SERVICE: &str = "SERVICE";
const VERSION_FOR_SERVICES: u32 = 7;

/// What there is to say of captions.
#[derive(Debug)]
pub(super) enum ClosedCaptions {
    /// No variant has any: so it is said, lest players offer them.
    None,
    /// A variant has room for them that is empty so far: nothing is said.
    Untold,
    /// These, each by its `INSTREAM-ID`.
    In(Vec<String>),
}

impl ClosedCaptions {
    /// The captions of all variants. Services of CEA-708 commonly repeat the channels of CEA-608, which more players know, so they are told
    /// only where they are alone.
    pub fn of(video: &[&TrackStatus]) -> Self {
        let all = video.iter().fold(Captions::default(), |all, status| all.and(status.track.captions));
        let channels: Vec<String> = all.channels().map(str::to_owned).collect();
        let services = || all.service_numbers().map(|number| format!("{SERVICE}{number}")).collect();
        match if channels.is_empty() { services() } else { channels } {
            known if !known.is_empty() => Self::In(known),
            _ if all.is_empty() => Self::None,
            _ => Self::Untold,
        }
    }

    /// `EXT-X-VERSION` of a playlist that tells of them.
    pub fn version(&self) -> u32 {
        match self {
            Self::In(known) if known.iter().any(|channel| channel.starts_with(SERVICE)) => VERSION_FOR_SERVICES,
            _ => VERSION,
        }
    }

    /// Writes a line for each.
    pub fn write_media(&self, out: &mut String) -> std::fmt::Result {
        let Self::In(known) = self else { return Ok(()) };
        for channel in known {
            write!(out, "#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID=\"{GROUP}\",NAME=\"{channel}\"")?;
            writeln!(out, ",DEFAULT=NO,AUTOSELECT=YES,INSTREAM-ID=\"{channel}\"")?;
        }
        Ok(())
    }

    /// Writes the attribute of a variant's line. To say that there are none, all variants have to say so.
    pub fn write_attribute(&self, out: &mut String, captions: Captions) -> std::fmt::Result {
        match self {
            Self::None => write!(out, ",CLOSED-CAPTIONS=NONE"),
            Self::In(_) if !captions.is_empty() => write!(out, ",CLOSED-CAPTIONS=\"{GROUP}\""),
            Self::In(_) | Self::Untold => Ok(()),
        }
    }
}
