use larder::cached;

#[cached(ttl = "5m", jitter = 10)]
async fn whole(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", jitter = "110%")]
async fn percent(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", jitter = -0.5)]
async fn negative(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", jitter = "5s")]
async fn span(id: u64) -> u64 {
    id
}

fn main() {}
