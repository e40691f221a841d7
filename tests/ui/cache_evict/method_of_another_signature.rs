use larder::{cache_evict, cached};

struct Users;

impl Users {
    #[cached(skip(self))]
    async fn get(&self, id: u64, deleted: bool) -> u64 {
        id + u64::from(deleted)
    }

    #[cache_evict(self.get(id))]
    async fn change(&self, id: u64) {
        let _ = id;
    }
}

fn main() {}
