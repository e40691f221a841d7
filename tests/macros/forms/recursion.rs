//! Functions that call themselves.

use std::future::Future;
use std::pin::Pin;

use larder::{cached, call};

use super::{send, served, served_plainly, served_sync};
use crate::{Loads, install};

static LOADS: Loads = Loads::new();

#[cached(cache = "forms-recursion")]
fn sync(n: u64) -> u64 {
    if n == 20 {
        LOADS.count();
    }
    if n < 2 { n } else { sync(n - 1) + sync(n - 2) }
}

#[cached(cache = "forms-recursion")]
async fn direct(n: u64) -> u64 {
    if n == 20 {
        LOADS.count();
    }
    if n < 2 { n } else { direct(n - 1).await + Box::pin(direct(n - 2)).await }
}

#[cached(ttl = "1m", stale = "1m", cache = "forms-recursion")]
async fn refreshed(n: u64) -> u64 {
    if n == 20 {
        LOADS.count();
    }
    if n < 2 {
        return n;
    }
    refreshed(n - 1).await + refreshed(n - 2).await
}

#[cached(key = "boxed:{n}", cache = "forms-recursion")]
fn boxed(n: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move {
        if n == 20 {
            LOADS.count();
        }
        if n < 2 { n } else { boxed(n - 1).await + boxed(n - 2).await }
    })
}

struct Tree {
    depth: u64,
}

impl Tree {
    #[cached(key = "sync:{self.depth}:{n}", cache = "forms-recursion")]
    pub(crate) fn sync(&self, n: u64) -> u64 {
        if n == 0 {
            LOADS.count();
        }
        if n == self.depth { n } else { self.sync(n + 1) + n }
    }

    #[cached(key = "async:{self.depth}:{n}", cache = "forms-recursion")]
    async fn direct(&self, n: u64) -> u64 {
        if n == 0 {
            LOADS.count();
        }
        if n == self.depth { n } else { Box::pin(self.direct(n + 1)).await + n }
    }
}

#[tokio::test]
async fn functions_call_themselves() {
    let cache = install("forms-recursion");
    served_sync!(sync(20), call!(sync(20)) => 6765);
    served!(send(direct(20)) => 6765);
    served!(send(refreshed(20)) => 6765);
    served_plainly!(send(boxed(20)).await, cache.remove("boxed:20").await => 6765);
    let tree = Tree { depth: 9 };
    served_sync!(tree.sync(0), call!(tree.sync(0)) => 45);
    served!(send(tree.direct(0)) => 45);
}

/// The address of a variable on the stack.
fn here() -> u64 {
    let variable = 0_u8;
    std::ptr::from_ref(std::hint::black_box(&variable)).addr() as u64
}

#[cached(cache = "forms-recursion-stack")]
fn deepest(n: u64) -> u64 {
    if n == 0 { here() } else { deepest(n - 1) }
}

/// 2 MiB, the stack of a test's thread, are enough for 200 levels also without optimizations.
#[test]
fn a_level_uses_less_than_ten_kilobytes_of_stack() {
    install("forms-recursion-stack");
    let levels = 50;
    let used = here() - deepest(levels);
    assert!(used / levels < 10_000, "{} bytes for each level", used / levels);
}
