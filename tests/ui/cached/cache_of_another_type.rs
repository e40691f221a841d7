use larder::cached;

struct App {
    caches: Vec<larder::Cache>,
}

impl App {
    #[cached(cache = self.caches, skip(self))]
    async fn get(&self, id: u64) -> u64 {
        id
    }
}

fn main() {}
