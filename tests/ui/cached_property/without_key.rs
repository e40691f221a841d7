use larder::cached_property;

struct Shop {
    city: String,
}

impl Shop {
    #[cached_property(ttl = "1m")]
    async fn stock(&self) -> usize {
        self.city.len()
    }
}

fn main() {}
