use larder::cached;

#[cached(key = "sum:{a}{b}")]
async fn sum(a: u64, b: u64) -> u64 {
    a + b
}

fn main() {}
