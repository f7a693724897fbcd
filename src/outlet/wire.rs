//! The shapes in which units go out: where formats and the pump meet.

use bytes::Bytes;
use serde_json::json;

use crate::bus::{Entry, Why};
use crate::egress::{Batch, Kinds, Turn, Unfit, Wire, control};
use crate::feed::{FlvPreamble, FlvUnit, Fragment, FragmentHead, Framed, RtmpPreamble, RtmpUnit};
use crate::flv::FileHeader;
use crate::media::Kind;

/// How FLV goes out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlvForm {
    /// As a file, over HTTP.
    Plain,
    /// One tag in one binary message.
    WebSocket,
}

/// How fragments go out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FragmentForm {
    /// As an endless file, over HTTP.
    Plain,
    /// One fragment in one binary message.
    WebSocket(Dialect),
}

/// What introduces the init segment on a WebSocket: every server's players expect something else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// Our own: a text message of type `init`.
    Own,
    /// go2rtc's: a text message of type `mse` with the MIME type, in answer to the client's.
    Go2rtc,
    /// deepch/vdk's: a binary message of the byte 9 and the codecs.
    Vdk,
    /// Nothing at all.
    Raw,
}

impl Wire for FlvUnit {
    type Form = FlvForm;

    fn number(form: FlvForm) -> u8 {
        form as u8
    }

    fn put(&self, form: FlvForm, out: &mut Batch) {
        out.push(form.of(&self.tag));
    }

    fn put_head(turn: &Turn<'_, Self>, form: FlvForm, out: &mut Batch) -> Result<(), Unfit> {
        let head = turn.head;
        match (turn.before, turn.why) {
            (None, _) => out.push(form.of(head.opening())),
            // The file header stands once, at the beginning. A kind it did not promise may still come, but a player that has begun with sound
            // and picture would wait forever for the one that is gone.
            (Some(before), _) if lacks(before.header(), head.header()) => return Err(Unfit),
            // Its time would run backwards.
            (Some(before), _) if before.origin() != head.origin() => return Err(Unfit),
            (Some(_), Why::Lagged { .. } | Why::Joined) => out.push(form.of(&head.renewal_at(turn.first.time()))),
            (Some(_), Why::Config | Why::Break(_)) => out.push(form.of(head.renewal())),
        }
        Ok(())
    }

    fn goes_on(head: &FlvPreamble) -> bool {
        head.is_playable()
    }
}

/// Whether something that was promised is not promised any more.
fn lacks(before: FileHeader, now: FileHeader) -> bool {
    before.has_video && !now.has_video || before.has_audio && !now.has_audio
}

impl FlvForm {
    fn of(self, framed: &Framed) -> Bytes {
        match self {
            Self::Plain => framed.payload(),
            Self::WebSocket => framed.frame(),
        }
    }
}

impl Wire for RtmpUnit {
    type Form = ();

    fn number((): ()) -> u8 {
        0
    }

    fn put(&self, (): (), out: &mut Batch) {
        out.push(self.message.clone());
    }

    fn put_head(turn: &Turn<'_, Self>, (): (), out: &mut Batch) -> Result<(), Unfit> {
        if turn.before.is_some_and(|before| before.origin() != turn.head.origin()) {
            return Err(Unfit);
        }
        let Kinds { audio, video } = turn.kinds;
        out.push(match turn.why {
            Why::Joined | Why::Lagged { .. } if turn.kinds == Kinds::ALL => turn.head.at(turn.first.time()),
            Why::Joined | Why::Lagged { .. } => turn.head.part_at(turn.first.time(), audio, video),
            why if turn.kinds == Kinds::ALL => turn.head.after(why),
            why @ (Why::Config | Why::Break(_)) => turn.head.part_after(why, audio, video),
        });
        Ok(())
    }

    fn goes_on(head: &RtmpPreamble) -> bool {
        head.is_playable()
    }

    fn is_of(&self, kinds: Kinds) -> bool {
        match self.track.kind {
            Kind::Audio => kinds.audio,
            Kind::Video => kinds.video,
            Kind::Data => true,
        }
    }
}

impl Wire for Fragment {
    type Form = FragmentForm;

    fn number(form: FragmentForm) -> u8 {
        match form {
            FragmentForm::Plain => 0,
            FragmentForm::WebSocket(dialect) => 1 + dialect as u8,
        }
    }

