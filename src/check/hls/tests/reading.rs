//! Reading: every mistake in writing is told, and everything else is read.

use proptest::prelude::*;

use crate::check::finding::Finding;
use crate::check::hls::model::{Media, Multivariant, Playlist};
use crate::check::hls::read::{Given, MAX_LINES, playlist, rules};
use crate::check::hls::tag::Tag;
use crate::media::Span;

use super::sound::{MULTIVARIANT, PARTS, TRANSPORT};
use super::{Specimen, hold, specimen};

const SPECIMENS: &[Specimen] = &[
    specimen(&rules::ENCODING, PARTS, &[("#EXT-X-VERSION:6\n", "#EXT-X-VERSION:6 \n")]),
    specimen(&rules::ENCODING, PARTS, &[("v0-i1.mp4", "v0\u{7}-i1.mp4")]),
    specimen(&rules::ENCODING, PARTS, &[("#EXTM3U", "\u{feff}#EXTM3U")]),
    specimen(&rules::FIRST_LINE, PARTS, &[("#EXTM3U\n", "")]),
    specimen(&rules::FIRST_LINE, PARTS, &[("#EXTM3U", "#a comment\n#EXTM3U")]),
    specimen(&rules::KNOWN_KIND, "#EXTM3U\n#EXT-X-TARGETDURATION:2\n", &[("#EXT-X-TARGETDURATION:2\n", "#comment\n")]),
    specimen(&rules::ONE_KIND, PARTS, &[("#EXT-X-MAP", "#EXT-X-SESSION-DATA:DATA-ID=\"x\",VALUE=\"y\"\n#EXT-X-MAP")]),
    specimen(&rules::ONCE, PARTS, &[("#EXT-X-MAP", "#EXT-X-TARGETDURATION:2\n#EXT-X-MAP")]),
    specimen(&rules::UNKNOWN_TAG, PARTS, &[("#EXT-X-MAP", "#EXT-X-CUE-OUT:30\n#EXT-X-MAP")]),
    specimen(&rules::VALUE, PARTS, &[("TARGETDURATION:2", "TARGETDURATION:2.5")]),
    specimen(&rules::VALUE, PARTS, &[("#EXTINF:2.000000,", "#EXTINF:2.000000")]),
    specimen(&rules::VALUE, PARTS, &[("14:13:20.153Z", "14:13")]),
    specimen(&rules::VALUE, TRANSPORT, &[("#EXT-X-BYTERANGE:1880@376", "#EXT-X-BYTERANGE:1880@376\n#EXT-X-BYTERANGE:?")]),
    specimen(&rules::VALUE, PARTS, &[("#EXT-X-MAP", "#EXT-X-PLAYLIST-TYPE:LIVE\n#EXT-X-MAP")]),
    specimen(&rules::ATTRIBUTE_LIST, PARTS, &[("CAN-BLOCK-RELOAD=YES,", "CAN-BLOCK-RELOAD=YES, ")]),
    specimen(&rules::ATTRIBUTE_LIST, PARTS, &[(",INDEPENDENT=YES", ",INDEPENDENT=YES,INDEPENDENT=YES")]),
    specimen(&rules::ATTRIBUTE_LIST, PARTS, &[(",INDEPENDENT=YES", ",INDEPENDENT=YES,")]),
    specimen(&rules::ATTRIBUTE_LIST, PARTS, &[("m4s\",INDEPENDENT=YES", "m4s\" INDEPENDENT=YES")]),
    specimen(&rules::ATTRIBUTE_LIST, PARTS, &[(",INDEPENDENT=YES", ",INDEPENDENT")]),
    specimen(&rules::ATTRIBUTE_VALUE, PARTS, &[("URI=\"v0-p12.m4s\"", "URI=v0-p12.m4s")]),
    specimen(&rules::ATTRIBUTE_VALUE, PARTS, &[("PART-TARGET=0.335", "PART-TARGET=-1")]),
    specimen(&rules::ATTRIBUTE_VALUE, PARTS, &[("INDEPENDENT=YES", "INDEPENDENT=TRUE")]),
    specimen(&rules::ATTRIBUTE_VALUE, PARTS, &[("0xFC30", "FC30")]),
    specimen(&rules::ATTRIBUTE_VALUE, PARTS, &[("2026-09-21T14:13:23.000Z", "yesterday")]),
    specimen(&rules::ATTRIBUTE_VALUE, MULTIVARIANT, &[("RESOLUTION=1280x720", "RESOLUTION=720p")]),
    specimen(&rules::ATTRIBUTE_VALUE, MULTIVARIANT, &[("FRAME-RATE=30.000", "FRAME-RATE=30/1")]),
    specimen(&rules::ATTRIBUTE_MISSING, PARTS, &[("DURATION=0.333000,", "")]),
    specimen(&rules::ATTRIBUTE_MISSING, MULTIVARIANT, &[("BANDWIDTH=2660000,", "")]),
    specimen(&rules::VARIABLE, TRANSPORT, &[("{$host}/8.ts", "{$guest}/8.ts")]),
    specimen(&rules::VARIABLE, TRANSPORT, &[("#EXT-X-KEY", "#EXT-X-DEFINE:NAME=\"host\",VALUE=\"x\"\n#EXT-X-KEY")]),
    specimen(&rules::VARIABLE, TRANSPORT, &[("#EXT-X-KEY", "#EXT-X-DEFINE:QUERYPARAM=\"token\"\n#EXT-X-KEY")]),
    specimen(&rules::SEGMENT_LINES, PARTS, &[("#EXTINF:2.000000,\n", "")]),
    specimen(&rules::SEGMENT_LINES, PARTS, &[("v0-1790000001.m4s\n", "")]),
    specimen(&rules::SEGMENT_LINES, PARTS, &[("v0-1790000001.m4s", "v0-1790000001.m4s\nagain.m4s")]),
    specimen(&rules::SEGMENT_LINES, MULTIVARIANT, &[("v0.m3u8\n", "")]),
    specimen(&rules::BYTE_RANGE, TRANSPORT, &[("BYTERANGE:1880@376", "BYTERANGE:1880")]),
    specimen(&rules::BYTE_RANGE, PARTS, &[("URI=\"v0-p12.m4s\"", "URI=\"v0-p12.m4s\",BYTERANGE=\"5\"")]),
];

