//! The client's end of one connection, publishing or playing one stream: for relays, load generators and tests.
//!
//! Pure: bytes in, bytes and events out. Its owner watches the time.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use rand::Rng;

use super::command::{self, Command};
use super::link::{Incoming, Link, csid};
use super::message::{Typed, UserControl};
use super::{chunk, handshake};
use crate::amf0::{self, Value, object};

pub use super::link::Error;

/// Transaction ids of the commands whose answers matter.
const CONNECT: f64 = 1.0;
const CREATE_STREAM: f64 = 4.0;

/// What to ask for, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Limits of what the server may send.
    pub chunk: chunk::Options,
    /// The chunk size announced before connect.
    pub chunk_size: u32,
    /// Which handshake to speak.
    pub handshake: handshake::Form,
    /// The app.
    pub app: String,
    /// The address connected to.
    pub tc_url: String,
    /// The stream's name or key, with its query.
    pub name: String,
    /// Whether to send or to receive.
    pub role: Role,
    /// What to call ourselves.
    pub flash_ver: String,
    /// Further members of connect's command object, such as `fourCcList`.
    pub extra: Vec<(String, Value)>,
}

/// Which way the stream goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// To the server.
    Publish,
    /// From the server.
    Play,
}

/// What happened on the connection, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Connect was answered with this information object.
    Connected(Value),
    /// Publish.Start or Play.Start: the stream may be sent, or follows.
    Started,
    /// Any other status, by its code.
    Status {
        /// `NetStream.Play.Reset` and the like.
        code: String,
        /// For people.
        description: String,
    },
    /// The server refused; it will close the connection.
    Refused {
        /// `NetStream.Publish.BadName` and the like.
        code: String,
        /// For people.
        description: String,
    },
    /// Audio of the stream played.
    Audio {
        /// Milliseconds modulo 2^32.
        timestamp: u32,
        /// An FLV audio tag's body.
        payload: Bytes,
    },
    /// Video of the stream played.
    Video {
        /// Milliseconds modulo 2^32.
        timestamp: u32,
        /// An FLV video tag's body.
        payload: Bytes,
    },
    /// Script data of the stream played.
    Data {
        /// Milliseconds modulo 2^32.
        timestamp: u32,
        /// An FLV script tag's body.
        payload: Bytes,
    },
    /// The last event: the server sent what cannot be understood.
    Failed(Error),
}

/// The client's end of one connection.
#[derive(Debug)]
pub struct Client {
    options: Options,
    link: Link,
    stage: Stage,
    events: VecDeque<Event>,
    msid: u32,
}

#[derive(Debug)]
enum Stage {
    Handshake(handshake::Client),
    Open,
    Failed,
}

impl Options {
    /// Publishes to `rtmp://host/app` under a name, as OBS would.
    #[must_use]
    pub fn new(role: Role, host: &str, app: &str, name: &str) -> Self {
        Self {
            chunk: chunk::Options::default(),
            chunk_size: 4096,
            handshake: handshake::Form::Simple,
            app: app.to_owned(),
            tc_url: format!("rtmp://{host}/{app}"),
            name: name.to_owned(),
            role,
            flash_ver: "FMLE/3.0 (compatible; Sluicegate)".to_owned(),
            extra: Vec::new(),
        }
    }
}

impl Client {
    /// Ready to send its handshake.
    #[must_use]
    pub fn new(options: Options, rng: &mut impl Rng) -> Self {
        let mut link = Link::new(options.chunk);
        let mut shake = handshake::Client::new(options.handshake, rng);
        shake.advance(&mut BytesMut::new(), link.output()).expect("nothing has come that could be wrong");
        Self { options, link, stage: Stage::Handshake(shake), events: VecDeque::new(), msid: 0 }
    }

