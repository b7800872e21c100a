//! The place in a statement that a message of Athena's names.

use crate::bare;

/// Characters of a line that are shown at most.
const WIDTH: usize = 120;

/// The message with the line of the statement under it and a mark below the column, where the message says `line 1:8:`.
pub(crate) fn quoted(message: String, sql: &str) -> String {
    match place(&message).and_then(|(line, column)| shown(bare(sql), line, column)) {
        Some(shown) => format!("{message}\n{shown}"),
        None => message,
    }
}

/// Line and column, both from 1, of `… line 1:8: …`.
fn place(message: &str) -> Option<(usize, usize)> {
    message.match_indices("line ").find_map(|(at, word)| {
        let (line, rest) = message[at + word.len()..].split_once(':')?;
        let column = &rest[..rest.find(|character: char| !character.is_ascii_digit())?];
        rest[column.len()..].starts_with(':').then(|| Some((line.parse().ok()?, column.parse().ok()?)))?
    })
}

fn shown(sql: &str, line: usize, column: usize) -> Option<String> {
    let characters: Vec<char> = sql.lines().nth(line.checked_sub(1)?)?.chars().collect();
    // A column past the end is the end: what is missing there.
    let at = column.checked_sub(1)?.min(characters.len());
    let from = if characters.len() > WIDTH { at.saturating_sub(WIDTH / 2) } else { 0 };
    let piece: String =
        characters.iter().skip(from).take(WIDTH).map(|character| if character.is_control() { ' ' } else { *character }).collect();
    let number = line.to_string();
    Some(format!("{number} | {piece}\n{} | {}^", " ".repeat(number.len()), " ".repeat(at - from)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_shown_with_a_mark_below_the_column() {
        let sql = "-- é\nSELECT id,\n\tnme FROM orders";
        let said = quoted("COLUMN_NOT_FOUND: line 3:2: Column 'nme' cannot be resolved".to_owned(), sql);
        assert_eq!(said, "COLUMN_NOT_FOUND: line 3:2: Column 'nme' cannot be resolved\n3 |  nme FROM orders\n  |  ^");
        let at_end = quoted("line 1:9: mismatched input '<EOF>'".to_owned(), "SELECT (");
        assert_eq!(at_end, "line 1:9: mismatched input '<EOF>'\n1 | SELECT (\n  |         ^");
    }

    #[test]
    fn of_a_long_line_what_is_around_the_column_is_shown() {
        let sql = format!("SELECT {} oops", "a, ".repeat(200));
        let said = quoted(format!("line 1:{}: no", sql.find("oops").unwrap() + 1), &sql);
        let lines: Vec<&str> = said.lines().collect();
        assert!(lines[1].len() <= WIDTH + 4, "{said}");
        assert_eq!(lines[1].find("oops"), lines[2].find('^'));
    }

    #[test]
    fn a_message_without_a_place_is_left_as_it_is() {
        for message in
            ["", "no", "line 9:1: not in it", "line 0:1: no", "line 1:0: no", "line 1: no", "deadline 1", "line 1:8", "line x:1: y"]
        {
            assert_eq!(quoted(message.to_owned(), "SELECT 1"), message);
        }
        assert!(quoted("the line is bad: line 1:8: here".to_owned(), "SELECT 1").ends_with('^'));
    }
}
