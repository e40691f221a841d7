//! The traces of the LIRS paper: a block on each line. `*` is a break point of their simulator.

use std::io::BufRead;

use super::malformed;
use crate::Result;

pub(super) fn read(lines: impl BufRead) -> Result<Vec<u64>> {
    let mut keys = Vec::new();
    for line in lines.lines() {
        let line = line?;
        let block = line.trim();
        if !matches!(block, "" | "*") {
            keys.push(block.parse().map_err(|_| malformed("lirs", block))?);
        }
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_line_is_a_block() {
        let keys = super::read(&b"1 \n2\n*\n21\n"[..]).expect("valid");
        assert_eq!(keys, [1, 2, 21]);
        assert!(super::read(&b"block\n"[..]).is_err());
    }
}
