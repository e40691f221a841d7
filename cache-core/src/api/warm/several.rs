//! The calls of different functions, warmed together.

use std::fmt;
use std::pin::Pin;

use super::one::{Ended, One};
use super::progress::WarmProgress;
use super::report::{Tally, WarmReport};
use super::{CONCURRENCY, OnProgress, carry_out, check};
use crate::base::{BoxFuture, Error};
use crate::call::{Call, Load};

type AnyCall<'a> = Pin<Box<dyn Future<Output = Ended> + Send + 'a>>;
type AnyCalls<'a> = Box<dyn Iterator<Item = AnyCall<'a>> + Send + 'a>;

/// Warms the calls of different functions together, with one progress and one report; see [`warm`](crate::warm) for one
/// function.
///
/// The calls run in the order in which they were added, 16 at a time unless [`concurrency`](Self::concurrency) says
/// otherwise. Everything else is as for [`warm`](crate::warm).
///
/// ```ignore
/// let report = Warmup::new()
///     .add(countries())
///     .add_all(ids.iter().map(|id| product(*id)))
///     .add_all_with(ids.iter().map(|id| stock(&db, *id)), |error| error.to_string())
///     .on_progress(|progress| println!("{} of {:?}", progress.done, progress.total))
///     .await?;
/// ```
#[must_use = "nothing is warmed before this is awaited"]
pub struct Warmup<'a> {
    calls: Vec<AnyCalls<'a>>,
    /// The smallest and the largest number of calls.
    size: (usize, Option<usize>),
    concurrency: usize,
    on_progress: Option<OnProgress<'a>>,
}

impl fmt::Debug for Warmup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Warmup").field("size", &self.size).finish_non_exhaustive()
    }
}

impl Default for Warmup<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> Warmup<'a> {
    /// A warming without calls.
    pub fn new() -> Self {
        let (size, concurrency) = ((0, Some(0)), CONCURRENCY);
        Self { calls: Vec::new(), size, concurrency, on_progress: None }
    }

    /// Adds one call.
    // The usual name of a list's method. The type is no number, so no one expects `+`.
    #[allow(clippy::should_implement_trait)]
    pub fn add<L>(self, call: Call<L>) -> Self
    where
        L: Load + Send + 'a,
    {
        self.add_all(std::iter::once(call))
    }

    /// Adds calls. They are taken from the iterator as earlier ones end, so it may be long and lazy. The report has the keys of the
    /// calls that fail; [`add_all_with`](Self::add_all_with) adds messages.
    pub fn add_all<L, I>(self, calls: I) -> Self
    where
        L: Load + Send + 'a,
        I: IntoIterator<Item = Call<L>, IntoIter: Send + 'a>,
    {
        self.push(calls, |output| L::is_failure(output).then(|| "the load failed".to_owned()))
    }

    /// Adds calls of a function that returns a `Result`, with the message of an error for the report.
    pub fn add_all_with<L, I, T, E>(
        self,
        calls: I,
        message: impl Fn(E) -> String + Clone + Send + 'a,
    ) -> Self
    where
        L: Load<Output = Result<T, E>> + Send + 'a,
        I: IntoIterator<Item = Call<L>, IntoIter: Send + 'a>,
    {
        self.push(calls, move |output: Result<T, E>| output.err().map(&message))
    }

    fn push<L, I>(
        mut self,
        calls: I,
        failed: impl Fn(L::Output) -> Option<String> + Clone + Send + 'a,
    ) -> Self
    where
        L: Load + Send + 'a,
        I: IntoIterator<Item = Call<L>, IntoIter: Send + 'a>,
    {
        let calls = calls.into_iter();
        let ((least, most), more) = (self.size, calls.size_hint());
        let most = most.zip(more.1).and_then(|(most, more)| most.checked_add(more));
        self.size = (least.saturating_add(more.0), most);
        let calls =
            calls.map(move |call| -> AnyCall<'a> { Box::pin(One::new(call, failed.clone())) });
        self.calls.push(Box::new(calls));
        self
    }

    /// Sets how many calls are in progress at a time. Default: 16. [`run`](Self::run) refuses zero.
    pub fn concurrency(mut self, calls: usize) -> Self {
        self.concurrency = calls;
        self
    }

    /// Sets a callback that is called after each call. It runs between the calls, so it should be short.
    pub fn on_progress(mut self, told: impl FnMut(&WarmProgress) + Send + 'a) -> Self {
        self.on_progress = Some(Box::new(told));
        self
    }

    /// Runs all calls.
    ///
    /// # Errors
    /// [`Error::Config`]: the concurrency is zero. Calls that fail are in the report.
    pub async fn run(self) -> Result<WarmReport, Error> {
        check(self.concurrency)?;
        let tally = Tally::new(self.size);
        let calls = self.calls.into_iter().flatten();
        Ok(carry_out(calls, self.concurrency, tally, self.on_progress).await)
    }
}

/// As [`Warmup::run`].
impl<'a> IntoFuture for Warmup<'a> {
    type Output = Result<WarmReport, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