    fn put(&self, form: FragmentForm, out: &mut Batch) {
        out.push(form.of(&self.media));
    }

    fn put_head(turn: &Turn<'_, Self>, form: FragmentForm, out: &mut Batch) -> Result<(), Unfit> {
        let head = turn.head;
        match (form, turn.before) {
            // A file has one `moov`: where it would have to change the file ends, and the player asks for it again.
            (FragmentForm::Plain, Some(before)) if before.init != head.init => return Err(Unfit),
            (FragmentForm::Plain, Some(_)) => return Ok(()),
            (FragmentForm::WebSocket(dialect), _) => dialect.introduce(turn, out),
            (FragmentForm::Plain, None) => {}
        }
        out.push(form.of(&head.init));
        Ok(())
    }

    fn goes_on(head: &FragmentHead) -> bool {
        head.is_playable()
    }
}

impl FragmentForm {
    fn of(self, framed: &Framed) -> Bytes {
        match self {
            Self::Plain => framed.payload(),
            Self::WebSocket(_) => framed.frame(),
        }
    }
}

impl Dialect {
    fn introduce(self, turn: &Turn<'_, Fragment>, out: &mut Batch) {
        let head = turn.head;
        match self {
            Self::Own => out.push(control::text(own_init(head, turn.why, turn.first.presented().millis()).as_bytes())),
            Self::Go2rtc => out.push(control::text(json!({ "type": "mse", "value": head.mime }).to_string().as_bytes())),
            Self::Vdk => out.push(control::binary(&[b"\x09", head.codecs.as_bytes()].concat())),
            Self::Raw => {}
        }
    }
}

