//! Commands of the connection and of its streams (RTMP 1.0 section 7.2), and the answers to them.
//!
//! Pure: a command message's AMF 0 values in, a typed command out; builders the other way.

use bytes::Bytes;

use super::status::Code;
use crate::amf0::{self, Value, object};

/// The longest command accepted, in bytes: connect with long addresses has about 1 KiB.
pub const MAX_COMMAND: usize = 64 << 10;

/// A command, with the number (`tx`) under which the sender waits for an answer; 0 where it does not.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Opens the connection.
    Connect(Box<Connect>),
    /// Frees a name a dead connection might hold.
    ReleaseStream {
        /// Transaction id.
        tx: f64,
    },
    /// Announces that publish will follow.
    FcPublish {
        /// Transaction id.
        tx: f64,
        /// The stream's name.
        name: String,
    },
    /// Asks for a message stream.
    CreateStream {
        /// Transaction id.
        tx: f64,
    },
    /// Asks to send a stream.
    Publish {
        /// Transaction id.
        tx: f64,
        /// The stream's name, with its query.
        name: String,
        /// `live`, `record` or `append`.
        kind: String,
    },
    /// Asks to receive a stream.
    Play {
        /// Transaction id.
        tx: f64,
        /// The stream's name, with its query.
        name: String,
        /// Where to begin, in seconds; anything negative is live. Some clients send milliseconds.
        start: Option<f64>,
        /// Whether what played before is to be dropped.
        reset: bool,
    },
    /// Asks to change over to another version of the stream while it plays.
    Play2 {
        /// Transaction id.
        tx: f64,
    },
    /// Ends a stream by its name.
    FcUnpublish {
        /// Transaction id.
        tx: f64,
        /// The stream's name.
        name: String,
    },
    /// Ends a message stream.
    DeleteStream {
        /// Which one, where the sender says so.
        msid: Option<u32>,
    },
    /// Ends what is sent or received on the message stream the command came on.
    CloseStream,
    /// Asks how much bandwidth there is; wants any answer.
    CheckBandwidth {
        /// Transaction id.
        tx: f64,
    },
    /// Asks how long a recording is; wants any answer.
    GetStreamLength {
        /// Transaction id.
        tx: f64,
    },
    /// Halts or goes on playing.
    Pause {
        /// Transaction id.
        tx: f64,
        /// True to halt.
        paused: bool,
    },
    /// Moves in a recording.
    Seek {
        /// Transaction id.
        tx: f64,
        /// Where to, in milliseconds.
        milliseconds: f64,
    },
    /// Whether the player wants audio.
    ReceiveAudio(bool),
    /// Whether the player wants video.
    ReceiveVideo(bool),
    /// The answer to a command of ours: the command object and the information.
    Result {
        /// Transaction id of our command.
        tx: f64,
        /// Everything behind it.
        values: Vec<Value>,
    },
    /// The refusal of a command of ours.
    Error {
        /// Transaction id of our command.
        tx: f64,
        /// The information object, or null.
        information: Value,
    },
    /// How a stream fares.
    OnStatus {
        /// The information object, or null.
        information: Value,
    },
    /// Any other; one with a transaction id still wants an answer.
    Other {
        /// Its name.
        name: String,
        /// Transaction id.
        tx: f64,
    },
}

/// What a client says about itself when it connects.
#[derive(Debug, Clone, PartialEq)]
pub struct Connect {
    /// Transaction id, 1 as a rule.
    pub tx: f64,
    /// The command object as sent.
    pub object: Value,
}

/// Why a command cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Longer than [`MAX_COMMAND`]; its length in bytes.
    #[error("command of {0} bytes, limit {MAX_COMMAND}")]
    TooLong(usize),
    /// Its values are not AMF 0.
    #[error("command: {0}")]
    Amf0(#[from] amf0::Error),
    /// It does not begin with a name.
    #[error("command without a name")]
    NoName,
}

