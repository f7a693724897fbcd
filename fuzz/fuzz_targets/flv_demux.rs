#![no_main]

#[path = "../bodies/flv_demux.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
