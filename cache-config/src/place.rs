//! Which database a Redis URL is about.

/// The part of a Redis URL that says which database it is: without login and options, with the default port and number.
pub(crate) fn place(url: &str) -> String {
    let (scheme, rest) = url.trim().split_once("://").unwrap_or(("", url));
    let (rest, options) = rest.split_once('?').unwrap_or((rest, ""));
    if scheme.ends_with("unix") {
        let number = options.split('&').find_map(|option| option.strip_prefix("db="));
        return format!("{rest}/{}", number.unwrap_or("0"));
    }
    let rest = rest.rsplit_once('@').map_or(rest, |(_, behind)| behind);
    let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (path, sentinels) = (path.trim_end_matches('/'), scheme.ends_with("sentinel"));
    let (master, number) = match path.split_once('/') {
        Some((master, number)) if sentinels => (master, number),
        None if sentinels => (path, "0"),
        _ => ("", path),
    };
    let port = if sentinels { "26379" } else { "6379" };
    let mut hosts: Vec<String> = hosts
        .split(',')
        .map(|host| match host.rsplit_once(':') {
            // The colons of an IPv6 address stand in brackets.
            Some((_, behind)) if !behind.ends_with(']') => host.to_lowercase(),
            _ => format!("{}:{port}", host.to_lowercase()),
        })
        .collect();
    hosts.sort();
    format!("{}/{master}/{}", hosts.join(","), if number.is_empty() { "0" } else { number })
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn one_database_has_many_urls() {
        for same in [
            &[
                "redis://h",
                "redis://h/",
                "redis://H:6379/0",
                "rediss://u:p@ss@h?connections=2",
                " redis://h ",
            ][..],
            &["redis://h/1", "redis://h:6379/1"],
            &["redis://[::1]", "redis://[::1]:6379"],
            &["unix:///run/r.sock", "unix:///run/r.sock?db=0"],
            &["redis-sentinel://a,b/m", "redis-sentinel://b:26379,a:26379/m/0"],
            &["redis-sentinel://a/m/1"],
            &["redis-sentinel://a/other"],
            &["redis-cluster://a,b"],
            &["unix:///run/r.sock?db=1"],
        ] {
            for url in same {
                assert_eq!(place(url), place(same[0]), "{url}");
            }
        }
        let different =
            ["redis://h", "redis://h/1", "redis://h:1", "redis://[::1]", "redis-sentinel://h/m"];
        for (at, one) in different.iter().enumerate() {
            assert!(different[at + 1..].iter().all(|other| place(one) != place(other)), "{one}");
        }
    }
}
