//! A small HTTP client over one connection: for the tests and for the load generator, which should need no more crates.

use std::io;
use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// A connection to a shop.
#[derive(Debug)]
pub struct Client {
    connection: BufReader<TcpStream>,
    tenant: String,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status, such as 200.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl Response {
    /// The body as JSON, `null` if it is something else.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

impl Client {
    /// Connects as a user of `tenant`.
    ///
    /// # Errors
    /// No one listens at `address`.
    pub async fn connect(address: SocketAddr, tenant: &str) -> io::Result<Self> {
        let connection = BufReader::new(TcpStream::connect(address).await?);
        Ok(Self { connection, tenant: tenant.to_owned() })
    }

    /// `GET path`.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn get(&mut self, path: &str) -> io::Result<Response> {
        self.send("GET", path, "").await
    }

    /// Sends a request with a body of JSON, or without one, and waits for the answer.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn send(&mut self, method: &str, path: &str, body: &str) -> io::Result<Response> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: shop\r\n{}: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            crate::tenant::HEADER,
            self.tenant,
            body.len(),
        );
        self.connection.write_all(request.as_bytes()).await?;

        let wrong = || io::Error::new(io::ErrorKind::InvalidData, "this is not HTTP");
        let status = self.line().await?;
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok());
        let mut length = 0;
        loop {
            let line = self.line().await?;
            match line.split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.parse().map_err(|_| wrong())?;
                }
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        self.connection.read_exact(&mut body).await?;
        let body = String::from_utf8(body).map_err(|_| wrong())?;
        Ok(Response { status: status.ok_or_else(wrong)?, body })
    }

    async fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.connection.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}
