//! Any client is answered with exactly one S0, S1 and S2 or refused, and no byte after C2 is taken. The first byte of the input says
//! whether our own client hears the rest from a server.

use bytes::BytesMut;
use rand::SeedableRng;
use rand::rngs::StdRng;
use sluicegate::rtmp::handshake::{Client, Form, PACKET, Progress, Schema, Server};

pub fn run(data: &[u8]) {
    let Some((&side, data)) = data.split_first() else { return };
    let mut rng = StdRng::seed_from_u64(7);
    let (mut input, mut output) = (BytesMut::from(data), BytesMut::new());
    if side & 1 == 0 {
        let result = Server::new(&mut rng).advance(&mut input, &mut output);
        assert!(output.is_empty() || output.len() == 1 + 2 * PACKET);
        if result == Ok(Progress::Done) {
            assert_eq!(input.len(), data.len() - 1 - 2 * PACKET);
        }
    } else {
        let form = if side & 2 == 0 { Form::Simple } else { Form::Digest(Schema::First) };
        let result = Client::new(form, &mut rng).advance(&mut input, &mut output);
        assert!(result.is_err() || output.len() <= 1 + 2 * PACKET);
    }
}
