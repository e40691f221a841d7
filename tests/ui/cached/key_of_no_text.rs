use larder::cached;

const KEY: &str = "users";

#[cached(key = KEY)]
async fn constant() -> u64 {
    7
}

#[cached(key = format!("user:{id}"))]
async fn formatted(id: u64) -> u64 {
    id
}

#[cached(key = id)]
async fn argument(id: u64) -> u64 {
    id
}

fn main() {
    let _ = KEY;
}
