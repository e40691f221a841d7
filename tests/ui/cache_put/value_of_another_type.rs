use larder::{cache_put, cached};

#[cached]
async fn get(id: u64) -> Option<bool> {
    Some(id > 0)
}

#[cache_put(get(id), value = id)]
async fn of_another_type(id: u64) {}

#[cache_put(get(id), value = |result| Some(result))]
async fn in_a_closure(id: u64) -> bool {
    id > 0
}

fn main() {
    drop(get(1));
}
