use larder::{CachedCell, cached_property};

static STOCK: CachedCell = CachedCell::new();

struct Shop;

impl Shop {
    #[cached_property(cell = STOCK)]
    async fn stock(&self) -> usize {
        7
    }
}

fn main() {}
