//! Boxed futures.

use std::future::Future;
use std::pin::Pin;

/// The future that backends return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
