//! The traces of the ARC paper: `first block, number of blocks, ignored, number of the request`.

use std::io::BufRead;

use super::malformed;
use crate::Result;

pub(super) fn read(lines: impl BufRead) -> Result<Vec<u64>> {
    let mut keys = Vec::new();
    for line in lines.lines() {
        let line = line?;
        if !line.trim().is_empty() {
            keys.extend(blocks(&line).ok_or_else(|| malformed("arc", &line))?);
        }
    }
    Ok(keys)
}

fn blocks(line: &str) -> Option<std::ops::Range<u64>> {
    let mut numbers = line.split_whitespace().map(str::parse::<u64>);
    let (first, count) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some(first..first.checked_add(count)?)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_request_reads_each_of_its_blocks() {
        // From OLTP and P3.
        let lines = "136416 1 0 0\n0 64 0 9\n";
        let keys = super::read(lines.as_bytes()).expect("valid");
        assert_eq!((keys.len(), keys[0], keys[1], keys[64]), (65, 136_416, 0, 63));
    }

    #[test]
    fn other_lines_are_errors() {
        assert!(super::read(&b"one two\n"[..]).is_err());
    }
}
