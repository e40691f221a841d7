use larder::cached;

#[cached(ttl_with = |seconds| *seconds)]
async fn number(id: u64) -> u64 {
    id
}

#[cached(ttl_with = "5m")]
async fn text(id: u64) -> u64 {
    id
}

#[cached(ttl = |n| *n)]
async fn closure(id: u64) -> u64 {
    id
}

fn main() {}
