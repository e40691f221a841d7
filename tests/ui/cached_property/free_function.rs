use larder::cached_property;

#[cached_property(key = "stock")]
async fn free() -> usize {
    7
}

#[cached_property(key = "stock:{city}")]
async fn of_an_argument(city: &str) -> usize {
    city.len()
}

fn main() {}
