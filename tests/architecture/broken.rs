//! Breaks each rule on purpose: a check that cannot fail is none.

use std::collections::BTreeSet;

use super::source::Source;
use super::*;

fn imports(path: &str, text: &str) -> Vec<String> {
    import_violations(&Source::parse(path, text))
}

fn impurities(path: &str, text: &str) -> Vec<String> {
    let runtime = ["tokio", "axum", "hyper", "hyper_util"].map(str::to_owned).into();
    purity_violations(&Source::parse(path, text), &runtime)
}

fn mod_file(path: &str, text: &str) -> Vec<String> {
    mod_file_violations(&Source::parse(path, text))
}

#[test]
fn an_import_of_a_lower_rank_is_allowed() {
    assert_none(imports("src/flv/demux.rs", "use crate::media::{time::Timestamp, sample::Sample};\nuse super::tag::Tag;"));
    assert_none(imports("src/rtmp/server.rs", "use super::session::Session; use crate::{bus::Registry, outlet::Outlet, telemetry};"));
    assert_none(imports("src/main.rs", "fn main() { sluicegate::gateway::run(sluicegate::config::load()) }"));
}

#[test]
fn an_import_of_a_higher_rank_is_found_in_every_spelling() {
    for text in [
        "use crate::rtmp::Session;",
        "use crate::{media::Track, rtmp};",
        "use crate::media; pub(crate) use crate::{rtmp::{session::{X as Y}}};",
        "use super::super::rtmp::Session;",
        "fn f() -> crate::rtmp::Session { loop {} }",
        "fn f() { let x = Vec::<crate::rtmp::Session>::new(); }",
        "fn f() { println!(\"{}\", crate::rtmp::DEPTH) }",
        "mod inner { use super::super::super::rtmp::Session; }",
        "#[derive(crate::rtmp::Derived)] struct S;",
        "macro_rules! m { () => { $crate::rtmp::Session }; }",
        "use sluicegate::rtmp::Session;",
    ] {
        let found = imports("src/flv/demux.rs", text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].contains("`flv::demux` (rank 1) imports `rtmp"), "{found:?}");
    }
}

#[test]
fn an_import_sideways_is_found() {
    assert_eq!(imports("src/flv/mux.rs", "use crate::fmp4::Fragment;").len(), 1);
    assert_eq!(imports("src/hls/mod.rs", "use crate::dash::Manifest;").len(), 1);
}

#[test]
fn an_import_within_a_folder_of_mixed_rank_is_ranked_by_the_longest_prefix() {
    assert_eq!(imports("src/rtmp/session.rs", "use super::server::Server;").len(), 1);
    assert_eq!(imports("src/segment/window.rs", "use crate::segment::task::Task;").len(), 1);
    assert_none(imports("src/rtmp/server/connection.rs", "use crate::rtmp::session::Session; use super::Options;"));
    // Also when the folder comes in by its name first.
    assert_eq!(imports("src/segment/window.rs", "use crate::segment; fn f() { segment::task::run() }").len(), 1);
}

#[test]
fn a_binary_of_several_files_is_one_module_and_its_own_crate() {
    let path = "src/bin/sluicegate-ladder/encode.rs";
    assert_none(imports(path, "use super::av::Encoder; use crate::gauges; use sluicegate::transcode::plan::Plan;"));
    assert_eq!(imports(path, "use sluicegate::helpers;").len(), 1);
    assert_eq!(imports("src/gateway.rs", "use crate::main::x;").len(), 1);
}

#[test]
fn strangers_do_not_meet() {
    assert_eq!(imports("src/http/router.rs", "use crate::rtmp::session::Session;").len(), 1);
    assert_eq!(imports("src/bus/window.rs", "use crate::flv::Tag;").len(), 1);
    assert_eq!(imports("src/transcode/supervisor.rs", "use crate::hls::Playlist;").len(), 1);
}

#[test]
fn the_leaf_is_for_rank_two_and_up_and_names_nothing_of_ours() {
    assert_eq!(imports("src/flv/mux.rs", "use crate::telemetry;").len(), 1);
    assert_none(imports("src/bus/registry.rs", "use crate::telemetry::Drops;"));
    assert_eq!(imports("src/telemetry.rs", "use crate::media::Track;").len(), 1);
}

#[test]
fn a_module_without_a_rank_is_found() {
    assert_eq!(imports("src/helpers.rs", "").len(), 1);
    assert_eq!(imports("src/http/mod.rs", "use crate::helpers::now;").len(), 1);
}

#[test]
fn tests_may_import_what_they_compare_with() {
    assert_none(imports("src/flv/mux.rs", "#[cfg(test)] mod tests { use crate::rtmp::Session; fn f() { crate::http::x() } }"));
    assert_none(imports("src/flv/tests.rs", "use crate::rtmp::Session;"));
    // What follows the tests is production code again.
    assert_eq!(imports("src/flv/mux.rs", "#[cfg(test)] use crate::rtmp::A; use crate::rtmp::B;").len(), 1);
}

#[test]
fn comments_and_strings_are_no_imports() {
    assert_none(imports(
        "src/flv/mux.rs",
        "//! See crate::rtmp::session.\n/* crate::http::x */ /// [`crate::bus::Window`]\nconst S: &str = \"crate::rtmp::x\";",
    ));
}

