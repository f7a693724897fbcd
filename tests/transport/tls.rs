//! A certificate of an authority that nobody knows, and clients that trust it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use sluicegate::net::tls::Options;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// By the name `localhost`; the files are gone with it.
pub struct Certificate {
    dir: tempfile::TempDir,
    der: CertificateDer<'static>,
}

impl Certificate {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let der = write(dir.path().into());
        Self { dir, der }
    }

    pub fn options(&self) -> Options {
        Options { certificate: self.path(), key: PathBuf::new() }
    }

    /// Puts another in its place, and returns the one before.
    pub fn replace(&mut self) -> CertificateDer<'static> {
        let der = write(self.dir.path().into());
        std::mem::replace(&mut self.der, der)
    }

    pub fn path(&self) -> PathBuf {
        self.dir.path().join("both.pem")
    }

    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// Shakes hands, offering these protocols by ALPN.
    pub async fn connect(&self, address: SocketAddr, offers: &[&[u8]]) -> TlsStream<TcpStream> {
        try_connect(&self.der, address, offers).await.expect("hands are shaken")
    }
}

pub async fn try_connect(
    trusted: &CertificateDer<'static>,
    address: SocketAddr,
    offers: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = offers.iter().map(|offer| offer.to_vec()).collect();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, TcpStream::connect(address).await?).await
}

fn write(dir: PathBuf) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(dir.join("both.pem"), made.cert.pem() + &made.signing_key.serialize_pem()).unwrap();
    made.cert.der().clone()
}