impl Command {
    /// Reads a command message.
    ///
    /// # Errors
    /// It is too long, is not AMF 0, or has no name. Missing arguments are not errors: they read as null, empty or false.
    pub fn parse(payload: &[u8]) -> Result<Self, Error> {
        if payload.len() > MAX_COMMAND {
            return Err(Error::TooLong(payload.len()));
        }
        let mut values = amf0::read_all(payload)?.into_iter();
        let Some(Value::String(name)) = values.next() else { return Err(Error::NoName) };
        let tx = values.next().and_then(|value| value.as_number()).unwrap_or(0.0);
        let mut rest: Vec<Value> = values.collect();
        let mut take = |at: usize| rest.get_mut(at).map_or(Value::Null, |value| std::mem::replace(value, Value::Null));
        let text = |value: Value| match value {
            Value::String(text) => text,
            _ => String::new(),
        };
        Ok(match name.as_str() {
            "connect" => Self::Connect(Box::new(Connect { tx, object: take(0) })),
            "releaseStream" => Self::ReleaseStream { tx },
            "FCPublish" => Self::FcPublish { tx, name: text(take(1)) },
            "createStream" => Self::CreateStream { tx },
            "publish" => Self::Publish { tx, name: text(take(1)), kind: text(take(2)) },
            "play" => Self::Play { tx, name: text(take(1)), start: take(2).as_number(), reset: take(4).as_bool().unwrap_or(true) },
            "play2" => Self::Play2 { tx },
            "FCUnpublish" => Self::FcUnpublish { tx, name: text(take(1)) },
            "deleteStream" => Self::DeleteStream { msid: take(1).as_number().map(|msid| msid as u32) },
            "closeStream" => Self::CloseStream,
            "_checkbw" => Self::CheckBandwidth { tx },
            "getStreamLength" => Self::GetStreamLength { tx },
            "pause" | "pauseRaw" => Self::Pause { tx, paused: take(1).as_bool().unwrap_or(false) },
            "seek" => Self::Seek { tx, milliseconds: take(1).as_number().unwrap_or(0.0) },
            "receiveAudio" => Self::ReceiveAudio(take(1).as_bool().unwrap_or(true)),
            "receiveVideo" => Self::ReceiveVideo(take(1).as_bool().unwrap_or(true)),
            "_result" => Self::Result { tx, values: rest },
            "_error" => Self::Error { tx, information: take(1) },
            "onStatus" => Self::OnStatus { information: take(1) },
            _ => Self::Other { name, tx },
        })
    }
}

impl Connect {
    /// The app, with whatever the client put behind it; empty where there is none.
    #[must_use]
    pub fn app(&self) -> &str {
        self.text("app")
    }

    /// The address the client connected to.
    #[must_use]
    pub fn tc_url(&self) -> &str {
        self.text("tcUrl")
    }

    /// The client's own description, such as `FMLE/3.0 (compatible; Lavf59.27.100)`.
    #[must_use]
    pub fn flash_ver(&self) -> &str {
        self.text("flashVer")
    }

    /// 0, or 3 where the client would rather speak AMF 3.
    #[must_use]
    pub fn object_encoding(&self) -> f64 {
        self.object.get("objectEncoding").and_then(Value::as_number).unwrap_or(0.0)
    }

    /// Which parts of Enhanced RTMP v2 the client knows: 1 Reconnect, 2 Multitrack, 4 ModEx, 8 TimestampNanoOffset.
    #[must_use]
    pub fn caps_ex(&self) -> u32 {
        self.object.get("capsEx").and_then(Value::as_number).unwrap_or(0.0) as u32
    }

    /// Whether the client names any capability of Enhanced RTMP.
    #[must_use]
    pub fn is_enhanced(&self) -> bool {
        ["fourCcList", "videoFourCcInfoMap", "audioFourCcInfoMap", "capsEx"].iter().any(|name| self.object.get(name).is_some())
    }

    /// Some encoders write the names in another case.
    fn text(&self, name: &str) -> &str {
        let members = self.object.properties().unwrap_or_default();
        let found = members.iter().rev().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.and_then(|(_, value)| value.as_str()).unwrap_or_default()
    }
}

