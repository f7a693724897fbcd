//! The gateway's binary has nothing of libav in it; the worker's has.

use std::process::Command;

#[cfg(feature = "server")]
const LIBAV: &[&str] = &["libavcodec", "libavutil", "libavformat", "libswresample", "libswscale", "libx264"];

/// The libraries that the system's loader would load for a program.
fn libraries(program: &str) -> String {
    let output = Command::new("ldd").arg(program).output().unwrap();
    assert!(output.status.success(), "ldd {program}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_worker_alone_links_libav() {
    let worker = libraries(env!("CARGO_BIN_EXE_sluicegate-ladder"));
    assert!(worker.contains("libavcodec") && worker.contains("libswscale"), "{worker}");
    #[cfg(feature = "server")]
    {
        let gateway = libraries(env!("CARGO_BIN_EXE_sluicegate"));
        assert!(gateway.contains("libc."), "{gateway}");
        assert!(!LIBAV.iter().any(|library| gateway.contains(library)), "{gateway}");
    }
}
