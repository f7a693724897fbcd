use bytes::BytesMut;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;

fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

/// A whole handshake of our two ends; returns S1.
fn shake(form: Form) -> Vec<u8> {
    let (mut client, mut server) = (Client::new(form, &mut rng(1)), Server::new(&mut rng(2)));
    let (mut to_server, mut to_client) = (BytesMut::new(), BytesMut::new());
    assert_eq!(client.advance(&mut BytesMut::new(), &mut to_server), Ok(Progress::Waiting));
    assert_eq!(server.advance(&mut to_server, &mut to_client), Ok(Progress::Waiting));
    let s1 = to_client[1..=PACKET].to_vec();
    assert_eq!(client.advance(&mut to_client, &mut to_server), Ok(Progress::Done));
    assert_eq!(server.advance(&mut to_server, &mut BytesMut::new()), Ok(Progress::Done));
    assert!(to_server.is_empty() && to_client.is_empty());
    s1
}

#[test]
fn a_simple_client_gets_its_c1_back_and_no_version_in_s1() {
    let mut c0c1 = BytesMut::from(&[VERSION][..]);
    let c1: Vec<u8> = (0..PACKET).map(|at| if (4..8).contains(&at) { 0 } else { at as u8 }).collect();
    c0c1.extend_from_slice(&c1);
    let mut out = BytesMut::new();
    assert_eq!(Server::new(&mut rng(3)).advance(&mut c0c1, &mut out), Ok(Progress::Waiting));
    assert_eq!(out.len(), 1 + 2 * PACKET, "S0, S1 and S2 leave before C2 has come");
    assert_eq!(out[0], VERSION);
    assert_eq!(out[5..9], [0; 4]);
    assert_eq!(out[1 + PACKET..], c1);
}

#[test]
fn both_ends_agree_in_every_form() {
    let s1 = shake(Form::Simple);
    assert_eq!(s1[4..8], [0; 4]);
    for schema in [Schema::First, Schema::Second] {
        let s1 = shake(Form::Digest(schema));
        assert!(s1[4] >= 3, "players check the digest only then");
        let s1 = s1.first_chunk().expect("S1 is whole");
        assert_eq!(digest::find(s1, digest::Signer::Server).map(|(found, _)| found), Some(schema), "the client's own schema");
    }
}

#[test]
fn a_version_without_a_digest_is_answered_simply() {
    let mut input = BytesMut::from(&[VERSION][..]);
    input.extend_from_slice(&[7; PACKET]);
    let mut out = BytesMut::new();
    assert_eq!(Server::new(&mut rng(3)).advance(&mut input, &mut out), Ok(Progress::Waiting));
    assert_eq!(out[5..9], [0; 4]);
    assert_eq!(out[1 + PACKET..], [7; PACKET]);
}

#[test]
fn a_server_that_fakes_a_digest_is_found_out() {
    for (from, what) in [(9, "S1"), (1 + PACKET, "S2")] {
        let (mut client, mut server) = (Client::new(Form::Digest(Schema::First), &mut rng(1)), Server::new(&mut rng(2)));
        let (mut to_server, mut to_client) = (BytesMut::new(), BytesMut::new());
        assert_eq!(client.advance(&mut BytesMut::new(), &mut to_server), Ok(Progress::Waiting));
        assert_eq!(server.advance(&mut to_server, &mut to_client), Ok(Progress::Waiting));
        to_client[from + 700] ^= 1;
        assert_eq!(client.advance(&mut to_client, &mut to_server), Err(Error::Digest(what)));
    }
}

#[test]
fn bytes_after_c2_stay_for_the_chunk_stream() {
    let mut server = Server::new(&mut rng(2));
    let mut input = BytesMut::from(&[VERSION][..]);
    input.extend_from_slice(&[0; 2 * PACKET]);
    input.extend_from_slice(b"\x02connect");
    assert_eq!(server.advance(&mut input, &mut BytesMut::new()), Ok(Progress::Done));
    assert_eq!(&input[..], b"\x02connect");
}

#[test]
fn a_byte_at_a_time_is_enough() {
    let mut server = Server::new(&mut rng(2));
    let (mut input, mut out) = (BytesMut::new(), BytesMut::new());
    let whole = [&[VERSION][..], &[0; 2 * PACKET]].concat();
    for (at, byte) in whole.iter().enumerate() {
        input.extend_from_slice(&[*byte]);
        let expected = if at + 1 == whole.len() { Progress::Done } else { Progress::Waiting };
        assert_eq!(server.advance(&mut input, &mut out), Ok(expected), "after byte {at}");
        assert_eq!(out.is_empty(), at < PACKET);
    }
}

#[test]
fn other_protocols_are_turned_away_by_their_first_byte() {
    let table = [(b'G', Error::NotRtmp(b'G')), (6, Error::Encrypted(6)), (8, Error::Encrypted(8)), (0, Error::Version(0))];
    for (byte, error) in table {
        let mut input = BytesMut::from(&[byte][..]);
        assert_eq!(Server::new(&mut rng(2)).advance(&mut input, &mut BytesMut::new()), Err(error));
    }
}

#[test]
fn an_unknown_version_is_answered_with_three() {
    let mut input = BytesMut::from(&[4][..]);
    input.extend_from_slice(&[0; PACKET]);
    let mut out = BytesMut::new();
    assert_eq!(Server::new(&mut rng(2)).advance(&mut input, &mut out), Ok(Progress::Waiting));
    assert_eq!(out[0], VERSION);
}
