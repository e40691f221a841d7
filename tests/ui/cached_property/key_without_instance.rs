use larder::cached_property;

struct Shop {
    city: String,
}

impl Shop {
    #[cached_property(key = "stock")]
    async fn stock(&self) -> usize {
        self.city.len()
    }
}

fn main() {}
