larder::testing::conformance!(larder::MemoryBackend::new(), bus = no, leases = true);

fn main() {}
