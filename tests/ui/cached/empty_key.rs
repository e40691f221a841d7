use larder::cached;

#[cached(key = "")]
async fn constant() -> u64 {
    7
}

fn main() {}
