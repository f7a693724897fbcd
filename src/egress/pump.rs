//! The pump: a cursor, a lag policy, and batches of shared bytes.

use std::fmt;
use std::sync::Arc;

use super::batch::Batch;
use super::options::Policy;
use crate::bus::{self, Budget, Channel, Cursor, End, Entry, Gate, Read, Subscriber, Viewing, Why};
use crate::media::{Span, Timestamp};

/// An entry that knows its bytes on the wire.
pub trait Wire: Entry<Head: Send + Sync> + Send + 'static {
    /// In which of its shapes a viewer wants it.
    type Form: Copy + fmt::Debug + Send;

    /// Tells forms apart.
    fn number(form: Self::Form) -> u8;

    /// Appends the entry's bytes.
    fn put(&self, form: Self::Form, out: &mut Batch);

    /// Appends what a viewer must get before the entries that follow `turn`.
    ///
    /// # Errors
    /// [`Unfit`] where this form cannot go on from the head before to this one.
    fn put_head(turn: &Turn<'_, Self>, form: Self::Form, out: &mut Batch) -> Result<(), Unfit>;

    /// Whether anything can follow this head. Where nothing can, a viewer is told at once: it would wait forever.
    fn goes_on(_head: &Self::Head) -> bool {
        true
    }

    /// Whether a viewer that wants only these kinds gets the entry. Entries that mix them are for everybody.
    fn is_of(&self, _kinds: Kinds) -> bool {
        true
    }
}

/// Which kinds of media a viewer wants at the moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kinds {
    /// Sound.
    pub audio: bool,
    /// Pictures.
    pub video: bool,
}

impl Kinds {
    /// Everything.
    pub const ALL: Self = Self { audio: true, video: true };
}

/// A viewer's step under a head.
#[derive(Debug)]
pub struct Turn<'a, T: Entry> {
    /// The head in force from here on.
    pub head: &'a T::Head,
    /// The head the viewer got last, if any.
    pub before: Option<&'a T::Head>,
    /// Why it comes now.
    pub why: Why,
    /// The first entry under it.
    pub first: &'a T,
    /// What the viewer wants at the moment.
    pub kinds: Kinds,
}

/// A form cannot follow a change of head: the viewer's answer ends and it has to come again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("this form cannot carry the new configuration")]
pub struct Unfit;

/// Why there will be no more media.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Over {
    /// The channel ended.
    #[error(transparent)]
    Ended(End),
    /// The form cannot carry the stream's new configuration.
    #[error("the stream's configuration changed")]
    Changed,
}

/// What one [`Source::fill`] found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Filled {
    /// Bytes were appended.
    Bytes,
    /// Nothing new.
    Nothing,
    /// Nothing will ever be new again.
    Over(Over),
}

/// What a viewer's batch was, where it was nothing but all the media that there was: whoever stands where that began gets the same bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    within: bus::Step,
    form: u8,
    kinds: Kinds,
    newest: Timestamp,
    /// Whether it went out as a chunk.
    pub(super) chunked: bool,
}

impl Step {
    /// The same for those who get it as a chunk, or not.
    pub(super) fn as_chunk(self, chunked: bool) -> Self {
        Self { chunked, ..self }
    }
}

/// A viewer's place in some channel, whatever it carries.
pub trait Source: fmt::Debug + Send {
    /// Tells channels apart: equal for viewers of one channel, for as long as one of them lives.
    fn key(&self) -> usize;

    /// Joins the channel. From now on `gate` rings for it.
    fn attach(&mut self, gate: &Arc<Gate>);

    /// Appends the next batch: within one [`Budget`], with the heads due. Notes in it the [`Step`] that it is, if it is one.
    fn fill(&mut self, out: &mut Batch) -> Filled;

    /// Takes another viewer's step, whose batch is then this one's, too. False, and nothing happens, where [`Source::fill`] has to find out.
    fn take_step(&mut self, step: &Step) -> bool;

    /// Why there will be no more media, where that is known without a [`Source::fill`]: a viewer that takes none for now asks.
    fn over(&self) -> Option<Over>;

    /// Begins anew, as one that has just joined, without being counted as one that skipped.
    fn rejoin(&mut self);

    /// From now on only entries of these kinds are appended.
    fn set_kinds(&mut self, kinds: Kinds);

    /// Skips to the newest sync if the viewer is further behind than its policy allows. Worth asking after it had to wait.
    fn catch_up(&mut self);
}

/// A [`Source`] over a channel of wire units. `K` is whatever must live as long as the viewer does.
pub struct Pump<T: Wire, K> {
    channel: Arc<Channel<T>>,
    from: bus::From,
    form: T::Form,
    policy: Arc<Policy>,
    subscriber: Option<Subscriber<T>>,
    /// The head that the viewer got last.
    head: Option<Arc<T::Head>>,
    /// A head that waits for the first entry under it.
    due: Option<(Arc<T::Head>, Why)>,
    /// How far behind the viewer may be; known once it has joined.
    allowance: Option<Span>,
    viewing: Arc<Viewing>,
    kinds: Kinds,
    _keep: K,
}

