use larder::cached;

#[cached(key = "sum")]
async fn forgotten((a, b): (u64, u64)) -> u64 {
    a + b
}

#[cached(key = "sum:{a}:{b}")]
async fn by_part((a, b): (u64, u64)) -> u64 {
    a + b
}

fn main() {}
