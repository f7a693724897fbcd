//! The floor of Low-Latency HLS: nginx, which serves the same bytes as plain files, made beforehand and never held.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::library::{Library, Step};
use crate::process::Owned;
use crate::server::free_port;

/// How long it may take to listen.
const UP_WITHIN: Duration = Duration::from_secs(10);
/// Files in memory, where there is such a place.
const MEMORY: &str = "/dev/shm";

/// An nginx of ours, alone on its core; its files go with it.
#[derive(Debug)]
pub struct Nginx {
    process: Owned,
    folder: PathBuf,
    /// Where it listens.
    pub address: SocketAddr,
}

/// Whether there is one on this machine.
pub fn is_installed() -> bool {
    Command::new("nginx").arg("-v").stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

impl Nginx {
    /// Writes the files of `steps` and serves them; returns when it listens.
    pub fn start(core: &str, library: &Library, steps: &[Step]) -> anyhow::Result<Self> {
        let place = if Path::new(MEMORY).is_dir() { MEMORY } else { env!("CARGO_TARGET_TMPDIR") };
        let folder = Path::new(place).join(format!("sluicegate-fanout-{}", std::process::id()));
        let root = folder.join("root");
        for file in steps.iter().flat_map(|step| &step.files) {
            let (path, bytes) = library.contents(*file).context("a step that is not whole")?;
            let path = root.join(path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap_or(&root))?;
            fs::write(&path, bytes).with_context(|| path.display().to_string())?;
        }
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let file = folder.join("nginx.conf");
        fs::write(&file, configuration(&folder, address))?;
        let arguments = ["-e", "stderr", "-p", &folder.display().to_string(), "-c", &file.display().to_string()].map(str::to_owned);
        let process = Owned::start(core, Path::new("nginx"), &arguments, Stdio::inherit(), Stdio::inherit())?;
        let mut nginx = Self { process, folder, address };
        nginx.wait()?;
        Ok(nginx)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    fn wait(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + UP_WITHIN;
        while TcpStream::connect(self.address).is_err() {
            if let Some(status) = self.process.child().try_wait()? {
                bail!("nginx ended at once: {status}");
            }
            if Instant::now() > deadline {
                bail!("nginx did not listen within {UP_WITHIN:?}");
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // What cannot be deleted is left behind in memory, under a name that says whose it is.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What is said to be best for small files: one process, no log, files sent by the kernel and kept open. The fields are those that any
/// server of HLS has to send.
fn configuration(folder: &Path, address: SocketAddr) -> String {
    let folder = folder.display();
    format!(
        "daemon off;
master_process off;
pid {folder}/pid;
error_log stderr warn;
events {{
    worker_connections 16384;
    multi_accept on;
}}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 600s;
    keepalive_requests 1000000;
    open_file_cache max=10000 inactive=600s;
    open_file_cache_valid 600s;
    types {{
        application/vnd.apple.mpegurl m3u8;
        video/mp4 m4s mp4;
    }}
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen {address} backlog=4096;
        root {folder}/root;
        add_header Cache-Control \"public, max-age=31536000, immutable\";
        add_header Access-Control-Allow-Origin *;
    }}
}}
"
    )
}
