//! Days and times as files write them, and which way of writing a column keeps to.
//!
//! A column is read by one form alone: whether `02/01/2005` is in January is told by all rows together. Days are as
//! written, without regard to a zone; times with an offset are taken to UTC.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

/// A way of writing a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A day by this format of `chrono`, and perhaps a time behind it.
    Day(&'static str),
    /// Digits alone: year, month, day, hour, minute, perhaps second.
    Digits,
    /// Units of time since 1970, and how many of them are a second.
    Unix(u32),
}

/// All forms; of those that fit as many rows, the first counts.
pub const FORMS: [Form; 24] = [
    Form::Day("%Y-%m-%d"),
    Form::Day("%Y%m%d"),
    Form::Day("%Y/%m/%d"),
    Form::Day("%Y.%m.%d"),
    Form::Day("%m/%d/%Y"),
    Form::Day("%d/%m/%Y"),
    Form::Day("%d.%m.%Y"),
    Form::Day("%d-%m-%Y"),
    Form::Day("%m-%d-%Y"),
    Form::Day("%d-%B-%Y"),
    Form::Day("%d %B %Y"),
    Form::Day("%B %d, %Y"),
    Form::Day("%B %d %Y"),
    Form::Day("%Y-%B-%d"),
    Form::Day("%m/%d/%y"),
    Form::Day("%d/%m/%y"),
    Form::Day("%d.%m.%y"),
    Form::Day("%d-%m-%y"),
    Form::Day("%d-%B-%y"),
    Form::Digits,
    Form::Unix(1),
    Form::Unix(1_000),
    Form::Unix(1_000_000),
    Form::Unix(1_000_000_000),
];

/// Unix seconds of the years that are believed: 1973 to 2100.
const SECONDS: std::ops::Range<f64> = 1e8..4.1e9;

/// The forms that fit the most of these texts, all equally well, if they fit more than half; the first is to be taken.
pub fn forms_of(texts: &[&str]) -> Vec<Form> {
    let fits = FORMS.map(|form| texts.iter().filter(|text| form.day(text).is_some()).count());
    let most = fits.into_iter().max().unwrap_or(0);
    let is_best = |(form, fits): (Form, usize)| (fits == most && fits * 2 > texts.len()).then_some(form);
    FORMS.into_iter().zip(fits).filter_map(is_best).collect()
}

impl Form {
    /// The day; what stands behind it is not read.
    pub fn day(self, text: &str) -> Option<NaiveDate> {
        match self {
            Self::Day(format) => Some(split(text, format)?.0),
            Self::Digits | Self::Unix(_) => Some(self.moment(text)?.date()),
        }
    }

    /// The moment: midnight where no time stands behind the day, none where something else does.
    pub fn moment(self, text: &str) -> Option<NaiveDateTime> {
        match self {
            Self::Day(format) => {
                let (day, rest) = split(text, format)?;
                time_of(day, rest)
            }
            Self::Digits => {
                let is_digits = matches!(text.len(), 12 | 14) && text.bytes().all(|byte| byte.is_ascii_digit());
                let format = if text.len() == 12 { "%Y%m%d%H%M" } else { "%Y%m%d%H%M%S" };
                NaiveDateTime::parse_from_str(text, format).ok().filter(|moment| is_digits && is_plausible(moment.date()))
            }
            Self::Unix(units) => {
                let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
                let number: f64 = text.parse().ok().filter(|_| is_number)?;
                let seconds = number / f64::from(units);
                SECONDS.contains(&seconds).then(|| DateTime::from_timestamp_micros(micros(seconds)))?.map(|moment| moment.naive_utc())
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "within the seconds that are believed")]
fn micros(seconds: f64) -> i64 {
    (seconds * 1e6).round() as i64
}

fn is_plausible(day: NaiveDate) -> bool {
    (1900..2200).contains(&day.year())
}

/// The day at the beginning, perhaps behind a weekday, and what follows.
fn split<'a>(text: &'a str, format: &str) -> Option<(NaiveDate, &'a str)> {
    let text = text.trim();
    let parse = |text: &'a str| NaiveDate::parse_and_remainder(text, format).ok();
    let (day, rest) = parse(text).or_else(|| {
        let (word, rest) = text.split_once([' ', ','])?;
        let is_weekday = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
            .iter()
            .any(|weekday| word.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(weekday)));
        if is_weekday { parse(rest.trim_start_matches([' ', ','])) } else { None }
    })?;
    (is_plausible(day) && !rest.starts_with(|character: char| character.is_ascii_digit())).then_some((day, rest))
}

