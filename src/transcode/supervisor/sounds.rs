//! The source's sound on its way into the rungs, so that who plays one has its sound in the same channel.

use std::collections::VecDeque;

use crate::media::{Sample, Timestamp};

/// Most samples that wait for the pictures of a rung: ten seconds of four tracks of AAC. Of more, the oldest are let go.
const MOST: usize = 2_048;

/// A bounded run of sound that several readers pass at their own pace.
#[derive(Debug, Default)]
pub(super) struct Sounds {
    samples: VecDeque<Sample>,
    /// How many came before the first.
    before: u64,
}

impl Sounds {
    /// Takes the next sample.
    pub fn push(&mut self, sample: Sample) {
        self.samples.push_back(sample);
        if self.samples.len() > MOST {
            self.samples.pop_front();
            self.before += 1;
        }
    }

    /// What a reader has not had yet and belongs before `until`; `read` counts what it has passed.
    pub fn take(&self, read: &mut u64, until: Timestamp, out: &mut Vec<Sample>) {
        *read = (*read).max(self.before);
        let unread = self.samples.iter().skip((*read - self.before) as usize);
        for sample in unread.take_while(|sample| sample.dts <= until) {
            out.push(sample.clone());
            *read += 1;
        }
    }

    /// Passes over what belongs before `until`, for a reader that begins there.
    pub fn skip(&self, read: &mut u64, until: Timestamp) {
        self.take(read, until, &mut Vec::new());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::TrackId;

    fn sound(millis: i64) -> Sample {
        Sample { track: TrackId::AUDIO, dts: Timestamp::from_millis(millis), cts: 0, is_sync: true, data: bytes::Bytes::new() }
    }

    #[test]
    fn each_reader_gets_every_sample_once_up_to_its_pictures_and_the_oldest_go() {
        let mut sounds = Sounds::default();
        (0..100).for_each(|n| sounds.push(sound(n * 20)));
        let (mut one, mut other) = (0, 0);
        let take = |read: &mut u64, until| {
            let mut out = Vec::new();
            sounds.take(read, Timestamp::from_millis(until), &mut out);
            out.iter().map(|sample| sample.dts.millis()).collect::<Vec<_>>()
        };
        assert_eq!(take(&mut one, 40), [0, 20, 40]);
        assert_eq!(take(&mut one, 79), [60]);
        assert_eq!(take(&mut other, 20), [0, 20]);
        (100..MOST as i64 + 50).for_each(|n| sounds.push(sound(n * 20)));
        let mut out = Vec::new();
        sounds.take(&mut other, Timestamp::from_millis(1_040), &mut out);
        assert_eq!(out.iter().map(|sample| sample.dts.millis()).collect::<Vec<_>>(), [1_000, 1_020, 1_040]);
    }
}
