//! Keys and tokens, kept as hashes alone.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// Shortest secret that is accepted in plain text, in bytes: anything shorter is guessed.
pub const MIN_SECRET: usize = 8;
/// Longest secret that is looked at, in bytes.
const MAX_SECRET: usize = 1_024;
/// What a hashed secret begins with.
const HASHED: &str = "sha256:";

/// A key or a token: its SHA-256 hash. Printing it shows nothing.
///
/// The hash is a fast one on purpose: a key is a random word, not a password, and every attempt to publish must be cheap to refuse.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret([u8; 32]);

/// Why a text is no secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SecretError {
    /// Too short to keep anyone out.
    #[error("a secret of {0} bytes is guessed; use at least {MIN_SECRET}, better 24 random ones")]
    TooShort(usize),
    /// Longer than what is looked at.
    #[error("a secret of {0} bytes is too long; use at most {MAX_SECRET}")]
    TooLong(usize),
    /// Not a hash, although it says so.
    #[error("'{HASHED}' must be followed by 64 hexadecimal digits, as `sluicegate hash-key` prints them")]
    Hash,
}

impl Secret {
    /// Reads a secret as it stands in the configuration: in plain text, or as `sha256:` and the hash in hexadecimal.
    ///
    /// # Errors
    /// Says why it cannot be one, without showing it.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        match text.strip_prefix(HASHED) {
            Some(digits) => hex(digits).map(Self).ok_or(SecretError::Hash),
            None if text.len() < MIN_SECRET => Err(SecretError::TooShort(text.len())),
            None if text.len() > MAX_SECRET => Err(SecretError::TooLong(text.len())),
            None => Ok(Self::of(text)),
        }
    }

    /// The hash of what somebody offers.
    pub(super) fn of(offered: &str) -> Self {
        Self(Sha256::digest(offered.as_bytes()).into())
    }

    /// As it may stand in the configuration: `sha256:` and the hash.
    pub fn hashed(&self) -> String {
        let digits: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{HASHED}{digits}")
    }

    /// Whether one of `secrets` is this one, in a time that tells neither which nor how nearly.
    pub(super) fn is_among<'a>(&self, secrets: impl IntoIterator<Item = &'a Self>) -> bool {
        let found = secrets.into_iter().fold(Choice::from(0), |found, secret| found | secret.0.ct_eq(&self.0));
        found.into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.hashed())
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

fn hex(digits: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if digits.len() != 2 * bytes.len() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_the_same_in_plain_text_and_as_its_hash() {
        let plain = Secret::parse("correct horse").unwrap();
        assert_eq!(Secret::parse(&plain.hashed()), Ok(plain));
        assert_eq!(Secret::parse(&plain.hashed().to_uppercase().replace("SHA256", "sha256")), Ok(plain));
        // FIPS 180-2, the first example.
        let abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Secret::of("abc").hashed(), abc);
    }

    #[test]
    fn what_keeps_nobody_out_is_no_secret() {
        assert_eq!(Secret::parse(""), Err(SecretError::TooShort(0)));
        assert_eq!(Secret::parse("1234567"), Err(SecretError::TooShort(7)));
        assert_eq!(Secret::parse(&"x".repeat(1_025)), Err(SecretError::TooLong(1_025)));
        assert_eq!(Secret::parse(&format!("sha256:{}", "g".repeat(64))), Err(SecretError::Hash));
        assert_eq!(Secret::parse(&format!("sha256:{}", "a".repeat(63))), Err(SecretError::Hash));
    }

    #[test]
    fn nothing_of_it_is_printed() {
        assert_eq!(format!("{:?}", Secret::parse("hunter2hunter2").unwrap()), "Secret(…)");
    }
}
