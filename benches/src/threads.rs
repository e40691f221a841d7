//! Work on several threads at the same time.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// How long threads work.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Time {
    /// From the first start to the last end.
    pub(crate) wall: Duration,
    /// Processor time of the thread that needs most. If other programs use the processors, it does not include the time
    /// in which the thread waits for its turn.
    pub(crate) cpu: Duration,
}

/// Runs `work` with the numbers from 0 on, each on a thread of its own.
pub(crate) fn time(threads: u64, work: impl Fn(usize) + Sync) -> Time {
    let barrier = Barrier::new(threads as usize);
    let one = |thread: usize| {
        barrier.wait();
        let (began, busy) = (Instant::now(), processor_time());
        work(thread);
        (began, Instant::now(), processor_time().saturating_sub(busy))
    };
    std::thread::scope(|scope| {
        let one = &one;
        let running: Vec<_> =
            (0..threads as usize).map(|thread| scope.spawn(move || one(thread))).collect();
        let times: Vec<_> = running.into_iter().filter_map(|thread| thread.join().ok()).collect();
        let began = times.iter().map(|(began, _, _)| *began).min();
        let ended = times.iter().map(|(_, ended, _)| *ended).max();
        Time {
            wall: began.zip(ended).map_or(Duration::ZERO, |(began, ended)| ended - began),
            cpu: times.iter().map(|(_, _, busy)| *busy).max().unwrap_or_default(),
        }
    })
}

/// The processor time of this thread.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// 1, 2, 4 .. threads, up to the number of cores, at least two.
pub(crate) fn numbers() -> impl Iterator<Item = u64> {
    let cores = std::thread::available_parallelism().map_or(2, |cores| cores.get() as u64);
    (0..).map(|power| 1 << power).take_while(move |threads| *threads <= cores.max(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleep_takes_no_processor_time() {
        let time = time(2, |_| std::thread::sleep(Duration::from_millis(50)));
        assert!(time.wall >= Duration::from_millis(50));
        assert!(time.cpu < time.wall, "{time:?}");
    }
}
