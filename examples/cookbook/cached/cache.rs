//! `cache`: another cache than the default one: by name, or a handle from the arguments.

use larder::{Cache, Memory, cached, testing::Kit};

#[cached(ttl = "1m", cache = "thumbnails")]
async fn thumbnail(id: u64) -> Vec<u8> {
    vec![0; id as usize]
}

struct Shop {
    cache: Cache,
}

impl Shop {
    #[cached(ttl = "1m", cache = self.cache, skip(self))]
    async fn product(&self, id: u64) -> String {
        format!("product {id}")
    }
}

pub(crate) async fn run(_kit: &Kit) -> crate::Done {
    Cache::builder().name("thumbnails").memory(Memory::max_bytes(1 << 20)).build()?.install();
    let shop = Shop { cache: Cache::builder().namespace("shop").build()? };
    thumbnail(7).await;
    shop.product(7).await;
    let thumbnails = Cache::named("thumbnails")?;
    println!("    {} and {} entries", thumbnails.stats().entries, shop.cache.stats().entries);
    assert_eq!((thumbnails.stats().entries, shop.cache.stats().entries), (1, 1));
    Ok(())
}
