//! Any type id and payload is a message or an error: what is read can be written and reads back; an aggregate gives no more than it holds.

use bytes::Bytes;
use sluicegate::rtmp::message::{MAX_AGGREGATED, Typed, split_aggregate, type_id};

pub fn run(data: &[u8]) {
    let Some((&kind, payload)) = data.split_first() else { return };
    let payload = Bytes::copy_from_slice(payload);
    if let Ok(message) = Typed::parse(kind, payload.clone()) {
        let (again, wire) = message.clone().into_wire();
        // AMF 3 envelopes are taken off, and what is not known has no payload.
        if !matches!(message, Typed::Other(_) | Typed::UserControl(_)) {
            assert_eq!(Typed::parse(again, wire), Ok(message.clone()));
        }
        if let Typed::Command(inside) | Typed::Data(inside) = &message {
            assert!(payload.len() - inside.len() <= usize::from(matches!(kind, type_id::COMMAND_AMF3 | type_id::DATA_AMF3)));
        }
    }
    if let Ok(messages) = split_aggregate(1_000, payload.clone()) {
        assert!(messages.len() <= MAX_AGGREGATED);
        assert!(messages.iter().map(|message| message.payload.len() + 11).sum::<usize>() <= payload.len());
        assert!(messages.first().is_none_or(|first| first.timestamp == 1_000));
    }
}
