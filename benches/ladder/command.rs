//! The two programs that are compared.

use std::process::{Command, Stdio};

use sluicegate::transcode::ladder::Rung;
use sluicegate::transcode::plan::Plan;

/// The worker.
pub fn worker(plan: &Plan) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluicegate-ladder"));
    command.args(plan.arguments());
    command
}

/// FFmpeg's own program, told to do the same: decode in one thread, scale each rung from the next larger, encode with the same settings of
/// x264 and with keyframes where the source has them.
pub fn ffmpeg(rungs: &[Rung]) -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-threads", "1", "-i", "-"]);
    let last = rungs.len() - 1;
    let steps: Vec<_> = rungs.iter().enumerate().map(|(at, rung)| step(at, last, rung)).collect();
    command.args(["-filter_complex_threads", "1", "-filter_complex", &steps.join(";")]);
    for (at, rung) in rungs.iter().enumerate() {
        let level = f64::from(rung.level) / 10.0;
        let bit_rate = rung.bit_rate.to_string();
        command.args(["-map", &format!("[r{at}]"), "-c:v", "libx264", "-preset", &rung.preset, "-tune", "zerolatency"]);
        command.args(["-profile:v", &rung.profile, "-level", &format!("{level:.1}"), "-threads", "1", "-bf", "0", "-g", "1073741824"]);
        command.args(["-b:v", &bit_rate, "-maxrate", &bit_rate, "-bufsize", &bit_rate, "-x264-params", "scenecut=0:open-gop=0"]);
        command.args(["-forced-idr", "1", "-force_key_frames", "source", "-fps_mode", "passthrough", "-f", "flv", "-y", "/dev/null"]);
    }
    command.stdout(Stdio::null());
    command
}

fn step(at: usize, last: usize, rung: &Rung) -> String {
    let from = if at == 0 { "0:v".to_owned() } else { format!("s{at}") };
    let to = if at == last { format!("[r{at}]") } else { format!(",split=2[r{at}][s{}]", at + 1) };
    format!("[{from}]scale={}:{}:flags=bicubic{to}", rung.width, rung.height)
}
