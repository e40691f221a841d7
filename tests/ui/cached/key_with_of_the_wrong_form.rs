use larder::cached;

#[cached(key_with = |id| id.to_string())]
async fn forgotten(id: u64, name: &str) -> usize {
    name.len() + id as usize
}

#[cached(key_with = id.to_string(), key = "user:{id}", skip(id))]
async fn twice(id: u64) -> u64 {
    id
}

fn main() {}
