//! TLS of our own: one certificate and its key, read from PEM files and read again when these change.
//!
//! Offers TLS 1.2 and 1.3: to encoders without ALPN, for they ask for none; to viewers HTTP/2 and HTTP/1.1.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ServerSessionMemoryCache;
use rustls::{AlertDescription, ServerConfig};
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// Plaintext that may wait in a connection to be encrypted: one record. Beyond it the writer waits, as it would for a bare socket.
const BUFFER: usize = 16 << 10;
/// How long before its end a certificate is warned about: its renewal has failed by then, as a rule.
const SOON: Duration = Duration::from_hours(14 * 24);
/// Between two warnings about the same certificate.
const REMIND: Duration = Duration::from_hours(24);
/// Largest file that is read: a long chain has some ten KiB.
const MAX_FILE: u64 = 1 << 20;
/// Viewers' sessions that can be taken up again without another signature: players of HTTP/1.1 come by several connections, again and
/// again.
const SESSIONS: usize = 4_096;
/// HTTP/2 over TLS, as ALPN names it (RFC 9113 §3.2).
const H2: &[u8] = b"h2";
/// HTTP/1.1, as ALPN names it (RFC 7301 §6).
const HTTP_11: &[u8] = b"http/1.1";

/// `[tls]`: how this gateway proves who it is.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// A PEM file with the certificate, followed by those that lead to its authority; empty for no TLS.
    pub certificate: PathBuf,
    /// A PEM file with the certificate's private key; empty where it stands in the same file.
    pub key: PathBuf,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is not there, or not for us.
    #[error("{path} cannot be read: {error}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Larger than any chain of certificates.
    #[error("{path} has {bytes} bytes, more than {MAX_FILE}: this is no certificate")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// The file has no such section, or a damaged one.
    #[error("{path} has no {what} in PEM form (-----BEGIN ...): {error}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
        /// What was found.
        error: pem::Error,
    },
    /// The certificate is not one, or it is not that of the key.
    #[error("certificate and key cannot be used together: {0}")]
    Unfit(#[from] rustls::Error),
}

/// The certificate in force.
pub struct Tls {
    options: Options,
    state: Mutex<State>,
}

/// What a connection by TLS is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// RTMPS: no ALPN.
    Rtmp,
    /// HTTPS: HTTP/2 where the peer knows it, otherwise HTTP/1.1.
    Http,
}

struct State {
    configs: Configs,
    validity: Option<Validity>,
    stamp: Stamp,
    reminded: Option<Instant>,
}

/// One certificate, for each [`Purpose`].
struct Configs {
    rtmp: Arc<ServerConfig>,
    http: Arc<ServerConfig>,
}

/// From when until when a certificate is good, in seconds since 1970.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Validity {
    from: i64,
    until: i64,
}

/// By what a changed file is told from the one that was read: when it was written, its length and its place on the disk, which catches
/// the tools that put a new file under the old name.
type Stamp = [Option<(SystemTime, u64, u64)>; 2];

impl Options {
    /// Whether there is a certificate at all.
    pub fn is_set(&self) -> bool {
        !self.certificate.as_os_str().is_empty()
    }

    fn key(&self) -> &PathBuf {
        if self.key.as_os_str().is_empty() { &self.certificate } else { &self.key }
    }

    fn stamp(&self) -> Stamp {
        [&self.certificate, self.key()].map(|path| {
            use std::os::unix::fs::MetadataExt as _;
            let data = std::fs::metadata(path).ok()?;
            Some((data.modified().ok()?, data.len(), data.ino()))
        })
    }

