//! The kit in services: requests that arrive over a connection use the kit's caches.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use super::Kit;

/// A [`tower_layer::Layer`] whose services run in a kit: see [`Kit::layer`].
#[derive(Clone, Debug)]
pub struct KitLayer(Kit);

/// A service that runs in a kit: what [`KitLayer`] makes of a service.
#[derive(Clone, Debug)]
pub struct KitService<S> {
    kit: Kit,
    inner: S,
}

impl Kit {
    /// Returns a layer for `tower` and `axum` services, so that a test can send requests over a real connection to a service
    /// that uses the kit's caches (feature `tower`).
    ///
    /// A server handles each connection in a task of its own, which does not belong to the kit of the test. The layer carries
    /// the kit into the handling of each request. It does not cover what the server does with a streaming body after the
    /// handler has returned, nor tasks that the handler starts (see [`with_current_kit`](super::with_current_kit)).
    ///
    /// ```
    /// use axum::{Router, routing::get};
    /// use larder::{cached, testing::Kit};
    /// use tokio::io::{AsyncReadExt, AsyncWriteExt};
    /// use tokio::net::{TcpListener, TcpStream};
    ///
    /// #[cached(ttl = "1m")]
    /// async fn greeting() -> String {
    ///     "Hello".to_owned()
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let kit = Kit::new();
    /// let service = Router::new().route("/", get(|| greeting())).layer(kit.layer());
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let address = listener.local_addr()?;
    /// let server = tokio::spawn(async move { axum::serve(listener, service).await });
    ///
    /// for _ in 0..2 {
    ///     let mut connection = TcpStream::connect(address).await?;
    ///     connection.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
    ///     let mut answer = String::new();
    ///     connection.read_to_string(&mut answer).await?;
    ///     assert!(answer.ends_with("Hello"));
    /// }
    /// kit.expect().misses(1).hits(1);
    /// server.abort();
    /// # Ok(())
    /// # }
    /// ```
    pub fn layer(&self) -> KitLayer {
        KitLayer(self.clone())
    }
}

impl<S> Layer<S> for KitLayer {
    type Service = KitService<S>;

    fn layer(&self, inner: S) -> KitService<S> {
        KitService { kit: self.0.clone(), inner }
    }
}

impl<S, R> Service<R> for KitService<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let Self { kit, inner } = self;
        kit.run_sync(|| inner.poll_ready(cx))
    }

    fn call(&mut self, request: R) -> Self::Future {
        let Self { kit, inner } = self;
        // A service may use the cache before it returns its future.
        let response = kit.run_sync(|| inner.call(request));
        Box::pin(kit.run(response))
    }
}
