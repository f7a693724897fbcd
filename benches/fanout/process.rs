//! Processes: what they use, on which core they run, how they end.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// How long a server may take to leave when asked to.
const LEAVE_WITHIN: Duration = Duration::from_secs(10);

/// What a process has used so far.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// In user space and in the kernel, all threads.
    pub cpu_seconds: f64,
    /// Resident memory in bytes.
    pub resident: u64,
}

impl Usage {
    /// Of a process of this machine.
    pub fn of(pid: u32) -> anyhow::Result<Self> {
        let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).with_context(|| format!("process {pid}: {file}"));
        let stat = read("stat")?;
        // The name in parentheses may itself hold spaces; utime and stime are the 14th and 15th of all fields (proc(5)).
        let fields: Vec<&str> = stat.rsplit_once(") ").context("no name in stat")?.1.split(' ').collect();
        let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).context("no times in stat");
        let status = read("status")?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).and_then(|line| line.split_whitespace().next());
        Ok(Self {
            cpu_seconds: (ticks(11)? + ticks(12)?) as f64 / ticks_per_second()?,
            resident: resident.and_then(|kib| kib.parse::<u64>().ok()).context("no VmRSS in status")? << 10,
        })
    }
}

/// A process of ours, ended with this handle.
#[derive(Debug)]
pub struct Owned {
    child: Child,
}

impl Owned {
    /// Starts a program on some cores.
    pub fn start(cores: &str, program: &Path, arguments: &[String], stdout: Stdio, stderr: Stdio) -> anyhow::Result<Self> {
        let mut command = Command::new("taskset");
        command.args(["-c", cores]).arg(program).args(arguments);
        // All peers of a bench come from one address.
        command.env("SLUICEGATE_RTMP_MAX_PENDING_PER_ADDRESS", "0");
        // taskset becomes the program: the child's id is the program's.
        let child = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn().context("starting taskset (package util-linux)")?;
        Ok(Self { child })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The child itself.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Asks it to leave, and sees that it does.
    pub fn finish(mut self) -> anyhow::Result<()> {
        run("kill", &["-TERM", &self.pid().to_string()])?;
        let deadline = Instant::now() + LEAVE_WITHIN;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                bail!("the server did not leave within {LEAVE_WITHIN:?} of SIGTERM");
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // Already gone where it was asked to leave.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Keeps this process, and the threads it starts from now on, on some cores.
pub fn pin_self(cores: &str) -> anyhow::Result<()> {
    run("taskset", &["-cp", cores, &std::process::id().to_string()])
}

/// Raises this process's limit of open files as far as it may, for itself and its children; the limit then in force.
pub fn raise_file_limit() -> anyhow::Result<usize> {
    let limits = fs::read_to_string("/proc/self/limits")?;
    let line = limits.lines().find(|line| line.starts_with("Max open files")).context("no file limit")?;
    let mut values = line.split_whitespace().rev().skip(1);
    let hard: usize = values.next().context("no hard limit")?.parse().unwrap_or(1 << 20);
    run("prlimit", &["--pid", &std::process::id().to_string(), &format!("--nofile={hard}:")])?;
    Ok(hard)
}

fn ticks_per_second() -> anyhow::Result<f64> {
    let output = Command::new("getconf").arg("CLK_TCK").output().context("getconf")?;
    String::from_utf8_lossy(&output.stdout).trim().parse().context("getconf CLK_TCK")
}

fn run(program: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let output = Command::new(program).args(arguments).output().with_context(|| format!("starting {program}"))?;
    if !output.status.success() {
        bail!("{program} {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