    fn read(&self) -> Result<(Configs, Option<Validity>), Error> {
        let path = &self.certificate;
        let of = |error| Error::Pem { path: path.clone(), what: "certificate", error };
        let chain = CertificateDer::pem_slice_iter(&bytes(path)?).collect::<Result<Vec<_>, _>>().map_err(of)?;
        let Some(first) = chain.first() else { return Err(of(pem::Error::NoItemsFound)) };
        let validity = Validity::of(first);
        let path = self.key();
        let of = |error| Error::Pem { path: path.clone(), what: "private key", error };
        let key = PrivateKeyDer::from_pem_slice(&bytes(path)?).map_err(of)?;
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let rtmp = builder.with_safe_default_protocol_versions()?.with_no_client_auth().with_single_cert(chain, key)?;
        let mut http = rtmp.clone();
        http.alpn_protocols = vec![H2.to_vec(), HTTP_11.to_vec()];
        http.session_storage = ServerSessionMemoryCache::new(SESSIONS);
        Ok((Configs { rtmp: Arc::new(rtmp), http: Arc::new(http) }, validity))
    }
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// Says which file is unfit, and why.
    pub fn load(options: Options) -> Result<Arc<Self>, Error> {
        let stamp = options.stamp();
        let (configs, validity) = options.read()?;
        let mut state = State { configs, validity, stamp, reminded: None };
        state.remind(SystemTime::now());
        Ok(Arc::new(Self { options, state: Mutex::new(state) }))
    }

    /// Shakes hands by the certificate in force. Its caller keeps the time.
    ///
    /// # Errors
    /// Those of the socket, and those of TLS, which [`explain`] puts into words.
    pub async fn accept(&self, socket: TcpStream, purpose: Purpose) -> io::Result<TlsStream<TcpStream>> {
        let config = self.state.lock().configs.of(purpose);
        TlsAcceptor::from(config).accept_with(socket, |connection| connection.set_buffer_limit(Some(BUFFER))).await
    }

    /// Looks at the files for as long as it is polled. Connections that stand keep the certificate they began with.
    pub async fn watch(self: Arc<Self>) {
        loop {
            tokio::time::sleep(LOOK).await;
            let this = Arc::clone(&self);
            // A file may lie on a disk far away.
            let _ = tokio::task::spawn_blocking(move || this.look()).await;
        }
    }

    /// Takes changed files; those that are unfit are told of once, and the old certificate stays in force.
    pub fn look(&self) {
        let stamp = self.options.stamp();
        if stamp == self.state.lock().stamp {
            self.state.lock().remind(SystemTime::now());
            return;
        }
        let read = self.options.read();
        let mut state = self.state.lock();
        state.stamp = stamp;
        match read {
            Ok((configs, validity)) => {
                (state.configs, state.validity, state.reminded) = (configs, validity, None);
                tracing::info!(certificate = %self.options.certificate.display(), "certificate read again");
                state.remind(SystemTime::now());
            }
            Err(error) => tracing::warn!(%error, "the changed certificate cannot be used; the one before stays in force"),
        }
    }
}

impl Configs {
    fn of(&self, purpose: Purpose) -> Arc<ServerConfig> {
        Arc::clone(match purpose {
            Purpose::Rtmp => &self.rtmp,
            Purpose::Http => &self.http,
        })
    }
}

impl State {
    /// Warns of a certificate that peers refuse, or soon will.
    fn remind(&mut self, now: SystemTime) {
        let wrong = self.validity.and_then(|validity| validity.wrong(now));
        let Some(wrong) = wrong.filter(|_| self.reminded.is_none_or(|told| told.elapsed() >= REMIND)) else { return };
        tracing::warn!("the certificate {wrong}");
        self.reminded = Some(Instant::now());
    }
}

impl Validity {
    /// None where the certificate cannot be read: rustls then says what it thinks of it.
    fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
        let validity = parsed.validity();
        Some(Self { from: validity.not_before.timestamp(), until: validity.not_after.timestamp() })
    }

    fn wrong(self, now: SystemTime) -> Option<String> {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
        let days = |seconds: i64| seconds / 86_400;
        if now < self.from {
            Some("is not valid yet: peers refuse it; is this machine's clock right?".to_owned())
        } else if now > self.until {
            Some(format!("expired {} days ago: peers refuse it; renew it, and it is taken up at once", days(now - self.until)))
        } else if now > self.until - SOON.as_secs() as i64 {
            Some(format!("expires in {} days; renew it, and it is taken up at once", days(self.until - now)))
        } else {
            None
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("options", &self.options).finish_non_exhaustive()
    }
}

/// Whether both ends agreed on HTTP/2.
pub fn is_h2(stream: &TlsStream<TcpStream>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(H2)
}

