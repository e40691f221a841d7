use larder::{Cache, Error};

struct Row;

async fn rows(cache: &Cache) -> Result<(), Error> {
    cache.local().entry("row").insert(Row).await
}

fn main() {}
