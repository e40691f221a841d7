//! P1: a remote tier returns the value that was stored, even if a type serializes and deserializes differently, or if a
//! release changed a type and one of its fields rejects made-up values.

use std::fmt::Debug;

use larder::{Cache, RemoteValue, backend::MemoryBackend, codec::Codec};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

fn caches() -> [Cache; 2] {
    [Codec::Postcard, Codec::MessagePack].map(|codec| {
        let builder = Cache::builder().no_memory().remote(MemoryBackend::new());
        builder.codec(codec).build().unwrap()
    })
}

/// The value comes back unchanged, or `insert` fails and stores nothing.
async fn never_another<T: RemoteValue + PartialEq + Debug>(value: T) {
    for cache in caches() {
        let inserted = cache.insert("value", value.clone()).await;
        let found = cache.get::<T>("value").await.unwrap();
        assert_eq!(found, inserted.is_ok().then(|| value.clone()));
        assert_eq!(cache.stats().refused, u64::from(inserted.is_err()));
    }
}

#[tokio::test]
async fn of_types_that_serialize_and_deserialize_differently() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Amount {
        #[serde(skip)]
        #[allow(dead_code)]
        Unknown,
        Credit(u64),
        Debit(u64),
    }
    never_another(Amount::Credit(5)).await;
    never_another(Amount::Debit(5)).await;
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct User {
        name: String,
        #[serde(skip_serializing, default)]
        password_hash: String,
    }
    never_another(User { name: "a".to_owned(), password_hash: "b".to_owned() }).await;
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Row {
        #[serde(skip_deserializing)]
        id: u64,
        balance: u64,
        #[serde(skip_serializing, default)]
        limit: u64,
    }
    never_another(Row { id: 0, balance: 0, limit: 3 }).await;
}

/// Deserializes only ids with the prefix of its own service.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Id(String);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let known = text.starts_with("usr_");
        known.then_some(Self(text)).ok_or_else(|| D::Error::custom("no id of a user"))
    }
}

/// A value that one build stored is a miss in the other build, or reads as the same value.
async fn deployed<Old: RemoteValue + Debug, New: RemoteValue + Debug>(old: Old, _: fn() -> New) {
    assert_eq!(std::any::type_name::<Old>(), std::any::type_name::<New>());
    for cache in caches() {
        cache.insert("value", old.clone()).await.unwrap();
        assert!(cache.get::<Old>("value").await.unwrap().is_some());
        if let Some(new) = cache.get::<New>("value").await.unwrap() {
            assert_eq!(format!("{new:?}"), format!("{old:?}"));
        }
    }
}

/// Both types are declared in one function, so the compiler gives them the same name, as in two builds.
#[tokio::test]
async fn of_types_that_a_release_changed_after_a_field_that_rejects_values() {
    let id = || Id("usr_7".to_owned());
    let old = {
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[allow(dead_code)]
        enum Role {
            Guest,
            Admin,
        }
        #[derive(Clone, Debug, Serialize, Deserialize)]
        struct User {
            id: Id,
            role: Role,
        }
        #[derive(Clone, Debug, Serialize, Deserialize)]
        struct Member(Id, Role);
        (User { id: id(), role: Role::Guest }, Member(id(), Role::Guest))
    };
    let new = {
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[allow(dead_code)]
        enum Role {
            Admin,
            Guest,
        }
        #[derive(Clone, Debug, Serialize, Deserialize)]
        struct User {
            id: Id,
            role: Role,
        }
        #[derive(Clone, Debug, Serialize, Deserialize)]
        struct Member(Id, Role);
        (user_of::<User>(), user_of::<Member>())
    };
    deployed(old.0, new.0).await;
    deployed(old.1, new.1).await;
}

/// Names a type without a value of it.
fn user_of<T>() -> fn() -> T {
    || unreachable!("it is only named")
}
