use larder::cached;

#[cached(ttl = "1m", memory_ttl = "10s", local)]
async fn of_memory(id: u64) -> u64 {
    id
}

#[cached(memory_ttl = "10s")]
fn of_a_sync_function(id: u64) -> u64 {
    id
}

#[cached(ttl = "1m", memory_ttl = "1m")]
async fn as_long_as_the_ttl(id: u64) -> u64 {
    id
}

fn main() {}
