//! What is said on a connection besides its media, by protocols that go on talking while media flows. The pump knows none of them, not even
//! WebSocket, whose frames [`super::control`] reads and writes: here is the one place where they meet.

use std::fmt;
use std::time::Instant;

use bytes::Bytes;
use tokio::net::TcpStream;

use super::batch::Batch;
use super::pump::Kinds;
use super::viewer::Departure;

/// One connection's conversation. Bytes and time in, bytes and wishes out; its bytes go between those of the media, never inside a unit.
pub trait Talk: fmt::Debug + Send {
    /// Takes what the client sent, and appends what that means for its media.
    ///
    /// # Errors
    /// What the client must not send. The connection ends; nothing that follows is given in.
    fn input(&mut self, bytes: &[u8], now: Instant, wishes: &mut Vec<Wish>) -> Result<(), Breach>;

    /// Appends what is to be said before the media that comes next. Asked after [`Talk::input`], where [`Talk::tick`] is true, and first of all.
    fn put(&mut self, now: Instant, out: &mut Batch);

    /// Looks at its deadlines, twice a second or so; `sent` bytes went out so far, media and all. True when [`Talk::put`] has something.
    ///
    /// # Errors
    /// The client has not answered for too long.
    fn tick(&mut self, sent: u64, now: Instant) -> Result<bool, Unanswered>;

    /// The last that is said, with everything that was not said yet; empty where the client is to find out from the close itself.
    fn farewell(&mut self, why: &Departure, now: Instant) -> Bytes;

    /// Goes on without media, as [`Wish::Release`] asked. The connection comes back as `io`, unless whoever serves it has kept it.
    fn release(self: Box<Self>, io: Option<TcpStream>);
}

/// What a client wants of its media.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wish {
    /// To begin, where the media waits for the client's greeting.
    Begin,
    /// To get nothing for now.
    Halt,
    /// To get media again, from the newest sync on.
    Resume,
    /// To get only these kinds; what is newly wanted begins at the newest sync.
    Receive(Kinds),
    /// To leave. It has said its own farewell already, or says it now.
    Leave,
    /// To do without media from now on, but to keep the connection.
    Release,
}

/// A client broke its protocol.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Breach(pub String);

/// A client has not answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unanswered;
