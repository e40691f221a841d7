//! Tags of the function and of the call.

use larder::cached;

use crate::{Loads, install};

#[tokio::test]
async fn an_entry_is_evicted_by_each_of_its_tags() {
    static LOADS: Loads = Loads::new();

    #[cached(tags = ["users", "user:{id}", "team:{team}"], cache = "tags")]
    async fn get(id: u64, team: &str) -> u64 {
        let _ = (id, team);
        LOADS.count()
    }

    let cache = install("tags");
    assert_eq!([get(1, "a").await, get(2, "a").await, get(3, "b").await], [1, 2, 3]);
    cache.evict_tag("user:1").await.unwrap();
    assert_eq!([get(1, "a").await, get(2, "a").await, get(3, "b").await], [4, 2, 3]);
    cache.evict_tag("team:a").await.unwrap();
    assert_eq!([get(1, "a").await, get(2, "a").await, get(3, "b").await], [5, 6, 3]);
    cache.evict_tag("users").await.unwrap();
    assert_eq!([get(1, "a").await, get(2, "a").await, get(3, "b").await], [7, 8, 9]);
    cache.evict_tag("team:c").await.unwrap();
    assert_eq!(get(1, "a").await, 7);
}

#[tokio::test]
async fn text_of_an_argument_is_escaped_in_tags_as_in_keys() {
    static LOADS: Loads = Loads::new();

    #[cached(tags = ["team:{team}"], cache = "tags-escaped")]
    async fn get(team: &str) -> u64 {
        let _ = team;
        LOADS.count()
    }

    #[larder::cache_evict(tags = ["team:{team}"], cache = "tags-escaped")]
    async fn change(team: &str) {
        let _ = team;
    }

    install("tags-escaped");
    assert_eq!(get("a\nteam:b").await, 1);
    change("b").await;
    assert_eq!(get("a\nteam:b").await, 1);
    change("a\nteam:b").await;
    assert_eq!(get("a\nteam:b").await, 2);
}
