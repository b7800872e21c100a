//! A ledger from text: a table with a header, or columns by number in a file separated by white space or else.
//!
//! Columns by number count from 1; from 0 where one of them is 0, or where only that reads dates. The way of writing
//! dates is the first that fits the most of the first rows; where two fit as well, as with days and months below 13,
//! a later row that only the other can read decides, and the text is read again. A row without customer, date or
//! amount is counted and left out.

use std::borrow::Cow;
use std::io::{self, Read};

use csv::ByteRecord;
use freshet_ml::delimited::{self, Number, Rows, listed, number};
use freshet_ml::error::Error as TableError;
use freshet_ml::moment::{Form, forms_of};

use crate::error::Error;
use crate::ledger::{Collector, Ledger, number as day_number};

/// Rows that decide the way of writing dates.
const SAMPLE: usize = 2_000;

/// Which column is what, by name or by number.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    /// Who.
    pub customer: String,
    /// When.
    pub date: String,
    /// For how much.
    pub amount: String,
    /// How many pieces, if known.
    pub quantity: Option<String>,
}

/// What the text gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The transactions.
    pub ledger: Ledger,
    /// Rows that were read.
    pub rows: usize,
    /// Rows that were left out for want of customer, date or amount.
    pub rejected: usize,
    /// The line of the first of them.
    pub first_rejected: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Places {
    customer: usize,
    date: usize,
    amount: usize,
    quantity: Option<usize>,
}

/// A row and its line.
type Row = (u64, ByteRecord);

/// Reads transactions; `open` gives the text from its beginning, once or twice.
pub fn read<R: Read>(mut open: impl FnMut() -> io::Result<R>, columns: &Columns) -> Result<Reading, Error> {
    let unreadable = |source| Error::UnreadableTable { source };
    let mut told = None;
    loop {
        let text = open().map_err(|error| unreadable(TableError::UnreadableTable { line: 1, source: error.into() }))?;
        let mut rows = Rows::open(text).map_err(unreadable)?;
        let first = sample(&mut rows).map_err(unreadable)?;
        let (places, forms) = places(&first, columns)?;
        let form = told.unwrap_or(forms[0]);
        let rivals = if told.is_some() { &[] } else { &forms[1..] };
        match gather(&first, &mut rows, places, form, rivals).map_err(unreadable)? {
            Gathered::Whole(reading) if reading.ledger.customers().is_empty() => return Err(Error::NoTransactions { rows: reading.rows }),
            Gathered::Whole(reading) => return Ok(reading),
            Gathered::Rival(rival) => told = Some(rival),
        }
    }
}

enum Gathered {
    Whole(Reading),
    /// A row has a date that only this form reads.
    Rival(Form),
}

fn sample<R: Read>(rows: &mut Rows<R>) -> Result<Vec<Row>, TableError> {
    let mut first = Vec::new();
    let mut row = ByteRecord::new();
    while first.len() < SAMPLE {
        let Some(line) = rows.read(&mut row)? else { break };
        first.push((line, row.clone()));
    }
    Ok(first)
}

fn gather<R: Read>(first: &[Row], rows: &mut Rows<R>, places: Places, form: Form, rivals: &[Form]) -> Result<Gathered, TableError> {
    let mut collector = Collector::default();
    let (mut read, mut rejected, mut first_rejected) = (0, 0, None);
    let has_decimal_commas = rows.has_decimal_commas();
    let amount = |cell: Option<&[u8]>| match number(cell?, has_decimal_commas) {
        Number::Finite(amount) => Some(amount),
        Number::Missing | Number::Infinite | Number::Text => None,
    };
    // A first row without a date is a header.
    let header = first.first().is_some_and(|(_, row)| text(row, places.date).and_then(|cell| form.day(&cell)).is_none());
    let mut known = first.iter().skip(usize::from(header));
    let mut buffer = ByteRecord::new();
    loop {
        let (line, row) = match known.next() {
            Some((line, row)) => (*line, row),
            None => match rows.read(&mut buffer)? {
                Some(line) => (line, &buffer),
                None => break,
            },
        };
        read += 1;
        let date = text(row, places.date);
        let day = date.as_deref().and_then(|cell| form.day(cell));
        if let Some(rival) = rivals.iter().find(|rival| day.is_none() && date.as_deref().is_some_and(|cell| rival.day(cell).is_some())) {
            return Ok(Gathered::Rival(*rival));
        }
        let quantity = places.quantity.and_then(|place| amount(row.get(place)));
        if let (Some(customer), Some(day), Some(amount)) = (text(row, places.customer), day, amount(row.get(places.amount))) {
            collector.add(&customer, day_number(day), amount, quantity);
        } else {
            rejected += 1;
            first_rejected.get_or_insert(line);
        }
    }
    Ok(Gathered::Whole(Reading { ledger: collector.finish(), rows: read, rejected, first_rejected }))
}

