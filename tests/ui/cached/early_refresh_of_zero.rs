use larder::cached;

#[cached(ttl = "5m", early_refresh = 0)]
async fn zero(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", early_refresh = "1m")]
async fn span(id: u64) -> u64 {
    id
}

fn main() {}
