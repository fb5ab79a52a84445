// JSON text to a value. Half of a surrogate pair, which no Rust string can hold, becomes U+FFFD.
use crate::json::{Json, Map, Number};

pub const MAX_DEPTH: usize = 512;

pub fn parse(text: &str) -> Result<Json, String> {
    let mut parser = Parser { text, bytes: text.as_bytes(), at: 0, depth: 0 };
    parser.skip_blanks();
    let value = parser.value()?;
    parser.skip_blanks();
    if parser.at < parser.bytes.len() {
        return parser.fail("text after the value");
    }
    Ok(value)
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn fail<T>(&self, what: &str) -> Result<T, String> {
        Err(format!("not JSON: {} at byte {}", what, self.at))
    }

    fn peek(&self) -> u8 {
        // 0 stands in no JSON text outside of a string, where it is refused as well.
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    fn value(&mut self) -> Result<Json, String> {
        match self.peek() {
            b'{' => self.nested(Self::object),
            b'[' => self.nested(Self::array),
            b'"' => self.string().map(Json::String),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word("true", Json::Bool(true)),
            b'f' => self.word("false", Json::Bool(false)),
            b'n' => self.word("null", Json::Null),
            _ => self.fail("no value"),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Json, String>) -> Result<Json, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.fail("nested too deeply");
        }
        self.at += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn word(&mut self, word: &str, value: Json) -> Result<Json, String> {
        if !self.text[self.at..].starts_with(word) {
            return self.fail("no value");
        }
        self.at += word.len();
        Ok(value)
    }

    fn array(&mut self) -> Result<Json, String> {
        let mut items = Vec::new();
        self.skip_blanks();
        if self.peek() == b']' {
            self.at += 1;
            return Ok(Json::Array(items));
        }
        loop {
            self.skip_blanks();
            items.push(self.value()?);
            if !self.goes_on(b']')? {
                return Ok(Json::Array(items));
            }
        }
    }

    fn object(&mut self) -> Result<Json, String> {
        let mut members = Map::new();
        self.skip_blanks();
        if self.peek() == b'}' {
            self.at += 1;
            return Ok(Json::Object(members));
        }
        loop {
            self.skip_blanks();
            if self.peek() != b'"' {
                return self.fail("no name");
            }
            let name = self.string()?;
            self.skip_blanks();
            if self.peek() != b':' {
                return self.fail("no colon");
            }
            self.at += 1;
            self.skip_blanks();
            members.insert(name, self.value()?);
            if !self.goes_on(b'}')? {
                return Ok(Json::Object(members));
            }
        }
    }

    /// Past a comma, or past the end.
    fn goes_on(&mut self, end: u8) -> Result<bool, String> {
        self.skip_blanks();
        let found = self.peek();
        if found != b',' && found != end {
            return self.fail("neither a comma nor an end");
        }
        self.at += 1;
        Ok(found == b',')
    }

    fn number(&mut self) -> Result<Json, String> {
        let from = self.at;
        if self.peek() == b'-' {
            self.at += 1;
        }
        if self.peek() == b'0' {
            self.at += 1;
        } else if self.digits() == 0 {
            return self.fail("no digit");
        }
        let whole = self.at;
        if self.peek() == b'.' {
            self.at += 1;
            if self.digits() == 0 {
                return self.fail("no digit");
            }
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.at += 1;
            }
            if self.digits() == 0 {
                return self.fail("no digit");
            }
        }
        let text = &self.text[from..self.at];
        if self.at == whole {
            if let Ok(number) = text.parse() {
                return Ok(Json::Number(Number::Int(number)));
            }
        }
        match text.parse() {
            Ok(number) => Ok(Json::Number(Number::Float(number))),
            Err(_) => self.fail("no number"),
        }
    }

    fn digits(&mut self) -> usize {
        let from = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        self.at - from
    }

    fn string(&mut self) -> Result<String, String> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let from = self.at;
            while !matches!(self.peek(), b'"' | b'\\' | 0..=0x1f) {
                self.at += 1;
            }
            out.push_str(&self.text[from..self.at]);
            match self.peek() {
                b'"' => {
                    self.at += 1;
                    return Ok(out);
                }
                b'\\' => {
                    self.at += 1;
                    let escaped = self.escaped()?;
                    out.push(escaped);
                }
                _ => return self.fail("a string that does not end"),
            }
        }
    }

    fn escaped(&mut self) -> Result<char, String> {
        let kind = self.peek();
        self.at += 1;
        Ok(match kind {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.unit()?;
                let is_high = (0xd800..0xdc00).contains(&first);
                if is_high && self.text[self.at..].starts_with("\\u") {
                    let back = self.at;
                    self.at += 2;
                    let second = self.unit()?;
                    if (0xdc00..0xe000).contains(&second) {
                        let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                        return Ok(char::from_u32(code).unwrap_or('\u{fffd}'));
                    }
                    self.at = back;
                }
                char::from_u32(first).unwrap_or('\u{fffd}')
            }
            _ => return self.fail("no escape"),
        })
    }

    fn unit(&mut self) -> Result<u32, String> {
        let digits = self.bytes.get(self.at..self.at + 4);
        let is_hex = |digits: &&[u8]| digits.iter().all(u8::is_ascii_hexdigit);
        if digits.filter(is_hex).is_none() {
            return self.fail("no hexadecimal digits");
        }
        let unit = u32::from_str_radix(&self.text[self.at..self.at + 4], 16);
        self.at += 4;
        unit.or_else(|_| self.fail("no hexadecimal digits"))
    }
}
