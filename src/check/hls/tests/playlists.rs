//! One playlist by itself.

use crate::check::finding::Finding;
use crate::check::hls::playlist::{self, edge, header, multivariant, segments};
use crate::check::hls::read::{self, Given};

use super::sound::{DELTA, IFRAMES, MULTIVARIANT, PARTS, TRANSPORT};
use super::{Specimen, hold, specimen};

/// A multivariant playlist of sound alone.
const NO_VIDEO: &str = "#EXTM3U\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-STREAM-INF:BANDWIDTH=128000,CODECS=\"mp4a.40.2\"\na0.m3u8\n";

const HEADER: &[Specimen] = &[
    specimen(&header::VERSION, PARTS, &[("VERSION:6", "VERSION:5")]),
    specimen(&header::VERSION, PARTS, &[("#EXT-X-VERSION:6\n", "")]),
    specimen(&header::VERSION, TRANSPORT, &[("VERSION:8", "VERSION:7")]),
    specimen(&header::VERSION, DELTA, &[("VERSION:9", "VERSION:8")]),
    specimen(&header::VERSION, DELTA, &[("SEGMENTS=3", "SEGMENTS=3,RECENTLY-REMOVED-DATERANGES=\"a\"")]),
    specimen(&header::VERSION, IFRAMES, &[("VERSION:5", "VERSION:4")]),
    specimen(&header::TARGET_DURATION, PARTS, &[("#EXT-X-TARGETDURATION:2\n", "")]),
    specimen(&header::SEQUENCE_PLACE, TRANSPORT, &[("#EXT-X-MEDIA-SEQUENCE:7\n", ""), ("NONE\n", "NONE\n#EXT-X-MEDIA-SEQUENCE:7\n")]),
    specimen(
        &header::SEQUENCE_PLACE,
        PARTS,
        &[("#EXT-X-DISCONTINUITY-SEQUENCE:0\n", "#EXT-X-DISCONTINUITY\n#EXT-X-DISCONTINUITY-SEQUENCE:0\n")],
    ),
    specimen(
        &header::DISCONTINUITY_SEQUENCE,
        PARTS,
        &[("#EXT-X-DISCONTINUITY-SEQUENCE:0\n", ""), ("#EXT-X-MAP", "#EXT-X-DISCONTINUITY\n#EXT-X-MAP")],
    ),
    specimen(&header::HOLD_BACK, PARTS, &[(",HOLD-BACK=6.0", ",HOLD-BACK=5.9")]),
    specimen(&header::PART_HOLD_BACK, PARTS, &[("PART-HOLD-BACK=1.005", "PART-HOLD-BACK=0.66")]),
    specimen(&header::PART_HOLD_BACK, PARTS, &[(",PART-HOLD-BACK=1.005", "")]),
    specimen(&header::PART_HOLD_BACK_SHORT, PARTS, &[("PART-HOLD-BACK=1.005", "PART-HOLD-BACK=1.0")]),
    specimen(&header::SKIP_BOUNDARY, PARTS, &[("UNTIL=12.0", "UNTIL=11.0")]),
    specimen(&header::SKIP_BOUNDARY, PARTS, &[("CAN-SKIP-UNTIL=12.0", "CAN-SKIP-DATERANGES=YES")]),
    specimen(&header::BLOCKING_RELOAD, PARTS, &[("CAN-BLOCK-RELOAD=YES,", "")]),
    specimen(&header::PART_INF, PARTS, &[("#EXT-X-PART-INF:PART-TARGET=0.335\n", "")]),
    specimen(&header::SKIP_OFFERED, DELTA, &[("CAN-SKIP-UNTIL=12.0,", "")]),
    specimen(&header::SKIP_OFFERED, DELTA, &[("#EXTINF:2.000000,\nv0-18.m4s\n", "")]),
    specimen(&header::SKIP_OFFERED, DELTA, &[("v0-18.m4s\n", "v0-18.m4s\n#EXT-X-ENDLIST\n")]),
    specimen(&header::START_OFFSET, TRANSPORT, &[("OFFSET=-12.5", "OFFSET=-11.5")]),
    specimen(&header::START_OFFSET, TRANSPORT, &[("OFFSET=-12.5", "OFFSET=8")]),
    specimen(&header::START_OFFSET, TRANSPORT, &[("OFFSET=-12.5", "OFFSET=-16")]),
];

