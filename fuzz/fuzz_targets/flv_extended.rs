#![no_main]

#[path = "../bodies/flv_extended.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
