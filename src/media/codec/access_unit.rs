//! Access units of codecs made of NAL units (H.264, HEVC, VVC), brought into their canonical form.

use bytes::Bytes;

use super::ConfigError;
use super::nal::{self, NalError, NalRanges};
use super::sei::Messages;

/// The parameter sets of one configuration, and how the codec tells its NAL units apart.
pub trait NalSets: Clone + Default + PartialEq {
    /// Bytes of a NAL unit's header.
    const HEADER: usize = 2;

    /// What a NAL unit is in an access unit.
    fn role(nal: &[u8]) -> Role;

    /// Whether this very set is among them.
    fn contains(&self, nal: &[u8]) -> bool;

    /// Puts a set in the place of the one with its id, or adds it. Other NAL units are passed over.
    ///
    /// # Errors
    /// When the set cannot be kept: it is too long, or its id is out of range or cannot be read.
    fn replace(&mut self, nal: &[u8]) -> Result<(), ConfigError>;
}

/// What a NAL unit is in an access unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// An access unit delimiter, which containers do without.
    Delimiter,
    /// A parameter set, which belongs into the configuration.
    Set,
    /// Part of a picture that decoding can start at.
    Sync,
    /// Messages (SEI) that may be looked into.
    Message,
    /// Anything else: part of another picture, a message of no interest.
    Other,
}

/// An access unit as the bus carries it.
#[derive(Clone, PartialEq, Debug)]
pub struct AccessUnit<S> {
    /// NAL units behind 4-byte lengths, without access unit delimiters and parameter sets. Empty where nothing else was there.
    pub data: Bytes,
    /// Whether it holds a picture that decoding can start at.
    pub is_sync: bool,
    /// The parameter sets in force from this access unit on, where it brought any that differ from those before.
    pub sets: Option<S>,
    /// What its messages tell; they stay in it.
    pub messages: Messages,
}

/// Brings an access unit into its canonical form: from NAL lengths of `length_size` bytes, or from Annex B where it is that.
/// `in_force` are the parameter sets that hold so far; those in the access unit are taken out and compared with them.
///
/// The result shares the bytes of `data` where only its beginning or end had to go.
///
/// # Errors
/// When a NAL unit does not fit, or there are too many.
pub fn canonical<S: NalSets>(data: &Bytes, length_size: u8, in_force: &S) -> Result<AccessUnit<S>, NalError> {
    let mut kept = NalRanges::new();
    let mut is_sync = false;
    let mut sets: Option<S> = None;
    let mut messages = Messages::default();
    for unit in nal::locate(data, length_size)? {
        let bytes = &data[unit.clone()];
        match S::role(bytes) {
            Role::Delimiter => {}
            Role::Set => {
                if !sets.as_ref().unwrap_or(in_force).contains(bytes) {
                    // A set that cannot be read is dropped: the ones in force have to do, and the next may be whole.
                    let _ = sets.get_or_insert_with(|| in_force.clone()).replace(bytes);
                }
            }
            role => {
                is_sync |= role == Role::Sync;
                if role == Role::Message {
                    messages = messages.and(Messages::read(bytes, S::HEADER));
                }
                kept.push(unit);
            }
        }
    }
    let sets = sets.filter(|sets| sets != in_force);
    Ok(AccessUnit { data: nal::join(data, &kept), is_sync, sets, messages })
}