    /// The next event, taking from `input` what it needs.
    pub fn poll_event(&mut self, input: &mut BytesMut) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            let step = match &mut self.stage {
                Stage::Failed => return None,
                Stage::Handshake(shake) => match shake.advance(input, self.link.output()) {
                    Ok(handshake::Progress::Waiting) => return None,
                    Ok(handshake::Progress::Done) => {
                        self.connect();
                        Ok(())
                    }
                    Err(error) => Err(error.into()),
                },
                Stage::Open => match self.link.next(input) {
                    Ok(Some(incoming)) => self.on_message(incoming),
                    Ok(None) => return None,
                    Err(error) => Err(error),
                },
            };
            if let Err(error) = step {
                self.stage = Stage::Failed;
                self.events.push_back(Event::Failed(error));
            }
        }
    }

    /// Bytes to send, as many as there are.
    pub fn poll_output(&mut self) -> Option<Bytes> {
        self.link.take_output()
    }

    /// Sends audio: an FLV audio tag's body.
    pub fn send_audio(&mut self, timestamp: u32, payload: Bytes) {
        self.link.send(csid::AUDIO, self.msid, timestamp, Typed::Audio(payload));
    }

    /// Sends video: an FLV video tag's body.
    pub fn send_video(&mut self, timestamp: u32, payload: Bytes) {
        self.link.send(csid::VIDEO, self.msid, timestamp, Typed::Video(payload));
    }

    /// Sends metadata, as encoders do: `@setDataFrame`, the name, the values.
    pub fn send_data(&mut self, timestamp: u32, name: &str, values: &[Value]) {
        let mut out = BytesMut::new();
        amf0::write_str("@setDataFrame", &mut out);
        amf0::write_str(name, &mut out);
        for value in values {
            amf0::write(value, &mut out);
        }
        self.link.send(csid::DATA, self.msid, timestamp, Typed::Data(out.freeze()));
    }

    /// Ends the stream as OBS and FFmpeg do. The connection stays open.
    pub fn unpublish(&mut self) {
        self.link.command(0, command::command("FCUnpublish", 6.0, [Value::Null, self.options.name.as_str().into()]));
        self.link.command(0, command::command("deleteStream", 7.0, [Value::Null, f64::from(self.msid).into()]));
    }

    /// Sends any command on the connection's own message stream.
    pub fn send_command(&mut self, name: &str, tx: f64, values: impl IntoIterator<Item = Value>) {
        self.link.command(0, command::command(name, tx, values));
    }

    /// Asks again to publish or play, on the message stream there is.
    pub fn request(&mut self, role: Role, name: &str) {
        let payload = match role {
            Role::Publish => command::command("publish", 5.0, [Value::Null, name.into(), "live".into()]),
            Role::Play => command::command("play", 5.0, [Value::Null, name.into(), (-2000.0).into()]),
        };
        self.link.command(self.msid, payload);
    }

    fn connect(&mut self) {
        self.stage = Stage::Open;
        self.link.announce_chunk_size(self.options.chunk_size);
        let mut members = object([
            ("app", self.options.app.as_str().into()),
            ("type", "nonprivate".into()),
            ("flashVer", self.options.flash_ver.as_str().into()),
            ("tcUrl", self.options.tc_url.as_str().into()),
        ]);
        if let Value::Object(members) = &mut members {
            members.extend(self.options.extra.iter().cloned());
        }
        self.link.command(0, command::command("connect", CONNECT, [members]));
    }

    fn on_message(&mut self, Incoming { timestamp, body, .. }: Incoming) -> Result<(), Error> {
        match body {
            Typed::Audio(payload) => self.events.push_back(Event::Audio { timestamp, payload }),
            Typed::Video(payload) => self.events.push_back(Event::Video { timestamp, payload }),
            Typed::Data(payload) => self.events.push_back(Event::Data { timestamp, payload }),
            Typed::Command(payload) => {
                let parsed = Command::parse(&payload);
                self.on_command(parsed.map_err(|error| Error::Command { position: self.link.position(), error })?);
            }
            _ => {}
        }
        Ok(())
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Result { tx, mut values } if tx == CONNECT => {
                self.events.push_back(Event::Connected(values.pop().unwrap_or(Value::Null)));
                let name = self.options.name.as_str();
                if self.options.role == Role::Publish {
                    self.link.command(0, command::command("releaseStream", 2.0, [Value::Null, name.into()]));
                    self.link.command(0, command::command("FCPublish", 3.0, [Value::Null, name.into()]));
                }
                self.link.command(0, command::command("createStream", CREATE_STREAM, [Value::Null]));
            }
            Command::Result { tx, values } if tx == CREATE_STREAM => {
                self.msid = values.last().and_then(Value::as_number).unwrap_or(1.0) as u32;
                let (role, name) = (self.options.role, self.options.name.clone());
                self.request(role, &name);
                if role == Role::Play {
                    let event = UserControl::SetBufferLength { msid: self.msid, milliseconds: 3000 };
                    self.link.control(Typed::UserControl(event));
                }
            }
            Command::Error { information, .. } => self.on_status(&information),
            Command::OnStatus { information } => self.on_status(&information),
            _ => {}
        }
    }

    fn on_status(&mut self, information: &Value) {
        let text = |name| information.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (code, description) = (text("code"), text("description"));
        self.events.push_back(match code.as_str() {
            "NetStream.Publish.Start" | "NetStream.Play.Start" => Event::Started,
            _ if text("level") == "error" => Event::Refused { code, description },
            _ => Event::Status { code, description },
        });
    }
}
