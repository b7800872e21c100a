//! Any bytes as a line of the landing zone: a row of its table, a reason, or a line for newer code. A bad line spoils no other.
//!
//! The decoder is the compactor's own and no part of its interface, so it is built in here.

#![no_main]
#![allow(dead_code, reason = "the compactor uses more of these files than this target")]

#[path = "../../../crates/freshet-table/src/decode.rs"]
mod decode;
#[path = "../../../crates/freshet-table/src/flat.rs"]
mod flat;

use decode::{Kind, TableDecoder, kind};
use freshet_schema::Contract;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let contract = Contract::embedded();
    for line in data.split(|byte| *byte == b'\n') {
        let table = match kind(contract, line) {
            Kind::Row(table) => table,
            Kind::Newer | Kind::Foreign => continue,
        };
        let mut decoder = TableDecoder::new(table);
        let taken = usize::from(decoder.push(line).is_ok()) + usize::from(decoder.push(line).is_ok());
        let rows: usize = decoder.take().iter().map(|batch| batch.num_rows()).sum();
        assert_eq!(rows, taken, "a line that is taken is a row, twice the same");
    }
});
