//! A player of RTMP: asks, and gives the messages of the stream. It is the library's own client, and heavier than the other readers.

use bytes::{Bytes, BytesMut};
use sluicegate::rtmp::client::{Client, Event, Options, Role};

use crate::check::{Fault, Unit};
use crate::flv;
use crate::target::Play;

/// One player's end of the connection.
#[derive(Debug)]
pub struct Rtmp {
    client: Client,
    input: BytesMut,
}

impl Rtmp {
    /// A player, and its first words.
    pub fn ask(play: &Play) -> (Self, Bytes) {
        let (app, name) = play.path.trim_start_matches('/').rsplit_once('/').unwrap_or(("live", &play.path));
        let mut client = Client::new(Options::new(Role::Play, &play.host, app, name), &mut rand::rng());
        let hello = client.poll_output().unwrap_or_default();
        (Self { client, input: BytesMut::new() }, hello)
    }

    /// Takes what came.
    pub fn give(&mut self, input: &[u8]) {
        self.input.extend_from_slice(input);
    }

    /// The next access unit; `None` when the input is used up.
    pub fn take(&mut self) -> Result<Option<Unit>, Fault> {
        while let Some(event) = self.client.poll_event(&mut self.input) {
            let unit = match event {
                Event::Video { timestamp, payload } => flv::unit(9, timestamp, &payload),
                Event::Audio { timestamp, payload } => flv::unit(8, timestamp, &payload),
                Event::Refused { code, .. } => return Err(Fault::Rtmp(code)),
                Event::Failed(error) => return Err(Fault::Rtmp(error.to_string())),
                _ => None,
            };
            if unit.is_some() {
                return Ok(unit);
            }
        }
        Ok(None)
    }

    /// What it has to say.
    pub fn say(&mut self) -> Option<Bytes> {
        self.client.poll_output()
    }
}
