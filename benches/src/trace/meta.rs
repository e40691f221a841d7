//! Meta's traces of key-value caches: CSV whose first line names the columns, which differ by year. An operation
//! `GET` or `GET_LEASE` reads its key `op_count` times.

use std::io::BufRead;

use super::{malformed, number};
use crate::Result;

/// The positions of the columns that matter.
struct Columns {
    key: usize,
    operation: usize,
    count: usize,
}

impl Columns {
    fn of(header: &str) -> Option<Self> {
        let at = |name| header.split(',').position(|column| column.trim() == name);
        Some(Self { key: at("key")?, operation: at("op")?, count: at("op_count")? })
    }

    /// The key, and how often the line reads it.
    fn reads(&self, line: &str) -> Option<(u64, usize)> {
        let fields: Vec<&str> = line.split(',').collect();
        let count = match *fields.get(self.operation)? {
            "GET" | "GET_LEASE" => fields.get(self.count)?.parse().ok()?,
            _ => 0,
        };
        Some((number(fields.get(self.key)?), count))
    }
}

pub(super) fn read(lines: impl BufRead) -> Result<Vec<u64>> {
    let mut lines = lines.lines();
    let header = lines.next().transpose()?.unwrap_or_default();
    let columns = Columns::of(&header).ok_or_else(|| malformed("meta", &header))?;
    let mut keys = Vec::new();
    for line in lines {
        let line = line?;
        let (key, count) = columns.reads(&line).ok_or_else(|| malformed("meta", &line))?;
        keys.extend(std::iter::repeat_n(key, count));
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_2022() {
        let lines = "key,op,size,op_count,key_size\n\
                     1668757755,SET,82,1,40\n\
                     1668757755,GET,0,1,40\n\
                     1665497896,GET,169,3,78\n";
        let keys = read(lines.as_bytes()).expect("valid");
        let [one, other] = ["1668757755", "1665497896"].map(number);
        assert_eq!(keys, [one, other, other, other]);
    }

    #[test]
    fn columns_of_2024() {
        let lines = "op_time,key,key_size,op,op_count,size,cache_hits,ttl,usecase,sub_usecase\n\
                     604038471,82131353f9ddc8c6,48,GET_LEASE,1,87,1,0,366387042,3003229276\n\
                     604038473,828769c1e1ce3a29,67,SET,1,65,0,7200,2777918327,655456894\n";
        assert_eq!(read(lines.as_bytes()).expect("valid"), [number("82131353f9ddc8c6")]);
    }

    #[test]
    fn a_file_without_names_of_columns_is_an_error() {
        assert!(read(&b"1668757755,GET,0,1,40\n"[..]).is_err());
    }
}
