use larder::{Cache, cache_evict, cached};

struct App {
    cache: Cache,
}

async fn pick(_: &App) -> Result<Cache, larder::Error> {
    Cache::named("people")
}

#[cached(cache = |app: &App| app.cache.clone(), skip(app))]
async fn by_closure(app: &App, id: u64) -> u64 {
    let _ = app;
    id
}

#[cached(cache = pick(app).await?, skip(app))]
async fn by_future(app: &App, id: u64) -> u64 {
    let _ = app;
    id
}

#[cache_evict(all, cache = |app: &App| app.cache.clone())]
async fn clear(app: &App) {
    let _ = app;
}

fn main() {}
