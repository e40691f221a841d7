use larder::{cache_evict, cached};

#[cached]
async fn get_user(id: u64) -> u64 {
    id
}

#[cache_evict(get_usr(id))]
async fn change(id: u64) {
    let _ = id;
}

#[cache_evict(get_user(idd))]
async fn change_another(id: u64) {
    let _ = id;
}

fn main() {}
