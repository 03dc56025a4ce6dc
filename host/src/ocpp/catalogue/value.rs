//! A JSON value one level deep: what it is, and its parts as they were written. Knows no table.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A value by its first character. `RawValue` has been read as JSON once, so the rest follows.
pub(super) enum Value<'a> {
    Null,
    Boolean,
    Number(&'a str),
    Text(Text<'a>),
    List(Vec<&'a RawValue>),
    Object(Vec<(Cow<'a, str>, &'a RawValue)>),
    /// An object that has a member twice, or a text that is none.
    Broken,
}

/// A text, with its quotes.
#[derive(Clone, Copy)]
pub(super) struct Text<'a>(&'a str);

impl<'a> Value<'a> {
    pub(super) fn of(raw: &'a RawValue) -> Self {
        let text = raw.get();
        match text.as_bytes().first() {
            Some(b'{') => members(text).map_or(Self::Broken, Self::Object),
            Some(b'[') => serde_json::from_str(text).map_or(Self::Broken, Self::List),
            Some(b'"') => Self::Text(Text(text)),
            Some(b't' | b'f') => Self::Boolean,
            Some(b'n') => Self::Null,
            _ => Self::Number(text),
        }
    }
}

impl<'a> Text<'a> {
    /// `None` for escapes that stand for no character.
    pub(super) fn read(self) -> Option<Cow<'a, str>> {
        let inner = &self.0[1..self.0.len() - 1];
        if inner.contains('\\') {
            serde_json::from_str(self.0).ok().map(Cow::Owned)
        } else {
            Some(Cow::Borrowed(inner))
        }
    }
}

/// Whether a reader of JSON can make something of it: it passes over what it need not read, such as half a surrogate
/// pair (RFC 8259 §8.2), or lists within lists within lists.
pub(super) fn is_readable(raw: &RawValue) -> bool {
    serde_json::from_str::<serde_json::Value>(raw.get()).is_ok()
}

/// The members in the order in which they stand; `None` if one comes twice.
pub(super) fn members(object: &str) -> Option<Vec<(Cow<'_, str>, &RawValue)>> {
    let mut json = serde_json::Deserializer::from_str(object);
    let members = json.deserialize_map(Members).ok()?;
    json.end().ok()?;
    Some(members)
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("an object without repeated members")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members: Self::Value = Vec::with_capacity(8);
        while let Some(name) = map.next_key_seed(Name)? {
            if members.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom("a member comes twice"));
            }
            members.push((name, map.next_value()?));
        }
        Ok(members)
    }
}

/// A member's name, borrowed where it has no escapes.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a member's name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}
