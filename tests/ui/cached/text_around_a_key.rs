use larder::cached;

#[cached(key_prefix = "users:{id}", version = 1.5)]
async fn get(id: u64) -> u64 {
    id
}

#[cached(key_prefix = "users*", version = "")]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
