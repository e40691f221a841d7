//! Reads encryption keys from files, variables and fields.

use cache_core::Builder;

use crate::check::Fault;
use crate::fields::EncryptionConfig;

/// Sets the keys of a builder, if encryption is configured.
pub(crate) fn encrypted(
    builder: Builder,
    encryption: &EncryptionConfig,
    faults: &mut Vec<Fault>,
) -> Builder {
    if let Some((field, message)) = missing(encryption) {
        faults.push((format!("encryption.{field}"), message));
        return builder;
    }
    if encryption.enabled == Some(false) || encryption.keys.is_none() {
        return builder;
    }
    #[cfg(feature = "encryption")]
    return with_keys::encrypted(builder, encryption, faults);
    #[cfg(not(feature = "encryption"))]
    {
        let message = "encryption needs the feature `encryption`".to_owned();
        faults.push(("encryption.keys".to_owned(), message));
        builder
    }
}

/// The field that the other fields require, if it is missing.
fn missing(encryption: &EncryptionConfig) -> Option<(&'static str, String)> {
    match (encryption.enabled, &encryption.keys, encryption.write_with) {
        (Some(false), _, _) | (None, None, None) => None,
        (_, Some(keys), _) if !keys.is_empty() => None,
        (Some(true), _, _) => {
            let message = "missing, although `encryption.enabled = true`; write `keys.1 = { env = \"..\" }` or `{ file = \"..\" }`";
            Some(("keys", message.to_owned()))
        }
        (None, Some(_), _) => {
            let message = "found an empty table; wanted a key, or `encryption.enabled = false`";
            Some(("keys", message.to_owned()))
        }
        // Without this message the values would seem to be encrypted.
        (None, None, Some(id)) => {
            Some(("write_with", format!("found `{id}`, but there is no key; add `keys.{id}`")))
        }
    }
}

#[cfg(feature = "encryption")]
mod with_keys {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use cache_core::{Builder, EncryptionKeys};
    use zeroize::Zeroizing;

    use super::Fault;
    use crate::fields::{EncryptionConfig, KeyConfig};
    use crate::suggest::shown;

    const BYTES: usize = 32;

    pub(super) fn encrypted(
        builder: Builder,
        encryption: &EncryptionConfig,
        faults: &mut Vec<Fault>,
    ) -> Builder {
        match load(encryption) {
            Ok(keys) => builder.encryption(keys),
            Err(found) => {
                faults.extend(found);
                builder
            }
        }
    }

    /// Reads the keys; there is one at least.
    fn load(encryption: &EncryptionConfig) -> Result<EncryptionKeys, Vec<Fault>> {
        let configured = encryption.keys.iter().flatten();
        let (mut keys, mut wrong) = (Vec::new(), Vec::new());
        for (id, key) in configured {
            match (id.parse::<u32>(), bytes(key)) {
                (Ok(id), Ok(bytes)) => keys.push((id, bytes)),
                (Ok(_), Err((field, message))) => {
                    wrong.push((format!("encryption.keys.{id}{field}"), message));
                }
                (Err(_), _) => {
                    let message = format!("found {}; wanted a number for an id", shown(id));
                    wrong.push((format!("encryption.keys.{id}"), message));
                }
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let first = match (encryption.write_with, &*keys) {
            (None, [(only, _)]) => *only,
            (None, _) => {
                let message = "missing; with several keys, say which id is to encrypt";
                return Err(vec![("encryption.write_with".to_owned(), message.to_owned())]);
            }
            (Some(first), _) => first,
        };
        let Some(at) = keys.iter().position(|(id, _)| *id == first) else {
            let message = format!("found `{first}`; wanted the id of one of the keys");
            return Err(vec![("encryption.write_with".to_owned(), message)]);
        };
        let (id, key) = keys.swap_remove(at);
        let with =
            |keys: EncryptionKeys, (id, key): (u32, Zeroizing<[u8; BYTES]>)| keys.also(id, *key);
        Ok(keys.into_iter().fold(EncryptionKeys::new(id, *key), with))
    }

    /// Reads one key; the error names the field in it.
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

    /// The key in a file: the bytes themselves, or base64.
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
        format!("contains no key; wanted {BYTES} bytes in base64 (`openssl rand -base64 {BYTES}`)")
    }
}
