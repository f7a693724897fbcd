//! Digests of the Flash Player 9 handshake: where they lie and how they are made.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::PACKET;

/// Length of a digest (HMAC-SHA256).
pub(super) const DIGEST: usize = 32;

/// Where C1 and S1 carry their digest. Code bases disagree about which of the two is number 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// In the first block, bytes 8 to 772: what FFmpeg sends.
    First,
    /// In the second block, bytes 772 to 1536.
    Second,
}

/// Whose packets are being signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signer {
    Client,
    Server,
}

const SUFFIX: [u8; 32] = [
    0xF0, 0xEE, 0xC2, 0x4A, 0x80, 0x68, 0xBE, 0xE8, 0x2E, 0x00, 0xD0, 0xD1, 0x02, 0x9E, 0x7E, 0x57, 0x6E, 0xEC, 0x5D, 0x2D, 0x29, 0x80,
    0x6F, 0xAB, 0x93, 0xB8, 0xE6, 0x36, 0xCF, 0xEB, 0x31, 0xAE,
];

impl Signer {
    fn name(self) -> &'static [u8] {
        match self {
            Self::Client => b"Genuine Adobe Flash Player 001",
            Self::Server => b"Genuine Adobe Flash Media Server 001",
        }
    }
}

impl Schema {
    /// Where the four bytes lie whose sum moves the digest about its block.
    fn offset_bytes(self) -> usize {
        match self {
            Self::First => 8,
            Self::Second => 772,
        }
    }

    fn position(self, packet: &[u8; PACKET]) -> usize {
        let at = self.offset_bytes();
        let sum: usize = packet[at..at + 4].iter().map(|&byte| usize::from(byte)).sum();
        sum % 728 + at + 4
    }
}

/// The digest in C1 or S1, where one verifies.
pub(super) fn find(packet: &[u8; PACKET], signer: Signer) -> Option<(Schema, [u8; DIGEST])> {
    [Schema::Second, Schema::First].into_iter().find_map(|schema| {
        let at = schema.position(packet);
        let expected = digest(packet, at, signer);
        (packet[at..at + DIGEST] == expected).then_some((schema, expected))
    })
}

/// Writes the digest into C1 or S1.
pub(super) fn sign(packet: &mut [u8; PACKET], schema: Schema, signer: Signer) -> [u8; DIGEST] {
    let at = schema.position(packet);
    let made = digest(packet, at, signer);
    packet[at..at + DIGEST].copy_from_slice(&made);
    made
}

/// Writes the signature that ends C2 or S2 and answers the digest in the peer's first packet.
pub(super) fn sign_answer(packet: &mut [u8; PACKET], peer_digest: &[u8; DIGEST], signer: Signer) {
    let (body, signature) = packet.split_at_mut(PACKET - DIGEST);
    signature.copy_from_slice(&answer(body, peer_digest, signer));
}

/// Whether C2 or S2 ends in the signature that answers our digest.
pub(super) fn answers(packet: &[u8; PACKET], own_digest: &[u8; DIGEST], signer: Signer) -> bool {
    let (body, signature) = packet.split_at(PACKET - DIGEST);
    signature == answer(body, own_digest, signer)
}

fn answer(body: &[u8], peer_digest: &[u8; DIGEST], signer: Signer) -> [u8; DIGEST] {
    let key = hmac(&[signer.name(), &SUFFIX].concat(), &[peer_digest]);
    hmac(&key, &[body])
}

fn digest(packet: &[u8; PACKET], at: usize, signer: Signer) -> [u8; DIGEST] {
    hmac(signer.name(), &[&packet[..at], &packet[at + DIGEST..]])
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; DIGEST] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}
