//! Captions that travel inside the pictures: which there are, told from the user data that carries them (ATSC A/53 part 4 §6.2.3).

/// The captions seen in a video track so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Captions {
    /// Whether there is room for captions in the pictures, be it empty so far.
    pub carried: bool,
    /// Whether there are CEA-608 captions in the first field (CC1 and CC2) and in the second (CC3 and CC4).
    pub fields: [bool; 2],
    /// The CEA-708 services 1 to 6, from the lowest bit on.
    pub services: u8,
}

/// A service of CEA-708 that the first header byte of a service block can name; 7 announces a further byte.
const SERVICES: std::ops::RangeInclusive<u8> = 1..=6;

/// itu_t_t35_country_code of the USA, itu_t_t35_provider_code of ATSC, "GA94", and the type of caption data.
const CAPTION_DATA: [u8; 8] = [0xB5, 0x00, 0x31, b'G', b'A', b'9', b'4', 0x03];

impl Captions {
    /// Whether nothing was seen, not even room for them.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The CEA-608 channels that are in use: the first one of each field, for which of its two cannot be told.
    pub fn channels(&self) -> impl Iterator<Item = &'static str> {
        self.fields.into_iter().zip(["CC1", "CC3"]).filter(|(is_used, _)| *is_used).map(|(_, channel)| channel)
    }

    /// The numbers of the CEA-708 services that are in use.
    pub fn service_numbers(&self) -> impl Iterator<Item = u8> {
        SERVICES.filter(|number| self.services >> (number - 1) & 1 == 1)
    }

    /// These and those of `other`.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            carried: self.carried || other.carried,
            fields: [0, 1].map(|field: usize| self.fields[field] || other.fields[field]),
            services: self.services | other.services,
        }
    }

    /// The captions in a message `user_data_registered_itu_t_t35`; none where it carries something else, or nothing but padding.
    pub fn in_user_data(payload: &[u8]) -> Self {
        let mut found = Self::default();
        let Some(&[flags, _em_data, ref rest @ ..]) = payload.strip_prefix(&CAPTION_DATA) else { return found };
        if flags & 0x40 == 0 {
            return found; // process_cc_data_flag
        }
        found.carried = true;
        for construct in rest.chunks_exact(3).take(usize::from(flags & 0x1F)) {
            let &[kind, first, second] = construct else { continue };
            if kind & 4 == 0 {
                continue; // cc_valid
            }
            // Characters have odd parity in their highest bit; two zeros are padding.
            let is_padding = first & 0x7F == 0 && second & 0x7F == 0;
            match kind & 3 {
                field @ (0 | 1) => found.fields[usize::from(field)] |= !is_padding,
                // The start of a caption channel packet: its own header, then that of its first service block.
                3 if SERVICES.contains(&(second >> 5)) && second & 0x1F != 0 => found.services |= 1 << ((second >> 5) - 1),
                _ => {}
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn user_data(constructs: &[[u8; 3]]) -> Vec<u8> {
        let flags = 0xC0 | constructs.len() as u8;
        [&CAPTION_DATA[..], &[flags, 0xFF], &constructs.concat(), &[0xFF]].concat()
    }

    #[test]
    fn fields_and_services_are_told_apart() {
        let found = Captions::in_user_data(&user_data(&[[0xFC, 0x94, 0x2C], [0xFD, 0x80, 0x80], [0xFF, 0x02, 0x21], [0xFE, 0x41, 0x42]]));
        assert_eq!(found, Captions { carried: true, fields: [true, false], services: 1 });
        let second = Captions::in_user_data(&user_data(&[[0xFD, 0x15, 0x2C], [0xFF, 0x42, 0x63]]));
        let both = found.and(second);
        assert_eq!(both, Captions { carried: true, fields: [true, true], services: 0b101 });
        assert_eq!((both.channels().collect(), both.service_numbers().collect()), (vec!["CC1", "CC3"], vec![1, 3]));
    }

    #[test]
    fn padding_and_other_user_data_are_no_captions() {
        let padding = user_data(&[[0xFC, 0x80, 0x80], [0xF8, 0x94, 0x2C], [0xFA, 0, 0], [0xFF, 0x02, 0x00]]);
        assert_eq!(Captions::in_user_data(&padding), Captions { carried: true, ..Captions::default() });
        let mut not_processed = user_data(&[[0xFC, 0x94, 0x2C]]);
        not_processed[8] &= !0x40;
        assert!(Captions::in_user_data(&not_processed).is_empty());
        assert!(Captions::in_user_data(b"\xB5\x00\x3CDTG1\x41").is_empty());
    }

    #[test]
    fn a_message_that_ends_early_gives_what_is_whole() {
        let mut message = user_data(&[[0xFC, 0x94, 0x2C]]);
        message[8] |= 0x1F;
        assert_eq!(Captions::in_user_data(&message).fields, [true, false]);
        assert!(Captions::in_user_data(&message[..9]).is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..128)) {
            let _ = Captions::in_user_data(&bytes);
            let _ = Captions::in_user_data(&[&CAPTION_DATA[..], &bytes].concat());
        }
    }
}
