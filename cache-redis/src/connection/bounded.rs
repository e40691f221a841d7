//! A stream that ends when the server sends more than was requested.
//!
//! The client buffers a reply until it is complete. A server that sends an endless line, or
//! announces a value of gigabytes, would fill the memory. So this stream counts the bytes on their
//! way to the client, and ends the connection before it buffers more than the bound.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The longest line: the reply to most commands, or the head of a longer one.
const LINE: usize = 64 << 10;

/// The permitted size of every reply, in addition to the requested values: pages of keys, `INFO`,
/// messages.
const ALWAYS: usize = 16 << 20;

/// The maximum size of replies.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bound(Arc<Asked>);

/// The largest request so far, in bytes.
#[derive(Debug, Default)]
struct Asked {
    of_one: AtomicUsize,
    of_all: AtomicUsize,
}

/// The maximum size of one value and of a whole reply, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Most {
    of_one: usize,
    of_all: usize,
}

impl Bound {
    /// Records a request for at most `values` values of at most `bytes` bytes each.
    pub(crate) fn asked(&self, values: usize, bytes: usize) {
        let grow = |most: &AtomicUsize, bytes| {
            // A load first: the maximum rarely grows, and the cache line stays shared between
            // cores.
            if most.load(Ordering::Relaxed) < bytes {
                most.fetch_max(bytes, Ordering::Relaxed);
            }
        };
        grow(&self.0.of_one, bytes);
        grow(&self.0.of_all, bytes.saturating_mul(values));
    }

    fn most(&self) -> Most {
        let most = |asked: &AtomicUsize| asked.load(Ordering::Relaxed).saturating_add(ALWAYS);
        Most { of_one: most(&self.0.of_one), of_all: most(&self.0.of_all) }
    }
}

/// The progress of the reply that is being read.
#[derive(Debug)]
struct Answer {
    /// The number of its bytes so far.
    length: usize,
    /// The number of values that are still expected; zero between two replies.
    values: u64,
    part: Part,
}

#[derive(Debug)]
enum Part {
    /// A line of which `length` bytes have arrived. The first byte is the kind; the head of a text
    /// or a list then has a number.
    Line { length: usize, kind: u8, number: Number },
    /// The number of bytes of a text that are still expected, including the end of its line.
    Text(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Of(u64),
    /// A negative number, which stands for no value.
    Nothing,
}

const START: Part = Part::Line { length: 0, kind: 0, number: Number::Of(0) };

impl Answer {
    fn new() -> Self {
        Self { length: 0, values: 0, part: START }
    }

    /// Counts arrived bytes; an error if they exceed `most`.
    fn take(&mut self, mut bytes: &[u8], most: Most) -> Result<(), &'static str> {
        while let Some((&byte, rest)) = bytes.split_first() {
            match &mut self.part {
                Part::Text(left) => {
                    let taken = bytes.len().min(*left);
                    *left -= taken;
                    self.length = self.length.saturating_add(taken);
                    bytes = &bytes[taken..];
                    if *left == 0 {
                        self.ended();
                    }
                }
                Part::Line { length, kind, number } => {
                    self.length = self.length.saturating_add(1);
                    bytes = rest;
                    *length += 1;
                    if *length > LINE {
                        return Err("a line without an end");
                    }
                    match byte {
                        b'\n' => {
                            let (kind, number) = (*kind, *number);
                            self.line_ended(kind, number, most)?;
                        }
                        _ if *length == 1 => *kind = byte,
                        b'-' if *length == 2 => *number = Number::Nothing,
                        b'0'..=b'9' => {
                            if let Number::Of(number) = number {
                                let more = u64::from(byte - b'0');
                                *number = number.saturating_mul(10).saturating_add(more);
                            }
                        }
                        _ => {}
                    }
                }
            }
            if self.length > most.of_all {
                return Err("a longer answer than was asked for");
            }
        }
        Ok(())
    }

    fn line_ended(&mut self, kind: u8, number: Number, most: Most) -> Result<(), &'static str> {
        let count = match number {
            Number::Of(count) => count,
            Number::Nothing => 0,
        };
        // Between two replies, this line begins one.
        self.values = self.values.max(1);
        let inside = match kind {
            b'*' | b'~' | b'>' => count,
            b'%' => count.saturating_mul(2),
            // Attributes precede the value that they belong to.
            b'|' => count.saturating_mul(2).saturating_add(1),
            b'$' | b'=' | b'!' if number != Number::Nothing => {
                let length = usize::try_from(count).unwrap_or(usize::MAX).saturating_add(2);
                if length > most.of_one {
                    return Err("a longer value than was asked for");
                }
                self.part = Part::Text(length);
                return Ok(());
            }
            _ => 0,
        };
        if inside > most.of_all as u64 {
            return Err("more values than were asked for");
        }
        self.values = self.values.saturating_add(inside);
        self.ended();
        Ok(())
    }

    /// Ends a value, or the head of a list, whose values are already counted.
    fn ended(&mut self) {
        self.part = START;
        self.values = self.values.saturating_sub(1);
        if self.values == 0 {
            self.length = 0;
        }
    }
}

