//! Frames of the source to pictures, each with what is known of its frame. What is damaged is left out up to the next good sync sample.

use std::collections::VecDeque;
use std::mem::discriminant;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender};

use ffmpeg_next::frame::Video as Picture;
use sluicegate::media::Codec;

use super::av::Decoder;
use super::gauges::{Gauges, Mark, add};
use super::intake::Unit;

/// Frames looked back for that of a picture: more than any codec holds back, with a thread for each.
const MAX_IN_FLIGHT: usize = 128;

/// A picture of the source.
pub struct Decoded {
    pub picture: Picture,
    /// Nanoseconds.
    pub pts: i64,
    /// Whether its frame was a sync sample.
    pub is_sync: bool,
    /// Of the frame that let it be decoded, which may be a later one.
    pub mark: Mark,
}

/// A frame that the decoder has been given.
struct Sent {
    number: u64,
    pts: i64,
    is_sync: bool,
}

/// Feeds one decoder after the other.
pub struct Decoding<'a> {
    threads: u32,
    gauges: &'a Gauges,
    to: SyncSender<Decoded>,
    source: Option<(Decoder, Codec)>,
    /// A configuration that goes with the next frame.
    config: Option<Codec>,
    sent: VecDeque<Sent>,
    frames: u64,
    /// The first and the last frame that went wrong: pictures from the first on are no good until a sync sample behind the last.
    damaged: Option<(u64, u64)>,
    /// Whether frames are passed over until a sync sample.
    waits: bool,
}

/// Nobody takes pictures any more, or there can be none.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    #[error("libav does not decode {0}")]
    Codec(&'static str),
    #[error("the decoder of {0} does not open: {1}")]
    Open(&'static str, ffmpeg_next::Error),
}

impl<'a> Decoding<'a> {
    pub fn new(threads: u32, gauges: &'a Gauges, to: SyncSender<Decoded>) -> Self {
        let (source, config, sent) = (None, None, VecDeque::new());
        Self { threads, gauges, to, source, config, sent, frames: 0, damaged: None, waits: true }
    }

    /// Works until there is nothing more to decode.
    pub fn run(mut self, from: &Receiver<Unit>) -> Result<(), DecodeError> {
        let mut last = None;
        for unit in from {
            match unit {
                Unit::Config(codec) => self.configure(codec, last)?,
                Unit::Frame { pts, is_sync, data, mark } => {
                    self.gauges.decoder.begin(mark);
                    self.frame(pts, is_sync, &data, mark);
                    self.gauges.decoder.end();
                    self.gauges.queued_bytes.fetch_sub(data.len() as u64, Ordering::Relaxed);
                    last = Some(mark);
                }
            }
        }
        if let Some(mark) = last {
            self.finish(mark);
        }
        Ok(())
    }

    fn configure(&mut self, codec: Codec, last: Option<Mark>) -> Result<(), DecodeError> {
        if let Some((_, before)) = &self.source
            && discriminant(before) == discriminant(&codec)
        {
            self.config = Some(codec);
            return Ok(());
        }
        if let Some(mark) = last {
            self.finish(mark);
        }
        let name = codec.name();
        let decoder = Decoder::open(&codec, self.threads).map_err(|error| DecodeError::Open(name, error))?;
        self.source = Some((decoder.ok_or(DecodeError::Codec(name))?, codec));
        (self.config, self.damaged, self.waits) = (None, None, true);
        self.sent.clear();
        Ok(())
    }

    fn frame(&mut self, pts: i64, is_sync: bool, data: &[u8], mark: Mark) {
        if self.gauges.skips.swap(false, Ordering::Relaxed) {
            self.waits = true;
        }
        self.waits &= !is_sync;
        let Some((decoder, _)) = self.source.as_mut().filter(|_| !self.waits) else {
            return self.gauges.rungs.iter().filter(|rung| !rung.is_shed()).for_each(|rung| rung.drop_frame());
        };
        self.frames += 1;
        self.sent.push_back(Sent { number: self.frames, pts, is_sync });
        if self.sent.len() > MAX_IN_FLIGHT {
            self.sent.pop_front();
        }
        let mut sent = decoder.send(data, pts, self.config.as_ref());
        if let Ok(false) = sent {
            self.pictures(mark);
            let Some((decoder, _)) = self.source.as_mut() else { return };
            sent = decoder.send(data, pts, self.config.as_ref());
        }
        match sent {
            Ok(true) => self.config = None,
            Ok(false) | Err(_) => self.damage(self.frames),
        }
        self.pictures(mark);
    }

    /// Takes all pictures that are ready.
    fn pictures(&mut self, mark: Mark) {
        while let Some((decoder, _)) = self.source.as_mut() {
            match decoder.receive() {
                Ok(Some(picture)) => self.picture(picture, mark),
                Ok(None) => return,
                Err(_) => self.damage(self.frames),
            }
        }
    }

    fn picture(&mut self, picture: Picture, mark: Mark) {
        // What the decoder made up, as it does for the second field of some streams, has no frame.
        let Some(at) = self.sent.iter().position(|sent| picture.pts() == Some(sent.pts)) else { return };
        let Some(Sent { number, pts, is_sync }) = self.sent.remove(at) else { return };
        if picture.is_corrupt() || picture.has_decode_errors() {
            return self.damage(number);
        }
        match self.damaged {
            Some((_, last)) if is_sync && number > last => self.damaged = None,
            Some((first, _)) if number >= first => return,
            _ => {}
        }
        add(&self.gauges.decoded, 1);
        self.gauges.set_size(picture.width(), picture.height());
        // Whoever takes pictures is gone only when all is over.
        let _ = self.to.send(Decoded { picture, pts, is_sync, mark });
    }

    fn damage(&mut self, number: u64) {
        add(&self.gauges.decode_errors, 1);
        self.damaged = Some(self.damaged.map_or((number, number), |(first, last)| (first.min(number), last.max(number))));
    }

    /// Takes what the decoder has held back.
    fn finish(&mut self, mark: Mark) {
        if let Some((decoder, _)) = self.source.as_mut() {
            decoder.finish();
            self.pictures(mark);
        }
        self.source = None;
    }
}