/// A cell's text, if there is any.
fn text(row: &ByteRecord, place: usize) -> Option<Cow<'_, str>> {
    delimited::text(row.get(place)?)
}

/// Where the columns are, and the ways of writing dates that fit equally well.
fn places(first: &[Row], columns: &Columns) -> Result<(Places, Vec<Form>), Error> {
    let named = [Some(&columns.customer), Some(&columns.date), Some(&columns.amount), columns.quantity.as_ref()];
    let header: Vec<String> = first
        .first()
        .map(|(_, row)| row.iter().map(|cell| delimited::text(cell).unwrap_or_default().into_owned()).collect())
        .unwrap_or_default();
    let by_name = |name: &String| delimited::place(&header, name);
    let numbers: Option<Vec<usize>> = named.iter().flatten().map(|name| name.parse().ok()).collect();
    // Names that are numbers are names where the header has them.
    let numbers = numbers.filter(|_| named.iter().flatten().any(|name| by_name(name).is_none()));
    let firsts: &[usize] = match &numbers {
        Some(numbers) if numbers.contains(&0) => &[0],
        Some(_) => &[1, 0],
        None => &[0],
    };
    let cells = first.iter().map(|(_, row)| row.len()).max().unwrap_or(0);
    for &counted_from in firsts {
        let place = |name: &String| match &numbers {
            Some(_) => name.parse::<usize>().ok().and_then(|number| number.checked_sub(counted_from)).filter(|&place| place < cells),
            None => by_name(name),
        };
        let known = || if numbers.is_some() { format!("{cells} of them") } else { listed(header.iter().map(String::as_str)) };
        let need = |name: &String| place(name).ok_or_else(|| Error::MissingColumn { column: name.clone(), known: known() });
        let places = Places {
            customer: need(&columns.customer)?,
            date: need(&columns.date)?,
            amount: need(&columns.amount)?,
            quantity: columns.quantity.as_ref().map(need).transpose()?,
        };
        // The first row may be a header: it has no say, unless it is alone.
        let dates: Vec<Cow<'_, str>> = first[usize::from(first.len() > 1)..].iter().filter_map(|(_, row)| text(row, places.date)).collect();
        let forms = forms_of(&dates.iter().map(AsRef::as_ref).collect::<Vec<_>>());
        if !forms.is_empty() {
            return Ok((places, forms));
        }
    }
    let line = first.get(1).or(first.first()).map_or(1, |(line, _)| *line);
    Err(Error::NoDates { column: columns.date.clone(), line })
}

#[cfg(test)]
mod tests {
    use super::{Columns, Reading};
    use crate::error::Error;
    use crate::ledger::date;

    fn read(text: &[u8], columns: &Columns) -> Result<Reading, Error> {
        super::read(|| Ok(text), columns)
    }

    fn columns(customer: &str, date: &str, amount: &str) -> Columns {
        Columns { customer: customer.to_owned(), date: date.to_owned(), amount: amount.to_owned(), quantity: None }
    }

    #[test]
    fn columns_by_name_in_csv_with_a_header() {
        let text =
            b"\xef\xbb\xbfwho,when,what\na,2026-01-02 10:00:00,5\nb,2026-01-03T00:00:00Z,-2\n,2026-01-03,1\nc,soon,1\nd,2026-01-05,much\n";
        let reading = read(text, &columns("who", "when", "what")).expect("transactions");
        assert_eq!((reading.rows, reading.rejected), (5, 3));
        assert_eq!(reading.ledger.customers(), ["a", "b"]);
        assert_eq!(date(reading.ledger.days(0)[0].day).to_string(), "2026-01-02");
        assert!(!reading.ledger.days(1)[0].bought);
        assert!(read(text, &columns("whom", "when", "what")).expect_err("refused").to_string().contains("whom"));
    }

