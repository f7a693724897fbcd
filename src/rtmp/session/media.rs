//! What a publisher sends: audio, video and script data, one by one or as aggregates.

use std::time::Instant;

use super::event::Event;
use super::server::{Session, Stage};
use crate::amf0::{self, Value};
use crate::rtmp::message::{self, Typed};

impl Session {
    /// Only what belongs to a stream: an aggregate holds neither commands nor control messages.
    pub(super) fn on_aggregated(&mut self, message: message::Aggregated, now: Instant) {
        let message::Aggregated { timestamp, type_id, payload } = message;
        match Typed::parse(type_id, payload) {
            Ok(Typed::Audio(payload)) => self.on_media(now, Event::Audio { timestamp, payload }),
            Ok(Typed::Video(payload)) => self.on_media(now, Event::Video { timestamp, payload }),
            Ok(Typed::Data(payload)) => self.on_data(timestamp, &payload),
            _ => self.ignored += 1,
        }
    }

    /// A connection has one stream, so its id is not asked for: some encoders write 0.
    pub(super) fn on_media(&mut self, now: Instant, event: Event) {
        if let Stage::Publishing { .. } = self.stage {
            self.since = now;
            self.events.push_back(event);
        } else {
            self.ignored += 1;
        }
    }

    pub(super) fn on_data(&mut self, timestamp: u32, payload: &[u8]) {
        if !matches!(self.stage, Stage::Publishing { .. }) {
            self.ignored += 1;
            return;
        }
        match amf0::read_all(payload) {
            Err(error) => self.events.push_back(Event::MalformedData { timestamp, error }),
            Ok(mut values) => {
                if values.first().and_then(Value::as_str) == Some("@setDataFrame") {
                    values.remove(0);
                }
                match values.first().and_then(Value::as_str).map(str::to_owned) {
                    Some(name) if name != "@clearDataFrame" => {
                        let payload = amf0::encode(&values);
                        values.remove(0);
                        self.events.push_back(Event::Data { timestamp, name, values, payload });
                    }
                    _ => self.ignored += 1,
                }
            }
        }
    }
}
