use larder::cached;

#[cached(key = "user:{id")]
async fn unclosed(id: u64) -> u64 {
    id
}

#[cached(key = "user:id}")]
async fn unopened(id: u64) -> u64 {
    id
}

#[cached(key = "user:{}")]
async fn nameless(id: u64) -> u64 {
    id
}

fn main() {}
