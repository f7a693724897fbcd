#![no_main]

#[path = "../bodies/rtmp_model.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
