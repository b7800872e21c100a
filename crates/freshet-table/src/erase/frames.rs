//! Frozen training frames of models: the rows of whom an erasure is about go, the others stay to the byte.
//!
//! A frame is CSV whose first column is a pseudonym: an e-mail hash, or an account and its id of a person. An e-mail hash does not
//! say whose customer it is, so that the erasure of a shop takes frames whole. What a frame lacks since is said by its model file.

use std::io::{Read, Write};

use csv::{ByteRecord, ReaderBuilder, WriterBuilder};

use super::names::Names;

/// Whether an object is a frozen frame.
pub(crate) fn is_frame(key: &str) -> bool {
    key.starts_with("models/") && key.ends_with(".csv.gz")
}

/// Copies a frame but for the rows that go, and says how many went.
pub(crate) fn copy_without(names: &Names, frame: impl Read, rest: impl Write) -> Result<u64, csv::Error> {
    let mut reader = ReaderBuilder::new().has_headers(false).from_reader(frame);
    let mut writer = WriterBuilder::new().from_writer(rest);
    let (mut record, mut gone, mut is_header) = (ByteRecord::new(), 0, true);
    while reader.read_byte_record(&mut record)? {
        if !is_header && record.get(0).is_some_and(|person| names.are_in_answer(&String::from_utf8_lossy(person))) {
            gone += 1;
        } else {
            writer.write_byte_record(&record)?;
        }
        is_header = false;
    }
    writer.flush()?;
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use super::super::names::{Names, Subject};
    use super::copy_without;

    #[test]
    fn rows_of_whom_it_is_about_go_and_the_others_stay_to_the_byte() {
        let frame = "person,cut_off,y,split,spent,channel:category\n\
                     acme.myshopify.com/77,2026-03-01,1,train,10.5,\"web,\nnew\"\n\
                     acme.myshopify.com/770,2026-03-01,0,train,77.0,77\n\
                     acme.myshopify.com/77,2026-04-01,0,test,77.0,\n\
                     a0b1,2026-04-01,0,test,,\"says \"\"hello\"\"\"\n";
        let names = Names::new("acme.myshopify.com", &Subject::Customer("77".to_owned()), &[]);
        let mut rest = Vec::new();
        assert_eq!(copy_without(&names, frame.as_bytes(), &mut rest).unwrap(), 2);
        let kept: Vec<&str> =
            frame.lines().filter(|line| line.contains("/770") || line.contains("hello") || line.contains("cut_off")).collect();
        assert_eq!(String::from_utf8(rest).unwrap(), kept.join("\n") + "\n");
        let nobody = Names::new("acme.myshopify.com", &Subject::Customer("78".to_owned()), &[]);
        let mut whole = Vec::new();
        assert_eq!(copy_without(&nobody, frame.as_bytes(), &mut whole).unwrap(), 0);
        assert_eq!(whole, frame.as_bytes());
    }
}
