//! The address of Redis: a URL, or its parts, which platforms often give in separate variables.

use std::fmt::Write as _;

use crate::check::Fault;
use crate::fields::RedisConfig;
use crate::secret::Secret;

/// The fields that a URL replaces.
const PARTS: [&str; 8] =
    ["host", "port", "database", "user", "password", "password_env", "password_file", "tls"];

impl RedisConfig {
    /// Whether there is an address.
    pub(crate) fn has_address(&self) -> bool {
        self.url.is_some() || self.host.is_some()
    }

    /// The URL, or the one that the parts make; `None` without an address.
    ///
    /// It reads the file or the variable of the password.
    pub(crate) fn address(&self) -> Result<Option<Secret>, Vec<Fault>> {
        let parts = self.parts();
        let fault = |part: &str, message: String| vec![(format!("redis.{part}"), message)];
        match (&self.url, &self.host, parts.first()) {
            (Some(url), None, None) => Ok(Some(url.clone())),
            (Some(_), _, Some(part)) => {
                let message = "`redis.url` is set, too, and has this part; remove one of the two";
                Err(fault(part, message.to_owned()))
            }
            (None, None, Some(part)) => Err(fault(part, "needs `redis.host`".to_owned())),
            (None, Some(host), _) => self.url_of(host).map(|url| Some(url.into())),
            // `host` is a part.
            (_, _, None) => Ok(None),
        }
    }

    /// The parts that are set.
    fn parts(&self) -> Vec<&'static str> {
        let set = [
            self.host.is_some(),
            self.port.is_some(),
            self.database.is_some(),
            self.user.is_some(),
            self.password.is_some(),
            self.password_env.is_some(),
            self.password_file.is_some(),
            self.tls.is_some(),
        ];
        PARTS.into_iter().zip(set).filter_map(|(part, set)| set.then_some(part)).collect()
    }

    fn url_of(&self, host: &str) -> Result<String, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut fault = |part: &str, message: &str| {
            faults.push((format!("redis.{part}"), message.to_owned()));
        };
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
        if host.is_empty() || !host.chars().all(plain) {
            fault(
                "host",
                "wanted a name or an address, such as `redis.internal`; the port, the user and the password have fields of their own",
            );
        }
        if self.port.is_some_and(|port| port == 0 || port > u32::from(u16::MAX)) {
            fault("port", "wanted a number from 1 to 65535");
        }
        let password = match self.read_password() {
            Ok(password) => password,
            Err((part, message)) => {
                fault(part, &message);
                None
            }
        };
        if self.user.is_some() && password.is_none() {
            fault("user", "needs a password: `password`, `password_env` or `password_file`");
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let scheme = if self.tls == Some(true) { "rediss" } else { "redis" };
        let mut url = format!("{scheme}://");
        if let Some(password) = password {
            let user = self.user.as_deref().unwrap_or_default();
            let _ = write!(url, "{}:{}@", encoded(user), encoded(password.expose()));
        }
        match host.contains(':') && !host.starts_with('[') {
            true => url.extend(["[", host, "]"]),
            false => url.push_str(host),
        }
        let _ = write!(url, ":{}", self.port.unwrap_or(6_379));
        if let Some(database) = self.database {
            let _ = write!(url, "/{database}");
        }
        Ok(url)
    }

    /// The password, if there is one; the error names the field.
    fn read_password(&self) -> Result<Option<Secret>, (&'static str, String)> {
        match (&self.password, &self.password_env, &self.password_file) {
            (None, None, None) => Ok(None),
            (Some(password), None, None) => Ok(Some(password.clone())),
            (None, Some(name), None) => match std::env::var(name) {
                Ok(password) => Ok(Some(password.into())),
                Err(_) => Err((
                    "password_env",
                    format!("there is no environment variable `{name}` with a text"),
                )),
            },
            (None, None, Some(path)) => {
                let read = std::fs::read_to_string(path);
                // Editors and `echo` end a file with a new line.
                let read = read.map(|text| text.trim_end_matches(['\r', '\n']).to_owned().into());
                read.map(Some).map_err(|error| {
                    ("password_file", format!("`{}` can't be read: {error}", path.display()))
                })
            }
            _ => Err((
                "password",
                "wanted one of `password`, `password_env` and `password_file`".to_owned(),
            )),
        }
    }

    /// The fields that a named cache inherits, if the cache has an address of its own.
    pub(crate) fn without_address(&mut self) {
        let Self { url, host, port, database, user, password, .. } = self;
        (*url, *host, *port, *database, *user, *password) = (None, None, None, None, None, None);
        let Self { password_env, password_file, tls, .. } = self;
        (*password_env, *password_file, *tls) = (None, None, None);
    }

    /// The same, for a password of its own.
    pub(crate) fn without_password(&mut self) {
        let Self { password, password_env, password_file, .. } = self;
        (*password, *password_env, *password_file) = (None, None, None);
    }

    pub(crate) fn has_password(&self) -> bool {
        self.password.is_some() || self.password_env.is_some() || self.password_file.is_some()
    }
}

/// Percent-encodes all bytes that have a meaning in a URL.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            true => out.push(char::from(byte)),
            false => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(redis: &RedisConfig) -> String {
        redis.address().expect("a right address").expect("an address").expose().to_owned()
    }

    #[test]
    fn parts_make_a_url() {
        let redis = RedisConfig::default().host("redis.internal");
        assert_eq!(url(&redis), "redis://redis.internal:6379");
        let redis = redis.port(7_000_u32).database(2_u32).password("a/b@c:d%").tls(true);
        assert_eq!(url(&redis), "rediss://:a%2Fb%40c%3Ad%25@redis.internal:7000/2");
        assert_eq!(
            url(&redis.clone().user("ä")),
            "rediss://%C3%A4:a%2Fb%40c%3Ad%25@redis.internal:7000/2"
        );
        assert_eq!(url(&RedisConfig::default().host("::1")), "redis://[::1]:6379");
    }
}
