//! Makes JSON of what is nearly JSON. Knows no message: what it mends are commas, brackets, backslashes and values.

use serde::de::IgnoredAny;
use serde_json::{Map, Value};

/// What may be mended.
pub(crate) struct Syntax<'r> {
    /// What stands for the value of a member that has none.
    pub(crate) fill: &'r Map<String, Value>,
    pub(crate) commas: bool,
    pub(crate) brackets: bool,
    pub(crate) backslashes: bool,
}

impl Syntax<'_> {
    /// `None` for what is JSON, and for what is none afterwards either.
    pub(crate) fn mend(&self, text: &str) -> Option<String> {
        if is_json(text) {
            return None;
        }
        let mut writer = Writer { syntax: self, out: String::new(), open: Vec::new(), name: 0..0 };
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let taken = match next {
                '"' => writer.string(rest),
                other => {
                    writer.mark(other);
                    other.len_utf8()
                }
            };
            rest = &rest[taken..];
        }
        if self.brackets {
            while let Some(open) = writer.open.pop() {
                writer.close(closing(open));
            }
        }
        Some(writer.out).filter(|mended| is_json(mended))
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

fn closing(open: char) -> char {
    if open == '{' { '}' } else { ']' }
}

struct Writer<'s, 'r> {
    syntax: &'s Syntax<'r>,
    out: String,
    open: Vec<char>,
    /// Where the newest string stands in `out`, without its quotes.
    name: std::ops::Range<usize>,
}

impl Writer<'_, '_> {
    /// Takes over a string, and says how long it was.
    fn string(&mut self, text: &str) -> usize {
        let start = self.out.len() + 1;
        self.out.push('"');
        let mut chars = text.char_indices().skip(1).peekable();
        while let Some((at, next)) = chars.next() {
            match next {
                '"' => {
                    self.name = start..self.out.len();
                    self.out.push('"');
                    return at + 1;
                }
                '\\' if is_escape(&text[at + 1..]) => {
                    self.out.push('\\');
                    self.out.extend(chars.next().map(|(_, escaped)| escaped));
                }
                '\\' if self.syntax.backslashes => self.out.push_str(r"\\"),
                other => self.out.push(other),
            }
        }
        text.len()
    }

    /// Takes over what is no part of a string.
    fn mark(&mut self, mark: char) {
        match mark {
            ',' => {
                self.fill();
                let is_extra = matches!(self.last(), None | Some('[' | '{' | ','));
                if !(is_extra && self.syntax.commas) {
                    self.out.push(',');
                }
            }
            '[' | '{' => {
                self.open.push(mark);
                self.out.push(mark);
            }
            ']' | '}' => {
                while let Some(open) = self.open.pop() {
                    if closing(open) == mark || !self.syntax.brackets {
                        break;
                    }
                    self.close(closing(open));
                }
                self.close(mark);
            }
            other => self.out.push(other),
        }
    }

    fn close(&mut self, bracket: char) {
        self.fill();
        if self.syntax.commas && self.last() == Some(',') {
            self.out.truncate(self.out.trim_end().len() - 1);
        }
        self.out.push(bracket);
    }

    /// A member ends here: if it has no value, it gets one.
    fn fill(&mut self) {
        if self.last() == Some(':')
            && let Some(value) = self.syntax.fill.get(&self.out[self.name.clone()])
        {
            self.out.push_str(&value.to_string());
        }
    }

    fn last(&self) -> Option<char> {
        self.out.trim_end().chars().next_back()
    }
}

/// What follows a backslash is something that JSON knows.
fn is_escape(text: &str) -> bool {
    match text.as_bytes() {
        [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => true,
        [b'u', digits @ ..] => digits.len() >= 4 && digits[..4].iter().all(u8::is_ascii_hexdigit),
        _ => false,
    }
}
