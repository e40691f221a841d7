use larder::cached;

#[cached(cache_if = |id, user| *user != id, skip_if = |id| id == 3)]
async fn closures(id: u64) -> u64 {
    id
}

#[cached(unless = id == 3, cache_if = "id == 4")]
async fn expressions(id: u64) -> u64 {
    id
}

fn main() {}
