//! JSON laid out for reading.

use std::fmt::Write as _;

use serde_json::value::RawValue;

use crate::printer::is_active;

/// The same JSON with line breaks and two blanks per level. Works on the text, so that keys keep their order and
/// numbers their digits; what a terminal would act on is escaped as JSON does.
pub(crate) fn laid_out(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    let mut characters = text.trim().chars().peekable();
    while let Some(c) = characters.next() {
        if in_string {
            if is_active(c) {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            } else {
                out.push(c);
            }
            in_string = escaped || c != '"';
            escaped = c == '\\' && !escaped;
            continue;
        }
        match c {
            '"' => {
                in_string = true;
                out.push(c);
            }
            '{' | '[' => {
                while characters.next_if(char::is_ascii_whitespace).is_some() {}
                out.push(c);
                if let Some(end) = characters.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c if c.is_ascii_whitespace() => {}
            c => out.push(c),
        }
    }
    out
}

/// The elements of an array, one on a line; anything else on one line.
pub(crate) fn lines(text: &str) -> String {
    match serde_json::from_str::<Vec<&RawValue>>(text) {
        Ok(elements) => elements.iter().map(|element| compact(element.get()) + "\n").collect(),
        Err(_) => compact(text),
    }
}

/// Lines of the same JSON, with what a terminal would act on escaped as JSON does.
pub(crate) fn inert(lines: &str) -> String {
    let mut out = String::with_capacity(lines.len());
    for c in lines.chars() {
        if is_active(c) && c != '\n' {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// The same JSON without line breaks and blanks between its parts.
fn compact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut in_string, mut escaped) = (false, false);
    for c in text.chars() {
        if in_string {
            in_string = escaped || c != '"';
            escaped = c == '\\' && !escaped;
        } else if c.is_ascii_whitespace() {
            continue;
        } else {
            in_string = c == '"';
        }
        out.push(c);
    }
    out
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_changes_nothing_else() {
        let text = r#"{"b":[1.0,{}, [ ]],"a":"x\\\"{,:}\\","n":null}"#;
        let shown = laid_out(text);
        assert_eq!(
            shown,
            "{\n  \"b\": [\n    1.0,\n    {},\n    []\n  ],\n  \"a\": \"x\\\\\\\"{,:}\\\\\",\n  \"n\": null\n}"
        );
        let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(parsed(&shown), parsed(text));
        assert_eq!(laid_out("\"a\u{9b}\u{2028}\""), r#""a\u009b\u2028""#);
    }

    #[test]
    fn elements_take_a_line_each() {
        assert_eq!(inert("\"a\u{9b}\u{202e}\"\n2\n"), "\"a\\u009b\\u202e\"\n2\n");
        assert_eq!(lines("[{\"a\": \"x y\",\n \"b\": 1}, 2]"), "{\"a\":\"x y\",\"b\":1}\n2\n");
        assert_eq!(lines("{\"a\": \"\\\" \"}"), "{\"a\":\"\\\" \"}");
    }
}
