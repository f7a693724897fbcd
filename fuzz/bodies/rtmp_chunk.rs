//! Any bytes give messages within the limits, or an error; how they were cut makes no difference; messages survive being written again.

use bytes::BytesMut;
use sluicegate::rtmp::chunk::{Error, Message, Options, Reader, write_independent};

const OPTIONS: Options = Options { max_message: 4096, max_chunk_streams: 8, max_partial: 8192 };

pub fn run(data: &[u8]) {
    let whole = read(data, data.len().max(1));
    let pieces = read(data, 3);
    // Only what is unfinished when a piece ends counts towards that limit.
    let limited = |error: &Option<Error>| matches!(error, Some(Error::TooMuchUnfinished { .. }));
    if !limited(&whole.1) && !limited(&pieces.1) {
        assert_eq!(whole, pieces);
    }
    let (messages, _) = whole;
    let mut wire = BytesMut::new();
    for message in &messages {
        write_independent(message, 128, &mut wire);
    }
    let (again, error) = read(&wire, 50);
    assert_eq!((again, error), (messages, None));
}

fn read(data: &[u8], piece: usize) -> (Vec<Message>, Option<Error>) {
    let mut reader = Reader::new(OPTIONS);
    let (mut input, mut messages) = (BytesMut::new(), Vec::new());
    for part in data.chunks(piece) {
        input.extend_from_slice(part);
        loop {
            match reader.read(&mut input) {
                Ok(Some(message)) => {
                    assert!(message.payload.len() <= OPTIONS.max_message);
                    messages.push(message);
                }
                Ok(None) => break,
                Err(error) => return (messages, Some(error)),
            }
        }
        assert!(input.len() < 18, "only a header can be left behind");
        assert!(reader.unfinished() <= OPTIONS.max_partial);
        assert!(reader.reserved() <= 2 * reader.unfinished());
    }
    (messages, None)
}