const SEGMENTS: &[Specimen] = &[
    specimen(&segments::SEGMENT_DURATION, TRANSPORT, &[("#EXTINF:3.9", "#EXTINF:4.5")]),
    specimen(&segments::MAP, PARTS, &[("#EXT-X-MAP:URI=\"v0-i1.mp4\"\n", "")]),
    specimen(&segments::PROGRAM_DATE_TIME, TRANSPORT, &[("#EXT-X-PROGRAM-DATE-TIME:2026-09-21T16:13:20.153+02:00\n", "")]),
    specimen(&segments::DATES_RISE, PARTS, &[("14:13:22.153Z", "14:13:22.253Z")]),
    specimen(&segments::KEY_METHOD, TRANSPORT, &[("METHOD=AES-128", "METHOD=AES-256")]),
    specimen(&segments::PART_DURATION, PARTS, &[("0.334000,URI=\"v0-p17", "0.336000,URI=\"v0-p17")]),
    specimen(
        &segments::PART_SHORT,
        PARTS,
        &[("0.333000,URI=\"v0-p15", "0.284000,URI=\"v0-p15"), ("#EXTINF:2.000000,\nv0-1790000002", "#EXTINF:1.951000,\nv0-1790000002")],
    ),
    specimen(&segments::PART_SUM, PARTS, &[("#EXTINF:2.000000,\nv0-1790000002", "#EXTINF:1.960000,\nv0-1790000002")]),
    specimen(
        &segments::OLD_PARTS,
        PARTS,
        &[
            ("#EXTINF:2.000000,\nv0-1790000000", "#EXT-X-PART:DURATION=0.3,URI=\"old\",INDEPENDENT=YES\n#EXTINF:2.000000,\nv0-1790000000"),
            ("#EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:22.153Z\n#EXTINF:2.000000,", "#EXTINF:2.000000,\nagain.m4s\n#EXTINF:2.000000,"),
            ("#EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:24.153Z\n", ""),
            ("#EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:26.153Z\n", ""),
        ],
    ),
    specimen(
        &segments::PART_TAGS_FIRST,
        PARTS,
        &[("#EXT-X-PART:DURATION=0.333000,URI=\"v0-p13", "#EXT-X-MAP:URI=\"v0-i1.mp4\"\n#EXT-X-PART:DURATION=0.333000,URI=\"v0-p13")],
    ),
    specimen(
        &segments::PART_TAGS_FIRST,
        PARTS,
        &[("#EXTINF:2.000000,\nv0-1790000002", "#EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:24.153Z\n#EXTINF:2.000000,\nv0-1790000002")],
    ),
    specimen(&segments::IFRAME_PARTS, PARTS, &[("#EXT-X-MAP", "#EXT-X-I-FRAMES-ONLY\n#EXT-X-MAP")]),
];

const EDGE: &[Specimen] = &[
    specimen(&edge::HINT_TYPE, PARTS, &[("#EXT-X-REND", "#EXT-X-PRELOAD-HINT:TYPE=SEGMENT,URI=\"x\"\n#EXT-X-REND")]),
    specimen(&edge::HINT_ONCE, PARTS, &[("#EXT-X-REND", "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"v0-p21.m4s\"\n#EXT-X-REND")]),
    specimen(&edge::HINT_ENDED, PARTS, &[("#EXT-X-REND", "#EXT-X-ENDLIST\n#EXT-X-REND")]),
    specimen(&edge::HINT_LISTED, PARTS, &[("v0-p20", "v0-p19")]),
    specimen(&edge::HINT_MISSING, PARTS, &[("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"v0-p20.m4s\"\n", "")]),
    specimen(&edge::EDGE_ORDER, PARTS, &[("#EXT-X-MAP", "#EXT-X-RENDITION-REPORT:URI=\"a1.m3u8\",LAST-MSN=1\n#EXT-X-MAP")]),
    specimen(&edge::REPORT_URI, PARTS, &[("\"a0.m3u8\"", "\"https://media.example/a0.m3u8\"")]),
    specimen(
        &edge::DATE_RANGE_DATES,
        TRANSPORT,
        &[
            ("#EXT-X-PROGRAM-DATE-TIME:2026-09-21T16:13:20.153+02:00\n", "#EXT-X-PLAYLIST-TYPE:EVENT\n"),
            ("#EXT-X-KEY", "#EXT-X-DATERANGE:ID=\"a\",START-DATE=\"2026-09-21T14:13:22Z\"\n#EXT-X-KEY"),
        ],
    ),
    specimen(&edge::DATE_RANGE_START, PARTS, &[("START-DATE=\"2026-09-21T14:13:23.000Z\",", "")]),
    specimen(&edge::DATE_RANGE_END, PARTS, &[("PLANNED", "END-DATE=\"2026-09-21T14:13:22.000Z\",PLANNED")]),
    specimen(&edge::DATE_RANGE_END, PARTS, &[("PLANNED", "DURATION=30,END-DATE=\"2026-09-21T14:13:54.000Z\",PLANNED")]),
    specimen(&edge::DATE_RANGE_END_ON_NEXT, PARTS, &[("PLANNED", "DURATION=30,END-ON-NEXT=YES,PLANNED")]),
    specimen(&edge::DATE_RANGE_SAME, PARTS, &[("#EXT-X-MAP", "#EXT-X-DATERANGE:ID=\"cue-1-0\",PLANNED-DURATION=20\n#EXT-X-MAP")]),
];

