//! Sound to samples and back, by libav: planes of floats between a decoder, a resampler and the encoder of AAC.

use ffmpeg_next as ff;

use ff::codec::{Context, Flags, Id};
use ff::format::Sample;
use ff::format::sample::Type;
use ff::frame::Audio as Frame;
use ff::software::resampling;
use ff::{ChannelLayout, Packet};
use sluicegate::media::Codec;
use sluicegate::transcode::sound::Sound;

use super::av::{self, is_again};

/// What the encoder takes.
const PLANES: Sample = Sample::F32(Type::Planar);
/// Samples of room beyond what a resampler gives on average.
const ROOM: usize = 256;

/// Decodes the source's sound.
pub struct Decoder(ff::decoder::Audio);

impl Decoder {
    /// A decoder of that codec; none where libav has none.
    ///
    /// # Errors
    /// When libav refuses the configuration.
    pub fn open(codec: &Codec) -> Result<Option<Self>, ff::Error> {
        let (id, record): (_, &[u8]) = match codec {
            Codec::Aac(config) => (Id::AAC, &config.record),
            Codec::Opus(config) => (Id::OPUS, &config.record),
            Codec::Flac(config) => (Id::FLAC, &config.record),
            Codec::Mp3(_) => (Id::MP3, &[]),
            Codec::Ac3(_) => (Id::AC3, &[]),
            Codec::Eac3(_) => (Id::EAC3, &[]),
            _ => return Ok(None),
        };
        let Some(context) = av::configured(id, record)? else { return Ok(None) };
        let mut decoder = context.decoder();
        // Without it the samples that a decoder skips at its beginning would not be taken off its times.
        decoder.set_packet_time_base(av::TIME_BASE);
        decoder.audio().map(|decoder| Some(Self(decoder)))
    }

    /// Gives it a frame of the source.
    ///
    /// # Errors
    /// When that cannot be decoded.
    pub fn send(&mut self, data: &[u8], pts: i64) -> Result<(), ff::Error> {
        let mut packet = Packet::copy(data);
        packet.set_pts(Some(pts));
        packet.set_dts(Some(pts));
        self.0.send_packet(&packet)
    }

    /// The next run of samples.
    ///
    /// # Errors
    /// When the frame behind it cannot be decoded.
    pub fn receive(&mut self) -> Result<Option<Frame>, ff::Error> {
        let mut frame = Frame::empty();
        match self.0.receive_frame(&mut frame) {
            Ok(()) => Ok(Some(frame)),
            Err(ff::Error::Eof) => Ok(None),
            Err(error) if is_again(error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The form of decoded sound.
pub type Form = (Sample, u16, u32);

/// Format, channels and rate of a run of samples.
pub fn form(frame: &Frame) -> Form {
    (frame.format(), frame.channels(), frame.rate())
}

/// Makes samples of any form into those that the encoder takes.
pub struct Resampler {
    context: resampling::Context,
    from: ChannelLayout,
    sound: Sound,
}

impl Resampler {
    /// # Errors
    /// When libav cannot.
    pub fn new(frame: &Frame, sound: Sound) -> Result<Self, ff::Error> {
        let from = layout(frame);
        let to = ChannelLayout::default(sound.channels.into());
        let context = resampling::Context::get(frame.format(), from, frame.rate(), PLANES, to, sound.sample_rate)?;
        Ok(Self { context, from, sound })
    }

    /// The samples in the other form, a plane for each channel. A few may stay behind for the next call.
    ///
    /// # Errors
    /// When they are not of the form that was promised.
    pub fn run(&mut self, frame: &mut Frame) -> Result<Frame, ff::Error> {
        frame.set_channel_layout(self.from);
        let (rate, most) = (u64::from(frame.rate().max(1)), frame.samples() as u64 * u64::from(self.sound.sample_rate));
        let room = (most / rate) as usize + ROOM;
        let mut made = Frame::new(PLANES, room, ChannelLayout::default(self.sound.channels.into()));
        self.context.run(frame, &mut made)?;
        Ok(made)
    }
}

/// Where its channels belong; what is usual for so many of them where a decoder does not tell.
fn layout(frame: &Frame) -> ChannelLayout {
    let told = frame.channel_layout();
    if told.is_empty() { ChannelLayout::default(frame.channels().into()) } else { told }
}

/// One frame of AAC.
pub struct Coded {
    /// Where what a decoder makes of it belongs, in samples.
    pub at: i64,
    pub data: Vec<u8>,
}

/// Encodes AAC-LC.
pub struct Encoder {
    encoder: ff::encoder::audio::Encoder,
    sound: Sound,
    /// Where the first samples belong. What comes out before is filling.
    begun: Option<i64>,
}

impl Encoder {
    /// # Errors
    /// When libav has none, or it refuses.
    pub fn open(sound: Sound) -> Result<Self, ff::Error> {
        let found = ff::encoder::find(Id::AAC).ok_or(ff::Error::EncoderNotFound)?;
        let mut context = Context::new_with_codec(found);
        context.set_flags(Flags::GLOBAL_HEADER);
        let mut encoder = context.encoder().audio()?;
        encoder.set_rate(sound.sample_rate as i32);
        encoder.set_channel_layout(ChannelLayout::default(sound.channels.into()));
        encoder.set_format(PLANES);
        encoder.set_bit_rate(sound.bit_rate as usize);
        encoder.set_time_base(ff::Rational(1, sound.sample_rate as i32));
        Ok(Self { encoder: encoder.open()?, sound, begun: None })
    }

    /// Its AudioSpecificConfig.
    pub fn config(&self) -> Vec<u8> {
        av::config_of(&self.encoder)
    }

    /// Samples of a frame.
    pub fn frame_samples(&self) -> usize {
        self.encoder.frame_size().max(1) as usize
    }

    /// Gives it a frame's samples, which belong there, a plane for each channel.
    ///
    /// # Errors
    /// When it cannot encode them.
    pub fn send(&mut self, planes: &[&[f32]], at: i64) -> Result<(), ff::Error> {
        self.begun.get_or_insert(at);
        let mut frame = Frame::new(PLANES, self.frame_samples(), ChannelLayout::default(self.sound.channels.into()));
        frame.set_rate(self.sound.sample_rate);
        frame.set_pts(Some(at));
        for (channel, plane) in planes.iter().enumerate() {
            frame.plane_mut::<f32>(channel).copy_from_slice(plane);
        }
        self.encoder.send_frame(&frame)
    }

    /// Nothing more is sent: what it still holds comes out.
    pub fn finish(&mut self) {
        // It refuses only what it has been told already.
        let _ = self.encoder.send_eof();
    }

    /// The next coded frame.
    ///
    /// # Errors
    /// When it failed.
    pub fn receive(&mut self) -> Result<Option<Coded>, ff::Error> {
        loop {
            let mut packet = Packet::empty();
            match self.encoder.receive_packet(&mut packet) {
                Ok(()) => {}
                Err(ff::Error::Eof) => return Ok(None),
                Err(error) if is_again(error) => return Ok(None),
                Err(error) => return Err(error),
            }
            let at = packet.pts().unwrap_or_default();
            if self.begun.is_some_and(|begun| at >= begun) {
                return Ok(Some(Coded { at, data: packet.data().unwrap_or_default().to_vec() }));
            }
        }
    }
}