/// A day with what stands behind it: nothing, or a time, perhaps with AM or PM, perhaps with an offset.
fn time_of(day: NaiveDate, rest: &str) -> Option<NaiveDateTime> {
    let rest = rest.trim_start_matches([' ', ',', 'T', 't', '_', ':']).trim_end();
    if rest.is_empty() {
        return Some(day.and_time(NaiveTime::MIN));
    }
    let end = rest.find(|character: char| !(character.is_ascii_digit() || character == ':' || character == '.')).unwrap_or(rest.len());
    let (clock, mut behind) = (&rest[..end], rest[end..].trim_start());
    let mut parts = clock.splitn(3, ':');
    let mut hour: u32 = parts.next()?.parse().ok()?;
    let minute: u32 = parts.next().map_or(Some(0), |part| part.parse().ok())?;
    let second: f64 = parts.next().map_or(Some(0.0), |part| part.parse().ok())?;
    for (half, afternoon) in [("am", false), ("pm", true)] {
        let Some(found) = behind.get(..2).filter(|found| found.eq_ignore_ascii_case(half)) else { continue };
        if !(1..=12).contains(&hour) {
            return None;
        }
        hour = hour % 12 + if afternoon { 12 } else { 0 };
        behind = behind[found.len()..].trim_start();
    }
    if hour > 24 || minute > 59 || !(0.0..61.0).contains(&second) {
        return None;
    }
    let (day, hour) = if hour == 24 { (day.checked_add_days(Days::new(1))?, 0) } else { (day, hour) };
    let local = day.and_hms_opt(hour, minute, 0)? + TimeDelta::microseconds(micros(second));
    Some(local - TimeDelta::minutes(offset(behind)?))
}

/// Minutes ahead of UTC: `+02`, `+0200`, `+02:00`; nothing, `Z`, `UTC` and other names of zones count as none.
fn offset(text: &str) -> Option<i64> {
    if text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Some(0);
    }
    let text = text.strip_prefix("UTC").or_else(|| text.strip_prefix("GMT")).unwrap_or(text);
    let (sign, digits) = if let Some(digits) = text.strip_prefix('+') { (1, digits) } else { (-1, text.strip_prefix('-')?) };
    let digits: String = digits.chars().filter(|character| *character != ':').collect();
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes): (i64, i64) = match digits.len() {
        1 | 2 => (digits.parse().ok()?, 0),
        4 => (digits[..2].parse().ok()?, digits[2..].parse().ok()?),
        _ => return None,
    };
    (hours <= 14 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

#[cfg(test)]
mod tests {
    use super::{Form, forms_of};

    #[test]
    fn moments_are_read_in_many_ways_of_writing() {
        for (text, expected) in [
            ("2004-08-06 18:13:50", "2004-08-06 18:13:50"),
            ("2004-08-06T18:13:50.250Z", "2004-08-06 18:13:50.250"),
            ("2004-08-06T18:13:50+02:00", "2004-08-06 16:13:50"),
            ("2004-08-06 23:30 -0100", "2004-08-07 00:30:00"),
            ("2004-08-06", "2004-08-06 00:00:00"),
            ("20040806", "2004-08-06 00:00:00"),
            ("20040806181350", "2004-08-06 18:13:50"),
            ("1091816030", "2004-08-06 18:13:50"),
            ("1091816030.5", "2004-08-06 18:13:50.500"),
            ("1091816030250", "2004-08-06 18:13:50.250"),
            ("1091816030250000", "2004-08-06 18:13:50.250"),
            ("8/6/2004 6:13 PM", "2004-08-06 18:13:00"),
            ("8/6/2004 12:13:00 am", "2004-08-06 00:13:00"),
            ("13/6/2004 06:13", "2004-06-13 06:13:00"),
            ("31.12.2004 24:00", "2005-01-01 00:00:00"),
            ("6-Aug-2004", "2004-08-06 00:00:00"),
            ("Aug 6, 2004", "2004-08-06 00:00:00"),
            ("Fri, 06 Aug 2004 18:13:50 +0000", "2004-08-06 18:13:50"),
            ("8/6/04", "2004-08-06 00:00:00"),
        ] {
            let form = *forms_of(&[text]).first().unwrap_or_else(|| panic!("{text}: no form"));
            let moment = form.moment(text).unwrap_or_else(|| panic!("{text}: {form:?}"));
            assert_eq!(moment.format("%Y-%m-%d %H:%M:%S%.f").to_string(), expected, "{text}: {form:?}");
        }
    }

    #[test]
    fn what_is_no_moment_has_no_form() {
        for text in ["", "soon", "week 3", "12", "3.5", "2004-13-06", "99999999999999999999", "1891-01-01", "é2004"] {
            assert!(forms_of(&[text]).is_empty(), "{text}: {:?}", forms_of(&[text]));
        }
        assert_eq!(Form::Day("%Y-%m-%d").moment("2004-08-06 tomorrow"), None);
        assert_eq!(Form::Day("%Y-%m-%d").moment("2004-08-06 25:00"), None);
    }

    #[test]
    fn all_rows_together_tell_days_from_months() {
        let first = |texts: &[&str]| forms_of(texts).first().copied();
        assert_eq!(first(&["1/12/2010", "28/12/2010"]), Some(Form::Day("%d/%m/%Y")));
        assert_eq!(first(&["12/1/2010", "12/28/2010"]), Some(Form::Day("%m/%d/%Y")));
        assert_eq!(forms_of(&["1/2/2010"]).len(), 2, "both fit, and which it is later rows may tell");
        assert_eq!(first(&["2010-01-02", "soon", "later"]), None);
    }
}
