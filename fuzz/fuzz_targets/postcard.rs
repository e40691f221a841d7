#![no_main]

use cache_core::Codec;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| larder_fuzz::payload(Codec::Postcard, bytes));