    #[test]
    fn columns_by_number_in_white_space_with_and_without_a_header() {
        let rows = " 00001 19970101  1   11.77\n 00002 19970112  5   77.00\n 00002 19970112  1   12.00\n";
        for text in [rows.to_owned(), format!(" customer  date cds dollars\n{rows}")] {
            for columns in [columns("1", "2", "4"), columns("0", "1", "3")] {
                let reading = read(text.as_bytes(), &columns).expect("transactions");
                assert_eq!((reading.rows, reading.rejected), (3, 0));
                assert!((reading.ledger.days(1)[0].amount - 89.0).abs() < 1e-9);
            }
        }
        let shifted = " 7 00001 19970101  1   11.77\n 7 00002 19970112  5   77.00\n";
        assert_eq!(read(shifted.as_bytes(), &columns("1", "2", "4")).expect("counted from 0").ledger.customers(), ["00001", "00002"]);
    }

    #[test]
    fn days_and_months_are_told_by_what_fits() {
        let text = |dates: [&str; 3]| format!("c,d,a\nx,{},1\nx,{},1\nx,{},1\n", dates[0], dates[1], dates[2]);
        let first =
            |dates| date(read(text(dates).as_bytes(), &columns("c", "d", "a")).expect("transactions").ledger.days(0)[0].day).to_string();
        assert_eq!(first(["12/1/2010 8:26", "12/28/2010 8:26", "1/5/2011 9:00"]), "2010-12-01");
        assert_eq!(first(["1/12/2010", "28/12/2010", "5/1/2011"]), "2010-12-01");
        assert!(read(b"c,d,a\nx,today,1\n", &columns("c", "d", "a")).is_err());
        // Only a row far behind the sample says that days stand first.
        let mut text = "c,d,a\n".to_owned() + &"x,2/1/2010,1\n".repeat(super::SAMPLE + 10);
        text.push_str("x,13/1/2010,1\n");
        let reading = read(text.as_bytes(), &columns("c", "d", "a")).expect("transactions");
        assert_eq!((reading.rejected, date(reading.ledger.days(0)[0].day).to_string()), (0, "2010-01-02".to_owned()));
    }

    #[test]
    fn what_people_write_is_read() {
        let first = |text: &str, columns: &Columns| {
            let reading = read(text.as_bytes(), columns).expect("transactions");
            let day = reading.ledger.days(0)[0];
            (reading.rows, reading.rejected, date(day.day).to_string(), day.amount)
        };
        let named = columns("who", "when", "what");
        for text in [
            "who;when;what\r\na;02.01.2026;1.234,50\r\n\r\n",
            "who\twhen\twhat\na\t2026-01-02T10:00:00+01:00\t$1,234.50\n",
            "\"when\",\"who\",\"what\"\n\"Jan 2, 2026\",\"a\",\"1,234.50\"\n",
            "who|when|what\na|1767348000|1234.5\n",
            "who,when,what\na,1767348000000,1234.5\n",
        ] {
            assert_eq!(first(text, &named), (1, 0, "2026-01-02".to_owned(), 1234.5), "{text:?}");
        }
        assert_eq!(first("a 20260102 1234,5\nb 20260103 7,5\n", &columns("1", "2", "3")), (2, 0, "2026-01-02".to_owned(), 1234.5));
    }

    #[test]
    fn what_is_no_ledger_is_said_with_its_place() {
        let refused = |text: &str, columns: &Columns| read(text.as_bytes(), columns).expect_err("refused").to_string();
        let named = columns("who", "when", "what");
        assert!(refused("who,when\na,2026-01-02\n", &named).contains("what; there are: who, when"));
        assert!(refused("who,when,what\na,soon,1\nb,later,2\n", &named).contains("column when, as of line 2"));
        assert!(refused("who,when,what\na,2026-01-02,much\n", &named).contains("none of 1 rows"));
        assert!(refused("", &named).contains("no column who"));
        assert!(refused("1 20260102 5\n", &columns("1", "2", "7")).contains("column 7; there are: 3"));
        let reading = read(b"who,when,what\na,2026-01-02,1\nb,2026-01-02,inf\n", &named).expect("transactions");
        assert_eq!((reading.rejected, reading.first_rejected), (1, Some(3)));
    }
}
