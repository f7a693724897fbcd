//! Replays the corpus of every fuzz target without the fuzzer.

use std::path::Path;

#[path = "../fuzz/bodies/amf0.rs"]
mod amf0;
#[path = "../fuzz/bodies/codec_config.rs"]
mod codec_config;
#[path = "../fuzz/bodies/flv_demux.rs"]
mod flv_demux;
#[path = "../fuzz/bodies/flv_extended.rs"]
mod flv_extended;
#[path = "../fuzz/bodies/ingest.rs"]
mod ingest;
#[path = "../fuzz/bodies/rtmp_chunk.rs"]
mod rtmp_chunk;
#[path = "../fuzz/bodies/rtmp_command.rs"]
mod rtmp_command;
#[path = "../fuzz/bodies/rtmp_handshake.rs"]
mod rtmp_handshake;
#[path = "../fuzz/bodies/rtmp_message.rs"]
mod rtmp_message;
#[path = "../fuzz/bodies/rtmp_model.rs"]
mod rtmp_model;
#[path = "../fuzz/bodies/rtmp_session.rs"]
mod rtmp_session;

fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut replayed = 0;
    for entry in std::fs::read_dir(&folder).expect("the corpus is there") {
        let path = entry.expect("can be listed").path();
        if path.is_file() {
            run(&std::fs::read(&path).expect("can be read"));
            replayed += 1;
        }
    }
    assert!(replayed > 0, "{} is empty", folder.display());
}

#[test]
fn amf0_corpus() {
    replay("amf0", amf0::run);
}

#[test]
fn codec_config_corpus() {
    replay("codec_config", codec_config::run);
}

#[test]
fn flv_demux_corpus() {
    replay("flv_demux", flv_demux::run);
}

#[test]
fn flv_extended_corpus() {
    replay("flv_extended", flv_extended::run);
}

#[test]
fn ingest_corpus() {
    replay("ingest", ingest::run);
}

#[test]
fn rtmp_chunk_corpus() {
    replay("rtmp_chunk", rtmp_chunk::run);
}

#[test]
fn rtmp_command_corpus() {
    replay("rtmp_command", rtmp_command::run);
}

#[test]
fn rtmp_handshake_corpus() {
    replay("rtmp_handshake", rtmp_handshake::run);
}

#[test]
fn rtmp_message_corpus() {
    replay("rtmp_message", rtmp_message::run);
}

#[test]
fn rtmp_model_corpus() {
    replay("rtmp_model", rtmp_model::run);
}

#[test]
fn rtmp_session_corpus() {
    replay("rtmp_session", rtmp_session::run);
}
