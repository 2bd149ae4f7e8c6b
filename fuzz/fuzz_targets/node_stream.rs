//! Lets libFuzzer drive the body `node_stream` of the library beside it.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = offspring_fuzz::node_stream(bytes);
});
