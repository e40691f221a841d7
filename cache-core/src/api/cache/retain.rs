//! Evicting the values that a predicate does not keep.

use crate::api::entry::{AllTiers, Fits};
use crate::base::{Error, PLAIN, Pattern, PolicyRef};
use crate::codec::RemoteValue;
use crate::engine::{Cache, Request, Trace, restrict};
use crate::key::KeyBuf;

/// How many values are held at a time.
const TOGETHER: usize = 500;

impl Cache {
    /// Evicts the fresh values of type `T` for which `keep` is false, of the keys that match (`*` is a wildcard).
    /// Returns how many there were.
    ///
    /// It reads every matching value, of the memory tier and of the remote tier, some hundred at a time, so it
    /// is meant for operators and jobs; evicting a [tag](Self::evict_tag) visits nothing. It counts as no read.
    /// Values of other types stay; in the remote tier each of them counts as
    /// [`foreign`](crate::Stats::foreign), so give a pattern of keys with one type.
    ///
    /// A value that is replaced while `keep` decides about it may be evicted, too. A value that is stored
    /// during the visit may be visited or not.
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Cache, Error};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let cache = Cache::builder().build()?;
    /// cache.insert_many([("size:a", 1u64), ("size:b", 20), ("size:c", 300)]).await?;
    /// let large = cache.retain("size:*", |_key, size: &u64| *size < 100).await?;
    /// assert_eq!((large, cache.keys("*").await?), (1, vec!["size:a".to_owned(), "size:b".to_owned()]));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The remote tier failed. The values before that are evicted.
    #[doc(alias = "invalidate_entries_if")]
    pub async fn retain<T: RemoteValue>(
        &self,
        pattern: impl Into<Pattern>,
        mut keep: impl FnMut(&str, &T) -> bool,
    ) -> Result<u64, Error> {
        let (mut keys, mut evicted, mut page) = (self.keys(pattern), 0, Vec::new());
        loop {
            let next = keys.next().await.transpose()?;
            let ends = next.is_none();
            page.extend(next);
            if page.len() == TOGETHER || ends {
                evicted += self.retain_of::<AllTiers, T>(&mut page, &mut keep).await?;
            }
            if ends {
                return Ok(evicted);
            }
        }
    }

    /// Evicts the values of `keys` that `keep` refuses, and empties the list.
    pub(crate) async fn retain_of<P, T: Fits<P>>(
        &self,
        keys: &mut Vec<String>,
        keep: &mut impl FnMut(&str, &T) -> bool,
    ) -> Result<u64, Error> {
        let request = |key: &String| {
            let key = KeyBuf::from(key.as_str());
            let mut request = Request::by_hand(&key, PolicyRef::Static(&PLAIN), T::coder());
            restrict(&mut request, self.prefix(), None);
            request
        };
        let requests = keys.iter().map(request).collect();
        let values = self.engine.peek_many::<T>(requests, Trace::Nothing).await?;
        let refused = keys.drain(..).zip(values).filter_map(|(key, value)| {
            let refused = !keep(&key, &value?);
            refused.then(|| KeyBuf::from(key.as_str()))
        });
        let refused: Vec<KeyBuf> = refused.collect();
        if refused.is_empty() { Ok(0) } else { self.remove_many(refused).await }
    }
}
