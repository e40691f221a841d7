use larder::cached;

#[cached(skip(self))]
async fn get(&self, id: u64) -> u64 {
    id
}

fn main() {}
