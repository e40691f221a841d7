//! Every form that a function can have: called, served from the cache and evicted, through the public API.

mod arguments;
mod async_trait;
mod attributes;
mod generics;
mod instances;
mod lifetimes;
mod methods;
mod mutators;
mod outputs;
mod places;
mod recursion;
mod send;
mod traits;

/// A load, a hit, an eviction by `.evict()`, and a load again: for functions that return a `Call`.
///
/// `LOADS` counts the runs of the body.
macro_rules! served {
    ($call:expr => $value:expr) => {{
        let before = LOADS.get();
        assert_eq!($call.await, $value);
        assert_eq!($call.await, $value);
        assert_eq!(LOADS.get(), before + 1, "the second call is a hit");
        assert!($call.evict().await.unwrap(), "there was something to evict");
        assert_eq!($call.await, $value);
        assert_eq!(LOADS.get(), before + 2, "nothing was left");
    }};
}

/// The same for a sync function, with `call!`.
macro_rules! served_sync {
    ($call:expr, $directed:expr => $value:expr) => {{
        let before = LOADS.get();
        assert_eq!($call, $value);
        assert_eq!($call, $value);
        assert_eq!(LOADS.get(), before + 1, "the second call is a hit");
        assert!($directed.evict().await.unwrap(), "there was something to evict");
        assert_eq!($call, $value);
        assert_eq!(LOADS.get(), before + 2, "nothing was left");
    }};
}

/// The same for functions that return a future or a value: `evict` is an expression that evicts.
macro_rules! served_plainly {
    ($call:expr, $evict:expr => $value:expr) => {{
        let before = LOADS.get();
        assert_eq!($call, $value);
        assert_eq!($call, $value);
        assert_eq!(LOADS.get(), before + 1, "the second call is a hit");
        let _ = $evict;
        assert_eq!($call, $value);
        assert_eq!(LOADS.get(), before + 2, "nothing was left");
    }};
}

use {served, served_plainly, served_sync};

/// Asserts that a future is `Send`.
fn send<F: Send>(future: F) -> F {
    future
}
