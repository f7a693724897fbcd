//! What a program costs, from its start to its end.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// Clock ticks of `/proc` in a second, on every Linux.
const TICKS: f64 = 100.0;
/// How often it is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(20);

/// Seconds of CPU, the kernel's included, that the program takes for that file.
pub fn of(mut command: Command, input: &Path) -> f64 {
    let input = File::open(input).expect("the source has been made");
    let mut child = command.stdin(input).stdout(Stdio::null()).spawn().expect("the program is there");
    // A process that has ended keeps its counters until it is waited for.
    let seconds = loop {
        thread::sleep(LOOK);
        let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).expect("it has not been waited for");
        let fields: Vec<_> = stat.rsplit_once(')').expect("the name stands in parentheses").1.split_whitespace().collect();
        if fields[0] == "Z" {
            let ticks = |at: usize| fields[at].parse::<f64>().expect("counters are numbers");
            break (ticks(11) + ticks(12)) / TICKS;
        }
    };
    let status = child.wait().expect("it is our child");
    assert!(status.success(), "{command:?}: {status}");
    seconds
}
