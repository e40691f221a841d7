//! The keys that values are encrypted with, from where they lie.

use crate::fields::EncryptionConfig;

/// A field, and what is wrong with it.
type Wrong = (String, String);

pub(crate) fn check(encryption: &EncryptionConfig) -> Result<(), Vec<Wrong>> {
    let keys = encryption.keys.as_ref().is_some_and(|keys| !keys.is_empty());
    if encryption.enabled == Some(false) || (encryption.enabled.is_none() && !keys) {
        return match (&encryption.keys, encryption.write_with) {
            _ if encryption.enabled.is_some() => Ok(()),
            (Some(_), _) => {
                let message = "found an empty table; wanted a key, or `encryption.enabled = false`";
                Err(vec![("keys".to_owned(), message.to_owned())])
            }
            // It would look as if values were encrypted.
            (None, Some(id)) => {
                let message = format!("found `{id}`, but there is no key; add `keys.{id}`");
                Err(vec![("write_with".to_owned(), message)])
            }
            (None, None) => Ok(()),
        };
    }
    if !keys {
        let message = "missing, although `encryption.enabled = true`; write `keys.1 = { env = \"..\" }` or `{ file = \"..\" }`";
        return Err(vec![("keys".to_owned(), message.to_owned())]);
    }
    #[cfg(feature = "encryption")]
    return with_keys::load(encryption).map(drop);
    #[cfg(not(feature = "encryption"))]
    Err(vec![("keys".to_owned(), "encryption needs the feature `encryption`".to_owned())])
}

#[cfg(feature = "encryption")]
pub(crate) use with_keys::load;

#[cfg(feature = "encryption")]
mod with_keys {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use cache_core::Keys;
    use zeroize::Zeroizing;

    use super::Wrong;
    use crate::fields::{EncryptionConfig, KeyConfig};
    use crate::mistakes::shown;

    const BYTES: usize = 32;

    /// The keys, if values are to be encrypted.
    pub(crate) fn load(encryption: &EncryptionConfig) -> Result<Option<Keys>, Vec<Wrong>> {
        let configured = encryption.keys.iter().flatten();
        if encryption.enabled == Some(false) {
            return Ok(None);
        }
        let (mut keys, mut wrong) = (Vec::new(), Vec::new());
        for (id, key) in configured {
            match (id.parse::<u32>(), bytes(key)) {
                (Ok(id), Ok(bytes)) => keys.push((id, bytes)),
                (Ok(_), Err((field, message))) => {
                    wrong.push((format!("keys.{id}{field}"), message));
                }
                (Err(_), _) => {
                    let message = format!("found {}; wanted a number for an id", shown(id));
                    wrong.push((format!("keys.{id}"), message));
                }
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let first = match (encryption.write_with, &*keys) {
            (_, []) => return Ok(None),
            (None, [(only, _)]) => *only,
            (None, _) => {
                let message = "missing; with several keys, say which id is to encrypt";
                return Err(vec![("write_with".to_owned(), message.to_owned())]);
            }
            (Some(first), _) => first,
        };
        let Some(at) = keys.iter().position(|(id, _)| *id == first) else {
            let message = format!("found `{first}`; wanted the id of one of the keys");
            return Err(vec![("write_with".to_owned(), message)]);
        };
        let (id, key) = keys.swap_remove(at);
        let with = |keys: Keys, (id, key): (u32, Zeroizing<[u8; BYTES]>)| keys.also(id, *key);
        Ok(Some(keys.into_iter().fold(Keys::new(id, *key), with)))
    }

    /// The key, or the field below it that is wrong.
    fn bytes(key: &KeyConfig) -> Result<Zeroizing<[u8; BYTES]>, (&'static str, String)> {
        match (&key.env, &key.file, &key.base64) {
            (Some(name), None, None) => match std::env::var(name) {
                Ok(text) => decoded(&Zeroizing::new(text)).map_err(|wrong| {
                    (".env", format!("the environment variable `{name}` {wrong}"))
                }),
                Err(_) => Err((".env", format!("there is no environment variable `{name}`"))),
            },
            (None, Some(path), None) => {
                let read = std::fs::read(path).map(Zeroizing::new);
                let read = read.map_err(|error| format!("can't be read: {error}"));
                read.and_then(|bytes| whole(&bytes))
                    .map_err(|wrong| (".file", format!("`{}` {wrong}", path.display())))
            }
            (None, None, Some(text)) => {
                decoded(text.expose()).map_err(|wrong| (".base64", format!("it {wrong}")))
            }
            _ => Err(("", "wanted one of `env`, `file` and `base64`".to_owned())),
        }
    }

    /// A file has the bytes as they are, or in base64.
    fn whole(bytes: &[u8]) -> Result<Zeroizing<[u8; BYTES]>, String> {
        match (<[u8; BYTES]>::try_from(bytes), std::str::from_utf8(bytes)) {
            (Ok(key), _) => Ok(Zeroizing::new(key)),
            (Err(_), Ok(text)) => decoded(text),
            (Err(_), Err(_)) => Err(wrong()),
        }
    }

    fn decoded(text: &str) -> Result<Zeroizing<[u8; BYTES]>, String> {
        let bytes = Zeroizing::new(STANDARD.decode(text.trim()).map_err(|_| wrong())?);
        <[u8; BYTES]>::try_from(&bytes[..]).map(Zeroizing::new).map_err(|_| wrong())
    }

    fn wrong() -> String {
        format!("holds no key; wanted {BYTES} bytes in base64 (`openssl rand -base64 {BYTES}`)")
    }
}
