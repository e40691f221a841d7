//! A replaced master that does not know it: a client that could have learned of the failover no longer reads from it.
//! The tests script the answers of the Sentinels, and a proxy in front of the master stands still.

use std::time::Duration;

use larder::backend::{Backend, BackendError, Bytes, NodeLink};
use larder::redis::Redis;

use crate::scripted::{Says, Scripted};
use crate::sentinel::MASTER;
use crate::support::{Proxy, Server, eventually};

/// A request that waits this long has noticed the silence.
const SILENCE: Duration = Duration::from_millis(300);

/// A timeout that a busy machine does not reach.
const PATIENCE: Duration = Duration::from_secs(30);

/// A master behind a proxy, and the server that takes over.
struct Pair {
    old: Server,
    new: Server,
    proxy: Proxy,
}

impl Pair {
    fn start() -> Self {
        let (old, new) = (Server::start(), Server::start());
        for (server, value) in [(&old, b"old"), (&new, b"new")] {
            for key in KEYS {
                server.set_bytes(key, value);
            }
        }
        let proxy = Proxy::start(old.port());
        Self { old, new, proxy }
    }

    fn sentinel(&self) -> Scripted {
        Scripted::start(Says::master(1, self.proxy.port()))
    }

    fn taken_over(&self) -> Says {
        Says::master(2, self.new.port())
    }

    /// A `+switch-master` or `+promoted-slave` message in the form of Sentinels.
    fn news(&self, channel: &str) -> String {
        let (old, new) = (self.proxy.port(), self.new.port());
        if channel == "+switch-master" {
            format!("{MASTER} 127.0.0.1 {old} 127.0.0.1 {new}")
        } else {
            format!("slave 127.0.0.1:{new} 127.0.0.1 {new} @ {MASTER} 127.0.0.1 {old}")
        }
    }
}

/// Slots of both parities: two connections share them.
const KEYS: [&str; 6] = ["shop:0", "shop:1", "shop:2", "shop:3", "shop:4", "shop:5"];

async fn read(redis: &Redis, key: &str) -> Result<Bytes, BackendError> {
    let mut found = redis.get_many(&[key], usize::MAX).await?;
    Ok(found.pop().flatten().expect("both servers have every key").value)
}

/// Returns a client that has read from the old master.
async fn reading(sentinels: String) -> Redis {
    let redis = Redis::builder(sentinels).operation_timeout(PATIENCE).connect().await.unwrap();
    assert_eq!(read(&redis, KEYS[0]).await.unwrap(), "old");
    redis
}

/// The old master stands still, and a request gets no answer.
async fn silence(redis: &Redis, proxy: &Proxy) {
    proxy.freeze();
    let asked = tokio::time::timeout(SILENCE, read(redis, KEYS[0])).await;
    assert!(asked.is_err(), "nothing is answered");
}

/// This Sentinel has the new epoch already, but one command still returns the old address until the replicas follow.
#[tokio::test]
async fn the_sentinel_that_leads_a_failover_names_the_new_master() {
    let pair = Pair::start();
    let leads = Says { configured: pair.proxy.port(), ..pair.taken_over() };
    let (leader, other) = (Scripted::start(leads), pair.sentinel());
    for told in [false, true] {
        if told {
            other.say(pair.taken_over());
        }
        for sentinels in [[&leader, &other], [&other, &leader]] {
            let redis = Redis::connect(Scripted::url(&sentinels)).await.unwrap();
            assert_eq!(read(&redis, KEYS[0]).await.unwrap(), "new");
        }
    }
}

#[tokio::test]
async fn a_server_is_not_trusted_after_a_silence_in_which_it_was_replaced() {
    let pair = Pair::start();
    let sentinel = pair.sentinel();
    let redis = reading(Scripted::url(&[&sentinel])).await;
    silence(&redis, &pair.proxy).await;
    sentinel.say(pair.taken_over());
    pair.proxy.thaw();
    assert_eq!(read(&redis, KEYS[0]).await.unwrap(), "new");
}

/// Then no Sentinel can name the master.
#[tokio::test]
async fn a_server_is_not_trusted_after_a_silence_while_no_sentinel_answers() {
    let pair = Pair::start();
    let way = Proxy::start(pair.sentinel().port);
    let redis = reading(format!("redis-sentinel://127.0.0.1:{}/{MASTER}", way.port())).await;
    silence(&redis, &pair.proxy).await;
    way.down();
    pair.proxy.thaw();
    read(&redis, KEYS[0]).await.unwrap_err();
    way.up();
    eventually("they answer again", async || {
        read(&redis, KEYS[0]).await.is_ok_and(|value| value == "old")
    })
    .await;
}