/// What a failed handshake means, for the operator.
pub fn explain(error: &io::Error) -> String {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let meaning = match tls {
        Some(rustls::Error::InvalidMessage(_)) => "the peer does not speak TLS",
        Some(rustls::Error::PeerIncompatible(_)) => "the peer knows neither TLS 1.2 nor TLS 1.3 as we speak them",
        Some(rustls::Error::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::UnsupportedCertificate,
        )) => {
            "the peer does not trust our certificate: it must be valid, be that of the name the peer connects to, and lead to its authority"
        }
        _ if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the peer hung up in the TLS handshake, as those do who do not trust the certificate"
        }
        _ => return error.to_string(),
    };
    format!("{meaning} ({error})")
}

fn bytes(path: &PathBuf) -> Result<Vec<u8>, Error> {
    let of = |error| Error::Unreadable { path: path.clone(), error };
    let bytes = std::fs::metadata(path).map_err(of)?.len();
    if bytes > MAX_FILE {
        return Err(Error::TooLarge { path: path.clone(), bytes });
    }
    std::fs::read(path).map_err(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Files {
        dir: tempfile::TempDir,
        options: Options,
    }

    impl Files {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let options = Options { certificate: dir.path().join("cert.pem"), key: dir.path().join("key.pem") };
            let files = Self { dir, options };
            files.write("localhost");
            files
        }

        fn write(&self, name: &str) -> Vec<u8> {
            let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
            std::fs::write(&self.options.certificate, made.cert.pem()).unwrap();
            std::fs::write(&self.options.key, made.signing_key.serialize_pem()).unwrap();
            made.cert.der().to_vec()
        }

        fn refusal(&self) -> String {
            Tls::load(self.options.clone()).unwrap_err().to_string()
        }
    }

    #[test]
    fn unfit_files_are_named_with_what_is_wrong() {
        let files = Files::new();
        assert!(Tls::load(files.options.clone()).is_ok());
        std::fs::write(&files.options.key, "no key\n").unwrap();
        assert!(files.refusal().contains("key.pem has no private key"), "{}", files.refusal());
        let other = rcgen::generate_simple_self_signed(["other".to_owned()]).unwrap();
        std::fs::write(&files.options.key, other.signing_key.serialize_pem()).unwrap();
        assert!(files.refusal().contains("cannot be used together"), "{}", files.refusal());
        std::fs::write(&files.options.certificate, "").unwrap();
        assert!(files.refusal().contains("cert.pem has no certificate"), "{}", files.refusal());
        std::fs::remove_file(&files.options.certificate).unwrap();
        assert!(files.refusal().contains("cert.pem cannot be read"), "{}", files.refusal());
    }

    #[test]
    fn one_file_may_hold_both() {
        let mut files = Files::new();
        let both = [&files.options.certificate, &files.options.key].map(|path| std::fs::read_to_string(path).unwrap()).concat();
        let path = files.dir.path().join("both.pem");
        std::fs::write(&path, both).unwrap();
        files.options = Options { certificate: path, key: PathBuf::new() };
        assert!(Tls::load(files.options).is_ok());
    }

    #[test]
    fn a_changed_certificate_is_taken_up_and_a_broken_one_is_not() {
        let files = Files::new();
        let tls = Tls::load(files.options.clone()).unwrap();
        let current = || Arc::as_ptr(&tls.state.lock().configs.http);
        let first = current();
        tls.look();
        assert_eq!(current(), first, "nothing has changed");
        std::fs::write(&files.options.certificate, "half a fi").unwrap();
        tls.look();
        assert_eq!(current(), first, "the old one stays");
        files.write("example.org");
        tls.look();
        assert_ne!(current(), first);
    }

    #[test]
    fn a_certificate_near_or_past_its_end_is_warned_about() {
        let validity = Validity { from: 1_000_000, until: 1_000_000 + 90 * 86_400 };
        let day = |day: i64| validity.wrong(SystemTime::UNIX_EPOCH + Duration::from_secs((1_000_000 + day * 86_400) as u64));
        assert!(day(-1).unwrap().contains("not valid yet"));
        assert_eq!(day(70), None);
        assert!(day(80).unwrap().contains("expires in 10 days"));
        assert!(day(100).unwrap().contains("expired 10 days ago"));
    }

    #[test]
    fn the_validity_of_a_certificate_is_read() {
        let mut parameters = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(2021, 1, 1);
        let made = parameters.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        assert_eq!(Validity::of(made.der()), Some(Validity { from: 1_577_836_800, until: 1_609_459_200 }));
    }
}
