//! The publishers: one thread that sends each packet of each stream when it is due.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use bytes::{Buf, BytesMut};
use sluicegate::flv::TagKind;
use sluicegate::rtmp::chunk::{Message, Writer};
use sluicegate::rtmp::client::{Client, Event, Options, Role};

use crate::source::{FRAME_RATE, GOP, Packet, Source};
use crate::stamp;

/// A server that does not answer for so long is not there.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks at what is due.
const NAP: Duration = Duration::from_millis(1);
/// Unsent bytes with which a publisher gives up.
const MOST_UNSENT: usize = 4 << 20;

/// What was sent in one interval.
#[derive(Debug, Default)]
pub struct Sent {
    pub bytes: u64,
    pub messages: u64,
    /// The longest delay of a packet on the load side.
    pub late: Duration,
    /// Writes that the socket did not take whole.
    pub blocked: u64,
}

/// One publisher's connection.
#[derive(Debug)]
pub struct Peer {
    socket: TcpStream,
    form: Form,
    unsent: BytesMut,
    input: BytesMut,
}

#[derive(Debug)]
enum Form {
    /// A whole client.
    Rtmp(Box<Client>),
    /// Only the bytes: the floor shakes no hands.
    Raw(Writer),
}

/// All publishers, on one clock.
#[derive(Debug)]
pub struct Crowd {
    bitrate: u64,
    /// Each with its stream and when that began.
    peers: Vec<(Peer, Source, Duration)>,
    started: Instant,
}

impl Peer {
    /// Connects, and is done.
    pub fn raw(address: SocketAddr) -> anyhow::Result<Self> {
        let mut writer = Writer::default();
        writer.set_chunk_size(4096);
        Self::open(address, Form::Raw(writer))
    }

    /// Connects and publishes; returns when the server has agreed.
    pub fn publish(address: SocketAddr, name: &str) -> anyhow::Result<Self> {
        let options = Options::new(Role::Publish, "127.0.0.1", "live", name);
        let mut peer = Self::open(address, Form::Rtmp(Box::new(Client::new(options, &mut rand::rng()))))?;
        let deadline = Instant::now() + PATIENCE;
        while !peer.turn(&mut Sent::default())? {
            if Instant::now() > deadline {
                bail!("{name}: no agreement within {PATIENCE:?}");
            }
            thread::sleep(NAP);
        }
        Ok(peer)
    }

    fn open(address: SocketAddr, form: Form) -> anyhow::Result<Self> {
        let socket = TcpStream::connect_timeout(&address, PATIENCE).with_context(|| format!("connecting to {address}"))?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, form, unsent: BytesMut::new(), input: BytesMut::new() })
    }

    fn send(&mut self, Packet { kind, timestamp_ms, body, .. }: Packet) {
        match (&mut self.form, kind) {
            (Form::Rtmp(client), TagKind::Video) => client.send_video(timestamp_ms, body),
            (Form::Rtmp(client), _) => client.send_audio(timestamp_ms, body),
            (Form::Raw(writer), kind) => {
                let (csid, type_id) = if kind == TagKind::Video { (6, 9) } else { (4, 8) };
                writer.write(&Message { csid, timestamp: timestamp_ms, type_id, msid: 1, payload: body }, &mut self.unsent);
            }
        }
    }

    /// Reads what there is, and writes what the socket takes; true when the server agrees to the stream.
    fn turn(&mut self, sent: &mut Sent) -> anyhow::Result<bool> {
        let mut started = false;
        if let Form::Rtmp(client) = &mut self.form {
            let mut buffer = [0; 4096];
            match self.socket.read(&mut buffer) {
                Ok(0) => bail!("the server closed a publisher's connection"),
                Ok(count) => self.input.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error).context("reading"),
            }
            while let Some(event) = client.poll_event(&mut self.input) {
                match event {
                    Event::Started => started = true,
                    Event::Refused { code, description } => bail!("refused: {code} {description}"),
                    Event::Failed(error) => return Err(error.into()),
                    _ => {}
                }
            }
        }
        self.write(sent)?;
        Ok(started)
    }

    fn write(&mut self, sent: &mut Sent) -> anyhow::Result<()> {
        if let Form::Rtmp(client) = &mut self.form {
            while let Some(bytes) = client.poll_output() {
                self.unsent.extend_from_slice(&bytes);
            }
        }
        if self.unsent.is_empty() {
            return Ok(());
        }
        match self.socket.write(&self.unsent) {
            Ok(count) => {
                sent.bytes += count as u64;
                self.unsent.advance(count);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error).context("writing"),
        }
        sent.blocked += u64::from(!self.unsent.is_empty());
        if self.unsent.len() > MOST_UNSENT {
            bail!("the server takes less than is published");
        }
        Ok(())
    }
}

impl Crowd {
    pub fn new(bitrate: u64) -> Self {
        Self { bitrate, peers: Vec::new(), started: Instant::now() }
    }

    /// One more publisher. Streams begin one after another, so that their keyframes do not fall together.
    pub fn add(&mut self, mut peer: Peer) {
        const APART: u64 = 37;
        Source::configs().into_iter().for_each(|config| peer.send(config));
        let phase = Duration::from_millis(self.peers.len() as u64 * APART % (GOP * 1_000 / FRAME_RATE));
        self.peers.push((peer, Source::new(self.bitrate), phase));
    }

    /// Publishes for so long, on from where it was.
    pub fn run(&mut self, time: Duration) -> anyhow::Result<Sent> {
        if self.peers.iter().all(|(_, source, _)| source.due().is_zero()) {
            self.started = Instant::now();
        }
        let (until, mut sent, mut round) = (Instant::now() + time, Sent::default(), 0_usize);
        while Instant::now() < until {
            round += 1;
            for (number, (peer, source, phase)) in self.peers.iter_mut().enumerate() {
                let now = self.started.elapsed();
                let mut is_due = false;
                while source.due() + *phase <= now {
                    sent.late = sent.late.max(now - source.due() - *phase);
                    sent.messages += 1;
                    is_due = true;
                    peer.send(source.next(stamp::now()));
                }
                // Acknowledgements are looked for now and then.
                if number % 256 == round % 256 {
                    peer.turn(&mut sent)?;
                } else if is_due || !peer.unsent.is_empty() {
                    peer.write(&mut sent)?;
                }
            }
            thread::sleep(NAP);
        }
        Ok(sent)
    }
}