/// Any command: name, transaction id, then the command object and arguments.
#[must_use]
pub fn command(name: &str, tx: f64, values: impl IntoIterator<Item = Value>) -> Bytes {
    let head = [name.into(), Value::Number(tx)];
    amf0::encode(&head.into_iter().chain(values).collect::<Vec<_>>())
}

/// The answer to a command.
#[must_use]
pub fn result(tx: f64, values: impl IntoIterator<Item = Value>) -> Bytes {
    command("_result", tx, values)
}

/// The refusal of a command.
#[must_use]
pub fn error(tx: f64, code: Code, description: &str) -> Bytes {
    command("_error", tx, [Value::Null, code.information(description)])
}

/// How a stream fares.
#[must_use]
pub fn on_status(code: Code, description: &str) -> Bytes {
    command("onStatus", 0.0, [Value::Null, code.information(description)])
}

/// The answer to connect. `enhanced` are the members by which a server tells its Enhanced RTMP capabilities.
#[must_use]
pub fn connect_result(connect: &Connect, enhanced: Vec<(String, Value)>) -> Bytes {
    let server = object([("fmsVer", "FMS/3,0,1,123".into()), ("capabilities", 31.0.into()), ("mode", 1.0.into())]);
    let Value::Object(mut information) = Code::ConnectSuccess.information("Connection succeeded.") else {
        unreachable!("the information is an object");
    };
    information.push(("objectEncoding".to_owned(), Value::Number(connect.object_encoding())));
    information.extend(enhanced);
    result(connect.tx, [server, Value::Object(information)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_read_as_they_are_really_sent() {
        let publish = command("publish", 5.0, [Value::Null, "key?token=1".into(), "live".into()]);
        assert_eq!(Command::parse(&publish), Ok(Command::Publish { tx: 5.0, name: "key?token=1".into(), kind: "live".into() }));
        let play = command("play", 4.0, [Value::Null, "key".into(), (-2000.0).into()]);
        assert_eq!(Command::parse(&play), Ok(Command::Play { tx: 4.0, name: "key".into(), start: Some(-2000.0), reset: true }));
        let delete = command("deleteStream", 6.0, [Value::Null, 1.0.into()]);
        assert_eq!(Command::parse(&delete), Ok(Command::DeleteStream { msid: Some(1) }));
        let unknown = command("FCSubscribe", 7.0, [Value::Null, "key".into()]);
        assert_eq!(Command::parse(&unknown), Ok(Command::Other { name: "FCSubscribe".into(), tx: 7.0 }));
    }

    #[test]
    fn missing_arguments_are_empty_not_errors() {
        assert_eq!(
            Command::parse(&amf0::encode(&["publish".into()])),
            Ok(Command::Publish { tx: 0.0, name: String::new(), kind: String::new() })
        );
        assert_eq!(Command::parse(&command("deleteStream", 0.0, [])), Ok(Command::DeleteStream { msid: None }));
        let Ok(Command::Connect(connect)) = Command::parse(&command("connect", 1.0, [])) else { panic!("is connect") };
        assert_eq!((connect.app(), connect.tc_url(), connect.is_enhanced()), ("", "", false));
    }

    #[test]
    fn the_fields_of_connect_are_found_in_any_case() {
        let members =
            object([("App", "live".into()), ("tcurl", "rtmp://h/live".into()), ("objectEncoding", 3.0.into()), ("capsEx", 1.0.into())]);
        let Ok(Command::Connect(connect)) = Command::parse(&command("connect", 1.0, [members])) else { panic!("is connect") };
        assert_eq!((connect.app(), connect.tc_url(), connect.object_encoding()), ("live", "rtmp://h/live", 3.0));
        assert!(connect.is_enhanced());
    }

    #[test]
    fn what_is_no_command_is_refused() {
        assert_eq!(Command::parse(&[]), Err(Error::NoName));
        assert_eq!(Command::parse(&[5]), Err(Error::NoName));
        assert_eq!(Command::parse(&vec![5; MAX_COMMAND + 1]), Err(Error::TooLong(MAX_COMMAND + 1)));
        assert!(matches!(Command::parse(&[2, 0, 9, b'c']), Err(Error::Amf0(_))));
    }
}