/// A stream to Redis with bounded replies.
pub(super) struct Bounded<S> {
    stream: S,
    bound: Bound,
    answer: Answer,
}

impl<S> Bounded<S> {
    pub(super) fn new(stream: S, bound: Bound) -> Self {
        Self { stream, bound, answer: Answer::new() }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let most = self.bound.most();
        let taken = self.answer.take(&buffer.filled()[before..], most);
        Poll::Ready(taken.map_err(|what| {
            buffer.set_filled(before);
            io::Error::new(io::ErrorKind::InvalidData, format!("Redis sends {what}"))
        }))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORTY: Most = Most { of_one: 40, of_all: 40 };

    /// Feeds the bytes in pieces of every size; the result must not depend on the size.
    fn taken(bytes: &[u8], most: Most) -> Result<(), &'static str> {
        let mut outcomes = Vec::new();
        for size in [1, 2, 3, 7, 64, bytes.len().max(1)] {
            let mut answer = Answer::new();
            let outcome = bytes.chunks(size).try_for_each(|piece| answer.take(piece, most));
            if outcome.is_ok() {
                assert_eq!((answer.values, answer.length), (0, 0), "{bytes:?} is whole");
            }
            outcomes.push(outcome);
        }
        assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "{outcomes:?}");
        outcomes[0]
    }

    #[test]
    fn whole_answers_are_counted_one_by_one() {
        for bytes in [
            &b"+OK\r\n"[..],
            b"-ERR something 123\r\n",
            b":1000\r\n",
            b"$5\r\nhello\r\n",
            b"$5\r\n\r\n\r\n+\r\n",
            b"$0\r\n\r\n",
            b"$-1\r\n",
            b"*-1\r\n",
            b"*0\r\n",
            b"*2\r\n$1\r\na\r\n*2\r\n:1\r\n+x\r\n",
            b"%1\r\n+a\r\n*1\r\n:2\r\n",
            b"|1\r\n+ttl\r\n:3\r\n$1\r\na\r\n",
            b">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n",
            b"=6\r\ntxt:ab\r\n",
            b"_\r\n#t\r\n,1.5\r\n(123456789012345678901234567890\r\n",
        ] {
            assert_eq!(taken(bytes, FORTY), Ok(()), "{:?}", String::from_utf8_lossy(bytes));
            // Each reply counts separately, however many there are.
            assert_eq!(taken(&bytes.repeat(100), FORTY), Ok(()));
        }
    }

    #[test]
    fn a_long_reply_is_detected_by_its_head() {
        let mut answer = Answer::new();
        assert!(answer.take(b"$41\r\n", FORTY).is_err());
        assert!(Answer::new().take(b"$99999999999999999999999\r\n", FORTY).is_err());
        assert!(Answer::new().take(b"*99999999999999999999999\r\n", FORTY).is_err());
        assert!(Answer::new().take(b"*41\r\n", FORTY).is_err());
        assert!(Answer::new().take(b"%30\r\n", FORTY).is_err());
        let line = vec![b'+'; LINE + 1];
        let no_bound = Most { of_one: usize::MAX, of_all: usize::MAX };
        assert!(Answer::new().take(&line, no_bound).is_err());
        assert!(taken(&[b"*4\r\n", &b"$8\r\nabcdefgh\r\n".repeat(4)[..]].concat(), FORTY).is_err());
    }

    #[test]
    fn requested_bytes_are_permitted() {
        let bound = Bound::default();
        assert_eq!(bound.most(), Most { of_one: ALWAYS, of_all: ALWAYS });
        bound.asked(4, 1 << 20);
        bound.asked(256, 5);
        assert_eq!(bound.most(), Most { of_one: ALWAYS + (1 << 20), of_all: ALWAYS + (4 << 20) });
        bound.asked(2, usize::MAX);
        assert_eq!(bound.most(), Most { of_one: usize::MAX, of_all: usize::MAX });
    }
}
