//! One rung's encoder, on a thread of its own.

use std::collections::VecDeque;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Instant;

use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame::Video as Picture;
use sluicegate::transcode::ladder::{Rung, RungCodec};

use super::av::{self, Encoder, Target};
use super::gauges::{Gauges, RungGauge};
use super::messages::Messages;
use super::orientation::Orientation;
use super::output::{Frame, Message};
use super::scale::Job;
use super::settings::{begins_anew_for_keyframes, encoders, settings};

/// Pictures that may wait for an encoder: half a second at most rates, and what they take is bounded.
pub const MAX_QUEUED: usize = 16;

/// Which encoder makes a rung, and of what.
#[derive(Clone, Copy)]
pub struct Choice {
    pub encoder: &'static str,
    pub format: Pixel,
}

impl Choice {
    /// Tries the hardware that was asked for, and takes software where there is none.
    pub fn of(rung: &Rung, threads: u32) -> Self {
        let mut choice = Self::named("", rung);
        for name in encoders(rung) {
            choice = Self::named(name, rung);
            if name.starts_with("lib") {
                break;
            }
            match choice.try_out(rung, threads) {
                Ok(()) => break,
                Err(error) => eprintln!("{}: {name} does not encode here ({error}); software has to do", rung.name),
            }
        }
        choice
    }

    /// Drivers may open and then refuse every picture.
    fn try_out(self, rung: &Rung, threads: u32) -> Result<(), ffmpeg_next::Error> {
        let mut blank = Picture::new(self.format, rung.width, rung.height);
        blank.set_pts(Some(0));
        let options = settings(self.encoder, rung, threads);
        let mut encoder = Encoder::open(self.encoder, &target(rung, threads), &blank, &options)?;
        encoder.send(&blank)?;
        encoder.finish();
        encoder.receive().map(drop)
    }

    fn named(encoder: &'static str, rung: &Rung) -> Self {
        // Ten bits are for who asks for them: not every decoder has them.
        let deep = rung.codec != RungCodec::H264 && rung.profile == "main10";
        let format = match (encoder.starts_with("lib") || encoder.ends_with("_nvenc"), deep) {
            (true, false) => Pixel::YUV420P,
            (true, true) => Pixel::YUV420P10LE,
            (false, false) => Pixel::NV12,
            (false, true) => Pixel::P010LE,
        };
        Self { encoder, format }
    }
}

/// A rung at work.
pub struct Encoding<'a> {
    pub at: usize,
    pub rung: &'a Rung,
    pub threads: u32,
    pub choice: Choice,
    pub gauges: &'a Gauges,
    pub to: SyncSender<Message>,
}

