use larder::{CachedCell, cached_property};

struct Shop {
    stock: CachedCell,
}

impl Shop {
    #[cached_property(cell = self.stock, ttl = "1m", stale = "10s")]
    async fn stock(&self) -> usize {
        7
    }
}

fn main() {}
