//! A path parsed once into what it asks of which stream.

use percent_encoding::percent_decode_str;

use crate::bus::{NameError, StreamName};
use crate::segment::request::{Request, RequestError};

/// What a path below no route of our own asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Address {
    /// `/{app}/{name}.flv`
    Flv(StreamName),
    /// `/{app}/{name}.mp4`
    Mp4(StreamName),
    /// `/{app}/{name}/{file}`
    File(StreamName, Request),
}

/// Why a path names nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AddressError {
    /// Percent-encoding that is not UTF-8, or that hides a slash.
    #[error("the path is not plain text once percent-decoded")]
    Encoding,
    /// The stream's part is not a legal name.
    #[error("no stream can be called that: {0}")]
    Name(#[from] NameError),
    /// The last component is no file of a stream.
    #[error(
        "{0}; streams are at /APP/NAME.flv, /APP/NAME.mp4, /APP/NAME/index.m3u8 and /APP/NAME/manifest.mpd, and /watch/APP/NAME plays one"
    )]
    File(#[from] RequestError),
}

impl Address {
    /// Reads a path as it stands in the request line, percent-encoded, without its query.
    ///
    /// # Errors
    /// Says what about the path names nothing.
    pub fn parse(path: &str) -> Result<Self, AddressError> {
        // A slash that only decoding reveals would move the border between the stream's name and its file.
        let hidden = path.as_bytes().windows(3).any(|code| code.eq_ignore_ascii_case(b"%2f"));
        let decoded = percent_decode_str(path).decode_utf8().map_err(|_| AddressError::Encoding)?;
        if hidden {
            return Err(AddressError::Encoding);
        }
        let path = decoded.trim_start_matches('/');
        let (stream, file) = path.rsplit_once('/').unwrap_or(("", path));
        let known = Request::parse(file);
        if let Ok(request) = known
            && stream.contains('/')
        {
            return Ok(Self::File(StreamName::parse(stream)?, request));
        }
        if let Some(stem) = path.strip_suffix(".flv") {
            return Ok(Self::Flv(StreamName::parse(stem)?));
        }
        if let Some(stem) = path.strip_suffix(".mp4") {
            return Ok(Self::Mp4(StreamName::parse(stem)?));
        }
        let request = known?;
        Ok(Self::File(StreamName::parse(stream)?, request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::TrackId;

    fn name(path: &str) -> StreamName {
        StreamName::parse(path).unwrap()
    }

    #[test]
    fn the_ending_says_which_exit() {
        assert_eq!(Address::parse("/live/demo.flv"), Ok(Address::Flv(name("live/demo"))));
        assert_eq!(Address::parse("/a/b/demo.mp4"), Ok(Address::Mp4(name("a/b/demo"))));
        assert_eq!(Address::parse("/live/demo/index.m3u8"), Ok(Address::File(name("live/demo"), Request::Multivariant)));
        let playlist = Request::MediaPlaylist(TrackId::AUDIO);
        assert_eq!(Address::parse("/a/b/c/a0.m3u8"), Ok(Address::File(name("a/b/c"), playlist)));
    }

    #[test]
    fn an_init_segment_is_told_from_a_stream_of_that_ending() {
        assert!(matches!(Address::parse("/live/demo/v0-1700000000000-i1.mp4"), Ok(Address::File(_, Request::Init { .. }))));
        assert_eq!(Address::parse("/live/demo/v0.mp4"), Ok(Address::Mp4(name("live/demo/v0"))));
    }

    #[test]
    fn encodings_are_undone_once_and_never_move_a_border() {
        assert_eq!(Address::parse("/live/d%65mo.flv"), Ok(Address::Flv(name("live/demo"))));
        assert_eq!(Address::parse("/live%2fdemo.flv"), Err(AddressError::Encoding));
        assert_eq!(Address::parse("/live/%ff.flv"), Err(AddressError::Encoding));
        assert!(matches!(Address::parse("/live/%2565.flv"), Err(AddressError::Name(NameError::Character { .. }))));
        assert!(matches!(Address::parse("/live/../x.flv"), Err(AddressError::Name(NameError::Component(_)))));
        assert!(matches!(Address::parse("/live/demo/secrets.txt"), Err(AddressError::File(_))));
    }

    #[test]
    fn who_leaves_the_file_out_is_told_what_there_is() {
        assert!(matches!(Address::parse("/live/demo"), Err(AddressError::File(_))));
        assert!(matches!(Address::parse("/demo"), Err(AddressError::File(_))));
    }
}
