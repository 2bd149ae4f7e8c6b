//! Lets libFuzzer drive the body `connection` of the library beside it.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| offspring_fuzz::connection(bytes));
