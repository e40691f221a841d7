//! `call!` needs a method with a visibility.

use larder::{cached, call};

struct Report;

impl Report {
    #[cached(skip(self))]
    fn total(&self) -> u64 {
        7
    }
}

fn main() {
    let _ = call!(Report.total());
}
