larder::testing::conformance!(larder::MemoryBackend::new(), lease = false);

fn main() {}
