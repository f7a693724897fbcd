//! Cue points of the publisher as date ranges in every media playlist.

use std::sync::Arc;

use quick_m3u8::config::ParsingOptionsBuilder;
use quick_m3u8::tag::KnownTag;
use quick_m3u8::tag::hls::Tag;
use quick_m3u8::{HlsLine, Reader};
use sluicegate::amf0::{self, Value, object};
use sluicegate::hls;
use sluicegate::media::{Sample, Timescale, Timestamp, TrackId, WallClock};
use sluicegate::segment::options::Options;
use sluicegate::segment::segmenter::{Boundary, Segmenter};
use sluicegate::segment::snapshot::Snapshot;

use super::source::{Source, program, wall};

/// ANSI/SCTE 35 §14: the start and the end of one placement opportunity.
pub const START: &str = "/DA0AAAAAAAA///wBQb+cr0AUAAeAhxDVUVJSAAAjn/PAAGlmbAICAAAAAAsoKGKNAIAmsnRfg==";
pub const END: &str = "/DAvAAAAAAAA///wBQb+dGKQoAAZAhdDVUVJSAAAjn+fCAgAAAAALKChijUCAKnMZ1g=";

pub struct Stage {
    pub segmenter: Segmenter,
    source: Source,
}

impl Stage {
    pub fn new(options: Options) -> Self {
        Self::of(Source::default(), options)
    }

    pub fn of(source: Source, options: Options) -> Self {
        Self { segmenter: Segmenter::new(options, program(source.tracks(31))).0, source }
    }

    pub fn play(&mut self, from: i64, to: i64) -> &mut Self {
        self.source.samples(from, to).into_iter().for_each(|(at, sample)| self.segmenter.push(sample, wall(at)));
        self
    }

    /// A script message that is sent `at` so many milliseconds and is about a moment `ahead` of that.
    pub fn cue(&mut self, at: i64, ahead: i32, name: &str, body: Value) -> &mut Self {
        let data = amf0::encode(&[name.into(), body]);
        let dts = Timestamp::new(at, Timescale::MILLIS);
        self.segmenter.push(Sample { track: TrackId::DATA, dts, cts: ahead, is_sync: true, data }, wall(at));
        self
    }

    pub fn snapshot(&mut self) -> Arc<Snapshot> {
        self.segmenter.snapshot().expect("the stream was announced")
    }
}

/// The lines of the date ranges, which are the same in every playlist of the stream.
fn ranges(snapshot: &Snapshot) -> String {
    let lines = |text: String| {
        assert_eq!(read(&text), snapshot.cues.len(), "{text}");
        let lines = text.lines().filter(|line| line.starts_with("#EXT-X-DATERANGE:"));
        lines.map(|line| format!("{line}\n")).collect::<String>()
    };
    let all = lines(hls::media(snapshot, TrackId::VIDEO, "", false).unwrap());
    for other in [hls::media(snapshot, TrackId::AUDIO, "", true), hls::iframes(snapshot, TrackId::VIDEO, "")] {
        assert_eq!(lines(other.unwrap()), all);
    }
    all
}

/// How many date ranges another's parser finds, which knows every tag.
fn read(text: &str) -> usize {
    let mut reader = Reader::from_str(text, ParsingOptionsBuilder::new().with_parsing_for_all_tags().build());
    let mut found = 0;
    while let Some(line) = reader.read_line().unwrap() {
        assert!(matches!(line, HlsLine::KnownTag(_) | HlsLine::Uri(_)), "{line:?}");
        found += usize::from(matches!(line, HlsLine::KnownTag(KnownTag::Hls(Tag::Daterange(_)))));
    }
    found
}

