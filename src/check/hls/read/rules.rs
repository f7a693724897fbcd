//! The rules of writing a playlist.

use crate::check::finding::Level::{Must, Note, Should};
use crate::check::finding::Rule;

use super::super::notes::rules;

rules! {
    ENCODING "hls-encoding" Must "RFC 8216bis §4.1"
        "A playlist is UTF-8 without a byte order mark or control characters, and has no space around its lines."
    SIZE "hls-size" Should "bounds of this check"
        "A playlist has no more bytes and lines than a check reads."
    FIRST_LINE "hls-first-line" Must "RFC 8216bis §4.4.1.1"
        "The first line of a playlist is EXTM3U."
    KNOWN_KIND "hls-known-kind" Must "RFC 8216bis §4.1"
        "A playlist has tags that tell whether it is a multivariant or a media playlist."
    ONE_KIND "hls-one-kind" Must "RFC 8216bis §4.1"
        "No playlist has both tags of multivariant and tags of media playlists."
    ONCE "hls-tag-once" Must "RFC 8216bis §4.4"
        "A tag that concerns the whole playlist stands there once."
    UNKNOWN_TAG "hls-unknown-tag" Note "RFC 8216bis §6.3.1"
        "Players pass over tags that the specification does not define."
    VALUE "hls-tag-value" Must "RFC 8216bis §4.2"
        "A tag's value is of the form that the tag demands."
    ATTRIBUTE_LIST "hls-attribute-list" Must "RFC 8216bis §4.2"
        "An attribute list is NAME=VALUE, joined by commas, without space, each name once."
    ATTRIBUTE_VALUE "hls-attribute-value" Must "RFC 8216bis §4.2"
        "An attribute's value is of the type that the attribute demands, strings in quotes and everything else without."
    ATTRIBUTE_MISSING "hls-attribute-missing" Must "RFC 8216bis §4.4"
        "A tag has all of the attributes that it demands."
    VARIABLE "hls-variable" Must "RFC 8216bis §4.3, §4.4.2.3"
        "A variable is defined once, before it is used, from what there is to define it from."
    SEGMENT_LINES "hls-segment-lines" Must "RFC 8216bis §4.4.4.1, §4.4.6.2"
        "Each segment is one EXTINF and one address, each variant one EXT-X-STREAM-INF with its address in the next line."
    BYTE_RANGE "hls-byte-range" Must "RFC 8216bis §4.4.4.2"
        "A byte range without an offset follows another one of the same resource."
}
