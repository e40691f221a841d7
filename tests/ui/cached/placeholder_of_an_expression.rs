use larder::cached;

#[cached(key = "user:{id:?}")]
async fn format(id: u64) -> u64 {
    id
}

#[cached(key = "user:{name.len()}")]
async fn method(name: String) -> usize {
    name.len()
}

#[cached(key = "user:{id + 1}")]
async fn sum(id: u64) -> u64 {
    id
}

#[cached(key = "user:{0}")]
async fn position(id: u64) -> u64 {
    id
}

fn main() {}
