//! Closing so that the peer can still read what was said last: closing with bytes unread would reset the connection.

use std::io;
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::net::Transport;

/// How long a closed connection is kept for its peer's own farewell.
const LONGEST: Duration = Duration::from_secs(2);

/// Most bytes passed over meanwhile.
const MOST_BYTES: usize = 8 << 20;

/// Passed over at a time.
const READ_SIZE: usize = 64 << 10;

/// Ends our side, and passes over what the peer still sends until it ends its own.
pub(super) async fn say(mut io: Transport, mut buffer: BytesMut) {
    let farewell = async {
        io.shutdown().await?;
        let mut passed = 0;
        while passed < MOST_BYTES {
            buffer.clear();
            buffer.reserve(READ_SIZE);
            match io.read_buf(&mut (&mut buffer).limit(READ_SIZE)).await? {
                0 => break,
                count => passed += count,
            }
        }
        io::Result::Ok(())
    };
    // Whatever goes wrong here goes wrong on a connection that is over.
    let _ = timeout(LONGEST, farewell).await;
}
