use larder::cached;

#[cached(key_with = |id| id.to_string())]
async fn closure(id: u64) -> u64 {
    id
}

#[cached(key_with = id.to_string(), key = "user:{id}", skip(id))]
async fn twice(id: u64) -> u64 {
    id
}

fn main() {}