#[tokio::test]
async fn a_server_is_trusted_after_a_silence_while_the_sentinels_name_it() {
    let pair = Pair::start();
    let sentinel = pair.sentinel();
    let redis = reading(Scripted::url(&[&sentinel])).await;
    let connections = pair.proxy.accepted();
    silence(&redis, &pair.proxy).await;
    pair.proxy.thaw();
    assert_eq!(read(&redis, KEYS[0]).await.unwrap(), "old");
    assert_eq!(pair.proxy.accepted(), connections, "over the same connection");
}

/// The answer was on its way when the message arrived.
#[tokio::test]
async fn an_answer_after_the_failover_message_does_not_count() {
    let pair = Pair::start();
    let sentinel = pair.sentinel();
    let redis = reading(Scripted::url(&[&sentinel])).await;
    eventually("the Sentinel is listened to", async || sentinel.is_listened_to()).await;
    pair.proxy.freeze();
    let waiting = tokio::spawn({
        let redis = redis.clone();
        async move { read(&redis, KEYS[0]).await }
    });
    tokio::task::yield_now().await;
    sentinel.say(pair.taken_over());
    sentinel.publish("+switch-master", &pair.news("+switch-master"));
    eventually("the old master is left", async || {
        redis.state().nodes.iter().all(|node| node.link != NodeLink::Up)
    })
    .await;
    pair.proxy.thaw();
    assert_eq!(waiting.await.unwrap().unwrap(), "new");
}

/// One Sentinel knows of the failover, the others still name the replaced server.
#[tokio::test]
async fn one_sentinel_with_a_newer_epoch_outweighs_the_others() {
    for channel in ["+promoted-slave", "+switch-master"] {
        let pair = Pair::start();
        let sentinel = pair.sentinel();
        let redis = reading(Scripted::url(&[&sentinel])).await;
        eventually("the Sentinel is listened to", async || sentinel.is_listened_to()).await;
        sentinel.publish(channel, "slave a:1 a 1 @ other b 2");
        sentinel.publish(channel, &pair.news(channel));
        eventually("the old master is left", async || read(&redis, KEYS[0]).await.is_err()).await;
        let error = read(&redis, KEYS[0]).await.unwrap_err().to_string();
        assert!(error.contains("do not know of the last failover"), "{error}");
        sentinel.say(pair.taken_over());
        eventually("the new master is used", async || {
            read(&redis, KEYS[0]).await.is_ok_and(|value| value == "new")
        })
        .await;
        // A Sentinel that does not know of the failover yet cannot lead the client back.
        sentinel.say(Says::master(1, pair.proxy.port()));
        pair.new.cli(&["client", "kill", "type", "normal"]);
        let error = read(&redis, KEYS[0]).await.unwrap_err().to_string();
        assert!(error.contains("do not know of the last failover"), "{error}");
    }
}

/// The server stood still until it accepted the connection.
#[tokio::test]
async fn a_server_that_was_replaced_during_the_connection_is_not_used() {
    let pair = Pair::start();
    let sentinel = pair.sentinel();
    pair.proxy.freeze_all();
    let patient = Redis::builder(Scripted::url(&[&sentinel]));
    let patient = patient.connect_timeout(PATIENCE);
    let connecting = tokio::spawn(async move { patient.connect().await });
    eventually("it is connected to", async || pair.proxy.accepted() == 1).await;
    tokio::time::sleep(SILENCE).await;
    sentinel.say(pair.taken_over());
    pair.proxy.thaw();
    let redis = connecting.await.unwrap().unwrap();
    assert_eq!(read(&redis, KEYS[0]).await.unwrap(), "new");
}

/// One of two connections finds another master: the other connection is dropped too, although it received no message.
#[tokio::test]
async fn a_new_master_that_one_connection_finds_counts_for_all() {
    let pair = Pair::start();
    let sentinel = pair.sentinel();
    let redis = Redis::builder(Scripted::url(&[&sentinel])).operation_timeout(PATIENCE);
    let redis = redis.connections(2).connect().await.unwrap();
    for key in KEYS {
        assert_eq!(read(&redis, key).await.unwrap(), "old");
    }
    sentinel.say(pair.taken_over());
    let clients = pair.old.cli(&["client", "list", "type", "normal"]);
    let client = clients.lines().find(|client| client.contains("cmd=getrange")).unwrap();
    let id = client.split(' ').find_map(|field| field.strip_prefix("id=")).unwrap();
    pair.old.cli(&["client", "kill", "id", id]);
    let is_found = || redis.state().failovers == 1;
    eventually("one of them is at the new master", async || {
        for key in KEYS {
            if !is_found() {
                let _ = read(&redis, key).await;
            }
        }
        is_found()
    })
    .await;
    for key in KEYS {
        assert_eq!(read(&redis, key).await.unwrap(), "new", "{key}");
    }
}
