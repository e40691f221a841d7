//! TLS: servers with their own certificates, created by `openssl`.

#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used)]

#[path = "../../tests/support/mod.rs"]
mod common;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use cache_core::{Backend, BackendErrorKind, SetEntry, StoredValue};
use cache_redis::client::{ClientTlsConfig, TlsCertificates};
use cache_redis::{Redis, RedisBuilder};
use common::{Server, eventually, free_port, redis_server};

/// Larger than every value.
const ALL: usize = usize::MAX;

fn values(found: Vec<Option<StoredValue>>) -> Vec<Option<bytes::Bytes>> {
    found.into_iter().map(|read| Some(read?.value)).collect()
}

struct Deaf;

impl cache_core::MessageHandler for Deaf {
    fn connected(&self) {}
    fn disconnected(&self) {}
    fn message(&self, _: &[u8]) {}
}

struct Authority(PathBuf);

impl Authority {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("larder-tls-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let authority = Self(dir);
        authority.openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt \
             -days 2 -subj /CN=larder-tests",
        );
        std::fs::write(authority.0.join("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1")
            .unwrap();
        for one in ["server", "client"] {
            authority.openssl(&format!(
                "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {one}.key -out {one}.csr \
                 -subj /CN={one}"
            ));
            authority.openssl(&format!(
                "x509 -req -in {one}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out {one}.crt -days 2 \
                 -extfile names"
            ));
        }
        authority
    }

    fn openssl(&self, args: &str) {
        let mut openssl = Command::new("openssl");
        let output = openssl.args(args.split_whitespace()).current_dir(&self.0).output();
        let output = output.expect("openssl is needed for this test");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(Path::new(&self.file(name))).unwrap()
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Authority {
    /// A server with an additional TLS port, for clients with a certificate of the authority.
    fn server(&self, more: &[&str]) -> (Server, u16) {
        let port = free_port();
        let files = ["server.crt", "server.key", "ca.crt"].map(|name| self.file(name));
        let options = ["--tls-cert-file", "--tls-key-file", "--tls-ca-cert-file"];
        let port_text = port.to_string();
        let mut args = vec!["--tls-port", port_text.as_str()];
        args.extend(options.iter().zip(&files).flat_map(|(option, file)| [option, file.as_str()]));
        args.extend(more);
        (Server::with_args(&args), port)
    }

    /// A client that trusts this authority, with or without a certificate of it.
    fn certificates(&self, client: bool) -> TlsCertificates {
        TlsCertificates {
            root_cert: Some(self.read("ca.crt")),
            client_tls: client.then(|| ClientTlsConfig {
                client_cert: self.read("client.crt"),
                client_key: self.read("client.key"),
            }),
        }
    }

    fn known(&self, url: &str) -> RedisBuilder {
        Redis::builder(url).certificates(self.certificates(true))
    }
}

#[tokio::test]
async fn rediss_is_over_tls() {
    let (authority, stranger) = (Authority::new("one"), Authority::new("other"));
    let (server, port) = authority.server(&[]);
    let url = format!("rediss://localhost:{port}");
    let redis = authority.known(&url).connect().await.unwrap();
    redis.bump("over tls").await.unwrap();
    let _subscription = redis.subscribe("bus", Arc::new(Deaf)).unwrap();
    let subscribed = async || server.cli(&["pubsub", "numsub", "bus"]).ends_with('1');
    eventually("the bus is over TLS, too", subscribed).await;

    // The client trusts no server of another authority, and the server requires a client
    // certificate.
    let strange = TlsCertificates {
        root_cert: Some(stranger.read("ca.crt")),
        ..authority.certificates(true)
    };
    for wrong in [
        Redis::builder(&url),
        Redis::builder(&url).certificates(strange),
        Redis::builder(&url).certificates(authority.certificates(false)),
        Redis::builder(format!("redis://localhost:{port}")),
    ] {
        let error = wrong.connect().await.unwrap_err();
        assert_eq!(error.kind(), BackendErrorKind::Unreachable, "{error}");
        assert!(error.to_string().contains("TLS"), "{error}");
    }
    let plain = format!("rediss://localhost:{}", server.port());
    let error = Redis::connect(plain).await.unwrap_err();
    assert!(error.to_string().contains("without TLS it is `redis://`"), "{error}");
    let without = Redis::builder("redis://localhost").certificates(authority.certificates(true));
    let error = without.build_lazy().unwrap_err();
    assert!(error.to_string().contains("write `rediss://`"), "{error}");
}

/// The node reports its TLS port without an address, because no other node has told it one.
#[tokio::test]
async fn a_cluster_is_over_tls() {
    let authority = Authority::new("cluster");
    let (server, port) = authority.server(&["--cluster-enabled", "yes", "--tls-cluster", "yes"]);
    server.cli(&["cluster", "addslotsrange", "0", "16383"]);
    let redis = authority.known(&format!("rediss-cluster://127.0.0.1:{port}"));
    let redis = redis.build_lazy().unwrap();
    let writes = ["a", "b", "c"].map(|key| SetEntry::new(key, key));
    eventually("the cluster is there", async || redis.set(&writes, None).await.is_ok()).await;
    assert_eq!(values(redis.get_many(&["a", "x"], ALL).await.unwrap()), [Some("a".into()), None]);
    assert_eq!(redis.remove(&["a", "b", "c"], None).await.unwrap(), 3);
    let _subscription = redis.subscribe("bus", Arc::new(Deaf)).unwrap();
    let subscribed = async || server.cli(&["pubsub", "numsub", "bus"]).ends_with('1');
    eventually("the bus is over TLS, too", subscribed).await;
}

struct Sentinel(Child);

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The Sentinel is asked over TLS, and the master that it names, too.
#[tokio::test]
async fn a_sentinel_and_its_master_are_over_tls() {
    let authority = Authority::new("sentinel");
    let (_master, master) = authority.server(&[]);
    let port = free_port();
    let file = |name| authority.file(name);
    let config = format!(
        "port 0\ntls-port {port}\nbind 127.0.0.1\ntls-replication yes\ntls-cert-file {}\n\
         tls-key-file {}\ntls-ca-cert-file {}\nsentinel monitor main 127.0.0.1 {master} 1\n",
        file("server.crt"),
        file("server.key"),
        file("ca.crt"),
    );
    std::fs::write(file("sentinel.conf"), config).unwrap();
    let mut sentinel = Command::new(redis_server());
    sentinel.arg(file("sentinel.conf")).arg("--sentinel").stdin(Stdio::null());
    let sentinel = sentinel.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let _sentinel = Sentinel(sentinel);
    let redis = authority.known(&format!("rediss-sentinel://127.0.0.1:{port}/main"));
    let redis = redis.build_lazy().unwrap();
    eventually("the Sentinel is there", async || redis.ping().await.is_ok()).await;
    redis.bump("over tls").await.unwrap();
}
