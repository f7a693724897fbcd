//! Pictures of the source to those of the rungs: one for each size, made of the next larger.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};

use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame::Video as Picture;
use ffmpeg_next::picture;
use sluicegate::transcode::ladder::Rung;

use super::av::{self, Form, Scaler};
use super::decode::Decoded;
use super::gauges::{Gauges, Mark};
use super::orientation::Orientation;

/// Caption bytes that one picture can carry: 31 groups of three (CEA-708 cc_count has five bits).
const MAX_CAPTIONS: usize = 31 * 3;
/// The bit of a group's first byte that says that it means anything.
const CC_VALID: u8 = 4;

/// A picture for an encoder, which codes it as a keyframe where it is marked as intra.
#[derive(Clone)]
pub struct Job {
    pub picture: Arc<Picture>,
    /// Nanoseconds.
    pub pts: i64,
    pub is_sync: bool,
    pub orientation: Orientation,
    pub mark: Mark,
}

/// One size and rate, and the rungs that share it.
struct Step {
    form: Form,
    every: u32,
    rungs: Vec<usize>,
    /// Frames since the last sync sample.
    position: u32,
    /// Captions of the frames that were left out since the last that was not.
    captions: Vec<u8>,
    /// One for each form that it was made of so far.
    scalers: Vec<(Form, Scaler)>,
}

/// All steps, the largest first.
pub struct Scaling<'a> {
    steps: Vec<Step>,
    encoders: Vec<SyncSender<Job>>,
    gauges: &'a Gauges,
    source: Option<Form>,
    orientation: Orientation,
}

impl<'a> Scaling<'a> {
    /// `formats` are those that the rungs' encoders take.
    pub fn new(rungs: &[Rung], formats: &[Pixel], encoders: Vec<SyncSender<Job>>, gauges: &'a Gauges) -> Self {
        let mut steps: Vec<Step> = Vec::new();
        for (at, (rung, &format)) in rungs.iter().zip(formats).enumerate() {
            let form = Form { width: rung.width, height: rung.height, format };
            match steps.iter_mut().find(|step| step.form == form && step.every == rung.every) {
                Some(step) => step.rungs.push(at),
                None => steps.push(Step::new(form, rung.every, at)),
            }
        }
        steps.sort_by_key(|step| std::cmp::Reverse((u64::from(step.form.width) * u64::from(step.form.height), step.every)));
        Self { steps, encoders, gauges, source: None, orientation: Orientation::default() }
    }

    /// Works until there are no more pictures.
    pub fn run(mut self, from: &Receiver<Decoded>) {
        for decoded in from {
            self.gauges.scaler.begin(decoded.mark);
            self.picture(decoded);
            self.gauges.scaler.end();
        }
    }

    fn picture(&mut self, Decoded { mut picture, pts, is_sync, mark }: Decoded) {
        prepare(&mut picture, is_sync);
        let form = Form::of(&picture);
        if self.source.replace(form) != Some(form) {
            self.steps.iter_mut().for_each(|step| step.scalers.clear());
        }
        let captions = av::captions(&picture);
        // Libav tells of it with the picture that the message stands before, and it holds until the next sync sample.
        let (told, before) = (av::take_matrix(&mut picture), if is_sync { Orientation::default() } else { self.orientation });
        let orientation = told.map_or(before, Orientation::of);
        self.orientation = orientation;
        let mut parent = Arc::new(picture);
        for step in &mut self.steps {
            if !step.takes(is_sync) {
                step.leave_out(&captions);
                continue;
            }
            if step.rungs.iter().all(|&rung| self.gauges.rungs[rung].is_shed()) {
                step.captions.clear();
                step.rungs.iter().for_each(|&rung| self.gauges.rungs[rung].drop_frame());
                continue;
            }
            let Ok(made) = step.make(&parent, &captions) else {
                step.rungs.iter().for_each(|&rung| self.gauges.rungs[rung].drop_frame());
                continue;
            };
            let job = Job { picture: Arc::clone(&made), pts, is_sync, orientation, mark };
            for &rung in &step.rungs {
                // An encoder that has gone has said so.
                let _ = self.encoders[rung].send(job.clone());
            }
            parent = made;
        }
    }
}

impl Step {
    fn new(form: Form, every: u32, rung: usize) -> Self {
        Self { form, every, rungs: vec![rung], position: 0, captions: Vec::new(), scalers: Vec::new() }
    }

    /// Whether it has this frame: each so manieth behind a sync sample.
    fn takes(&mut self, is_sync: bool) -> bool {
        let position = if is_sync { 0 } else { self.position };
        self.position = (position + 1) % self.every;
        position == 0
    }

    fn leave_out(&mut self, captions: &[u8]) {
        self.captions.extend(captions.chunks_exact(3).filter(|group| group[0] & CC_VALID != 0).flatten());
        self.captions.truncate(MAX_CAPTIONS);
    }

    fn make(&mut self, parent: &Arc<Picture>, captions: &[u8]) -> Result<Arc<Picture>, ffmpeg_next::Error> {
        let from = Form::of(parent);
        let mut made = if from == self.form {
            av::share(parent)
        } else {
            let at = match self.scalers.iter().position(|(form, _)| *form == from) {
                Some(at) => at,
                None => {
                    self.scalers.push((from, Scaler::new(from, self.form)?));
                    self.scalers.len() - 1
                }
            };
            self.scalers[at].1.run(parent)?
        };
        let mut all = std::mem::take(&mut self.captions);
        if !all.is_empty() || !captions.is_empty() {
            all.extend_from_slice(captions);
            all.truncate(MAX_CAPTIONS);
            av::set_captions(&mut made, &all);
        }
        Ok(Arc::new(made))
    }
}

/// Says what the encoders are to make of it, in place of what it was coded as. The formats that imply a full range go by their modern
/// names, so that the range is kept and not converted: the picture says it apart.
fn prepare(picture: &mut Picture, is_sync: bool) {
    picture.set_kind(if is_sync { picture::Type::I } else { picture::Type::None });
    let modern = match picture.format() {
        Pixel::YUVJ420P => Pixel::YUV420P,
        Pixel::YUVJ422P => Pixel::YUV422P,
        Pixel::YUVJ444P => Pixel::YUV444P,
        _ => return,
    };
    picture.set_color_range(ffmpeg_next::color::Range::JPEG);
    picture.set_format(modern);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_left_out_evenly_and_sync_samples_never() {
        let mut step = Step::new(Form { width: 16, height: 16, format: Pixel::YUV420P }, 3, 0);
        let taken: Vec<_> = (0..12).map(|at| step.takes([0, 5, 6].contains(&at))).collect();
        let expected = [true, false, false, true, false, true, true, false, false, true, false, false];
        assert_eq!(taken, expected);
    }

    #[test]
    fn captions_of_frames_left_out_wait_for_the_next_without_their_filling() {
        let mut step = Step::new(Form { width: 16, height: 16, format: Pixel::YUV420P }, 2, 0);
        step.leave_out(&[0xFC, 1, 2, 0xF8, 0, 0, 0xFD, 3, 4]);
        assert_eq!(step.captions, [0xFC, 1, 2, 0xFD, 3, 4]);
    }
}
