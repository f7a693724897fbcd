//! A player of RTMP: the library's own client asks, and what comes is read as it goes by.

use bytes::{Bytes, BytesMut};
use sluicegate::rtmp::client::{Client, Event, Options, Role};

use crate::check::{Fault, Unit};
use crate::chunks::Chunks;
use crate::target::Play;

/// One player's end of the connection. Once it plays it says nothing more.
#[derive(Debug)]
pub struct Rtmp {
    /// Until the server has granted the play.
    opening: Option<Box<Opening>>,
    chunks: Chunks,
}

#[derive(Debug)]
struct Opening {
    client: Client,
    input: BytesMut,
}

impl Rtmp {
    /// A player, and its first words.
    pub fn ask(play: &Play) -> (Self, Bytes) {
        let (app, name) = play.path.trim_start_matches('/').rsplit_once('/').unwrap_or(("live", &play.path));
        let mut client = Client::new(Options::new(Role::Play, &play.host, app, name), &mut rand::rng());
        let hello = client.poll_output().unwrap_or_default();
        (Self { opening: Some(Box::new(Opening { client, input: BytesMut::new() })), chunks: Chunks::default() }, hello)
    }

    /// Hears what came, and gives what is to be said to it.
    pub fn hear(&mut self, input: &[u8]) -> Result<Option<Bytes>, Fault> {
        let Some(opening) = &mut self.opening else { return Ok(None) };
        opening.input.extend_from_slice(input);
        let mut started = false;
        while let Some(event) = opening.client.poll_event(&mut opening.input) {
            match event {
                Event::Started => started = true,
                Event::Refused { code, .. } => return Err(Fault::Rtmp(code)),
                Event::Failed(error) => return Err(Fault::Rtmp(error.to_string())),
                _ => {}
            }
        }
        let words = opening.client.poll_output();
        if started {
            self.opening = None;
        }
        Ok(words)
    }

    /// The next access unit; `None` when the input is used up.
    pub fn take(&mut self, input: &mut &[u8]) -> Result<Option<Unit>, Fault> {
        self.chunks.take(input)
    }
}
