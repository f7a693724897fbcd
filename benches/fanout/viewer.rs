//! One viewer: asks, peels the layers, checks what it sees.

use std::io;

use bytes::Bytes;
use mio::net::TcpStream;

use crate::check::{Checker, Fault, Seen, Unit};
use crate::flv::Flv;
use crate::fmp4::Fmp4;
use crate::http2::{self, Frames};
use crate::rtmp::Rtmp;
use crate::stamp;
use crate::tally::Tally;
use crate::target::{Play, Protocol};
use crate::tls::Socket;
use crate::wire::{Piece, WEBSOCKET_KEY, Wire};

/// A connection and what is known of it.
#[derive(Debug)]
pub struct Viewer {
    socket: Socket,
    opened: u64,
    request: Option<Bytes>,
    layers: Layers,
    content: Content,
    checker: Checker,
    /// Whether its first keyframe has come; of a drained viewer, its first byte of media.
    pub started: bool,
    /// Bytes of all kinds received.
    pub received: u64,
}

/// What is around the media.
#[derive(Debug)]
enum Layers {
    Http1(Wire),
    Http2(Frames),
    Rtmp(Box<Rtmp>),
    /// Nothing is looked at any more.
    Any,
}

#[derive(Debug)]
enum Content {
    Flv(Flv),
    Fmp4(Fmp4),
    /// Counted only.
    Drained,
}

/// What the server is asked for; the same bytes for every viewer.
pub fn request(play: &Play) -> Bytes {
    if play.protocol == Protocol::H2Flv {
        return http2::request(&play.host, &play.path, play.tls.is_some()).into();
    }
    let Play { host, path, .. } = play;
    let upgrade = if play.protocol.is_websocket() {
        format!("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {WEBSOCKET_KEY}\r\n")
    } else {
        String::new()
    };
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: fanout\r\nAccept: */*\r\n{upgrade}\r\n").into()
}

impl Viewer {
    /// Begins to connect.
    pub fn connect(play: &Play, request: Bytes, parsed: bool) -> io::Result<Self> {
        let content = match (parsed, play.protocol.is_flv()) {
            (false, _) => Content::Drained,
            (true, true) => Content::Flv(Flv::default()),
            (true, false) => Content::Fmp4(Fmp4::default()),
        };
        let (layers, request) = match play.protocol {
            Protocol::Rtmp => {
                let (rtmp, hello) = Rtmp::ask(play);
                (Layers::Rtmp(Box::new(rtmp)), hello)
            }
            Protocol::H2Flv => (Layers::Http2(Frames::default()), request),
            protocol => (Layers::Http1(Wire::new(protocol.is_websocket())), request),
        };
        Ok(Self {
            opened: stamp::now(),
            socket: Socket::new(TcpStream::connect(play.address)?, play.tls.as_ref())?,
            request: Some(request),
            layers,
            content,
            checker: Checker::default(),
            started: false,
            received: 0,
        })
    }

    /// For the poll to watch.
    pub fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket.io
    }

    /// Sends the request once the connection stands.
    pub fn writable(&mut self) -> Result<(), Fault> {
        let Some(request) = &self.request else { return Ok(()) };
        match self.socket.write(request) {
            Ok(_) => self.request = None, // A fresh socket's buffer takes it whole.
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected) => {}
            Err(error) => return Err(Fault::Connection(error.kind())),
        }
        Ok(())
    }

    /// Reads all there is.
    pub fn readable(&mut self, buffer: &mut [u8], tally: &mut Tally) -> Result<(), Fault> {
        let before = self.received;
        let read = self.read(buffer, tally);
        if self.received > before {
            tally.burst((self.received - before) as usize);
        }
        read
    }

    fn read(&mut self, buffer: &mut [u8], tally: &mut Tally) -> Result<(), Fault> {
        loop {
            match self.socket.read(buffer) {
                Ok(0) => return Err(Fault::Closed),
                Ok(count) => {
                    let now = stamp::now();
                    self.received += count as u64;
                    self.take(buffer.get(..count).unwrap_or_default(), now, tally)?;
                    // Less than was asked for: the socket is empty, and the poll will tell when more comes.
                    if count < buffer.len() && self.socket.is_plain() {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Fault::Connection(error.kind())),
            }
        }
    }

    /// Parses no more: what comes is counted.
    pub fn give_up(&mut self) {
        self.layers = Layers::Any;
    }

    fn take(&mut self, mut input: &[u8], now: u64, tally: &mut Tally) -> Result<(), Fault> {
        loop {
            let piece = match &mut self.layers {
                Layers::Http1(wire) => wire.take(&mut input)?,
                Layers::Http2(frames) => frames.take(&mut input)?,
                Layers::Rtmp(_) => return self.play(input, now, tally),
                Layers::Any => return Ok(()),
            };
            match piece {
                Piece::Media(media) => self.media(media, now, tally)?,
                // A few bytes, which a socket that has hardly been written to takes; one that does not has other troubles, which show
                // in what it delivers.
                Piece::Answer(words) => {
                    let _ = self.socket.write(&words);
                }
                Piece::End | Piece::Close => return Err(Fault::Closed),
                Piece::Nothing => return Ok(()),
            }
        }
    }

    fn media(&mut self, mut media: &[u8], now: u64, tally: &mut Tally) -> Result<(), Fault> {
        loop {
            let unit = match &mut self.content {
                Content::Flv(flv) => flv.take(&mut media)?,
                Content::Fmp4(fmp4) => fmp4.take(&mut media)?,
                Content::Drained => {
                    self.started = true;
                    return Ok(());
                }
            };
            let Some(unit) = unit else { return Ok(()) };
            self.judge(unit, now, tally)?;
        }
    }

    fn judge(&mut self, unit: Unit, now: u64, tally: &mut Tally) -> Result<(), Fault> {
        match self.checker.take(unit)? {
            Seen::FirstKey(_) => {
                self.started = true;
                tally.first_key(now.saturating_sub(self.opened));
            }
            Seen::Picture { stamp, missing } => tally.picture(stamp.sent, now, missing),
            Seen::Sound(stamp) => tally.sound(stamp.sent, now),
        }
        Ok(())
    }

    /// Goes on with RTMP; one that is only drained talks until its media begins.
    fn play(&mut self, mut input: &[u8], now: u64, tally: &mut Tally) -> Result<(), Fault> {
        if let Layers::Rtmp(rtmp) = &mut self.layers
            && let Some(words) = rtmp.hear(input)?
        {
            // As above.
            let _ = self.socket.write(&words);
        }
        while let Layers::Rtmp(rtmp) = &mut self.layers {
            let Some(unit) = rtmp.take(&mut input)? else { break };
            if matches!(self.content, Content::Drained) {
                self.started = true;
                self.layers = Layers::Any;
            } else {
                self.judge(unit, now, tally)?;
            }
        }
        Ok(())
    }
}
