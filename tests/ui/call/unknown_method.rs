use larder::{cached, call};

struct Report;

impl Report {
    #[cached(skip(self))]
    pub(self) fn total(&self) -> u64 {
        7
    }
}

fn main() {
    let _ = call!(Report.totl());
}

