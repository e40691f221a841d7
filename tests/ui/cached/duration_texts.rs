use larder::cached;

#[cached(ttl = "")]
async fn empty(id: u64) -> u64 {
    id
}

#[cached(ttl = "5 m 3")]
async fn half(id: u64) -> u64 {
    id
}

#[cached(ttl = "-5m")]
async fn negative(id: u64) -> u64 {
    id
}

#[cached(ttl = "1.5h")]
async fn fraction(id: u64) -> u64 {
    id
}

#[cached(ttl = "forever")]
async fn forever(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", stale = "never")]
async fn stale_without_end(id: u64) -> u64 {
    id
}

fn main() {}
