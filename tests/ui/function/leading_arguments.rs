use larder::{cache_evict, cached, entries};

#[cached]
async fn list(team: u32, page: u32) -> u64 {
    u64::from(team + page)
}

struct Repo;

impl Repo {
    #[cached(skip(self))]
    async fn find(&self, id: u64) -> u64 {
        id
    }

    #[cache_evict(self.find(..))]
    async fn by_receiver(&self) {}
}

#[cache_evict(list(.., 1))]
async fn not_the_first() {}

#[cache_evict(list("blue", ..))]
async fn of_another_type() {}

#[cache_evict(list(1, 2, 3, ..))]
async fn too_many() {}

fn main() {
    entries!(list(1, 2));
    entries!("list");
    drop(Repo.find(1));
}
