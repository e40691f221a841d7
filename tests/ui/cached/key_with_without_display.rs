use larder::cached;

struct Id(u64);

#[cached(key_with = Id(id))]
async fn get(id: u64) -> u64 {
    id
}

fn main() {}
