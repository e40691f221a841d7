//! `cell`: stores the value in the instance itself, which then needs no key. It ends with the instance.

use larder::{CachedCell, cached_property, testing::Kit};

struct Author {
    name: String,
    relations: CachedCell,
}

impl Author {
    #[cached_property(cell = self.relations, ttl = "5m")]
    async fn books(&self) -> Vec<String> {
        vec![format!("a book by {}", self.name)]
    }
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    let author = Author { name: "Ada".to_owned(), relations: CachedCell::new() };
    println!("    {:?}", author.books().await);
    author.books().await;
    kit.expect().loads(1).hits(1);
    author.relations.clear();
    assert!(author.books().peek().await?.is_none());
    Ok(())
}
