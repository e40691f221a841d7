use larder::{CachedCell, cached, cached_property};

#[cached(ttl = "30s", refresh_every = "1m")]
async fn after_the_end(id: u64) -> u64 {
    id
}

#[cached(ttl = "30s", refresh_every = 0)]
async fn zero(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", refresh_every = "1m")]
fn of_a_sync_function(id: u64) -> u64 {
    id
}

#[cached(ttl = "5m", refresh_every = "1m", each = "id in ids")]
async fn of_a_batch(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

struct Shop {
    cell: CachedCell,
}

impl Shop {
    #[cached_property(cell = self.cell, ttl = "5m", refresh_every = "1m")]
    async fn of_a_cell(&self) -> u64 {
        7
    }
}

fn main() {}
