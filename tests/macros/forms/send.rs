//! Futures are `Send` if the body is.

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;

use larder::{cache_evict, cache_put, cached};

use super::send;
use crate::{Loads, install};

/// An error that is not `Send`.
type Local = Rc<str>;

trait Find {
    fn find(&self, id: u64) -> impl Future<Output = Result<u64, Local>> + Send;
}

#[tokio::test]
async fn an_error_need_not_be_send() {
    static LOADS: Loads = Loads::new();

    #[cached(cache = "forms-send")]
    async fn get(id: u64) -> Result<u64, Local> {
        tokio::task::yield_now().await;
        LOADS.count();
        if id > 100 { Err("too much".into()) } else { Ok(id) }
    }

    #[cached(
        ttl = "1m",
        stale = "1m",
        stale_if_error = "1m",
        soft_timeout = "1m",
        cache = "forms-send"
    )]
    async fn refreshed(id: u64) -> Result<u64, Local> {
        tokio::task::yield_now().await;
        LOADS.count();
        if id > 100 { Err("too much".into()) } else { Ok(id) }
    }

    struct Rows;
    impl Find for Rows {
        #[cached(skip(self), cache = "forms-send")]
        async fn find(&self, id: u64) -> Result<u64, Local> {
            tokio::task::yield_now().await;
            if id > 100 { Err("too much".into()) } else { Ok(id) }
        }
    }

    async fn all(id: u64) -> [bool; 3] {
        let got = get(id).await.is_ok();
        let refreshed = refreshed(id).await.is_ok();
        [got, refreshed, Rows.find(id).await.is_ok()]
    }

    install("forms-send");
    assert_eq!(tokio::spawn(all(1)).await.unwrap(), [true; 3]);
    assert_eq!(tokio::spawn(send(all(101))).await.unwrap(), [false; 3]);
    assert_eq!((tokio::spawn(all(1)).await.unwrap(), LOADS.get()), ([true; 3], 4));
}

/// A mutator keeps its output while it evicts.
#[tokio::test]
async fn an_output_of_a_mutator_need_not_be_sync() {
    #[cached(cache = "forms-send-mutators")]
    async fn get(id: u64) -> u64 {
        id
    }

    #[cache_evict(get(id))]
    async fn change(id: u64) -> Result<u64, Cell<u8>> {
        tokio::task::yield_now().await;
        if id > 100 { Err(Cell::new(1)) } else { Ok(id) }
    }

    #[cache_put(get(id))]
    async fn set(id: u64) -> Result<u64, Cell<u8>> {
        tokio::task::yield_now().await;
        if id > 100 { Err(Cell::new(1)) } else { Ok(id) }
    }

    install("forms-send-mutators");
    assert_eq!(tokio::spawn(set(1)).await.unwrap(), Ok(1));
    assert_eq!(get(1).peek().await.unwrap(), Some(1));
    assert_eq!(tokio::spawn(change(1)).await.unwrap(), Ok(1));
    assert_eq!(get(1).peek().await.unwrap(), None);
}
