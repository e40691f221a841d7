//! Items that are not functions with a body.
use larder::cached;

struct Shop;

#[cached]
impl Shop {
    async fn stock(&self) -> u64 {
        7
    }
}

#[cached]
mod users {}

#[cached]
static USERS: u64 = 7;

trait Find {
    #[cached(skip(self))]
    async fn find(&self, id: u64) -> u64;
}

fn main() {}
