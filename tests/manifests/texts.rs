//! Whole texts, as they go out.

use std::sync::Arc;

use sluicegate::media::TrackId;
use sluicegate::segment::segmenter::Boundary;
use sluicegate::segment::snapshot::Snapshot;
use sluicegate::{dash, hls};

use super::source::{Source, program, wall};
use super::stage::Stage;

fn played(source: &Source, to: i64) -> Arc<Snapshot> {
    Stage::new(source.clone()).play(0, to, 100).snapshot()
}

#[test]
fn a_live_stream_of_pictures_and_sound() {
    let snapshot = played(&Source { b_frames: 2, ..Source::default() }, 6_500);
    insta::assert_snapshot!(hls::multivariant(&snapshot, ""), @r#"
    #EXTM3U
    #EXT-X-VERSION:6
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio-0",NAME="Audio 1",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="a0.m3u8"
    #EXT-X-STREAM-INF:BANDWIDTH=2660000,AVERAGE-BANDWIDTH=2128000,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=30.000,AUDIO="audio-0",CLOSED-CAPTIONS=NONE
    v0.m3u8
    #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1360,AVERAGE-BANDWIDTH=1088,CODECS="avc1.64001f",RESOLUTION=1280x720,URI="v0-iframes.m3u8"
    "#);
    insta::assert_snapshot!(hls::media(&snapshot, TrackId::VIDEO, "", false).unwrap(), @r#"
    #EXTM3U
    #EXT-X-VERSION:6
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXT-X-TARGETDURATION:2
    #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12.0,HOLD-BACK=6.0,PART-HOLD-BACK=1.005
    #EXT-X-PART-INF:PART-TARGET=0.335
    #EXT-X-MEDIA-SEQUENCE:1790000000
    #EXT-X-DISCONTINUITY-SEQUENCE:0
    #EXT-X-MAP:URI="v0-1790000000000-i1.mp4"
    #EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:20.153Z
    #EXTINF:2.000000,
    v0-1790000000000-1790000000.m4s
    #EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:22.153Z
    #EXT-X-PART:DURATION=0.333000,URI="v0-1790000000000-p6.m4s",INDEPENDENT=YES
    #EXT-X-PART:DURATION=0.333000,URI="v0-1790000000000-p7.m4s"
    #EXT-X-PART:DURATION=0.334000,URI="v0-1790000000000-p8.m4s"
    #EXT-X-PART:DURATION=0.333000,URI="v0-1790000000000-p9.m4s"
    #EXT-X-PART:DURATION=0.333000,URI="v0-1790000000000-p10.m4s"
    #EXT-X-PART:DURATION=0.334000,URI="v0-1790000000000-p11.m4s"
    #EXTINF:2.000000,
    v0-1790000000000-1790000001.m4s
    #EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:24.153Z
    #EXT-X-PART:DURATION=0.333000,URI="v0-1790000000000-p12.m4s",INDEPENDENT=YES
    #EXT-X-PART:DURATION=0.333000,URI="v0-1790000000000-p13.m4s"
    #EXT-X-PART:DURATION=0.334000,URI="v0-1790000000000-p14.m4s"
    #EXT-X-PART:DURATION=0.333000,URI="v0-1790000000000-p15.m4s"
    #EXT-X-PART:DURATION=0.333000,URI="v0-1790000000000-p16.m4s"
    #EXT-X-PART:DURATION=0.334000,URI="v0-1790000000000-p17.m4s"
    #EXTINF:2.000000,
    v0-1790000000000-1790000002.m4s
    #EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:26.153Z
    #EXT-X-PART:DURATION=0.333000,URI="v0-1790000000000-p18.m4s",INDEPENDENT=YES
    #EXT-X-PRELOAD-HINT:TYPE=PART,URI="v0-1790000000000-p19.m4s"
    #EXT-X-RENDITION-REPORT:URI="a0.m3u8",LAST-MSN=1790000003,LAST-PART=0
    "#);
    insta::assert_snapshot!(hls::media(&snapshot, TrackId::AUDIO, "token=abc&_HLS_msn=7", false).unwrap(), @r#"
    #EXTM3U
    #EXT-X-VERSION:6
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXT-X-TARGETDURATION:2
    #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12.0,HOLD-BACK=6.0,PART-HOLD-BACK=1.005
    #EXT-X-PART-INF:PART-TARGET=0.335
    #EXT-X-MEDIA-SEQUENCE:1790000000
    #EXT-X-DISCONTINUITY-SEQUENCE:0
    #EXT-X-MAP:URI="a0-1790000000000-i1.mp4?token=abc"
    #EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:20.163Z
    #EXTINF:2.005333,
    a0-1790000000000-1790000000.m4s?token=abc
    #EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:22.168Z
    #EXT-X-PART:DURATION=0.320000,URI="a0-1790000000000-p7.m4s?token=abc",INDEPENDENT=YES
    #EXT-X-PART:DURATION=0.320000,URI="a0-1790000000000-p8.m4s?token=abc",INDEPENDENT=YES
    #EXT-X-PART:DURATION=0.320000,URI="a0-1790000000000-p9.m4s?token=abc",INDEPENDENT=YES
    #EXT-X-PART:DURATION=0.320000,URI="a0-1790000000000-p10.m4s?token=abc",INDEPENDENT=YES
    #EXT-X-PART:DURATION=0.320000,URI="a0-1790000000000-p11.m4s?token=abc",INDEPENDENT=YES
    #EXT-X-PART:DURATION=0.320000,URI="a0-1790000000000-p12.m4s?token=abc",INDEPENDENT=YES
    #EXT-X-PART:DURATION=0.085333,URI="a0-1790000000000-p13.m4s?token=abc",INDEPENDENT=YES
    #EXTINF:2.005333,
    a0-1790000000000-1790000001.m4s?token=abc
    #EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:24.173Z
    #EXT-X-PART:DURATION=0.320000,URI="a0-1790000000000-p14.m4s?token=abc",INDEPENDENT=YES
    #EXT-X-PART:DURATION=0.320000,URI="a0-1790000000000-p15.m4s?token=abc",INDEPENDENT=YES
    #EXT-X-PART:DURATION=0.320000,URI="a0-1790000000000-p16.m4s?token=abc",INDEPENDENT=YES
    #EXT-X-PART:DURATION=0.320000,URI="a0-1790000000000-p17.m4s?token=abc",INDEPENDENT=YES
    #EXT-X-PART:DURATION=0.320000,URI="a0-1790000000000-p18.m4s?token=abc",INDEPENDENT=YES
    #EXT-X-PART:DURATION=0.320000,URI="a0-1790000000000-p19.m4s?token=abc",INDEPENDENT=YES
    #EXT-X-PART:DURATION=0.064000,URI="a0-1790000000000-p20.m4s?token=abc",INDEPENDENT=YES
    #EXTINF:1.984000,
    a0-1790000000000-1790000002.m4s?token=abc
    #EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:26.157Z
    #EXT-X-PART:DURATION=0.320000,URI="a0-1790000000000-p21.m4s?token=abc",INDEPENDENT=YES
    #EXT-X-PRELOAD-HINT:TYPE=PART,URI="a0-1790000000000-p22.m4s?token=abc"
    #EXT-X-RENDITION-REPORT:URI="v0.m3u8?token=abc",LAST-MSN=1790000003,LAST-PART=0
    "#);
    insta::assert_snapshot!(dash::manifest(&snapshot, "/time", "token=a&b=<\"$>"), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019" type="dynamic" availabilityStartTime="1970-01-01T00:00:00.000Z" publishTime="2026-09-21T14:13:26.137Z" minimumUpdatePeriod="PT1S" timeShiftBufferDepth="PT20S" suggestedPresentationDelay="PT1.17S" minBufferTime="PT0.334S" maxSegmentDuration="PT2.5S">
     <ServiceDescription id="0">
      <Latency target="1223" min="930" max="4733" referenceId="1"/>
      <PlaybackRate min="0.96" max="1.04"/>
     </ServiceDescription>
     <Period id="1790000000000-0" start="PT1790000000.153S">
      <AdaptationSet id="1" contentType="video" mimeType="video/mp4" segmentAlignment="true" startWithSAP="1">
       <InbandEventStream schemeIdUri="urn:scte:scte35:2013:bin" value="1"/>
       <InbandEventStream schemeIdUri="urn:sluicegate:cue:2026" value="1"/>
       <ProducerReferenceTime id="1" inband="true" type="encoder" wallClockTime="2026-09-21T14:13:20.100Z" presentationTime="2970">
        <UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-iso:2014" value="/time"/>
       </ProducerReferenceTime>
       <Resync type="0" dT="30088"/>
       <Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>
       <Representation id="v0" bandwidth="2500000" codecs="avc1.64001f" width="1280" height="720" frameRate="30">
        <SegmentTemplate timescale="90000" presentationTimeOffset="2970" startNumber="1790000000" initialization="v0-1790000000000-i1.mp4?token=a&amp;b=%3C%22%24%3E" media="v0-1790000000000-$Number$.m4s?token=a&amp;b=%3C%22%24%3E" availabilityTimeOffset="1.665" availabilityTimeComplete="false">
         <SegmentTimeline>
          <S t="2970" d="180000" r="4"/>
         </SegmentTimeline>
        </SegmentTemplate>
       </Representation>
      </AdaptationSet>
      <AdaptationSet id="101" contentType="audio" mimeType="audio/mp4" segmentAlignment="true" startWithSAP="1">
       <ProducerReferenceTime id="101" inband="true" type="encoder" wallClockTime="2026-09-21T14:13:20.100Z" presentationTime="1584">
        <UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-iso:2014" value="/time"/>
       </ProducerReferenceTime>
       <Resync type="0" dT="16047"/>
       <Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>
       <Representation id="a0" bandwidth="160000" codecs="mp4a.40.2" audioSamplingRate="48000">
        <AudioChannelConfiguration schemeIdUri="urn:mpeg:mpegB:cicp:ChannelConfiguration" value="2"/>
        <SegmentTemplate timescale="48000" presentationTimeOffset="1584" startNumber="1790000000" initialization="a0-1790000000000-i1.mp4?token=a&amp;b=%3C%22%24%3E" media="a0-1790000000000-$Number$.m4s?token=a&amp;b=%3C%22%24%3E" availabilityTimeOffset="1.665" availabilityTimeComplete="false">
         <SegmentTimeline>
          <S t="2048" d="96256" r="1"/>
          <S d="95232"/>
          <S d="96256" r="1"/>
         </SegmentTimeline>
        </SegmentTemplate>
       </Representation>
      </AdaptationSet>
     </Period>
     <UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-iso:2014" value="/time"/>
     <UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-head:2014" value="/time"/>
    </MPD>
    "#);
}

#[test]
fn a_reconnect_between_gaps_and_the_end() {
    let source = Source::default();
    let mut stage = Stage::new(source);
    stage.play(0, 5_000, 100).segmenter.away(wall(5_100));
    for now in (5_100..10_000).step_by(250) {
        stage.segmenter.tick(wall(now));
    }
    stage.segmenter.head(program(stage.source.tracks(41)), Boundary::Break, wall(10_000));
    stage.play(5_000, 9_000, 5_400).segmenter.end(wall(14_500));
    let snapshot = stage.snapshot();
    insta::assert_snapshot!(hls::media(&snapshot, TrackId::VIDEO, "", false).unwrap(), @r#"
    #EXTM3U
    #EXT-X-VERSION:6
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXT-X-TARGETDURATION:2
    #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12.0,HOLD-BACK=6.0,PART-HOLD-BACK=1.005
    #EXT-X-PART-INF:PART-TARGET=0.335
    #EXT-X-MEDIA-SEQUENCE:1790000000
    #EXT-X-DISCONTINUITY-SEQUENCE:0
    #EXT-X-MAP:URI="v0-1790000000000-i1.mp4"
    #EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:20.111Z
    #EXTINF:2.000000,
    v0-1790000000000-1790000000.m4s
    #EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:22.111Z
    #EXTINF:2.000000,
    v0-1790000000000-1790000001.m4s
    #EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:24.111Z
    #EXTINF:0.999000,
    v0-1790000000000-1790000002.m4s
    #EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:25.124Z
    #EXT-X-GAP
    #EXTINF:2.000000,
    v0-1790000000000-1790000003.m4s
    #EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:27.124Z
    #EXT-X-GAP
    #EXTINF:2.000000,
    v0-1790000000000-1790000004.m4s
    #EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:29.124Z
    #EXT-X-GAP
    #EXTINF:1.276000,
    v0-1790000000000-1790000005.m4s
    #EXT-X-DISCONTINUITY
    #EXT-X-MAP:URI="v0-1790000000000-i2.mp4"
    #EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:30.400Z
    #EXT-X-PART:DURATION=0.333000,URI="v0-1790000000000-p15.m4s",INDEPENDENT=YES
    #EXT-X-PART:DURATION=0.333000,URI="v0-1790000000000-p16.m4s"
    #EXT-X-PART:DURATION=0.334000,URI="v0-1790000000000-p17.m4s"
    #EXT-X-PART:DURATION=0.333000,URI="v0-1790000000000-p18.m4s"
    #EXT-X-PART:DURATION=0.333000,URI="v0-1790000000000-p19.m4s"
    #EXT-X-PART:DURATION=0.334000,URI="v0-1790000000000-p20.m4s"
    #EXTINF:2.000000,
    v0-1790000000000-1790000006-i2.m4s
    #EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:32.400Z
    #EXT-X-PART:DURATION=0.333000,URI="v0-1790000000000-p21.m4s",INDEPENDENT=YES
    #EXT-X-PART:DURATION=0.333000,URI="v0-1790000000000-p22.m4s"
    #EXT-X-PART:DURATION=0.334000,URI="v0-1790000000000-p23.m4s"
    #EXT-X-PART:DURATION=0.333000,URI="v0-1790000000000-p24.m4s"
    #EXT-X-PART:DURATION=0.333000,URI="v0-1790000000000-p25.m4s"
    #EXT-X-PART:DURATION=0.333000,URI="v0-1790000000000-p26.m4s"
    #EXTINF:1.999000,
    v0-1790000000000-1790000007-i2.m4s
    #EXT-X-ENDLIST
    "#);
    insta::assert_snapshot!(dash::manifest(&snapshot, "/time", ""), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019" type="static" availabilityStartTime="1970-01-01T00:00:00.000Z" publishTime="2026-09-21T14:13:34.501Z" mediaPresentationDuration="PT1790000014.403S" minBufferTime="PT2S" maxSegmentDuration="PT2.5S">
     <Period id="1790000000000-0" start="PT1790000000.111S" duration="PT5.013S">
      <AdaptationSet id="1" contentType="video" mimeType="video/mp4" segmentAlignment="true" startWithSAP="1">
       <InbandEventStream schemeIdUri="urn:scte:scte35:2013:bin" value="1"/>
       <InbandEventStream schemeIdUri="urn:sluicegate:cue:2026" value="1"/>
       <Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>
       <Representation id="v0" bandwidth="2500000" codecs="avc1.64001f" width="1280" height="720" frameRate="30">
        <SegmentTemplate timescale="90000" presentationTimeOffset="0" startNumber="1790000000" initialization="v0-1790000000000-i1.mp4" media="v0-1790000000000-$Number$.m4s">
         <SegmentTimeline>
          <S t="0" d="180000" r="1"/>
          <S d="89910"/>
         </SegmentTimeline>
        </SegmentTemplate>
       </Representation>
      </AdaptationSet>
      <AdaptationSet id="101" contentType="audio" mimeType="audio/mp4" segmentAlignment="true" startWithSAP="1">
       <Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>
       <Representation id="a0" bandwidth="160000" codecs="mp4a.40.2" audioSamplingRate="48000">
        <AudioChannelConfiguration schemeIdUri="urn:mpeg:mpegB:cicp:ChannelConfiguration" value="2"/>
        <SegmentTemplate timescale="48000" presentationTimeOffset="0" startNumber="1790000000" initialization="a0-1790000000000-i1.mp4" media="a0-1790000000000-$Number$.m4s">
         <SegmentTimeline>
          <S t="1024" d="95232"/>
          <S d="96256"/>
          <S d="48128"/>
         </SegmentTimeline>
        </SegmentTemplate>
       </Representation>
      </AdaptationSet>
     </Period>
     <Period id="1790000000000-1" start="PT1790000010.4S" duration="PT4.003S">
      <AdaptationSet id="1" contentType="video" mimeType="video/mp4" segmentAlignment="true" startWithSAP="1">
       <InbandEventStream schemeIdUri="urn:scte:scte35:2013:bin" value="1"/>
       <InbandEventStream schemeIdUri="urn:sluicegate:cue:2026" value="1"/>
       <Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>
       <Representation id="v0" bandwidth="2500000" codecs="avc1.640029" width="1280" height="720" frameRate="30">
        <SegmentTemplate timescale="90000" presentationTimeOffset="450000" startNumber="1790000006" initialization="v0-1790000000000-i2.mp4" media="v0-1790000000000-$Number$-i2.m4s">
         <SegmentTimeline>
          <S t="450000" d="180000"/>
          <S d="179910"/>
         </SegmentTimeline>
        </SegmentTemplate>
       </Representation>
      </AdaptationSet>
      <AdaptationSet id="101" contentType="audio" mimeType="audio/mp4" segmentAlignment="true" startWithSAP="1">
       <Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>
       <Representation id="a0" bandwidth="160000" codecs="mp4a.40.2" audioSamplingRate="48000">
        <AudioChannelConfiguration schemeIdUri="urn:mpeg:mpegB:cicp:ChannelConfiguration" value="2"/>
        <SegmentTemplate timescale="48000" presentationTimeOffset="240000" startNumber="1790000006" initialization="a0-1790000000000-i1.mp4" media="a0-1790000000000-$Number$.m4s">
         <SegmentTimeline>
          <S t="240640" d="96256"/>
          <S d="95232"/>
         </SegmentTimeline>
        </SegmentTemplate>
       </Representation>
      </AdaptationSet>
     </Period>
     <UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-iso:2014" value="/time"/>
     <UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-head:2014" value="/time"/>
    </MPD>
    "#);
}

#[test]
fn pictures_alone() {
    let snapshot = played(&Source { sample_rate: None, ..Source::default() }, 4_500);
    insta::assert_snapshot!(hls::multivariant(&snapshot, ""), @r#"
    #EXTM3U
    #EXT-X-VERSION:6
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXT-X-STREAM-INF:BANDWIDTH=2500000,AVERAGE-BANDWIDTH=2000000,CODECS="avc1.64001f",RESOLUTION=1280x720,FRAME-RATE=30.000,CLOSED-CAPTIONS=NONE
    v0.m3u8
    #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1340,AVERAGE-BANDWIDTH=1072,CODECS="avc1.64001f",RESOLUTION=1280x720,URI="v0-iframes.m3u8"
    "#);
}

#[test]
fn sound_alone() {
    let snapshot = played(&Source { gops: vec![], ..Source::default() }, 4_500);
    insta::assert_snapshot!(hls::multivariant(&snapshot, ""), @r#"
    #EXTM3U
    #EXT-X-VERSION:6
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXT-X-STREAM-INF:BANDWIDTH=160000,AVERAGE-BANDWIDTH=128000,CODECS="mp4a.40.2"
    a0.m3u8
    "#);
    insta::assert_snapshot!(hls::media(&snapshot, TrackId::AUDIO, "", false).unwrap(), @r#"
    #EXTM3U
    #EXT-X-VERSION:6
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXT-X-TARGETDURATION:2
    #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12.0,HOLD-BACK=6.0,PART-HOLD-BACK=1.029
    #EXT-X-PART-INF:PART-TARGET=0.343
    #EXT-X-MEDIA-SEQUENCE:1790000000
    #EXT-X-DISCONTINUITY-SEQUENCE:0
    #EXT-X-MAP:URI="a0-1790000000000-i1.mp4"
    #EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:20.122Z
    #EXT-X-PART:DURATION=0.341333,URI="a0-1790000000000-p0.m4s",INDEPENDENT=YES
    #EXT-X-PART:DURATION=0.341333,URI="a0-1790000000000-p1.m4s",INDEPENDENT=YES
    #EXT-X-PART:DURATION=0.341333,URI="a0-1790000000000-p2.m4s",INDEPENDENT=YES
    #EXT-X-PART:DURATION=0.341333,URI="a0-1790000000000-p3.m4s",INDEPENDENT=YES
    #EXT-X-PART:DURATION=0.341333,URI="a0-1790000000000-p4.m4s",INDEPENDENT=YES
    #EXT-X-PART:DURATION=0.256000,URI="a0-1790000000000-p5.m4s",INDEPENDENT=YES
    #EXTINF:1.962667,
    a0-1790000000000-1790000000.m4s
    #EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:22.085Z
    #EXT-X-PART:DURATION=0.341333,URI="a0-1790000000000-p6.m4s",INDEPENDENT=YES
    #EXT-X-PART:DURATION=0.341333,URI="a0-1790000000000-p7.m4s",INDEPENDENT=YES
    #EXT-X-PART:DURATION=0.341333,URI="a0-1790000000000-p8.m4s",INDEPENDENT=YES
    #EXT-X-PART:DURATION=0.341333,URI="a0-1790000000000-p9.m4s",INDEPENDENT=YES
    #EXT-X-PART:DURATION=0.341333,URI="a0-1790000000000-p10.m4s",INDEPENDENT=YES
    #EXT-X-PART:DURATION=0.256000,URI="a0-1790000000000-p11.m4s",INDEPENDENT=YES
    #EXTINF:1.962667,
    a0-1790000000000-1790000001.m4s
    #EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:24.047Z
    #EXT-X-PART:DURATION=0.341333,URI="a0-1790000000000-p12.m4s",INDEPENDENT=YES
    #EXT-X-PRELOAD-HINT:TYPE=PART,URI="a0-1790000000000-p13.m4s"
    "#);
    assert_eq!(hls::media(&snapshot, TrackId::VIDEO, "", false), None);
}