#[test]
fn the_runtime_in_a_pure_module_is_found() {
    for text in [
        "use tokio::sync::Notify;",
        "use tokio;",
        "use {bytes::Bytes, tokio::time};",
        "async fn f() { tokio::time::sleep(d).await }",
        "#[cfg(feature = \"server\")] impl From<axum::Error> for E {}",
        "use ::hyper_util::rt::TokioIo;",
        "#[tokio::main] async fn f() {}",
    ] {
        assert_eq!(impurities("src/bus/window.rs", text).len(), 1, "{text}");
    }
    assert_none(impurities("src/rtmp/server.rs", "use tokio::net::TcpStream;"));
    assert_eq!(impurities("src/rtmp/session.rs", "use tokio::net::TcpStream;").len(), 1);
    assert_none(impurities(
        "src/bus/window.rs",
        "#[cfg(test)] mod tests { #[tokio::test] async fn t() { tokio::task::yield_now().await } }",
    ));
}

#[test]
fn the_clock_and_the_world_in_sans_io_code_are_found() {
    assert_eq!(impurities("src/rtmp/session.rs", "use std::time::Instant; fn f() { Instant::now(); }").len(), 1);
    assert_eq!(impurities("src/hls/playlist.rs", "fn f() { std::time::SystemTime::now(); }").len(), 1);
    assert_eq!(impurities("src/flv/mux.rs", "use std::{fs, fmt};").len(), 1);
    assert_eq!(impurities("src/flv/mux.rs", "use std::net::{IpAddr, TcpStream};").len(), 1);
    assert_none(impurities("src/bus/registry.rs", "use std::time::Instant; fn f() { Instant::now(); }"));
}

#[test]
fn the_runtime_is_what_the_feature_server_brings_in() {
    let manifest =
        "[features]\ndefault = [\"server\"]\nserver = [\n    \"dep:tokio\", \"dep:hyper-util\",\n]\nother = [\"dep:unrelated\"]\n";
    assert_eq!(runtime_crates(manifest), ["hyper_util", "tokio"].map(str::to_owned).into());
}

#[test]
fn code_in_a_mod_file_of_mixed_rank_is_found() {
    assert_none(mod_file(
        "src/rtmp/mod.rs",
        "//! Docs.\n#![allow(x)]\npub mod chunk;\n/// Docs.\n#[cfg(feature = \"server\")]\npub(crate) mod server;\n#[cfg(test)]\nmod tests;",
    ));
    for text in ["mod a; pub use a::X;", "pub fn f() {}", "mod inner { }", "const X: u8 = 1;"] {
        assert!(!mod_file("src/rtmp/mod.rs", text).is_empty(), "{text}");
        assert_none(mod_file("src/flv/mod.rs", text));
    }
    assert!(!imports("src/lib.rs", "pub mod media; pub use media::Track;").is_empty());
}

#[test]
fn an_unsafe_block_is_found_even_in_tests_but_not_in_words() {
    let found = |path: &str, text: &str| unsafe_violations(&Source::parse(path, text)).len();
    assert_eq!(found("src/flv/mux.rs", "fn f() { unsafe { g() } }"), 1);
    assert_eq!(found("src/flv/mux.rs", "#[cfg(test)] mod tests { unsafe fn f() {} }"), 1);
    assert_eq!(found("src/flv/mux.rs", "macro_rules! m { () => { unsafe { f() } }; }"), 1);
    assert_eq!(found("src/flv/mux.rs", "#![forbid(unsafe_code)]\n// unsafe\nconst S: &str = \"unsafe\";"), 0);
    assert_eq!(found(MAY_BE_UNSAFE, "unsafe fn f() {}"), 0);
}

#[test]
fn unfinished_work_is_found() {
    let found = |text: &str| unfinished_violations(&Source::parse("src/flv/mux.rs", text)).len();
    assert_eq!(found("fn f() { todo!() }\nfn g() { unimplemented!(\"later\") }\nfn h() { std::dbg!(1); }"), 3);
    assert_eq!(found("fn todo() -> bool { dbg != 1 } // todo!()"), 0);
}

#[test]
fn only_code_outside_tests_counts_towards_a_files_length() {
    let lines = |text: &str| Source::parse("src/flv/mux.rs", text).code_lines;
    assert_eq!(lines("//! Docs.\n\n// Why.\nfn f() {\n\n    g(\n        1,\n    )\n}\n"), 5);
    assert_eq!(lines("/// Docs.\n#[inline]\nfn f() {}\n#[cfg(test)]\nmod tests {\n    fn t() {}\n}\n"), 2);
    assert_eq!(lines("const TEXT: &str = \"a\nb\nc\";\n"), 3);
    let long = |count: usize| length_violations(&Source::parse("src/flv/mux.rs", &"fn f() {}\n".repeat(count))).len();
    assert_eq!((long(TOO_LONG_FILE), long(TOO_LONG_FILE + 1)), (0, 1));
}

#[test]
fn a_map_that_lies_is_found() {
    let modules = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let check = |rows: &str, names: &[&str]| map_violations(rows, &modules(names));
    let two = "//! | 0 | [`media`] |\n//! | 2 | [`rtmp`] wire |\n//! | 5 | `rtmp::server` |";
    assert_none(check(two, &["media", "media::time", "rtmp", "rtmp::server::connection"]));
    assert!(check("//! | 1 | `media` |", &["media"])[0].contains("gives `media` rank 1"));
    assert!(check("//! | 0 | `helpers` |", &["helpers"])[0].contains("has no rank"));
    assert!(check(two, &["media", "rtmp"])[0].contains("does not exist"));
    assert!(check("//! | 0 | `media` |", &["media", "flv::tag"])[0].contains("does not name `flv`"));
    assert!(check("", &["telemetry"])[0].contains("does not name `telemetry`"));
}
