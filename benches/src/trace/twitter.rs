//! Twitter's traces (`timestamp,key,key size,value size,client,operation,ttl`): the keys of `get` and `gets`.

use std::io::BufRead;

use super::{malformed, number};
use crate::Result;

pub(super) fn read(lines: impl BufRead) -> Result<Vec<u64>> {
    let mut keys = Vec::new();
    for line in lines.lines() {
        let line = line?;
        let fields: Vec<&str> = line.split(',').collect();
        match fields[..] {
            [_, key, _, _, _, "get" | "gets", _] => keys.push(number(key)),
            [_, _, _, _, _, _, _] | [""] => {}
            _ => return Err(malformed("twitter", &line)),
        }
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    #[test]
    fn reads_are_gets() {
        let lines = "0,nz:u:eeW511W3dcH3de3d15ec,22,304,0,get,0\n\
                     0,nz:u:eeW511W3dcH3de3d15ec,22,304,0,set,86400\n\
                     1,nz:u:eeW511W3dcH3de3d15ec,22,304,8,gets,0\n";
        let keys = super::read(lines.as_bytes()).expect("valid");
        assert_eq!(keys.len(), 2);
        assert_eq!(keys[0], keys[1]);
        assert!(super::read(&b"0,key\n"[..]).is_err());
    }
}
