use larder::{cache_evict, cached};

struct Patch {
    team: u64,
}

#[cached]
async fn get(team: u64, id: u64) -> u64 {
    team + id
}

#[cache_evict(get(patch.team, *result))]
async fn update(patch: Patch) -> u64 {
    drop(patch);
    1
}

fn main() {}
