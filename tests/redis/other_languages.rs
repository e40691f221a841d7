//! A program in another language reads values: the reader of the guide, in Python, on a real Redis.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use larder::redis::Redis;
use larder::{
    Cache, Policy,
    codec::{Codec, Compression},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::support::{Server, eventually};

/// A client with the standard library only. It stands for a package such as `redis`.
const CLIENT: &str = r#"
import socket, sys

class Client:
    def __init__(self, port):
        self.stream = socket.create_connection(("127.0.0.1", port)).makefile("rwb")

    def ask(self, *words):
        words = [word.encode() for word in words]
        request = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
        self.stream.write(b"*%d\r\n%s" % (len(words), request))
        self.stream.flush()
        line = self.stream.readline()
        if line[:1] == b":":
            return int(line[1:])
        length = int(line[1:])
        return None if length < 0 else self.stream.read(length + 2)[:-2]

    def get(self, key):
        return self.ask("GET", key)

    def pttl(self, key):
        return self.ask("PTTL", key)

client = Client(int(sys.argv[1]))
print(json.dumps([read(client, sys.argv[2], key) for key in sys.argv[3:]]))
"#;

fn reader() -> String {
    let page = include_str!("../../docs/tiers.md");
    let code = page.split_once("```python\n").unwrap().1.split_once("```").unwrap().0;
    assert!(code.lines().count() < 32, "the guide calls it short");
    format!("{code}\n{CLIENT}")
}

/// What the reader returns for each key.
fn read(server: &Server, namespace: &str, keys: &[&str]) -> serde_json::Value {
    let mut python = Command::new("python3");
    python.arg("-").arg(server.port().to_string()).arg(namespace).args(keys);
    let mut child = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(reader().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct User {
    id: u64,
    name: String,
    roles: BTreeMap<String, Option<bool>>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_in_python_reads_values() {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("python3 is missing: skipping the reader in Python");
        return;
    }
    let server = Server::start();
    for memory in [false, true] {
        let namespace = if memory { "shop" } else { "shop/strict" };
        let redis = Redis::connect(server.url()).await.unwrap();
        let builder = Cache::builder().namespace(namespace).remote(redis).codec(Codec::Json);
        let builder = if memory { builder } else { builder.no_memory() };
        let cache = builder.build().unwrap();
        eventually("the bus is connected", async || cache.is_linked()).await;

        let roles = BTreeMap::from([("admin".to_owned(), Some(true)), ("guest".to_owned(), None)]);
        let user = User { id: 7, name: "Ada \u{fc} \u{1f980}".into(), roles };
        cache.entry("user:7").tag("users").tag("of:acme").insert(user).await.unwrap();
        let large = "x".repeat(100_000);
        cache.insert("plain", large.clone()).await.unwrap();
        let minute = Policy::new()
            .ttl(std::time::Duration::from_secs(60))
            .stale_if_error(std::time::Duration::from_secs(60));
        cache.entry("old").policy(minute).insert(1_u64).await.unwrap();
        cache.tenant("acme").unwrap().insert("k", -1_i64).await.unwrap();

        let found = json!({ "id": 7, "name": "Ada \u{fc} \u{1f980}", "roles": { "admin": true, "guest": null } });
        let keys = ["user:7", "plain", "old", "@acme/k", "absent"];
        assert_eq!(read(&server, namespace, &keys), json!([found, large, 1, -1, null]));

        // What larder does not return, the reader does not return.
        cache.evict_tag("users").await.unwrap();
        assert!(cache.mark_stale("old").await.unwrap());
        cache.tenant("acme").unwrap().clear().await.unwrap();
        assert_eq!(read(&server, namespace, &keys), json!([null, large, null, null, null]));
        cache.clear().await.unwrap();
        assert_eq!(read(&server, namespace, &["plain"]), json!([null]));
        cache.insert("plain", 2_u64).await.unwrap();
        assert_eq!(
            read(&server, namespace, &["plain"]),
            json!([2]),
            "after the generation changed"
        );
        cache.expire("plain", std::time::Duration::from_millis(1)).await.unwrap();
        eventually("expired", async || read(&server, namespace, &["plain"]) == json!([null])).await;
    }

    // Values that are not plain JSON are none for the reader.
    for (name, codec, compression) in [
        ("postcard", Codec::Postcard, Compression::none()),
        ("packed", Codec::Json, Compression::lz4().threshold(1)),
    ] {
        let redis = Redis::connect(server.url()).await.unwrap();
        let builder = Cache::builder().namespace(name).remote(redis).codec(codec);
        let cache = builder.compression(compression).build().unwrap();
        cache.insert("k", "x".repeat(1_000)).await.unwrap();
        assert_eq!(read(&server, name, &["k"]), json!([null]), "{name}");
    }
}
