//! A list of a system's users, as people export it: comma-separated, with a line of names on top. Hostile input: bounded,
//! and wrong with the line's number.

/// Bytes of a list at most.
pub const MOST_BYTES: usize = 4 << 20;
/// Users in a list at most.
pub const MOST_ROWS: usize = 20_000;
/// Characters of one value at most.
const MOST_TEXT: usize = 200;
/// The columns that are read; any other is left alone.
const COLUMNS: [&str; 6] = ["account", "name", "email", "role", "last_used", "privileged"];

/// One user of a system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// What the system calls the account.
    pub account: String,
    /// The name that stands there.
    pub name: String,
    /// The address that stands there, in small letters.
    pub email: String,
    /// The role on the system.
    pub role: String,
    /// When it was last used, as the system says it.
    pub last_used: String,
    /// It can change or see everything.
    pub privileged: bool,
}

/// Reads a list.
///
/// # Errors
/// A sentence that says which line is wrong and why.
pub fn read(bytes: &[u8]) -> Result<Vec<User>, String> {
    if bytes.len() > MOST_BYTES {
        return Err(format!("The list is too large: at most {} MiB.", MOST_BYTES >> 20));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "The list is not UTF-8 text; save it as CSV (UTF-8).".to_owned())?;
    let text = text.trim_start_matches('\u{feff}');
    let top = text.lines().next().unwrap_or_default();
    let separator = if top.matches(';').count() > top.matches(',').count() { b';' } else { b',' };
    let mut reader = csv::ReaderBuilder::new().delimiter(separator).trim(csv::Trim::All).from_reader(text.as_bytes());
    let names = reader.headers().map_err(|_| "The list has no first line with the names of its columns.".to_owned())?.clone();
    let names: Vec<String> = names.iter().map(|name| name.to_lowercase().replace([' ', '-'], "_")).collect();
    let place = |column: &str| names.iter().position(|name| name == column);
    if place("account").is_none() {
        return Err(format!("The list needs a column “account”. Columns that are read: {}.", COLUMNS.join(", ")));
    }
    if let Some(twice) = COLUMNS.iter().find(|c| names.iter().filter(|n| n == *c).count() > 1) {
        return Err(format!("The column “{twice}” stands there twice."));
    }
    let places = COLUMNS.map(place);
    let mut out = Vec::new();
    for record in reader.records() {
        // The line of names is the first.
        let line = out.len() + 2;
        let record = record.map_err(|_| format!("Row {line} has not as many values as there are columns, or its quotes do not end."))?;
        if out.len() >= MOST_ROWS {
            return Err(format!("The list is too long: at most {MOST_ROWS} users. Review one system, or one part of it, at a time."));
        }
        out.push(user(&record, &places).map_err(|problem| format!("Row {line}: {problem}"))?);
    }
    Ok(out)
}

fn user(record: &csv::StringRecord, places: &[Option<usize>; 6]) -> Result<User, String> {
    let mut values = places.iter().zip(COLUMNS).map(|(place, column)| {
        let value = place.and_then(|n| record.get(n)).unwrap_or_default();
        if value.chars().count() > MOST_TEXT {
            return Err(format!("“{column}” has more than {MOST_TEXT} characters."));
        }
        if value.chars().any(char::is_control) {
            return Err(format!("“{column}” holds control characters."));
        }
        Ok(value.to_owned())
    });
    let mut next = || values.next().unwrap_or_else(|| Ok(String::new()));
    let user = User {
        account: next()?,
        name: next()?,
        email: next()?.to_lowercase(),
        role: next()?,
        last_used: next()?,
        privileged: matches!(next()?.to_lowercase().as_str(), "true" | "yes" | "y" | "1" | "x"),
    };
    if user.account.is_empty() { Err("“account” is empty.".into()) } else { Ok(user) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_whatever_the_order_of_its_columns() {
        let list = "\u{feff}Role;Account;E-Mail;email;Privileged\nread;ana;x;Ana@Example.com;no\nadmin;root;;;YES\n";
        let users = read(list.as_bytes()).unwrap();
        assert_eq!(users.len(), 2);
        assert_eq!((users[0].account.as_str(), users[0].email.as_str(), users[0].role.as_str()), ("ana", "ana@example.com", "read"));
        assert!(users[1].privileged && !users[0].privileged);
        assert_eq!(read(b"account\n").unwrap(), []);
    }

    #[test]
    fn what_is_wrong_with_a_list_is_said_with_its_line() {
        let wrong: [(&[u8], &str); 7] = [
            (b"name,role\nana,read\n", "needs a column"),
            (b"account,account\na,b\n", "twice"),
            (b"account,role\nana,read\n,admin\n", "Row 3: “account” is empty"),
            (b"account,role\nana\n", "Row 2 has not as many"),
            (b"account\n\xff\n", "not UTF-8"),
            (b"account\na\x01b\n", "control characters"),
            (b"", "needs a column"),
        ];
        for (list, says) in wrong {
            let error = read(list).unwrap_err();
            assert!(error.contains(says), "{error} / {says}");
        }
        let long = format!("account\n{}\n", "a".repeat(201));
        assert!(read(long.as_bytes()).unwrap_err().contains("more than 200"));
        let many = format!("account\n{}", "a\n".repeat(MOST_ROWS + 1));
        assert!(read(many.as_bytes()).unwrap_err().contains("too long"));
        assert!(read(&vec![b'a'; MOST_BYTES + 1]).unwrap_err().contains("too large"));
    }
}