#[test]
fn a_break_begins_and_ends_under_one_id() {
    let mut stage = Stage::new(Options::default());
    let splice =
        |section: &str| object([("cue", section.into()), ("type", "scte35".into()), ("id", "1207959694".into()), ("time", 9.0.into())]);
    stage.play(0, 5_000).cue(5_000, 4_000, "onAdCue", splice(START));
    let before = stage.snapshot();
    insta::assert_snapshot!(ranges(&before), @r#"
    #EXT-X-DATERANGE:ID="cue-1790000000000-0",CLASS="urn:scte:scte35:2013:bin",START-DATE="2026-09-21T14:13:29.011Z",PLANNED-DURATION=307.000000,SCTE35-OUT=0xFC3034000000000000FFFFF00506FE72BD0050001E021C435545494800008E7FCF0001A599B00808000000002CA0A18A3402009AC9D17E,X-TYPE="scte35",X-ID="1207959694"
    "#);
    // Sent again for those who come late.
    stage.play(5_000, 9_500).cue(9_500, 0, "onAdCue", object([("cue", START.into()), ("type", "scte35".into()), ("elapsed", 0.5.into())]));
    assert_eq!(ranges(&stage.snapshot()), ranges(&before));
    stage.play(9_500, 13_000).cue(12_900, 100, "onAdCue", splice(END));
    insta::assert_snapshot!(ranges(&stage.snapshot()), @r#"
    #EXT-X-DATERANGE:ID="cue-1790000000000-0",CLASS="urn:scte:scte35:2013:bin",START-DATE="2026-09-21T14:13:29.011Z",DURATION=4.000000,PLANNED-DURATION=307.000000,SCTE35-OUT=0xFC3034000000000000FFFFF00506FE72BD0050001E021C435545494800008E7FCF0001A599B00808000000002CA0A18A3402009AC9D17E,SCTE35-IN=0xFC302F000000000000FFFFF00506FE746290A000190217435545494800008E7F9F0808000000002CA0A18A350200A9CC6758,X-TYPE="scte35",X-ID="1207959694"
    "#);
    assert_eq!(stage.snapshot().cues[0].start.millis(), 9_000);
}

#[test]
fn plain_cue_points_of_any_words_stay_within_their_line() {
    let mut stage = Stage::new(Options::default());
    let parameters = object([
        ("title", "He said \"#EXT\"\n#EXT-X-ENDLIST".into()),
        ("duration", 2.5.into()),
        ("price_in_€", 1.0.into()),
        ("count", 3.0.into()),
        ("depth", (-0.5).into()),
        ("live", Value::Boolean(true)),
        ("nested", object([("a", 1.0.into())])),
    ]);
    stage.play(0, 5_000);
    stage.cue(
        5_000,
        0,
        "onCuePoint",
        object([("name", "goal".into()), ("time", 0.0.into()), ("type", "event".into()), ("parameters", parameters)]),
    );
    let class = object([("type", "com.example:\"x\"\r\n#EXTM3U".into())]);
    stage.cue(5_001, 0, "onCuePoint", class);
    stage.cue(5_002, 0, "onTextData", object([("text", "no cue".into())]));
    insta::assert_snapshot!(ranges(&stage.snapshot()), @r#"
    #EXT-X-DATERANGE:ID="cue-1790000000000-0",CLASS="onCuePoint",START-DATE="2026-09-21T14:13:25.011Z",DURATION=2.500000,X-NAME="goal",X-TYPE="event",X-TITLE="He said #EXT#EXT-X-ENDLIST",X-COUNT=3,X-DEPTH="-0.5",X-LIVE="true"
    #EXT-X-DATERANGE:ID="cue-1790000000000-1",CLASS="com.example:x#EXTM3U",START-DATE="2026-09-21T14:13:25.012Z",X-TYPE="com.example:x#EXTM3U"
    "#);
}

#[test]
fn breaks_told_in_fields_are_paired_by_their_event() {
    let mut stage = Stage::new(Options::default());
    let fields = |event: f64, is_out: bool| {
        object([("parameters", object([("splice_event_id", event.into()), ("out_of_network_indicator", Value::Boolean(is_out))]))])
    };
    stage.play(0, 5_000).cue(5_000, 0, "onCuePoint", fields(1.0, true)).cue(5_500, 0, "onCuePoint", fields(2.0, true));
    stage.play(5_000, 8_000).cue(8_000, 0, "onCuePoint", fields(1.0, false)).cue(8_001, 0, "onCuePoint", fields(1.0, false));
    let snapshot = stage.snapshot();
    let told: Vec<_> = snapshot.cues.iter().map(|cue| (cue.is_open(), cue.duration.map(|length| length.millis()))).collect();
    assert_eq!(told, [(false, Some(3_000)), (true, None)], "the end is told twice, and the other break goes on");
    // The same number again is another break, and an end of nothing a moment.
    stage.play(8_000, 20_000).cue(20_000, 0, "onCuePoint", fields(1.0, true)).cue(20_001, 0, "onCuePoint", fields(3.0, false));
    let snapshot = stage.snapshot();
    let breaks: Vec<_> = snapshot.cues.iter().map(|cue| (cue.number, cue.is_break)).collect();
    assert_eq!(breaks, [(0, true), (1, true), (2, true), (3, false)]);
    // What is over leaves with its time; a break that nobody ended stays for an hour.
    let times = |stage: &mut Stage| stage.snapshot().cues.iter().map(|cue| cue.number).collect::<Vec<_>>();
    stage.play(20_000, 60_000);
    assert_eq!(times(&mut stage), [1, 2]);
    stage.segmenter.away(wall(60_000));
    (60..3_700).step_by(60).for_each(|second| stage.segmenter.tick(wall(second * 1_000)));
    assert!(times(&mut stage).is_empty());
}

#[test]
fn dates_follow_the_clock_of_the_pictures() {
    let mut stage = Stage::new(Options::default());
    let cue = |name: &str| object([("name", name.into())]);
    // Before the stream is announced, while it runs, and behind a break of an hour.
    stage.cue(500, 0, "onCuePoint", cue("early")).play(0, 6_000).cue(5_900, 0, "onCuePoint", cue("running"));
    stage.segmenter.away(wall(6_000));
    stage.cue(6_000, 0, "onCuePoint", cue("nobody can tell when"));
    stage.segmenter.head(program(stage.source.tracks(31)), Boundary::Break, wall(3_606_000));
    stage.cue(6_100, 0, "onCuePoint", cue("back"));
    for (at, sample) in stage.source.samples(6_000, 12_100) {
        stage.segmenter.push(sample, wall(at + 3_600_000));
    }
    let snapshot = stage.snapshot();
    let of = |at: i64| -> WallClock {
        let at = Timestamp::from_millis(at);
        let slot = snapshot.slots.iter().rev().find(|slot| slot.period.is_some() && slot.start <= at).unwrap();
        slot.wall.plus(at.since(slot.start))
    };
    let dates: Vec<_> = snapshot.cues.iter().map(|cue| (cue.parameters[0].clone().1, cue.date)).collect();
    let text = |text: &str| sluicegate::segment::cue::Parameter::Text(text.to_owned());
    assert_eq!(dates.last(), Some(&(text("back"), of(6_100))));
    assert!(dates.iter().all(|(name, _)| *name != text("nobody can tell when")));
    let mut earlier = Stage::new(Options::default());
    earlier.cue(500, 0, "onCuePoint", cue("early")).play(0, 6_000);
    let early = earlier.snapshot();
    assert_eq!(early.cues[0].date, early.slots[0].wall.plus(early.cues[0].start.since(early.slots[0].start)));
}

#[test]
fn a_flood_of_cues_is_bounded_and_counted() {
    let mut stage = Stage::new(Options { window_ms: 60_000, ..Options::default() });
    let flood = |stage: &mut Stage, from: i64| {
        for n in 0..500 {
            let long = |name: char| (format!("{name}{n}"), Value::from("x".repeat(256).as_str()));
            stage.cue(from + n, 0, "onCuePoint", Value::Object(('a'..='p').map(long).collect()));
        }
    };
    flood(&mut stage, 0);
    stage.play(0, 5_000);
    flood(&mut stage, 5_000);
    let snapshot = stage.snapshot();
    let bytes = ranges(&snapshot).len();
    assert!(snapshot.cues.len() < 64 && bytes <= 64 << 10, "{} cues of {bytes} bytes", snapshot.cues.len());
    assert_eq!(snapshot.counters.dropped_cues, 1_000 - snapshot.cues.len() as u64);
    assert_eq!(snapshot.cues.last().unwrap().number, 563, "the newest are kept");
}