fn check(text: &str) -> Vec<Finding> {
    playlist(text.as_bytes(), "x.m3u8", Given::default()).1
}

fn media(text: &str) -> Media {
    match playlist(text.as_bytes(), "x.m3u8", Given::default()).0 {
        Some(Playlist::Media(media)) => *media,
        other => panic!("{other:?}"),
    }
}

fn multivariant(text: &str) -> Multivariant {
    match playlist(text.as_bytes(), "x.m3u8", Given::default()).0 {
        Some(Playlist::Multivariant(list)) => *list,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_mistake_in_writing_is_told() {
    let too_long = rules::RULES.iter().copied().filter(|rule| rule.id != rules::SIZE.id).collect::<Vec<_>>();
    hold(&too_long, SPECIMENS, check);
}

#[test]
fn what_is_too_long_is_read_in_part() {
    let mut text = PARTS.to_owned();
    assert_eq!(check(&text), []);
    text.push_str(&"#\n".repeat(MAX_LINES));
    let found: Vec<_> = check(&text).iter().map(|finding| finding.rule.id).collect();
    assert_eq!(found, [rules::SIZE.id]);
    assert_eq!(media(&text).segments.len(), 3);
}

#[test]
fn bytes_that_are_no_text_are_told_and_passed_over() {
    let mut bytes = PARTS.as_bytes().to_vec();
    bytes.extend_from_slice(b"#\xff\n");
    let (list, found) = playlist(&bytes, "x.m3u8", Given::default());
    assert!(list.is_some());
    assert_eq!(found.iter().map(|finding| finding.rule.id).collect::<Vec<_>>(), [rules::ENCODING.id]);
}

#[test]
fn a_playlist_with_parts_is_read() {
    let list = media(PARTS);
    assert_eq!((list.target_duration, list.part_target), (Some(2), Some(Span::from_millis(335))));
    let control = list.server_control.as_ref().unwrap();
    assert_eq!((control.can_block_reload, control.part_hold_back), (true, Some(Span::from_millis(1_005))));
    assert_eq!((list.segments.len(), list.next_msn()), (3, 1_790_000_003));
    let third = &list.segments[2];
    assert_eq!((third.msn, &*third.uri, third.parts.len(), third.line), (1_790_000_002, "v0-1790000002.m4s", 6, 25));
    assert_eq!((&*third.map.as_ref().unwrap().uri, third.wall, third.date), ("v0-i1.mp4", third.date, third.wall));
    let open = list.open.as_ref().unwrap();
    assert_eq!((open.msn, open.parts.len(), open.duration), (1_790_000_003, 2, Span::from_millis(666)));
    assert_eq!((&*list.hints[0].uri, list.hints[0].line), ("v0-p20.m4s", 29));
    assert_eq!((list.reports[0].last_msn, list.reports[0].last_part), (Some(1_790_000_003), Some(0)));
    assert_eq!(list.date_ranges[0].attributes["SCTE35-OUT"], "0xFC30");
    assert_eq!(list.header.line_of(Tag::PartInf), Some(6));
}

#[test]
fn what_others_write_is_read() {
    let list = media(TRANSPORT);
    let uris: Vec<_> = list.segments.iter().map(|segment| (segment.uri.rsplit('/').next().unwrap(), segment.range.clone())).collect();
    assert_eq!(uris, [("7.ts", Some(376..2_256)), ("7.ts", Some(2_256..3_196)), ("8.ts", None), ("9.ts", None)]);
    assert!(list.segments.iter().all(|segment| segment.uri.starts_with("https://media.example/live/")));
    let keys: Vec<_> = list.segments.iter().map(|segment| segment.keys.as_ref().unwrap().len()).collect();
    assert_eq!(keys, [1, 1, 0, 0]);
    assert_eq!(list.segments[3].wall.unwrap().to_string(), "2026-09-21T14:13:32.053Z");
    assert_eq!(list.header.start.unwrap().offset, Span::from_millis(-12_500));
}

#[test]
fn keys_do_not_add_up_without_end() {
    let keys: String = (0..100).map(|n| format!("#EXT-X-KEY:METHOD=AES-128,URI=\"k\",KEYFORMAT=\"f{n}\"\n#EXTINF:4,\n{n}.ts\n")).collect();
    let list = media(&TRANSPORT.replace("#EXT-X-KEY:METHOD=NONE\n", &keys));
    assert_eq!(list.segments.iter().filter_map(|segment| segment.keys.as_ref()).map(|keys| keys.len()).max(), Some(16));
}

#[test]
fn discontinuities_are_counted() {
    let text = PARTS.replace("SEQUENCE:0", "SEQUENCE:4").replace("#EXTINF", "#EXT-X-DISCONTINUITY\n#EXTINF");
    let list = media(&text);
    assert_eq!(list.segments.iter().map(|segment| segment.discontinuity_sequence).collect::<Vec<_>>(), [5, 6, 7]);
    let delta = "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:5\n#EXT-X-SKIP:SKIPPED-SEGMENTS=10,RECENTLY-REMOVED-DATERANGES=\"a\tb\"\n#EXTINF:2,\nx\n";
    let list = media(delta);
    assert_eq!((list.segments[0].msn, list.skip.unwrap().removed_dateranges.unwrap().len()), (15, 2));
}

#[test]
fn a_multivariant_playlist_is_read() {
    let list = multivariant(MULTIVARIANT);
    assert_eq!((list.renditions.len(), list.variants.len(), list.iframes.len()), (3, 2, 1));
    assert_eq!((&*list.variants[1].uri, list.variants[1].resolution), ("v1.m3u8", Some((640, 360))));
    assert_eq!(list.variants[0].codecs.as_deref(), Some(&["avc1.64001f".to_owned(), "mp4a.40.2".to_owned()][..]));
    assert_eq!((&*list.iframes[0].uri, &*list.renditions[1].name), ("v0-iframes.m3u8", "Français"));
}

#[test]
fn variables_come_from_the_query_and_the_multivariant_playlist() {
    let text = "#EXTM3U\n#EXT-X-DEFINE:QUERYPARAM=\"t\"\n#EXT-X-DEFINE:IMPORT=\"h\"\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{$h}/x?t={$t}\n";
    let imported = [("h".to_owned(), "https://a".to_owned())].into();
    let (list, found) = playlist(text.as_bytes(), "x", Given { query: "s=1&t=a%20b", imported: Some(&imported) });
    assert_eq!(found, []);
    let Some(Playlist::Media(list)) = list else { panic!("{list:?}") };
    assert_eq!(list.segments[0].uri, "https://a/x?t=a b");
}

/// Lines that a reader may meet in any order, whole and cut off.
fn lines() -> impl Strategy<Value = String> {
    let known: Vec<&str> = [PARTS, TRANSPORT, MULTIVARIANT].iter().flat_map(|text| text.lines()).collect();
    let line = prop_oneof![
        6 => (proptest::sample::select(known), any::<proptest::sample::Index>(), any::<bool>()).prop_map(|(line, cut, whole)| {
            let at = line.floor_char_boundary(cut.index(line.len() + 1));
            if whole { line.to_owned() } else { line[..at].to_owned() }
        }),
        2 => proptest::sample::select(Tag::ALL).prop_map(|tag| format!("#{tag}:=,\"=\",A=@{{$")),
        1 => ".*",
    ];
    proptest::collection::vec(line, 0..60).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_lines_are_read_without_a_panic(text in lines()) {
        let (list, found) = playlist(text.as_bytes(), "x", Given::default());
        prop_assert!(list.is_some() || !found.is_empty());
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
        playlist(&bytes, "x", Given::default());
    }
}
