//! One viewer's turn: its socket is read and written as far as it goes without waiting.

use std::io::{self, IoSlice};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Context;
use std::time::Instant;

use super::batch::{Batch, MAX_SLICES};
use super::pump::Over;
use super::roster::Client;
use super::tape::{Place, Tape};
use super::viewer::{Departure, Next};
use crate::bus::End;

/// Batches written to one viewer before the next has its turn: a fast reader's burst must not hold up the others.
const TURNS: usize = 4;

/// Takes a turn, or a part of it, of which a panic costs that viewer alone: others of its worker go on.
pub(super) fn alone<T>(turn: impl FnOnce() -> Result<T, Departure>) -> Result<T, Departure> {
    catch_unwind(AssertUnwindSafe(turn)).unwrap_or(Err(Departure::Over(Over::Ended(End::Failed))))
}

/// Reads until the socket has nothing more, and arranges to be told when it has; or until it is the next viewer's turn.
pub(super) fn listen(client: &mut Client, room: &mut [u8], now: Instant) -> Result<(), Departure> {
    for _ in 0..TURNS {
        match client.io.try_read(room) {
            Ok(0) => return Err(client.viewer.departure()),
            Ok(count) => {
                client.viewer.input(room.get(..count).unwrap_or_default(), now);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let waker = client.waker.clone();
                if client.io.poll_read_ready(&mut Context::from_waker(&waker)).is_pending() {
                    return Ok(());
                }
            }
            Err(_) => return Err(broken(client)),
        }
    }
    client.waker.wake_by_ref();
    Ok(())
}

/// Writes until there is nothing due, the socket takes no more, or it is the next viewer's turn.
pub(super) fn write(client: &mut Client, scratch: &mut Batch, tape: &mut Tape, now: Instant) -> Result<(), Departure> {
    if let Some(mut unsent) = client.unsent.take() {
        let place = tape.place(&unsent);
        if !send(client, &mut unsent, place, tape, now)? {
            client.unsent = Some(unsent);
            return Ok(());
        }
    }
    for _ in 0..TURNS {
        match again(client, scratch, tape, now)? {
            Some(true) => continue,
            Some(false) => return Ok(()),
            None => {}
        }
        match client.viewer.next(now, scratch) {
            Next::Idle => return Ok(()),
            Next::Close | Next::Release => return Err(client.viewer.departure()),
            Next::Finish if client.finished => return Ok(()),
            Next::Finish => {
                client.finished = true;
                return socket2::SockRef::from(&client.io).shutdown(std::net::Shutdown::Write).map_err(|_| broken(client));
            }
            Next::Write => {
                tape.keep(scratch);
                let place = tape.place(scratch);
                if !write_out(client, scratch, place, tape, now)? {
                    return Ok(());
                }
            }
        }
    }
    client.waker.wake_by_ref();
    Ok(())
}

/// Writes what another viewer got in this turn, if this one is due the same; none if it is not. True when all of it went out.
fn again(client: &mut Client, scratch: &mut Batch, tape: &mut Tape, now: Instant) -> Result<Option<bool>, Departure> {
    let Some(mut batch) = tape.again(|step| client.viewer.take_step(step)) else { return Ok(None) };
    // What the socket does not take, and why, is found below.
    let sent = batch.send(&client.io).unwrap_or(0);
    if sent > 0 {
        client.viewer.wrote(sent);
    }
    if sent == batch.len() {
        return Ok(Some(true));
    }
    // A rest is one viewer's own: looked for on the tape it would take the place of what others are due.
    let place = batch.put(scratch);
    scratch.advance(sent);
    write_out(client, scratch, place, tape, now).map(Some)
}

/// Writes a batch, and keeps the rest for when the socket takes more. True when there is none.
fn write_out(client: &mut Client, scratch: &mut Batch, place: Option<Place>, tape: &mut Tape, now: Instant) -> Result<bool, Departure> {
    let is_out = send(client, scratch, place, tape, now)?;
    if !is_out {
        client.unsent = Some(Box::new(std::mem::take(scratch)));
    }
    Ok(is_out)
}

/// Writes a batch, from where it lies if it lies anywhere. True when all of it went out; otherwise the client is listed again once its socket
/// takes more.
fn send(client: &mut Client, batch: &mut Batch, mut place: Option<Place>, tape: &mut Tape, now: Instant) -> Result<bool, Departure> {
    while !batch.is_empty() {
        let result = match &mut place {
            Some(place) => place.send(&client.io, batch.len()).inspect(|sent| tape.sent(*sent)),
            None => {
                let mut slices = [IoSlice::new(&[]); MAX_SLICES];
                client.io.try_write_vectored(batch.io_slices(&mut slices))
            }
        };
        match result {
            Ok(0) => return Err(broken(client)),
            Ok(written) => {
                batch.advance(written);
                client.viewer.wrote(written);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let waker = client.waker.clone();
                if client.io.poll_write_ready(&mut Context::from_waker(&waker)).is_pending() {
                    client.viewer.block(now);
                    client.blocked = true;
                    return Ok(false);
                }
            }
            Err(error) if place.is_some() && tape.is_refused(&error) => place = None,
            Err(_) => return Err(broken(client)),
        }
    }
    Ok(true)
}

/// A connection that breaks after the farewell was said has left in order.
fn broken(client: &Client) -> Departure {
    match client.viewer.departure() {
        Departure::Left => Departure::Broken,
        why => why,
    }
}
