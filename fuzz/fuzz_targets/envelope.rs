#![no_main]

use cache_core::__testing::bytes::{read, resum};
use larder_fuzz::{PLACE, Shape};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    read::<Shape>(PLACE, bytes);
    read::<Shape>(PLACE, &resum(PLACE, bytes));
});
