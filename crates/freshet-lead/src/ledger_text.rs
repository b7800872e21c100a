//! A ledger from text: CSV with a header, or columns by number in a file separated by white space or commas.
//!
//! Columns by number count from 1; from 0 where one of them is 0, or where only that reads dates. The way of writing
//! dates is the first of `FORMATS` that fits most of the first rows. A row without customer, date or amount is
//! counted and left out.

use chrono::NaiveDate;

use crate::error::Error;
use crate::ledger::{Collector, Ledger, number};

/// Ways of writing dates; what follows the date is not read.
const FORMATS: [&str; 7] = ["%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%m/%d/%y"];
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
}

#[derive(Debug, Clone, Copy)]
struct Places {
    customer: usize,
    date: usize,
    amount: usize,
    quantity: Option<usize>,
}

/// Reads transactions.
pub fn read(text: &[u8], columns: &Columns) -> Result<Reading, Error> {
    let first = text.split(|&byte| byte == b'\n').find(|line| !line.iter().all(u8::is_ascii_whitespace)).unwrap_or_default();
    let delimiter = [b',', b';', b'\t'].into_iter().find(|delimiter| first.contains(delimiter));
    let squeezed = delimiter.is_none().then(|| squeeze(text));
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .delimiter(delimiter.unwrap_or(b' '))
        .from_reader(squeezed.as_deref().unwrap_or(text));
    let mut rows = Vec::new();
    for row in reader.byte_records() {
        rows.push(row.map_err(|source| Error::UnreadableTable { line: rows.len() as u64 + 1, source })?);
    }
    let (places, format) = places(&rows, columns)?;
    // A first row without a date is a header.
    let header = rows.first().is_some_and(|row| day(row.get(places.date), format).is_none());
    let mut collector = Collector::default();
    let (mut read, mut rejected) = (0, 0);
    for row in rows.iter().skip(usize::from(header)) {
        if row.iter().all(<[u8]>::is_empty) {
            continue;
        }
        read += 1;
        let customer = row.get(places.customer).and_then(|cell| std::str::from_utf8(cell).ok()).filter(|customer| !customer.is_empty());
        let quantity = places.quantity.and_then(|place| amount(row.get(place)));
        match (customer, day(row.get(places.date), format), amount(row.get(places.amount))) {
            (Some(customer), Some(day), Some(amount)) => collector.add(customer, number(day), amount, quantity),
            (None, _, _) | (_, None, _) | (_, _, None) => rejected += 1,
        }
    }
    Ok(Reading { ledger: collector.finish(), rows: read, rejected })
}

/// One space between cells, none before the first.
fn squeeze(text: &[u8]) -> Vec<u8> {
    let mut squeezed = Vec::with_capacity(text.len());
    for line in text.split(|&byte| byte == b'\n') {
        for (place, cell) in line.split(u8::is_ascii_whitespace).filter(|cell| !cell.is_empty()).enumerate() {
            if place > 0 {
                squeezed.push(b' ');
            }
            squeezed.extend_from_slice(cell);
        }
        squeezed.push(b'\n');
    }
    squeezed
}

fn places(rows: &[csv::ByteRecord], columns: &Columns) -> Result<(Places, &'static str), Error> {
    let named = [Some(&columns.customer), Some(&columns.date), Some(&columns.amount), columns.quantity.as_ref()];
    let header: Vec<String> = rows
        .first()
        .map(|row| row.iter().map(|cell| String::from_utf8_lossy(cell).trim_start_matches('\u{feff}').to_owned()).collect())
        .unwrap_or_default();
    let by_name = |name: &String| header.iter().position(|cell| cell == name);
    let numbers: Option<Vec<usize>> = named.iter().flatten().map(|name| name.parse().ok()).collect();
    let firsts: &[usize] = match &numbers {
        Some(numbers) if numbers.contains(&0) => &[0],
        Some(_) => &[1, 0],
        None => &[0],
    };
    for &counted_from in firsts {
        let place = |name: &String| match &numbers {
            Some(_) => name.parse::<usize>().ok().and_then(|number| number.checked_sub(counted_from)),
            None => by_name(name),
        };
        let need = |name: &String| place(name).ok_or_else(|| Error::MissingColumn { column: name.clone() });
        let places = Places {
            customer: need(&columns.customer)?,
            date: need(&columns.date)?,
            amount: need(&columns.amount)?,
            quantity: columns.quantity.as_ref().map(need).transpose()?,
        };
        if let Some(format) = format_of(rows, places.date) {
            return Ok((places, format));
        }
    }
    Err(Error::NoDates { column: columns.date.clone() })
}

/// The way of writing that fits most of the first rows, if it fits more than half of those that have anything there.
fn format_of(rows: &[csv::ByteRecord], place: usize) -> Option<&'static str> {
    let cells: Vec<&[u8]> = rows.iter().skip(1).take(SAMPLE).filter_map(|row| row.get(place)).filter(|cell| !cell.is_empty()).collect();
    let fits = |format: &'static str| cells.iter().filter(|cell| day(Some(cell), format).is_some()).count();
    let best = FORMATS.into_iter().rev().max_by_key(|format| fits(format))?;
    (fits(best) * 2 > cells.len()).then_some(best)
}

fn day(cell: Option<&[u8]>, format: &str) -> Option<NaiveDate> {
    let text = std::str::from_utf8(cell?).ok()?;
    let (date, rest) = NaiveDate::parse_and_remainder(text, format).ok()?;
    let plausible =
        (1900..2200).contains(&chrono::Datelike::year(&date)) && !rest.starts_with(|character: char| character.is_ascii_digit());
    plausible.then_some(date)
}

fn amount(cell: Option<&[u8]>) -> Option<f64> {
    std::str::from_utf8(cell?).ok()?.parse().ok().filter(|value: &f64| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::{Columns, read};
    use crate::ledger::date;

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
    }
}
