use larder::cached;

struct Shop {
    limit: usize,
}

impl Shop {
    #[cached(cache_if = |page| self.accepts(page), key = "page", skip(self))]
    async fn page(&self) -> Vec<u64> {
        vec![7; self.limit]
    }

    fn accepts(&self, page: &[u64]) -> bool {
        page.len() <= self.limit
    }
}

struct Item;

#[cached(unless = |_| item.is_free(), key = "free", skip(item))]
async fn free(item: Item) -> u64 {
    1
}

#[cached(each = "id in ids", cache_if = |user| *user > limit, key = "{id}", skip(limit))]
async fn each(ids: &[u64], limit: u64) -> Vec<(u64, u64)> {
    ids.iter().map(|id| (*id, *id)).collect()
}

#[cached(cache_if = |n| *n > counter.len(), key = "mutable", skip(counter))]
async fn mutable(counter: &mut Vec<u64>) -> usize {
    counter.len()
}

fn main() {}
