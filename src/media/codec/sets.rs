//! Parameter sets by their ids, and the records made of them: what AVC, HEVC and VVC have in common.

use bytes::{BufMut, Bytes, BytesMut};

use super::access_unit::NalSets;
use super::{ConfigError, ConfigProblem, nal};

/// The longest parameter set accepted, in bytes. Real ones have tens; the scaling lists of a full one fit into one kilobyte.
pub const MAX_SET: usize = 4096;

/// The longest record of parameter sets accepted, in bytes.
pub const MAX_RECORD: usize = 64 * 1024;

/// Parameter sets of one kind, at most one per id.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Sets(Vec<Set>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Set {
    id: u32,
    nal: Bytes,
}

/// Where a set stands, and what it may be there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// What errors call the record.
    pub record: &'static str,
    /// Where in it the set begins.
    pub position: usize,
    /// What errors call the set.
    pub field: &'static str,
    /// The nal_unit_type that the place calls for; a set of another kind there is a broken record.
    pub kind: u8,
    /// The highest id.
    pub last_id: u32,
    /// Most sets of the kind in a record.
    pub most: usize,
}

impl Sets {
    /// Whether this very set is among them.
    pub fn contains(&self, nal: &[u8]) -> bool {
        self.0.iter().any(|set| set.nal == nal)
    }

    /// The sets, as NAL units.
    pub fn nals(&self) -> impl ExactSizeIterator<Item = &Bytes> {
        self.0.iter().map(|set| &set.nal)
    }

    /// Takes in a set of type `kind`, in place of the one with the same id. That is told by `id`, once the set is known to be one.
    ///
    /// # Errors
    /// When it does not belong there, is too long, or one too many.
    pub fn replace(
        &mut self,
        place: Place,
        nal: &[u8],
        kind: u8,
        id: impl FnOnce() -> Result<u32, ConfigError>,
    ) -> Result<(), ConfigError> {
        let Place { record, position, field, .. } = place;
        let too_large = |value, limit| ConfigError::new(record, position, ConfigProblem::TooLarge { field, value, limit });
        if nal.len() > MAX_SET {
            return Err(too_large(nal.len(), MAX_SET));
        }
        if kind != place.kind {
            return Err(ConfigError::value(record, position, "nal_unit_type of a parameter set", kind.into()));
        }
        let id = id().map_err(|error| ConfigError { position, ..error })?;
        if id > place.last_id {
            return Err(ConfigError::value(record, position, "parameter set id", id));
        }
        let set = Set { id, nal: Bytes::copy_from_slice(nal) };
        match self.0.iter().position(|known| known.id == id) {
            Some(at) => self.0[at] = set,
            None if self.0.len() >= place.most => return Err(too_large(self.0.len() + 1, place.most)),
            None => self.0.push(set),
        }
        Ok(())
    }

    /// Writes each behind its length, as records have them.
    pub fn put(&self, out: &mut BytesMut) {
        for nal in self.nals() {
            out.put_u16(nal.len() as u16);
            out.put_slice(nal);
        }
    }

    /// Writes them as the array of their kind, as the records of HEVC and VVC have it: complete, with no more of them in the samples. That is
    /// what `hvc1` and `vvc1` mean.
    pub fn put_array(&self, kind: u8, out: &mut BytesMut) {
        out.put_u8(0x80 | kind);
        out.put_u16(self.0.len() as u16);
        self.put(out);
    }
}

/// The sets of a record and the bytes of its NAL lengths, as `parse` reads them; or, where a publisher sends sets behind start codes in place
/// of a record, those.
pub(super) fn read<S: NalSets + Default>(
    name: &'static str,
    record: &[u8],
    parse: impl FnOnce(&[u8]) -> Result<(S, u8), ConfigError>,
) -> Result<(S, u8), ConfigError> {
    check_length(name, record.len())?;
    if !nal::starts_with_start_code(record) {
        return parse(record);
    }
    let nals = nal::by_start_code(record).map_err(|error| ConfigError::new(name, 0, ConfigProblem::ParameterSet(error.to_string())))?;
    let mut sets = S::default();
    for unit in nals {
        sets.replace(&record[unit])?;
    }
    Ok((sets, 4))
}

/// Checks the length of a record that was sent or made.
pub(super) fn check_length(name: &'static str, length: usize) -> Result<(), ConfigError> {
    if length <= MAX_RECORD {
        return Ok(());
    }
    Err(ConfigError::new(name, 0, ConfigProblem::TooLarge { field: "record", value: length, limit: MAX_RECORD }))
}

/// What a configuration cannot do without.
pub(super) fn needed<'a>(name: &'static str, what: &'static str, set: Option<&'a Bytes>) -> Result<&'a Bytes, ConfigError> {
    set.ok_or_else(|| ConfigError::new(name, 0, ConfigProblem::Missing(what)))
}
