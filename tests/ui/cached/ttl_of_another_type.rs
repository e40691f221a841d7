use larder::cached;

#[cached(ttl = 1.5)]
async fn fraction(id: u64) -> u64 {
    id
}

#[cached(ttl = -5)]
async fn negative(id: u64) -> u64 {
    id
}

#[cached(ttl = true)]
async fn flag(id: u64) -> u64 {
    id
}

#[cached(ttl = 99999999999999999999999)]
async fn too_much(id: u64) -> u64 {
    id
}

fn main() {
    let _ = Duration::ZERO;
}

