//! A load holds the function's arguments to its end, as a plain function does.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use larder::{Cache, cached};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

fn cache() -> Cache {
    Cache::builder().build().unwrap()
}

#[derive(Default)]
struct Running {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Running {
    async fn work(&self) {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        tokio::task::yield_now().await;
        self.now.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cached(key = "limited:{id}", skip(_permit, running, cache), cache = cache)]
async fn limited(cache: &Cache, _permit: OwnedSemaphorePermit, running: &Running, id: u64) -> u64 {
    running.work().await;
    id
}

#[tokio::test]
async fn a_permit_that_the_body_does_not_mention() {
    let (cache, running, semaphore) = (cache(), Running::default(), Arc::new(Semaphore::new(1)));
    let calls = (0..8).map(async |id| {
        let permit = Arc::clone(&semaphore).acquire_owned().await.unwrap();
        limited(&cache, permit, &running, id).await
    });
    futures_util::future::join_all(calls).await;
    assert_eq!(running.most.load(Ordering::SeqCst), 1);
}

/// Notes when it is dropped.
struct Guard(Arc<Mutex<Vec<&'static str>>>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.lock().unwrap().push("dropped");
    }
}

impl std::fmt::Display for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("guard")
    }
}

impl Guard {
    #[cached(key = "owned:{id}", skip(self, log, cache), cache = cache)]
    async fn owned(self, cache: &Cache, log: &Mutex<Vec<&'static str>>, id: u64) -> u64 {
        log.lock().unwrap().push("body");
        id
    }
}

#[cached(key = "pattern:{id}", skip(log, cache), cache = cache)]
async fn pattern(cache: &Cache, _: Guard, log: &Mutex<Vec<&'static str>>, id: u64) -> u64 {
    log.lock().unwrap().push("body");
    id
}

#[cached(key = "in-key:{guard}", skip(log, cache), cache = cache)]
async fn in_key(cache: &Cache, guard: Guard, log: &Mutex<Vec<&'static str>>) -> u64 {
    log.lock().unwrap().push("body");
    1
}

#[cached(key = "sync:{id}", skip(_guard, log, cache), cache = cache)]
fn sync(cache: &Cache, _guard: Guard, log: &Mutex<Vec<&'static str>>, id: u64) -> u64 {
    log.lock().unwrap().push("body");
    id
}

#[tokio::test]
async fn owned_arguments_end_after_the_body() {
    let (cache, log) = (cache(), Arc::new(Mutex::new(Vec::new())));
    let guard = || Guard(Arc::clone(&log));
    let ended = || std::mem::take(&mut *log.lock().unwrap());
    guard().owned(&cache, &log, 1).await;
    assert_eq!(ended(), ["body", "dropped"], "a receiver");
    pattern(&cache, guard(), &log, 1).await;
    assert_eq!(ended(), ["body", "dropped"], "a pattern");
    in_key(&cache, guard(), &log).await;
    assert_eq!(ended(), ["body", "dropped"], "an argument of the key");
    sync(&cache, guard(), &log, 1);
    assert_eq!(ended(), ["body", "dropped"], "an argument of a sync function");
}
