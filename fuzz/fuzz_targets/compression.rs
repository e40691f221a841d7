#![no_main]

use cache_core::Codec;
use cache_core::__testing::bytes::{Forged, forge, read};
use larder_fuzz::PLACE;

libfuzzer_sys::fuzz_target!(|input: (u8, u32, &[u8])| {
    let (compression, length, payload) = input;
    let length = u64::from(length);
    let forged = Forged { codec: Codec::Postcard, compression, length, payload };
    read::<String>(PLACE, &forge::<String>(PLACE, &forged));
});
