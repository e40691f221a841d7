use larder::cached_property;

struct Shop {
    city: String,
}

impl Shop {
    #[cached_property(key = "stock:{self.city}:{id}")]
    async fn stock(&self, id: usize) -> usize {
        self.city.len() + id
    }
}

fn main() {}
