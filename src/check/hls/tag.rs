//! The tags of a playlist (§4.4).

use std::fmt;

/// Which playlists a tag belongs to, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Either kind of playlist.
    Both,
    /// Multivariant playlists only.
    Multivariant,
    /// Media playlists only, about the whole of it.
    Media,
    /// Media playlists only, about the next segment and in part those that follow.
    Segment,
}

/// How often a tag may stand in one playlist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// Not more than once.
    Once,
    /// As often as need be.
    Any,
}

macro_rules! tags {
    ($($tag:ident $name:literal $scope:ident $times:ident,)*) => {
        /// A tag that the specification defines.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Tag {
            $(#[doc = concat!("`", $name, "`")] $tag,)*
        }

        impl Tag {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$tag,)*];

            /// The tag of that name, without the `#` before it.
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$tag),)*
                    _ => None,
                }
            }

            /// Its name, without the `#` before it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$tag => $name,)*
                }
            }

            /// Where it belongs.
            pub const fn scope(self) -> Scope {
                match self {
                    $(Self::$tag => Scope::$scope,)*
                }
            }

            /// How often it may stand in one playlist.
            pub const fn times(self) -> Times {
                match self {
                    $(Self::$tag => Times::$times,)*
                }
            }
        }
    };
}

tags! {
    ExtM3u "EXTM3U" Both Once,
    Version "EXT-X-VERSION" Both Once,
    IndependentSegments "EXT-X-INDEPENDENT-SEGMENTS" Both Once,
    Start "EXT-X-START" Both Once,
    Define "EXT-X-DEFINE" Both Any,
    TargetDuration "EXT-X-TARGETDURATION" Media Once,
    MediaSequence "EXT-X-MEDIA-SEQUENCE" Media Once,
    DiscontinuitySequence "EXT-X-DISCONTINUITY-SEQUENCE" Media Once,
    EndList "EXT-X-ENDLIST" Media Once,
    PlaylistType "EXT-X-PLAYLIST-TYPE" Media Once,
    IFramesOnly "EXT-X-I-FRAMES-ONLY" Media Once,
    PartInf "EXT-X-PART-INF" Media Once,
    ServerControl "EXT-X-SERVER-CONTROL" Media Once,
    Inf "EXTINF" Segment Any,
    ByteRange "EXT-X-BYTERANGE" Segment Any,
    Discontinuity "EXT-X-DISCONTINUITY" Segment Any,
    Key "EXT-X-KEY" Segment Any,
    Map "EXT-X-MAP" Segment Any,
    ProgramDateTime "EXT-X-PROGRAM-DATE-TIME" Segment Any,
    Gap "EXT-X-GAP" Segment Any,
    BitRate "EXT-X-BITRATE" Segment Any,
    Part "EXT-X-PART" Segment Any,
    DateRange "EXT-X-DATERANGE" Media Any,
    Skip "EXT-X-SKIP" Media Once,
    PreloadHint "EXT-X-PRELOAD-HINT" Media Any,
    RenditionReport "EXT-X-RENDITION-REPORT" Media Any,
    Media "EXT-X-MEDIA" Multivariant Any,
    StreamInf "EXT-X-STREAM-INF" Multivariant Any,
    IFrameStreamInf "EXT-X-I-FRAME-STREAM-INF" Multivariant Any,
    SessionData "EXT-X-SESSION-DATA" Multivariant Any,
    SessionKey "EXT-X-SESSION-KEY" Multivariant Any,
    ContentSteering "EXT-X-CONTENT-STEERING" Multivariant Once,
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
