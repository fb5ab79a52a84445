// A value to JSON text, and where it stops being JSON.
use crate::json::{Json, Number};
use crate::parse::MAX_DEPTH;
use std::fmt::Write;

/// A result as the host takes it, or why it cannot be one.
pub fn strict(value: &Json) -> Result<String, String> {
    let mut writer = Writer { out: String::new(), trail: Vec::new(), refusal: None };
    writer.value(value);
    match writer.refusal {
        None => Ok(writer.out),
        Some(why) => Err(format!("The result is not JSON: {}.", why)),
    }
}

/// Whatever is no JSON is null.
pub fn lenient(value: &Json) -> String {
    let mut writer = Writer { out: String::new(), trail: Vec::new(), refusal: None };
    writer.value(value);
    writer.out
}

enum Step<'a> {
    Name(&'a str),
    Item(usize),
}

struct Writer<'a> {
    out: String,
    /// From the result down to the value that is being written.
    trail: Vec<Step<'a>>,
    refusal: Option<String>,
}

impl<'a> Writer<'a> {
    fn value(&mut self, value: &'a Json) {
        match value {
            Json::Null => self.out.push_str("null"),
            Json::Bool(true) => self.out.push_str("true"),
            Json::Bool(false) => self.out.push_str("false"),
            Json::Number(number) => self.number(*number),
            Json::String(text) => quote(&mut self.out, text),
            Json::Array(_) | Json::Object(_) if self.trail.len() >= MAX_DEPTH => {
                self.refuse(format!("is nested deeper than {} levels", MAX_DEPTH));
            }
            Json::Array(items) => {
                self.out.push('[');
                for (place, item) in items.iter().enumerate() {
                    if place > 0 {
                        self.out.push(',');
                    }
                    self.trail.push(Step::Item(place));
                    self.value(item);
                    self.trail.pop();
                }
                self.out.push(']');
            }
            Json::Object(members) => {
                self.out.push('{');
                for (place, (name, member)) in members.iter().enumerate() {
                    if place > 0 {
                        self.out.push(',');
                    }
                    quote(&mut self.out, name);
                    self.out.push(':');
                    self.trail.push(Step::Name(name));
                    self.value(member);
                    self.trail.pop();
                }
                self.out.push('}');
            }
        }
    }

    fn number(&mut self, number: Number) {
        // Writing to a string cannot fail.
        let _ = match number {
            Number::Int(n) => write!(self.out, "{}", n),
            Number::Float(n) if n.is_finite() => write!(self.out, "{:?}", n),
            Number::Float(n) => return self.refuse(format!("is {}, which is not JSON", n)),
        };
    }

    fn refuse(&mut self, why: String) {
        self.out.push_str("null");
        if self.refusal.is_some() {
            return;
        }
        let mut path = String::from("result");
        for step in self.trail.iter().take(20) {
            let _ = match step {
                Step::Name(name) => write!(path, ".{}", name),
                Step::Item(place) => write!(path, "[{}]", place),
            };
        }
        self.refusal = Some(format!("{} {}", path.chars().take(200).collect::<String>(), why));
    }
}

pub fn quote(out: &mut String, text: &str) {
    out.push('"');
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[from..at]);
        from = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            _ => {
                let _ = write!(out, "\\u{:04x}", byte);
            }
        }
    }
    out.push_str(&text[from..]);
    out.push('"');
}
