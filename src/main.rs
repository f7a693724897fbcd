//! The `sluicegate` program: command line, configuration, logs, exit code.

#![forbid(unsafe_code)]

use std::io::{BufRead as _, Read as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use sluicegate::auth::Secret;
use sluicegate::check::watch;
use sluicegate::config::{Config, Mistake, Override};
use sluicegate::net::Tls;
use sluicegate::{gateway, http, telemetry};

const EXAMPLES: &str = "\
Examples:
  sluicegate serve
      RTMP on 1935 and HTTP on 8080, the application 'live' open to publishers
  sluicegate serve --config /etc/sluicegate.toml --admin 127.0.0.1:9000
      a configuration file, and the API, metrics and console on a listener of their own
  ffmpeg -re -i film.mp4 -c copy -f flv rtmp://127.0.0.1/live/demo
      publish a file; then watch it at http://127.0.0.1:8080/watch/live/demo
  SLUICEGATE_STREAMS_GRACE_S=30 sluicegate serve
      any key of the configuration by environment variable: SLUICEGATE_<SECTION>_<KEY>
  head -c 18 /dev/urandom | base64 | tr '+/' '-_' | tee key.txt | sluicegate hash-key
      make a stream key and its hash, which goes into the configuration in its place
  sluicegate check http://127.0.0.1:8080/live/demo/index.m3u8 --seconds 60
      watch a stream as a player does, and tell every rule that it breaks
  sluicegate check-config config/sluicegate.toml
      every mistake of a file at once, each with its reason and a hint";

/// A live gateway: one RTMP stream in, every player out.
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXAMPLES, subcommand_required = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway until SIGINT or SIGTERM; a second signal leaves at once.
    #[command(after_help = EXAMPLES)]
    Serve(Serve),
    /// Tell every mistake of a configuration file at once.
    CheckConfig {
        /// The file to check.
        file: PathBuf,
    },
    /// Print the hash of a key or token, read from standard input, as it may stand in the configuration.
    HashKey,
    /// Watch a live stream as a player would, ours or another's, and tell every rule that it breaks.
    ///
    /// Exit code 0: no MUST is broken; 1: some are; 2: it could not be watched.
    Check(Check),
    /// Ask a running gateway whether it is well; for container health checks.
    Healthcheck {
        /// Where its /healthz is.
        #[arg(default_value = "http://127.0.0.1:8080/healthz")]
        url: String,
    },
}

#[derive(Debug, Args)]
struct Serve {
    /// The configuration file; without one the built-in defaults serve.
    #[arg(long, value_name = "FILE", env = "SLUICEGATE_CONFIG")]
    config: Option<PathBuf>,
    /// Where publishers connect, such as 0.0.0.0:1935.
    #[arg(long, value_name = "ADDR")]
    rtmp: Option<String>,
    /// Where viewers connect, such as 0.0.0.0:8080.
    #[arg(long, value_name = "ADDR")]
    http: Option<String>,
    /// A listener of their own for the API, the metrics and the console.
    #[arg(long, value_name = "ADDR")]
    admin: Option<String>,
}

#[derive(Debug, Args)]
struct Check {
    /// The playlist or manifest, such as http://127.0.0.1:8080/live/demo/index.m3u8.
    url: String,
    /// For how long.
    #[arg(long, value_name = "N", default_value_t = 30)]
    seconds: u64,
    /// The report as JSON.
    #[arg(long)]
    json: bool,
    /// Believe any certificate, such as one that signed itself.
    #[arg(long)]
    insecure: bool,
}

/// Most bytes of a key's line: longer than any key.
const MAX_LINE: u64 = 4_096;
/// The exit code where there was nothing to judge.
const UNWATCHABLE: u8 = 2;

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(serve) => run(&serve),
        Command::CheckConfig { file } => match std::fs::read_to_string(&file) {
            Ok(text) => check(&file.display().to_string(), Config::parse(&text)),
            Err(error) => failed(format_args!("{} cannot be read: {error}", file.display())),
        },
        Command::HashKey => hash_key(),
        Command::Check(options) => watch(options),
        Command::Healthcheck { url } => match http::health::check(&url) {
            Ok(()) => ExitCode::SUCCESS,
            Err(reason) => failed(format_args!("{url}: {reason}")),
        },
    }
}

fn run(serve: &Serve) -> ExitCode {
    let flags = [("rtmp.listen", "--rtmp", &serve.rtmp), ("http.listen", "--http", &serve.http), ("http.admin", "--admin", &serve.admin)];
    let flags = flags
        .into_iter()
        .filter_map(|(key, flag, value)| Some(Override { key: key.to_owned(), value: value.clone()?, source: flag.to_owned() }));
    let config = match Config::load(serve.config.as_deref(), &flags.collect::<Vec<_>>()) {
        Ok(config) => config,
        Err(mistakes) => return tell("the configuration", &mistakes),
    };
    telemetry::init(&config.log);
    telemetry::panics::log();
    match gateway::run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(format_args!("{error:#}")),
    }
}

fn watch(options: Check) -> ExitCode {
    let Check { url, seconds, json, insecure } = options;
    let watched = async {
        let opened = watch::open(watch::Options { url, watch: Duration::from_secs(seconds), insecure }).await?;
        eprintln!("watching {} for {seconds} s", opened.playlists().collect::<Vec<_>>().join(", "));
        opened.watch().await
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return unwatchable(format_args!("no runtime: {error}")),
    };
    match runtime.block_on(watched) {
        Ok(watched) => {
            // A reader who has seen enough may leave; the exit code still tells.
            let mut out = std::io::stdout().lock();
            let _ = if json { writeln!(out, "{:#}", watched.to_json()) } else { write!(out, "{watched}") };
            if watched.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => match error.hint() {
            Some(hint) => unwatchable(format_args!("{error}\n    hint: {hint}")),
            None => unwatchable(format_args!("{error}")),
        },
    }
}

fn unwatchable(reason: std::fmt::Arguments<'_>) -> ExitCode {
    eprintln!("sluicegate: {reason}");
    ExitCode::from(UNWATCHABLE)
}

/// One line, so that `echo SECRET | sluicegate hash-key` hashes what is meant.
fn hash_key() -> ExitCode {
    let mut line = String::new();
    if let Err(error) = std::io::stdin().lock().take(MAX_LINE).read_line(&mut line) {
        return failed(format_args!("the key cannot be read: {error}"));
    }
    match Secret::parse(line.trim_end_matches(['\r', '\n'])) {
        Ok(secret) => {
            println!("{}", secret.hashed());
            ExitCode::SUCCESS
        }
        Err(error) => failed(format_args!("{error}")),
    }
}

fn check(file: &str, read: Result<Config, Vec<Mistake>>) -> ExitCode {
    match read {
        // Whether the certificate is there and fits is known only on the machine that serves it.
        Ok(config) if let Some(error) = config.tls.is_set().then(|| Tls::load(config.tls.clone()).err()).flatten() => {
            failed(format_args!("{file}: [tls]: {error}"))
        }
        Ok(_) => {
            println!("{file}: no mistakes");
            ExitCode::SUCCESS
        }
        Err(mistakes) => tell(file, &mistakes),
    }
}

fn tell(what: &str, mistakes: &[Mistake]) -> ExitCode {
    for mistake in mistakes {
        eprintln!("{mistake}");
    }
    let many = if mistakes.len() == 1 { "mistake" } else { "mistakes" };
    failed(format_args!("{what} has {} {many}", mistakes.len()))
}

fn failed(reason: std::fmt::Arguments<'_>) -> ExitCode {
    eprintln!("sluicegate: {reason}");
    ExitCode::FAILURE
}
