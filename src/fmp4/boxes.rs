//! Boxes as bytes (ISO/IEC 14496-12 §4.2): writing nested ones, walking over written ones.

/// A box type or brand: four printable characters.
pub type FourCc = [u8; 4];

/// Bytes of a box header: 32-bit size and type.
pub const HEADER: usize = 8;

/// A box whose size is not known yet; [`close`] writes it.
#[must_use = "an open box has no size until it is closed"]
pub(super) struct Open(usize);

/// Begins a box of that type.
pub(super) fn open(out: &mut Vec<u8>, kind: FourCc) -> Open {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&kind);
    Open(start)
}

/// Begins a FullBox of that type.
pub(super) fn open_full(out: &mut Vec<u8>, kind: FourCc, version: u8, flags: u32) -> Open {
    let start = open(out, kind);
    out.extend_from_slice(&(u32::from(version) << 24 | flags & 0x00ff_ffff).to_be_bytes());
    start
}

/// Ends the box and writes its size.
pub(super) fn close(out: &mut [u8], Open(start): Open) {
    let size = u32::try_from(out.len() - start).expect("boxes of an init segment are far below 4 GiB");
    out[start..start + 4].copy_from_slice(&size.to_be_bytes());
}

/// What is wrong with bytes that claim to be boxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BoxError {
    /// Fewer bytes than a box header.
    #[error("box header at byte {at} is cut short: {left} bytes left")]
    ShortHeader {
        /// Position of the header.
        at: usize,
        /// Bytes left there.
        left: usize,
    },
    /// A size smaller than the header or larger than what holds it.
    #[error("box at byte {at} claims {size} bytes where {left} are left")]
    Size {
        /// Position of the box.
        at: usize,
        /// The size it claims.
        size: u64,
        /// Bytes left there.
        left: usize,
    },
}

/// One box as it lies in the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoxRef<'a> {
    /// Its type.
    pub kind: FourCc,
    /// Position of its first byte (the size field) from where walking began.
    pub at: usize,
    /// Position of its body.
    pub body_at: usize,
    /// Its body: all behind the size and type.
    pub body: &'a [u8],
}

impl<'a> BoxRef<'a> {
    /// Walks the boxes inside this one, which begin `skip` bytes into the body.
    pub fn children(&self, skip: usize) -> Walk<'a> {
        let skip = skip.min(self.body.len());
        Walk { rest: self.body.get(skip..).unwrap_or_default(), at: self.body_at + skip }
    }
}

/// Walks over the boxes of one level, in order; ends behind the last one or at the first error.
///
/// It neither allocates nor descends, and each step consumes at least a header, so hostile bytes cost no more than their length.
pub fn walk(data: &[u8]) -> Walk<'_> {
    Walk { rest: data, at: 0 }
}

/// The iterator of [`walk`].
#[derive(Debug, Clone)]
pub struct Walk<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Walk<'a> {
    type Item = Result<BoxRef<'a>, BoxError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let found = self.split();
        if found.is_err() {
            self.rest = &[];
        }
        Some(found)
    }
}

impl<'a> Walk<'a> {
    fn split(&mut self) -> Result<BoxRef<'a>, BoxError> {
        let (at, left) = (self.at, self.rest.len());
        let short = BoxError::ShortHeader { at, left };
        let (size, after) = self.rest.split_first_chunk::<4>().ok_or(short)?;
        let (kind, after) = after.split_first_chunk::<4>().ok_or(short)?;
        let (size, header) = match u32::from_be_bytes(*size) {
            0 => (left as u64, HEADER),
            1 => (u64::from_be_bytes(*after.first_chunk::<8>().ok_or(short)?), HEADER + 8),
            size => (u64::from(size), HEADER),
        };
        let wrong = BoxError::Size { at, size, left };
        let whole = usize::try_from(size).ok().filter(|size| *size >= header).ok_or(wrong)?;
        let (this, rest) = self.rest.split_at_checked(whole).ok_or(wrong)?;
        self.rest = rest;
        self.at += whole;
        Ok(BoxRef { kind: *kind, at, body_at: at + header, body: &this[header..] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_nest_and_are_walked_back() {
        let mut out = Vec::new();
        let outer = open(&mut out, *b"moov");
        let inner = open_full(&mut out, *b"mvhd", 1, 7);
        out.push(9);
        close(&mut out, inner);
        close(&mut out, outer);
        assert_eq!(out, b"\0\0\0\x15moov\0\0\0\x0dmvhd\x01\0\0\x07\x09");

        let moov = walk(&out).next().unwrap().unwrap();
        let mvhd = moov.children(0).next().unwrap().unwrap();
        assert_eq!((mvhd.kind, mvhd.at, mvhd.body), (*b"mvhd", 8, &[1, 0, 0, 7, 9][..]));
    }

    #[test]
    fn long_and_open_ended_sizes_are_read() {
        let long = b"\0\0\0\x01free\0\0\0\0\0\0\0\x12ab\0\0\0\0mdatxyz";
        let found: Vec<_> = walk(long).map(Result::unwrap).collect();
        assert_eq!((found[0].body, found[0].body_at), (&b"ab"[..], 16));
        assert_eq!((found[1].body, found[1].at), (&b"xyz"[..], 18));
    }

    #[test]
    fn a_wrong_size_ends_the_walk_and_says_where() {
        let mut walk_short = walk(b"\0\0\0\x08free\0\0\0\x07free");
        assert!(walk_short.next().unwrap().is_ok());
        assert_eq!(walk_short.next(), Some(Err(BoxError::Size { at: 8, size: 7, left: 8 })));
        assert_eq!(walk_short.next(), None);
        assert_eq!(walk(b"\0\0\0\x09free").next(), Some(Err(BoxError::Size { at: 0, size: 9, left: 8 })));
        assert_eq!(walk(b"\0\0\0\x09fre").next(), Some(Err(BoxError::ShortHeader { at: 0, left: 7 })));
        assert_eq!(walk(b"\0\0\0\x01free\0\0\0").next(), Some(Err(BoxError::ShortHeader { at: 0, left: 11 })));
    }
}
