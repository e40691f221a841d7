larder::testing::conformance!(larder::backend::MemoryBackend::new(), lease = false);

fn main() {}
