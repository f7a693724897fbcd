//! What a ladder costs: the worker beside the `ffmpeg` command that makes the same rungs with the same settings, the delay that it adds at
//! the source's pace, by itself and with the gateway around it, and what becomes of a ladder that is too much for the machine. Asserts nothing; `benches/README.md` tells how to read it.
//!
//! Options are `KEY=VALUE`: `rounds=3` of the comparison, `seconds=20` of the source, `heavy=slower` the preset that is to be too much.

mod command;
mod cost;
mod gateway;
mod pace;

use std::path::{Path, PathBuf};
use std::process::Command;

use sluicegate::transcode::ladder::{Rung, RungOptions, Source, default_rungs, resolve};
use sluicegate::transcode::plan::Plan;

/// The source: what many encoders send.
const SOURCE: Source = Source { width: 1920, height: 1080, frame_rate: Some(30.0) };

fn main() {
    let mut options = (3usize, 20u32, "slower".to_owned());
    for argument in std::env::args().skip(1).filter(|argument| argument != "--bench") {
        match argument.split_once('=') {
            Some(("rounds", value)) => options.0 = value.parse().expect("a number of rounds"),
            Some(("seconds", value)) => options.1 = value.parse().expect("a number of seconds"),
            Some(("heavy", value)) => options.2 = value.to_owned(),
            _ => return eprintln!("unknown option '{argument}': rounds=N, seconds=N, heavy=PRESET"),
        }
    }
    let (rounds, seconds, heavy) = options;
    let input = source(seconds);
    let rungs = resolve(&default_rungs(), &SOURCE, &[]);
    let names: Vec<_> = rungs.iter().map(|rung| format!("{} at {} kb/s", rung.name, rung.bit_rate / 1_000)).collect();
    println!("{seconds} s of 1080p at 30 frames a second, to {}; {} in one thread each", names.join(", "), rungs[0].preset);
    compare(&rungs, &input, rounds);
    println!("\nat the source's pace:");
    pace::run(&Plan::new(rungs), &input);
    println!("\nthrough the gateway:");
    gateway::run(&input);
    println!("\nat the source's pace, with the preset {heavy}, which is to be too much:");
    let wishes: Vec<_> = default_rungs().into_iter().map(|wish| RungOptions { preset: heavy.clone(), ..wish }).collect();
    pace::run(&Plan::new(resolve(&wishes, &SOURCE, &[])), &input);
}

fn compare(rungs: &[Rung], input: &Path, rounds: usize) {
    println!("\n{:>6} {:>12} {:>12} {:>7}", "round", "worker CPU s", "ffmpeg CPU s", "ratio");
    let plan = Plan { live: false, ..Plan::new(rungs.to_vec()) };
    for round in 1..=rounds {
        let worker = cost::of(command::worker(&plan), input);
        let ffmpeg = cost::of(command::ffmpeg(rungs), input);
        println!("{round:>6} {worker:>12.2} {ffmpeg:>12.2} {:>7.3}", worker / ffmpeg);
    }
}

/// The source as FLV, encoded once: moving shapes under noise, with B-frames and a keyframe every two seconds.
fn source(seconds: u32) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/ladder");
    std::fs::create_dir_all(&folder).expect("target can be written to");
    let file = folder.join(format!("source-{seconds}.flv"));
    if !file.exists() {
        let part = folder.join("part.flv");
        let mut command = Command::new("ffmpeg");
        command.args(["-nostdin", "-y", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=1920x1080:rate=30,noise=alls=6:allf=t"]);
        command.args(["-t", &seconds.to_string(), "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "60"]);
        command.args(["-sc_threshold", "0", "-b:v", "6M", "-maxrate", "6M", "-bufsize", "6M", "-f", "flv"]).arg(&part);
        assert!(command.status().expect("ffmpeg is installed").success(), "ffmpeg makes the source");
        std::fs::rename(&part, &file).expect("it stays in the folder");
    }
    file
}