/// The text message that goes before an init segment. `base_ms` is the presentation time of the first fragment behind it.
fn own_init(head: &FragmentHead, why: Why, base_ms: i64) -> String {
    let why = match why {
        Why::Joined => "joined",
        Why::Config => "config",
        Why::Break(_) => "break",
        Why::Lagged { .. } => "lagged",
    };
    let mime = serde_json::Value::from(head.mime.as_str());
    // The tracks are JSON text already.
    format!(r#"{{"type":"init","mime":{mime},"why":"{why}","base_ms":{base_ms},"tracks":{}}}"#, head.tracks)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::BytesMut;

    use super::*;
    use crate::bus::{Bounds, Cause, Channel, From, Gate, Viewing};
    use crate::egress::{Filled, Policy, Pump, Source};
    use crate::feed::{Item, Maker, RtmpVariant, Unit};
    use crate::media::codec::mp3::Mp3Config;
    use crate::media::codec::{AacConfig, AvcConfig};
    use crate::media::{AudioShape, Codec, Epoch, Metadata, Program, Sample, Timestamp, Track, TrackId, TrackSet};
    use crate::rtmp::chunk;
    use crate::rtmp::unit::CHUNK_SIZE;

    /// x264's High profile, 64x48.
    const AVC: &[u8] = &[
        1, 0x64, 0, 0x0A, 0xFF, 0xE1, 0, 24, 0x67, 0x64, 0, 0x0A, 0xAC, 0xD9, 0x44, 0x7B, 0x01, 0x10, 0, 0, 0x03, 0, 0x10, 0, 0, 0x03,
        0x03, 0x20, 0xF1, 0x22, 0x59, 0x60, 1, 0, 5, 0x68, 0xEF, 0x81, 0x87, 0x2C, 0xFD, 0xF8, 0xF8, 0,
    ];

    /// What plays this, joined at its newest sync.
    fn playing(channel: &Arc<Channel<RtmpUnit>>) -> Pump<RtmpUnit, ()> {
        let viewing = Arc::new(Viewing::new("test", None, std::time::Instant::now()));
        let mut pump = Pump::new(Arc::clone(channel), From::NewestSync, (), Arc::<Policy>::default(), viewing, ());
        pump.attach(&Arc::new(Gate::new()));
        pump
    }

    /// The types of the messages that come next.
    fn types(pump: &mut Pump<RtmpUnit, ()>) -> Vec<u8> {
        let mut batch = Batch::new();
        pump.fill(&mut batch);
        let sent: Vec<Bytes> = std::iter::from_fn(|| batch.pop()).collect();
        // Every player was told the size of chunks before.
        let told = [&[2, 0, 0, 0, 0, 0, 4, chunk::SET_CHUNK_SIZE, 0, 0, 0, 0][..], &CHUNK_SIZE.to_be_bytes()].concat();
        let mut bytes = BytesMut::from(&[told, sent.concat()].concat()[..]);
        let mut reader = chunk::Reader::new(chunk::Options::default());
        let read = std::iter::from_fn(|| reader.read(&mut bytes).unwrap()).map(|message| message.type_id);
        read.filter(|type_id| *type_id != chunk::SET_CHUNK_SIZE).collect()
    }

    #[test]
    fn who_does_without_a_kind_is_spared_its_configurations() {
        let avc = AvcConfig::parse(AVC).unwrap();
        let aac = AacConfig::parse(&[0x12, 0x10]).unwrap();
        let tracks = TrackSet::new([Track::new(TrackId::VIDEO, Codec::Avc(avc)), Track::new(TrackId::AUDIO, Codec::Aac(aac))]);
        let program = Arc::new(Program { epoch: Epoch(1), tracks, metadata: Metadata::default() });
        let mut maker = RtmpUnit::maker(RtmpVariant::default());
        let channel = Channel::new(Bounds::default());
        let mut publisher = channel.lease();
        let mut send = |why, millis| {
            let mut items = Vec::new();
            maker.program(Arc::clone(&program), why, &mut items);
            for track in [TrackId::VIDEO, TrackId::AUDIO] {
                let data = Bytes::from_static(&[0, 0, 0, 2, 0x65, 0x88]);
                maker.sample(Sample { track, dts: Timestamp::from_millis(millis), cts: 0, is_sync: true, data }, &mut items);
            }
            for item in items {
                match item {
                    Item::Head(head, why) => publisher.set_head(head, why).unwrap(),
                    Item::Unit(unit) => drop(publisher.push(unit).unwrap()),
                }
            }
        };
        send(Why::Config, 0);
        let [mut all, mut blind, mut deaf] = [(true, true), (true, false), (false, true)].map(|(audio, video)| {
            let mut pump = playing(&channel);
            pump.set_kinds(Kinds { audio, video });
            pump
        });
        assert_eq!((types(&mut all), types(&mut blind), types(&mut deaf)), (vec![18, 9, 8, 9, 8], vec![18, 8, 8], vec![18, 9, 9]));
        // The publisher is away and back: a status says so.
        send(Why::Break(Cause::Publisher), 40);
        assert_eq!(
            (types(&mut all), types(&mut blind), types(&mut deaf)),
            (vec![20, 18, 9, 8, 9, 8], vec![20, 18, 8, 8], vec![20, 18, 9, 9])
        );
    }

    #[test]
    fn players_of_rtmp_share_the_bytes_of_every_message() {
        let shape = AudioShape { sample_rate: 44_100, channels: 2, frame_samples: 1_152 };
        let track = Track::new(TrackId::AUDIO, Codec::Mp3(Mp3Config { shape }));
        let program = Program { epoch: Epoch(1), tracks: TrackSet::new([track]), metadata: Metadata::default() };
        let mut maker = RtmpUnit::maker(RtmpVariant::default());
        let mut items = Vec::new();
        maker.program(Arc::new(program), Why::Config, &mut items);
        for millis in [0, 26] {
            let data = Bytes::from(vec![0xFF; 400]);
            maker.sample(Sample { track: TrackId::AUDIO, dts: Timestamp::from_millis(millis), cts: 0, is_sync: true, data }, &mut items);
        }
        let channel = Channel::new(Bounds::default());
        let mut publisher = channel.lease();
        for item in items {
            match item {
                Item::Head(head, why) => publisher.set_head(head, why).unwrap(),
                Item::Unit(unit) => drop(publisher.push(unit).unwrap()),
            }
        }
        let places = |_| {
            let mut pump = playing(&channel);
            let mut batch = Batch::new();
            assert_eq!(pump.fill(&mut batch), Filled::Bytes);
            std::iter::from_fn(|| batch.pop()).map(|slice| slice.as_ptr()).collect::<Vec<_>>()
        };
        let (one, two) = (places(()), places(()));
        assert_eq!(one, two);
        assert_eq!(one.len(), 2, "what goes before, and the newest message");
    }
}
