//! Whether a player is still there.

use std::time::{Duration, Instant};

use crate::egress::{self, Unanswered};

/// Whether a player is still there. It is asked only while nothing flows either way: one that takes media is there, whatever it says.
#[derive(Debug)]
pub(super) struct Pulse {
    every: Duration,
    patience: Duration,
    began: Instant,
    /// Bytes that the conversation gave.
    pub said: u64,
    /// Bytes of media that the socket had taken by the last look.
    media: u64,
    /// When something last flowed.
    active: Instant,
    /// When the question was put that is not answered yet.
    asked: Option<Instant>,
}

impl Pulse {
    pub fn new(options: &egress::Options, now: Instant) -> Self {
        let seconds = |count: u32| Duration::from_secs(count.into());
        let (every, patience) = (seconds(options.ping_s), seconds(options.pong_s));
        Self { every, patience, began: now, said: 0, media: 0, active: now, asked: None }
    }

    pub fn heard(&mut self, now: Instant) {
        (self.active, self.asked) = (now, None);
    }

    /// Looks again, when the socket has taken `sent` bytes in all. True when a question is due.
    pub fn beat(&mut self, sent: u64, now: Instant) -> Result<bool, Unanswered> {
        let media = sent.saturating_sub(self.said);
        if media > self.media {
            self.media = media;
            self.heard(now);
        }
        match self.asked {
            Some(at) if now.saturating_duration_since(at) > self.patience => Err(Unanswered),
            Some(_) => Ok(false),
            None => {
                let due = now.saturating_duration_since(self.active) >= self.every;
                self.asked = due.then_some(now);
                Ok(due)
            }
        }
    }

    pub fn millis(&self, now: Instant) -> u32 {
        now.saturating_duration_since(self.began).as_millis() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_player_that_neither_takes_nor_says_anything_is_asked_and_given_up() {
        let options = egress::Options { ping_s: 20, pong_s: 5, ..egress::Options::default() };
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut pulse = Pulse::new(&options, start);
        pulse.said = 100;
        assert_eq!(pulse.beat(100, at(19)), Ok(false));
        assert_eq!(pulse.beat(150, at(20)), Ok(false), "media flowed");
        assert_eq!(pulse.beat(150, at(40)), Ok(true));
        pulse.said += 12;
        assert_eq!(pulse.beat(162, at(44)), Ok(false), "the question itself is no media");
        pulse.heard(at(45));
        assert_eq!(pulse.beat(162, at(64)), Ok(false));
        assert_eq!(pulse.beat(162, at(65)), Ok(true));
        pulse.said += 12;
        assert_eq!(pulse.beat(174, at(70)), Ok(false));
        assert_eq!(pulse.beat(174, at(71)), Err(Unanswered));
    }
}
