#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| httpd::fuzz::settings(bytes));
