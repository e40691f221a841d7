//! Which cache serves a function, and which of its tiers.

use larder::{Cache, MemoryBackend, Source, cached};

use crate::{Loads, install};

#[cached(cache = "caches-named")]
async fn named(id: u64) -> u64 {
    id
}

#[tokio::test]
async fn a_named_cache_is_found_by_its_name() {
    let cache = install("caches-named");
    named(1).await;
    assert_eq!(cache.stats().entries, 1);
    // Installed again, the new one serves.
    let other = install("caches-named");
    assert_eq!(named(1).traced().await.source, Source::Loaded);
    assert_eq!((cache.stats().entries, other.stats().entries), (1, 1));
}

#[tokio::test]
async fn without_its_named_cache_a_function_runs_uncached() {
    #[cached(cache = "caches-never-installed")]
    async fn orphan(id: u64) -> u64 {
        id
    }

    assert_eq!(orphan(1).traced().await.source, Source::Bypassed);
    assert_eq!(orphan(1).await, 1);
    let error = orphan(1).peek().await.unwrap_err();
    assert!(error.to_string().contains("caches-never-installed"), "{error}");
}

#[tokio::test]
async fn a_handle_can_be_any_expression_over_the_arguments() {
    struct App {
        caches: [Cache; 2],
    }

    #[cached(skip(app, at), cache = app.caches[at])]
    async fn by_argument(app: &App, at: usize) -> u64 {
        let _ = app;
        at as u64
    }

    impl App {
        #[cached(skip(self), cache = &self.caches[1])]
        async fn by_self(&self) -> u64 {
            7
        }

        #[cached(skip(self), cache = self.caches[1])]
        fn by_self_sync(&self) -> u64 {
            7
        }
    }

    let build = || Cache::builder().build().unwrap();
    let app = App { caches: [build(), build()] };
    assert_eq!([by_argument(&app, 0).await, by_argument(&app, 1).await], [0, 1]);
    assert_eq!(app.caches.each_ref().map(|cache| cache.stats().entries), [1, 1]);
    assert_eq!([app.by_self().await, app.by_self_sync()], [7, 7]);
    assert_eq!(app.caches.each_ref().map(|cache| cache.stats().entries), [1, 3]);
}

#[tokio::test]
async fn local_stays_in_memory_and_needs_no_serde() {
    static LOADS: Loads = Loads::new();

    #[derive(Clone, Debug)]
    struct NoSerde(u64);

    #[cached(key = "local", local, cache = "caches-local")]
    async fn local() -> NoSerde {
        NoSerde(LOADS.count())
    }
    #[cached(key = "shared", cache = "caches-local")]
    async fn shared() -> u64 {
        1
    }

    let backend = MemoryBackend::new();
    let build = || Cache::builder().name("caches-local").remote(backend.clone()).build().unwrap();
    let (cache, other) = (build(), build());
    cache.install();
    assert_eq!((local().await.0, local().await.0, shared().await), (1, 1, 1));
    // What another process would see.
    assert_eq!(local().cache(&other).traced().await.source, Source::Loaded);
    assert_eq!(shared().cache(&other).traced().await.source, Source::Remote);
}
