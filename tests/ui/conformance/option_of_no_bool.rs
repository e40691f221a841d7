larder::testing::conformance!(larder::backend::MemoryBackend::new(), bus = no, leases = true);

fn main() {}
