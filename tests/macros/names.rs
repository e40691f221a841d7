//! Functions whose names have another meaning too.

use larder::{cached, call};

use crate::{Loads, install};

mod settings {
    use larder::cached;

    /// A module with the same name as a function.
    pub(super) mod config {
        pub(crate) const NAME: &str = "config";
    }

    #[cached]
    pub(super) fn config(id: u64) -> String {
        format!("{} {id}", config::NAME)
    }

    #[cached(call = cached_limits)]
    pub(super) fn limits(id: u64) -> u64 {
        id + limits::MORE
    }

    pub(super) mod limits {
        pub(crate) const MORE: u64 = 1;
    }

    #[cached]
    pub(super) fn str(id: u64) -> String {
        // These names still mean the primitive types.
        let text: &str = "str";
        let number: u8 = u8::MAX;
        format!("{text} {number} {id}")
    }

    #[cached]
    pub(super) fn u8(n: u8) -> u8 {
        n / 2
    }

    pub(super) fn of_the_crate(id: u64) -> String {
        config(id)
    }
}

#[tokio::test]
async fn a_module_may_have_the_name_of_a_cached_function() {
    assert_eq!(settings::config(1), "config 1");
    assert_eq!(settings::of_the_crate(2), "config 2");
    assert_eq!(settings::config::NAME, "config");
}

#[tokio::test]
async fn another_name_for_call() {
    use settings::{cached_limits, limits};

    assert_eq!((limits(1), limits::MORE), (2, 1));
    assert_eq!(call!(cached_limits(1)).await, 2);
    assert_eq!(call!(settings::cached_limits(1)).peek().await.unwrap(), Some(2));
}

#[tokio::test]
async fn a_primitive_type_may_have_the_name_of_a_cached_function() {
    assert_eq!((settings::str(1).as_str(), settings::u8(7)), ("str 255 1", 3));
    assert_eq!(call!(settings::str(1)).peek().await.unwrap().as_deref(), Some("str 255 1"));
    assert_eq!(call!(settings::u8(7)).peek().await.unwrap(), Some(3));
}

#[tokio::test]
async fn an_import_brings_the_call_of_a_function() {
    mod math {
        use larder::cached;

        #[cached]
        pub(super) fn half(n: u64) -> u64 {
            n / 2
        }
    }
    use math::half;

    #[cached]
    fn double(n: u64) -> u64 {
        n * 2
    }

    assert_eq!((half(9), double(9)), (4, 18));
    assert_eq!(call!(half(9)).peek().await.unwrap(), Some(4));
    assert_eq!(call!(double(9)).peek().await.unwrap(), Some(18));
}

#[tokio::test]
async fn a_template_writes_raw_names_as_format_does() {
    static LOADS: Loads = Loads::new();

    #[cached(key = "raw:{type}:{r#match}", cache = "raw-names")]
    async fn load(r#type: u8, r#match: u8) -> u64 {
        let _ = (r#type, r#match);
        LOADS.count()
    }

    #[larder::cache_evict(key = "raw:{type}:{match}", cache = "raw-names")]
    async fn forget(r#type: u8, r#match: u8) {}

    let cache = install("raw-names");
    assert_eq!((load(1, 2).await, load(1, 2).await, load(2, 1).await), (1, 1, 2));
    assert!(cache.contains::<u64>("raw:1:2").await.unwrap());
    forget(1, 2).await;
    assert_eq!(load(1, 2).await, 3);
}
