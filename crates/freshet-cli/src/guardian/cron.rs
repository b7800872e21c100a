//! Expressions of schedules: `rate(…)`, `cron(…)` and `at(…)`, as EventBridge reads them.

/// What is wrong with an expression.
pub(crate) fn fault(expression: &str) -> Option<String> {
    let inner = |name: &str| expression.strip_prefix(name).and_then(|rest| rest.strip_prefix('(')).and_then(|rest| rest.strip_suffix(')'));
    if let Some(rate) = inner("rate") {
        return rate_fault(rate);
    }
    if let Some(cron) = inner("cron") {
        return cron_fault(cron);
    }
    match inner("at") {
        Some(at) if at.len() == 19 && at.as_bytes()[10] == b'T' => None,
        Some(_) => Some("at() takes yyyy-mm-ddThh:mm:ss".to_owned()),
        None => Some("it is none of rate(…), cron(…) and at(…)".to_owned()),
    }
}

fn rate_fault(rate: &str) -> Option<String> {
    let mut words = rate.split(' ');
    let (Some(number), Some(unit), None) = (words.next(), words.next(), words.next()) else {
        return Some("rate() takes a number and a unit".to_owned());
    };
    let Some(number) = number.parse::<u32>().ok().filter(|number| *number > 0) else {
        return Some(format!("{number} is no number above 0"));
    };
    let units: &[&str] = if number == 1 { &["minute", "hour", "day"] } else { &["minutes", "hours", "days"] };
    (!units.contains(&unit)).then(|| format!("the unit of {number} is one of {}", units.join(", ")))
}

/// A field of a cron expression: its name, its least and greatest number, and the words that stand for numbers.
type Field = (&'static str, u32, u32, &'static [&'static str]);

const FIELDS: [Field; 6] = [
    ("minutes", 0, 59, &[]),
    ("hours", 0, 23, &[]),
    ("day of month", 1, 31, &[]),
    ("month", 1, 12, &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]),
    ("day of week", 1, 7, &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]),
    ("year", 1970, 2199, &[]),
];

fn cron_fault(cron: &str) -> Option<String> {
    let fields: Vec<&str> = cron.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        return Some(format!("cron() takes six fields, not {}", fields.len()));
    }
    let marks = fields.iter().filter(|field| **field == "?").count();
    if marks != 1 || (fields[2] != "?" && fields[4] != "?") {
        return Some("exactly one of day of month and day of week is `?`".to_owned());
    }
    fields
        .iter()
        .zip(FIELDS)
        .filter(|(text, _)| **text != "?")
        .find_map(|(text, field)| text.split(',').find_map(|part| part_fault(part, field)))
}

fn part_fault(part: &str, (name, least, greatest, words): Field) -> Option<String> {
    let wrong = || Some(format!("{part} is no {name}"));
    let number = |text: &str| {
        let by_word = words
            .iter()
            .position(|word| word.eq_ignore_ascii_case(text))
            .and_then(|place| u32::try_from(place).ok())
            .map(|place| place + least);
        by_word.or_else(|| text.parse().ok()).filter(|number| (least..=greatest).contains(number))
    };
    let is_day = name.starts_with("day");
    if is_day
        && (part == "L" || (name == "day of month" && (part == "LW" || part.strip_suffix('W').is_some_and(|day| number(day).is_some()))))
    {
        return None;
    }
    if name == "day of week" {
        if let Some((day, place)) = part.split_once('#') {
            return if number(day).is_some() && place.parse::<u32>().is_ok_and(|place| (1..=5).contains(&place)) { None } else { wrong() };
        }
        if part.strip_suffix('L').is_some_and(|day| number(day).is_some()) {
            return None;
        }
    }
    let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
    if step.is_some_and(|step| step.parse::<u32>().map_or(true, |step| step == 0 || step > greatest)) {
        return wrong();
    }
    let is_range = match range.split_once('-') {
        Some((from, to)) => matches!((number(from), number(to)), (Some(from), Some(to)) if from <= to),
        None => range == "*" || number(range).is_some(),
    };
    if is_range { None } else { wrong() }
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn good_expressions_have_no_fault() {
        for good in [
            "rate(1 hour)",
            "rate(6 hours)",
            "cron(20 0/6 * * ? *)",
            "cron(0 10 * * ? *)",
            "cron(15 12 ? * MON-FRI 2026-2028)",
            "cron(0 8 1,15 * ? *)",
            "cron(0 9 L * ? *)",
            "cron(0 9 ? * 2#1 *)",
            "cron(0 9 ? * 6L *)",
            "cron(*/5 * 3W JAN-MAR ? *)",
            "at(2026-11-20T13:00:00)",
        ] {
            assert_eq!(fault(good), None, "{good}");
        }
    }

    #[test]
    fn bad_expressions_have_one() {
        for bad in [
            "cron(10 * * * * *)",
            "cron(10 * ? * ? *)",
            "cron(10 * * ? *)",
            "cron(60 * * * ? *)",
            "cron(0 24 * * ? *)",
            "cron(0 0 0 * ? *)",
            "cron(0 0 ? 13 MON *)",
            "cron(0 0 ? * 8 *)",
            "cron(? * * * * *)",
            "cron(5-1 * * * ? *)",
            "cron(*/0 * * * ? *)",
            "rate(1 hours)",
            "rate(2 hour)",
            "rate(0 hours)",
            "rate(6)",
            "every hour",
            "cron()",
            "0 12 * * *",
        ] {
            assert!(fault(bad).is_some(), "{bad}");
        }
    }
}
