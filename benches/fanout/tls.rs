//! TLS on both sides of the measurement: one certificate for the servers, and the viewers' end of a connection.

use std::fs;
use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream as Blocking;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use mio::net::TcpStream;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

/// Who the certificate is for.
const NAME: &str = "localhost";

/// A certificate with its key in one file, and viewers that trust it.
#[derive(Clone, Debug)]
pub struct Identity {
    pub file: PathBuf,
    viewers: Arc<ClientConfig>,
    /// Those who ask for HTTP/2.
    by_http2: Arc<ClientConfig>,
}

impl Identity {
    /// Makes one for this run.
    pub fn make() -> anyhow::Result<Self> {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fanout-certificate.pem");
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
        fs::write(&file, made.cert.pem() + &made.signing_key.serialize_pem()).with_context(|| file.display().to_string())?;
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone())?;
        let viewers = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let mut by_http2 = viewers.clone();
        by_http2.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self { file, viewers: Arc::new(viewers), by_http2: Arc::new(by_http2) })
    }

    /// How those viewers connect that are to speak HTTP/2, and all others.
    pub fn viewers(&self, http2: bool) -> Arc<ClientConfig> {
        Arc::clone(if http2 { &self.by_http2 } else { &self.viewers })
    }
}

/// What a server needs to prove that it is the one of this run.
pub fn server(file: &Path) -> anyhow::Result<Arc<ServerConfig>> {
    let certificates = CertificateDer::pem_file_iter(file)?.collect::<Result<Vec<_>, _>>()?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(certificates, PrivateKeyDer::from_pem_file(file)?)?;
    Ok(Arc::new(config))
}

/// A viewer's end of a connection.
#[derive(Debug)]
pub struct Socket {
    pub io: TcpStream,
    tls: Option<Box<ClientConnection>>,
}

impl Socket {
    /// Of a connection that is being made.
    pub fn new(io: TcpStream, viewers: Option<&Arc<ClientConfig>>) -> io::Result<Self> {
        let name = NAME.try_into().expect("a name of letters");
        let tls = viewers.map(|viewers| ClientConnection::new(Arc::clone(viewers), name)).transpose().map_err(io::Error::other)?;
        Ok(Self { io, tls: tls.map(Box::new) })
    }

    /// Whether a read that gave less than was asked for has emptied the socket.
    pub fn is_plain(&self) -> bool {
        self.tls.is_none()
    }

    /// Writes to a socket that has room; before hands are shaken it is kept.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.io.write(bytes) };
        let taken = tls.writer().write(bytes)?;
        tls.write_tls(&mut self.io).map(|_| taken)
    }

    /// Reads what there is.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.io.read(buffer) };
        loop {
            match tls.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
            if tls.read_tls(&mut self.io)? == 0 {
                return Ok(0);
            }
            tls.process_new_packets().map_err(io::Error::other)?;
            while tls.wants_write() {
                tls.write_tls(&mut self.io)?;
            }
        }
    }
}

/// The floor's end, which waits for nothing once hands are shaken.
#[derive(Debug)]
pub struct Writer {
    io: Blocking,
    tls: Option<Box<ServerConnection>>,
}

impl Writer {
    /// Shakes hands, and waits for the request.
    pub fn accept(mut io: Blocking, server: Option<&Arc<ServerConfig>>) -> io::Result<Self> {
        let mut request = [0; 2048];
        let mut tls = server.map(|server| ServerConnection::new(Arc::clone(server))).transpose().map_err(io::Error::other)?;
        let asked = match &mut tls {
            Some(tls) => rustls::Stream::new(tls, &mut io).read(&mut request)?,
            None => io.read(&mut request)?,
        };
        if asked == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        io.set_nonblocking(true)?;
        io.set_nodelay(true)?;
        Ok(Self { io, tls: tls.map(Box::new) })
    }

    /// One vectored write; of an encrypted connection, one that waits first for what is still unsent of the one before.
    pub fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.io.write_vectored(slices) };
        flush(tls, &mut self.io)?;
        let taken = tls.writer().write_vectored(slices)?;
        match flush(tls, &mut self.io) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(taken),
        }
    }
}

fn flush(tls: &mut ServerConnection, io: &mut Blocking) -> io::Result<()> {
    while tls.wants_write() {
        tls.write_tls(io)?;
    }
    Ok(())
}
