//! A file whose bytes lie in several places.

use std::ops::Range;
use std::slice;
use std::sync::Arc;

use bytes::Bytes;

/// Bytes in one piece or in several, each of which begins where the one before it ends. Clones share them. Equal are those that are divided
/// alike, too.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pieces(Run);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Run {
    /// An init segment, a part: nothing has to be made for it.
    One(Bytes),
    Several {
        pieces: Arc<[Bytes]>,
        len: usize,
    },
}

impl Pieces {
    /// All of its bytes, counted.
    pub fn len(&self) -> usize {
        match &self.0 {
            Run::One(piece) => piece.len(),
            Run::Several { len, .. } => *len,
        }
    }

    /// Whether it has no byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The pieces, in order.
    pub fn as_slice(&self) -> &[Bytes] {
        match &self.0 {
            Run::One(piece) => slice::from_ref(piece),
            Run::Several { pieces, .. } => pieces,
        }
    }

    /// What a range covers of it, where it lies. Behind the end there is nothing.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        if range.start == 0 && range.end >= self.len() {
            return self.clone();
        }
        let mut begin = 0;
        let covered = self.as_slice().iter().filter_map(|piece| {
            let within = |place: usize| place.saturating_sub(begin).min(piece.len());
            let covered = within(range.start)..within(range.end);
            begin += piece.len();
            (!covered.is_empty()).then(|| piece.slice(covered))
        });
        covered.collect()
    }
}

impl From<Bytes> for Pieces {
    fn from(piece: Bytes) -> Self {
        Self(Run::One(piece))
    }
}

impl FromIterator<Bytes> for Pieces {
    fn from_iter<I: IntoIterator<Item = Bytes>>(pieces: I) -> Self {
        let mut pieces = pieces.into_iter();
        let Some(first) = pieces.next() else { return Bytes::new().into() };
        let Some(second) = pieces.next() else { return first.into() };
        let pieces: Arc<[Bytes]> = [first, second].into_iter().chain(pieces).collect();
        let len = pieces.iter().map(Bytes::len).sum();
        Self(Run::Several { pieces, len })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &[u8] = b"stypprftmoofmdat";

    /// The whole, divided behind these places.
    fn divided(at: &[usize]) -> Pieces {
        let begins = [0].into_iter().chain(at.iter().copied());
        let ends = at.iter().copied().chain([WHOLE.len()]);
        begins.zip(ends).map(|(begin, end)| Bytes::from_static(&WHOLE[begin..end])).collect()
    }

    #[test]
    fn the_length_is_that_of_all_pieces() {
        for at in [&[][..], &[4], &[4, 5, 12]] {
            let pieces = divided(at);
            assert_eq!((pieces.len(), pieces.as_slice().len()), (WHOLE.len(), at.len() + 1));
            assert!(!pieces.is_empty() && pieces.as_slice().concat() == WHOLE);
        }
    }

    #[test]
    fn nothing_is_a_run_as_well() {
        for nothing in [Pieces::from_iter([]), Bytes::new().into(), divided(&[4]).slice(4..4), divided(&[4]).slice(16..99)] {
            assert!(nothing.is_empty() && nothing.as_slice().concat().is_empty());
            assert_eq!(nothing.slice(0..9), nothing);
        }
    }

    #[test]
    fn a_range_may_begin_and_end_in_any_piece_and_copies_nothing() {
        let places = WHOLE.as_ptr_range();
        for at in [&[][..], &[4], &[1, 2, 3], &[4, 5, 12]] {
            let pieces = divided(at);
            for start in 0..=WHOLE.len() {
                for end in start..=WHOLE.len() + 1 {
                    let covered = pieces.slice(start..end);
                    let expected = &WHOLE[start..end.min(WHOLE.len())];
                    assert_eq!(
                        (covered.len(), covered.as_slice().concat()),
                        (expected.len(), expected.to_vec()),
                        "{start}..{end} of {at:?}"
                    );
                    let lies_there = |piece: &Bytes| !piece.is_empty() && places.contains(&piece.as_ptr());
                    assert!(covered.is_empty() || covered.as_slice().iter().all(lies_there));
                }
            }
        }
    }

    #[test]
    fn the_whole_is_shared() {
        let pieces = divided(&[4, 5, 12]);
        for same in [pieces.clone(), pieces.slice(0..WHOLE.len())] {
            assert_eq!(same.as_slice().as_ptr(), pieces.as_slice().as_ptr());
        }
    }
}
