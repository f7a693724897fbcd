//! Publishes the synthetic stream over RTMP, each packet at its time.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use bytes::BytesMut;
use sluicegate::amf0::object;
use sluicegate::flv::TagKind;
use sluicegate::rtmp::client::{Client, Event, Options, Role};

use crate::check::Track;
use crate::source::{FRAME_RATE, Packet, Source};
use crate::stamp;
use crate::tally::Spread;
use crate::target::Publish;

/// A server that takes nothing for so long is not keeping up with one publisher.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks at a socket that is full or has not answered yet.
const NAP: Duration = Duration::from_micros(200);

/// When each picture and each sound was handed to the socket, by its number.
#[derive(Debug, Default)]
pub struct Sent(Mutex<[Vec<u64>; 2]>);

/// The publisher's thread; it ends with this handle.
#[derive(Debug)]
pub struct Publisher {
    /// What it has sent.
    pub sent: Arc<Sent>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<anyhow::Result<Vec<u32>>>>,
}

impl Publisher {
    /// Connects and publishes; returns when the server has agreed.
    pub fn start(publish: &Publish, bitrate: u64) -> anyhow::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (agreed, answer) = mpsc::channel();
        let sent = Arc::new(Sent::default());
        let (publish, stopped, noted) = (publish.clone(), Arc::clone(&stop), Arc::clone(&sent));
        let thread = thread::Builder::new().name("publisher".into());
        let thread = thread.spawn(move || run(&publish, bitrate, &stopped, &noted, &agreed))?;
        let mut publisher = Self { sent, stop, thread: Some(thread) };
        if answer.recv_timeout(2 * PATIENCE).is_err() {
            publisher.finish()?;
            bail!("the server did not agree to the stream within {PATIENCE:?}");
        }
        Ok(publisher)
    }

    /// Ends the stream; how late packets were sent, which is the load side's own fault or the server's pressing back.
    pub fn finish(&mut self) -> anyhow::Result<Option<Spread>> {
        self.stop.store(true, Ordering::Relaxed);
        let Some(thread) = self.thread.take() else { return Ok(None) };
        let mut late = thread.join().map_err(|_| anyhow!("the publisher panicked"))?.context("publishing")?;
        Ok(Spread::of(&mut late))
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Sent {
    /// When the one of that number was sent, on [`stamp::now`]'s clock.
    pub fn at(&self, track: Track, number: u64) -> Option<u64> {
        let times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        times[track as usize].get(usize::try_from(number).ok()?).copied()
    }

    fn note(&self, kind: TagKind, at: u64) {
        let track = if kind == TagKind::Video { Track::Video } else { Track::Audio };
        self.0.lock().unwrap_or_else(PoisonError::into_inner)[track as usize].push(at);
    }
}

struct Link {
    socket: TcpStream,
    client: Client,
    input: BytesMut,
}

fn run(publish: &Publish, bitrate: u64, stop: &AtomicBool, sent: &Sent, agreed: &Sender<()>) -> anyhow::Result<Vec<u32>> {
    let mut link = Link::open(publish)?;
    let deadline = Instant::now() + PATIENCE;
    while !link.turn()? {
        if Instant::now() > deadline {
            bail!("no agreement within {PATIENCE:?}");
        }
        thread::sleep(NAP);
    }
    let (rate, size) = (FRAME_RATE as f64, [1280.0, 720.0]);
    let metadata = [
        ("width", size[0].into()),
        ("height", size[1].into()),
        ("framerate", rate.into()),
        ("videocodecid", 7.0.into()),
        ("audiocodecid", 10.0.into()),
    ];
    link.client.send_data(0, "onMetaData", &[object(metadata)]);
    Source::configs().into_iter().for_each(|config| link.send(config));
    link.turn()?;
    agreed.send(()).ok();

    let (mut source, mut late) = (Source::new(bitrate), Vec::new());
    let started = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        let due = started + source.due();
        thread::sleep(due.saturating_duration_since(Instant::now()));
        late.push(u32::try_from(due.elapsed().as_micros()).unwrap_or(u32::MAX));
        let now = stamp::now();
        let packet = source.next(now);
        sent.note(packet.kind, now);
        link.send(packet);
        link.turn()?;
    }
    link.client.unpublish();
    link.turn()?;
    Ok(late)
}

impl Link {
    fn open(publish: &Publish) -> anyhow::Result<Self> {
        let socket =
            TcpStream::connect_timeout(&publish.address, PATIENCE).with_context(|| format!("connecting to {}", publish.address))?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        let options = Options::new(Role::Publish, &publish.host, &publish.app, &publish.name);
        Ok(Self { socket, client: Client::new(options, &mut rand::rng()), input: BytesMut::new() })
    }

    fn send(&mut self, Packet { kind, timestamp_ms, body, .. }: Packet) {
        match kind {
            TagKind::Video => self.client.send_video(timestamp_ms, body),
            _ => self.client.send_audio(timestamp_ms, body),
        }
    }

    /// Reads what there is, writes what there is to write; true when the server agrees to the stream.
    fn turn(&mut self) -> anyhow::Result<bool> {
        let (mut buffer, mut started) = ([0; 4096], false);
        loop {
            match self.socket.read(&mut buffer) {
                Ok(0) => bail!("the server closed the publisher's connection"),
                Ok(count) => self.input.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("reading"),
            }
        }
        while let Some(event) = self.client.poll_event(&mut self.input) {
            match event {
                Event::Started => started = true,
                Event::Refused { code, description } => bail!("refused: {code} {description}"),
                Event::Failed(error) => return Err(error.into()),
                _ => {}
            }
        }
        while let Some(bytes) = self.client.poll_output() {
            self.write(&bytes)?;
        }
        Ok(started)
    }

    fn write(&mut self, mut bytes: &[u8]) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !bytes.is_empty() {
            match self.socket.write(bytes) {
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if Instant::now() > deadline {
                        bail!("the server took nothing for {PATIENCE:?}");
                    }
                    thread::sleep(NAP);
                }
                Err(error) => return Err(error).context("writing"),
            }
        }
        Ok(())
    }
}
