//! YAML as people write it, made of JSON.

use std::fmt::Write as _;

use crate::printer::is_active;
use crate::render::node::Node;

/// The same content as YAML 1.2 in block style; the order of members is kept.
pub(crate) fn of_json(text: &str) -> String {
    match serde_json::from_str::<Node>(text) {
        Ok(node) => of_node(&node),
        // JSON that cannot be read is shown as it is.
        Err(_) => text.to_owned(),
    }
}

fn of_node(node: &Node) -> String {
    let mut out = String::new();
    match node {
        Node::Map(members) if !members.is_empty() => map(&mut out, members, 0, false),
        Node::List(elements) if !elements.is_empty() => list(&mut out, elements, 0),
        scalar => out.push_str(&inline(scalar)),
    }
    out
}

/// Members one on a line; the first follows a dash where `begun`.
fn map(out: &mut String, members: &[(String, Node)], depth: usize, begun: bool) {
    for (position, (name, value)) in members.iter().enumerate() {
        if position > 0 || !begun {
            indent(out, depth);
        }
        out.push_str(&text(name));
        out.push(':');
        match value {
            Node::Map(members) if !members.is_empty() => {
                out.push('\n');
                map(out, members, depth + 1, false);
            }
            Node::List(elements) if !elements.is_empty() => {
                out.push('\n');
                list(out, elements, depth + 1);
            }
            scalar => {
                let _ = writeln!(out, " {}", inline(scalar));
            }
        }
    }
}

fn list(out: &mut String, elements: &[Node], depth: usize) {
    for element in elements {
        indent(out, depth);
        out.push_str("- ");
        match element {
            Node::Map(members) if !members.is_empty() => map(out, members, depth + 1, true),
            // A list within a list is rare enough to stay on one line.
            other => {
                let _ = writeln!(out, "{}", inline(other));
            }
        }
    }
}

fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n("  ", depth));
}

/// A value on one line.
fn inline(node: &Node) -> String {
    match node {
        Node::Null => "null".to_owned(),
        Node::Flag(flag) => flag.to_string(),
        Node::Number(number) => number.to_string(),
        Node::Text(value) => text(value),
        // Within brackets more characters have a meaning, so everything there is written as JSON, which is YAML too.
        Node::List(elements) => format!("[{}]", elements.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Node::Map(members) => {
            let member = |(name, value): &(String, Node)| format!("{}: {}", quoted(name), flow(value));
            format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
    }
}

fn flow(node: &Node) -> String {
    match node {
        Node::Text(value) => quoted(value),
        other => inline(other),
    }
}

/// A text, in quotes wherever a reader of YAML could take it for something else.
fn text(value: &str) -> String {
    if is_plain(value) {
        return value.to_owned();
    }
    quoted(value)
}

fn quoted(value: &str) -> String {
    let mut out = String::from("\"");
    for c in value.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            c if is_active(c) || c == '\u{feff}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn is_plain(value: &str) -> bool {
    let begins_well = value.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '_');
    let harmless = |c: char| c.is_alphanumeric() || " /_-.:;{}()+@=~".contains(c);
    let is_word_of_yaml = matches!(
        value.to_ascii_lowercase().as_str(),
        "true" | "false" | "yes" | "no" | "on" | "off" | "null" | "y" | "n"
    );
    begins_well
        && value.chars().all(harmless)
        && !is_word_of_yaml
        && !value.ends_with([':', ' '])
        && !value.contains(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_keep_order_and_quote_what_could_be_misread() {
        let json = r#"{"b":[{"x":1,"z":[]},"no","- a"],"a":{"GET:/p/{id}":"a: b","t":"2026-01-01T00:00:00Z","e":{}},"s":"é\u001b"}"#;
        let expected = "b:\n  - x: 1\n    z: []\n  - \"no\"\n  - \"- a\"\na:\n  GET:/p/{id}: \"a: b\"\n  t: \"2026-01-01T00:00:00Z\"\n  e: {}\ns: \"é\\u001b\"\n";
        assert_eq!(of_json(json), expected);
        assert_eq!(of_json("[]"), "[]");
        assert_eq!(of_json("3.50"), "3.5");
    }
}
