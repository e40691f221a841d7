use larder::cached;

struct Shop;

impl Shop {
    #[cached(skip(self))]
    pub(crate) fn get(&self, id: u64) -> u64 {
        id
    }
}

fn main() {
    let _ = Shop;
}