impl<T: Wire, K> Pump<T, K> {
    /// A pump that has not joined yet, and tells `viewing` how far its viewer is.
    pub fn new(channel: Arc<Channel<T>>, from: bus::From, form: T::Form, policy: Arc<Policy>, viewing: Arc<Viewing>, keep: K) -> Self {
        let kinds = Kinds::ALL;
        Self { channel, from, form, policy, subscriber: None, head: None, due: None, allowance: None, viewing, kinds, _keep: keep }
    }

    fn step_from(&self, from: Cursor, newest: Timestamp) -> Option<Step> {
        let within = self.subscriber.as_ref()?.step_from(from)?;
        Some(Step { within, form: T::number(self.form), kinds: self.kinds, newest, chunked: false })
    }

    fn note_head(&mut self, head: Arc<T::Head>, why: Why) {
        match why {
            Why::Joined => {
                let delay = self.subscriber.as_ref().map_or(Span::ZERO, |s| s.lag().span);
                self.viewing.note_joined(delay);
                self.allowance = Some(delay + self.policy.options.max_lag());
            }
            Why::Lagged { entries, .. } => {
                self.viewing.note_skip(entries);
                self.policy.counters.skips.add(1);
                self.policy.counters.skipped_entries.add(entries);
            }
            Why::Config | Why::Break(_) => {}
        }
        let why = match self.due {
            Some((_, Why::Joined)) => Why::Joined,
            _ => why,
        };
        self.due = Some((head, why));
    }
}

impl<T: Wire, K: Send> Source for Pump<T, K> {
    fn key(&self) -> usize {
        Arc::as_ptr(&self.channel) as usize
    }

    fn attach(&mut self, gate: &Arc<Gate>) {
        self.subscriber = Some(self.channel.join(self.from, gate));
    }

    fn fill(&mut self, out: &mut Batch) -> Filled {
        let before = out.len();
        let from = self.subscriber.as_ref().map(Subscriber::cursor).filter(|_| self.due.is_none());
        let mut has_head = false;
        loop {
            let (mut fits, mut newest) = (Ok(()), None);
            let Self { subscriber: Some(subscriber), due, head, form, kinds, .. } = self else { return Filled::Nothing };
            let found = subscriber.visit(Budget::default(), |entry| {
                newest = Some(entry.time());
                if let Some((now, why)) = due.take() {
                    let turn: Turn<'_, T> = Turn { head: &now, before: head.as_deref(), why, first: entry, kinds: *kinds };
                    fits = T::put_head(&turn, *form, out);
                    *head = Some(now);
                    has_head = true;
                }
                if fits.is_ok() && (*kinds == Kinds::ALL || entry.is_of(*kinds)) {
                    entry.put(*form, out);
                }
            });
            match found {
                Read::Head { head, .. } if !T::goes_on(&head) => return Filled::Over(Over::Changed),
                Read::Head { head, why } => self.note_head(head, why),
                Read::Batch => {
                    if let Some(newest) = newest {
                        self.viewing.note_given(newest);
                    }
                    match fits {
                        Err(Unfit) => return Filled::Over(Over::Changed),
                        Ok(()) if out.len() > before => {
                            let within = from.filter(|_| !has_head).zip(newest);
                            let step = within.and_then(|(from, newest)| self.step_from(from, newest));
                            out.note_step(step);
                            return Filled::Bytes;
                        }
                        // None of them was wanted.
                        Ok(()) => {}
                    }
                }
                Read::Empty => return Filled::Nothing,
                Read::End(end) => return Filled::Over(Over::Ended(end)),
            }
        }
    }

    fn take_step(&mut self, step: &Step) -> bool {
        let Self { subscriber: Some(subscriber), due: None, .. } = self else { return false };
        let takes = step.form == T::number(self.form) && step.kinds == self.kinds && subscriber.take_step(&step.within);
        if takes {
            self.viewing.note_given(step.newest);
        }
        takes
    }

    fn over(&self) -> Option<Over> {
        self.channel.ended().map(Over::Ended)
    }

    fn rejoin(&mut self) {
        if let Some(subscriber) = &self.subscriber {
            let gate = Arc::clone(subscriber.gate());
            self.due = None;
            self.attach(&gate);
        }
    }

    fn set_kinds(&mut self, kinds: Kinds) {
        self.kinds = kinds;
    }

    fn catch_up(&mut self) {
        if let (Some(subscriber), Some(allowance)) = (&mut self.subscriber, self.allowance)
            && subscriber.lag().span > allowance
        {
            subscriber.skip();
        }
    }
}

impl<T: Wire, K> fmt::Debug for Pump<T, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pump").field("form", &self.form).field("viewing", &self.viewing).finish_non_exhaustive()
    }
}