const VARIANTS: &[Specimen] = &[
    specimen(&multivariant::MULTIVARIANT_VERSION, MULTIVARIANT, &[("INSTREAM-ID=\"CC1\"", "INSTREAM-ID=\"SERVICE1\"")]),
    specimen(&multivariant::MULTIVARIANT_VERSION, MULTIVARIANT, &[(",VIDEO-RANGE=SDR", ",VIDEO-RANGE=SDR,REQ-VIDEO-LAYOUT=\"CH-STEREO\"")]),
    specimen(
        &multivariant::VARIANTS,
        NO_VIDEO,
        &[("#EXT-X-STREAM-INF:BANDWIDTH=128000,CODECS=\"mp4a.40.2\"\na0.m3u8\n", "#EXT-X-SESSION-DATA:DATA-ID=\"a\",VALUE=\"b\"\n")],
    ),
    specimen(&multivariant::CODECS, MULTIVARIANT, &[(",CODECS=\"avc1.64001f,mp4a.40.2\"", "")]),
    specimen(&multivariant::CODECS_SOUND, MULTIVARIANT, &[("avc1.64001f,mp4a.40.2", "avc1.64001f")]),
    specimen(&multivariant::RESOLUTION, MULTIVARIANT, &[(",RESOLUTION=1280x720", "")]),
    specimen(&multivariant::FRAME_RATE, MULTIVARIANT, &[(",FRAME-RATE=30.000", "")]),
    specimen(&multivariant::BANDWIDTH, MULTIVARIANT, &[("=2128000", "=3128000")]),
    specimen(&multivariant::VIDEO_RANGE, MULTIVARIANT, &[("RANGE=SDR", "RANGE=HDR")]),
    specimen(&multivariant::GROUP, MULTIVARIANT, &[(",AUDIO=\"audio-0\"", ",AUDIO=\"audio-1\"")]),
    specimen(&multivariant::GROUP, MULTIVARIANT, &[("CAPTIONS=\"captions\"", "CAPTIONS=\"other\"")]),
    specimen(&multivariant::CAPTIONS_NONE, MULTIVARIANT, &[("CAPTIONS=\"captions\"", "CAPTIONS=NONE")]),
    specimen(&multivariant::INDEPENDENT_SEGMENTS, MULTIVARIANT, &[("#EXT-X-INDEPENDENT-SEGMENTS\n", "")]),
    specimen(&multivariant::RENDITION_TYPE, MULTIVARIANT, &[("DEFAULT=NO,", "DEFAULT=NO,FORCED=NO,")]),
    specimen(&multivariant::RENDITION_TYPE, MULTIVARIANT, &[(",INSTREAM-ID=\"CC1\"", ",INSTREAM-ID=\"CC1\",URI=\"c.m3u8\"")]),
    specimen(&multivariant::RENDITION_NAME, MULTIVARIANT, &[("Français", "English")]),
    specimen(&multivariant::RENDITION_DEFAULT, MULTIVARIANT, &[("DEFAULT=NO", "DEFAULT=YES")]),
    specimen(&multivariant::RENDITION_DEFAULT, MULTIVARIANT, &[("DEFAULT=YES,AUTOSELECT=YES", "DEFAULT=YES,AUTOSELECT=NO")]),
    specimen(&multivariant::RENDITION_CHOICE, MULTIVARIANT, &[("LANGUAGE=\"fr\"", "LANGUAGE=\"en\"")]),
    specimen(
        &multivariant::RENDITION_GROUPS,
        MULTIVARIANT,
        &[(
            "#EXT-X-STREAM",
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"b\",NAME=\"English\",LANGUAGE=\"en\",CHANNELS=\"2\",URI=\"b\"\n#EXT-X-STREAM",
        )],
    ),
    specimen(&multivariant::INSTREAM_ID, MULTIVARIANT, &[("INSTREAM-ID=\"CC1\"", "INSTREAM-ID=\"CC5\"")]),
    specimen(&multivariant::CHANNELS, MULTIVARIANT, &[(",CHANNELS=\"2\"", "")]),
    specimen(&multivariant::IFRAME_ATTRIBUTES, MULTIVARIANT, &[("CODECS=\"avc1.64001f\",", "CODECS=\"avc1.64001f\",FRAME-RATE=30,")]),
];

fn check(text: &str) -> Vec<Finding> {
    let (list, mut found) = read::playlist(text.as_bytes(), "x.m3u8", Given::default());
    found.extend(list.iter().flat_map(|list| playlist::check(list, "x.m3u8")));
    found
}

#[test]
fn every_rule_of_the_header_has_a_specimen() {
    hold(header::RULES, HEADER, check);
}

#[test]
fn every_rule_of_segments_and_parts_has_a_specimen() {
    hold(segments::RULES, SEGMENTS, check);
}

#[test]
fn every_rule_of_the_edge_has_a_specimen() {
    hold(edge::RULES, EDGE, check);
}

#[test]
fn every_rule_of_variants_has_a_specimen() {
    hold(multivariant::RULES, VARIANTS, check);
}
