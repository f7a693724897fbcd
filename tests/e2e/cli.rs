//! The command line.

use std::net::TcpListener;

use crate::support::house::{Program, run};
use crate::support::http;

#[test]
fn the_version_and_help_are_told() {
    let (ok, out, _) = run(&["--version"], &[]);
    assert!(ok);
    assert_eq!(out.trim(), concat!("sluicegate ", env!("CARGO_PKG_VERSION")));
    let (ok, out, _) = run(&["--help"], &[]);
    assert!(ok);
    for word in ["serve", "check-config", "check", "healthcheck", "Examples:", "ffmpeg -re", "SLUICEGATE_"] {
        assert!(out.contains(word), "{word} in {out}");
    }
    let (ok, out, _) = run(&["serve", "--help"], &[]);
    assert!(ok && ["--config", "--rtmp", "--http", "--admin"].iter().all(|flag| out.contains(flag)), "{out}");
    let (ok, _, errors) = run(&[], &[]);
    assert!(!ok && errors.contains("Usage"), "{errors}");
    let (ok, _, errors) = run(&["serve", "--rmtp", "x"], &[]);
    assert!(!ok && errors.contains("--rtmp"), "{errors}");
}

#[test]
fn the_shipped_configuration_has_no_mistakes() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/config/sluicegate.toml");
    let (ok, out, errors) = run(&["check-config", file], &[]);
    assert!(ok && out.contains("no mistakes"), "{out}{errors}");
}

#[test]
fn every_mistake_of_a_file_is_told_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("bad.toml");
    let text =
        "[streams]\ngrace_s = \"soon\"\n[segments]\npart_ms = 1\n[htpp]\nlisten = \"x\"\n[rtmp]\nlisten = \"nowhere\"\napp = [\"live\"]\n";
    std::fs::write(&file, text).unwrap();
    let (ok, _, errors) = run(&["check-config", file.to_str().unwrap()], &[]);
    assert!(!ok);
    for word in ["streams.grace_s", "segments.part_ms", "htpp", "did you mean 'http'", "rtmp.listen", "rtmp.app", "5 mistakes"] {
        assert!(errors.contains(word), "{word} in {errors}");
    }
    let (ok, _, errors) = run(&["check-config", "/nonexistent.toml"], &[]);
    assert!(!ok && errors.contains("/nonexistent.toml"), "{errors}");
    std::fs::write(&file, "[http\n").unwrap();
    let (ok, _, errors) = run(&["check-config", file.to_str().unwrap()], &[]);
    assert!(!ok && errors.contains("1 mistake"), "{errors}");
}

#[test]
fn a_check_of_nothing_says_so_and_ends_by_a_code_of_its_own() {
    let nobody = "http://127.0.0.1:1/live/demo/index.m3u8";
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_sluicegate")).args(["check", nobody, "--seconds", "1"]).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains(nobody) && errors.contains("refused"), "{errors}");
}

#[test]
fn serve_refuses_bad_settings_wherever_they_come_from() {
    let (ok, _, errors) = run(&["serve", "--rtmp", "nowhere"], &[]);
    assert!(!ok && errors.contains("rtmp.listen") && errors.contains("--rtmp"), "{errors}");
    let (ok, _, errors) = run(&["serve"], &[("SLUICEGATE_STREAMS_GRACE_S", "soon")]);
    assert!(!ok && errors.contains("SLUICEGATE_STREAMS_GRACE_S"), "{errors}");
    let (ok, _, errors) = run(&["serve", "--config", "/nonexistent.toml"], &[]);
    assert!(!ok && errors.contains("/nonexistent.toml"), "{errors}");
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (ok, _, errors) = run(&["serve", "--rtmp", "127.0.0.1:0", "--http", &address], &[]);
    assert!(!ok && errors.contains(&address) && errors.contains("http.listen"), "{errors}");
    assert_eq!(errors.lines().filter(|line| line.contains("sluicegate:")).count(), 1, "one line says it: {errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn flags_override_the_environment_which_overrides_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("house.toml");
    std::fs::write(&file, "[http]\nlisten = \"192.0.2.1:1\"\nadmin_token = \"file\"\n").unwrap();
    let environment = [("SLUICEGATE_HTTP_LISTEN", "192.0.2.2:2"), ("SLUICEGATE_HTTP_ADMIN_TOKEN", "environment")];
    // The flags are the only addresses that exist here.
    let program = Program::serve(&["--config", file.to_str().unwrap()], &environment).await;
    http::get(program.http, "/metrics").await.assert_problem(401);
    let with = |token: &str| format!("Authorization: Bearer {token}\r\n");
    http::request(program.http, "GET", "/metrics", &with("file")).await.assert_problem(401);
    assert_eq!(http::request(program.http, "GET", "/metrics", &with("environment")).await.status, 200);
    program.signal("TERM");
    assert!(program.left().await.0.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_health_check_tells_a_gateway_from_nothing() {
    let program = Program::serve(&[], &[]).await;
    let url = format!("http://{}/healthz", program.http);
    let checked = |url: String| tokio::task::spawn_blocking(move || run(&["healthcheck", &url], &[]));
    let (ok, _, errors) = checked(url.clone()).await.unwrap();
    assert!(ok, "{errors}");
    let (ok, _, errors) = checked(format!("http://{}/nothing/here", program.http)).await.unwrap();
    assert!(!ok && errors.contains("404"), "{errors}");
    program.signal("TERM");
    assert!(program.left().await.0.success());
    let (ok, _, errors) = checked(url.clone()).await.unwrap();
    assert!(!ok && errors.contains(&url), "{errors}");
    let (ok, _, errors) = checked("https://127.0.0.1/".to_owned()).await.unwrap();
    assert!(!ok && errors.contains("http://"), "{errors}");
}