impl Encoding<'_> {
    /// Works until there are no more pictures. A rung whose encoder does not open, or fails, is given up for good.
    pub fn run(self, from: &Receiver<Job>) {
        let gauge = &self.gauges.rungs[self.at];
        let mut coder: Option<Coder> = None;
        let mut rests = true;
        let mut has_failed = false;
        for job in from {
            gauge.stage.begin(job.mark);
            rests = gauge.is_shed() || (rests && !job.is_sync);
            if rests || has_failed {
                gauge.drop_frame();
            } else if let Err(error) = self.code(&mut coder, &job) {
                eprintln!("{}: {error}; the rung is given up", self.rung.name);
                has_failed = true;
                gauge.shed.store(true, Ordering::Relaxed);
                gauge.drop_frame();
            }
            gauge.stage.end();
        }
        if let Some(mut coder) = coder.filter(|_| !has_failed) {
            coder.encoder.finish();
            // Nobody is left to tell what the last frames failed of.
            let _ = self.hand_on(&mut coder, gauge);
        }
    }

    fn code(&self, coder: &mut Option<Coder>, job: &Job) -> Result<(), EncodeError> {
        let gauge = &self.gauges.rungs[self.at];
        if job.is_sync
            && begins_anew_for_keyframes(self.choice.encoder)
            && let Some(mut done) = coder.take()
        {
            done.encoder.finish();
            self.hand_on(&mut done, gauge)?;
        }
        let coder = match coder {
            Some(coder) => coder,
            None => coder.insert(self.open(job)?),
        };
        if coder.last.is_some_and(|last| job.pts <= last) {
            gauge.drop_frame();
            return Ok(());
        }
        coder.last = Some(job.pts);
        let (captions, orientation) = (av::captions(&job.picture), job.orientation);
        coder.sent.push_back(Sent { pts: job.pts, arrived: job.mark.arrived, captions, orientation });
        coder.encoder.send(&job.picture)?;
        self.hand_on(coder, gauge)
    }

    fn open(&self, job: &Job) -> Result<Coder, EncodeError> {
        let name = self.choice.encoder;
        let options = settings(name, self.rung, self.threads);
        let encoder = Encoder::open(name, &target(self.rung, self.threads), &job.picture, &options)?;
        *self.gauges.rungs[self.at].encoder.lock().unwrap_or_else(PoisonError::into_inner) = name;
        let config = encoder.config();
        self.to.send(Message::Opened { rung: self.at, config }).map_err(|_| EncodeError::Unread)?;
        Ok(Coder { encoder, last: None, sent: VecDeque::new(), told: Orientation::default() })
    }

    fn hand_on(&self, coder: &mut Coder, gauge: &RungGauge) -> Result<(), EncodeError> {
        while let Some(coded) = coder.encoder.receive()? {
            let Sent { pts, arrived, captions, orientation } = loop {
                match coder.sent.pop_front() {
                    Some(sent) if sent.pts == coded.pts => break sent,
                    Some(_) => gauge.drop_frame(),
                    None => return Err(EncodeError::Time(coded.pts)),
                }
            };
            let is_new = std::mem::replace(&mut coder.told, orientation) != orientation;
            // What was said holds until the next sync sample.
            let is_due = is_new || (coded.is_key && !orientation.is_upright());
            let messages = Messages { captions, orientation: is_due.then_some(orientation) };
            let frame = Frame { rung: self.at, pts, is_sync: coded.is_key, data: coded.data.into(), messages, arrived };
            self.to.send(Message::Frame(frame)).map_err(|_| EncodeError::Unread)?;
        }
        Ok(())
    }
}

struct Coder {
    encoder: Encoder,
    /// Nanoseconds of the last picture: encoders want them to rise.
    last: Option<i64>,
    /// What went in and has not come out.
    sent: VecDeque<Sent>,
    /// The orientation that was told last.
    told: Orientation,
}

struct Sent {
    pts: i64,
    arrived: Instant,
    captions: Vec<u8>,
    orientation: Orientation,
}

#[derive(Debug, thiserror::Error)]
enum EncodeError {
    #[error("the encoder fails: {0}")]
    Libav(#[from] ffmpeg_next::Error),
    #[error("the encoder gives a frame of another time ({0} ns)")]
    Time(i64),
    #[error("nobody reads")]
    Unread,
}

fn target(rung: &Rung, threads: u32) -> Target {
    Target { width: rung.width, height: rung.height, bit_rate: rung.bit_rate, frame_rate: fraction(rung.frame_rate), threads }
}

/// The rate as television counts it, where it is near one of those.
fn fraction(rate: f64) -> (i32, i32) {
    let television = (rate * 1.001).round();
    if (rate * 1.001 - television).abs() < 0.002 && (rate - rate.round()).abs() > 0.002 {
        return (television as i32 * 1_000, 1_001);
    }
    if (rate - rate.round()).abs() <= 0.002 { (rate.round() as i32, 1) } else { ((rate * 1_000.0).round() as i32, 1_000) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_the_fractions_that_they_stand_for() {
        let cases =
            [(29.97, (30_000, 1_001)), (59.94, (60_000, 1_001)), (23.976, (24_000, 1_001)), (25.0, (25, 1)), (12.5, (12_500, 1_000))];
        for (rate, expected) in cases {
            assert_eq!(fraction(rate), expected, "{rate}");
        }
    }
}
