// A JSON value, with the names that serde_json's has.
use std::collections::BTreeMap;
use std::ops::{Index, IndexMut};

/// Sorted by name.
pub type Map = BTreeMap<String, Json>;

#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Array(Vec<Json>),
    Object(Map),
}

/// Whole numbers stay whole and exact up to 38 digits; what is written with a point or an exponent
/// is a float, as in the other runtimes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    Int(i128),
    Float(f64),
}

impl Number {
    pub fn as_i64(&self) -> Option<i64> {
        match *self {
            Number::Int(n) => i64::try_from(n).ok(),
            Number::Float(_) => None,
        }
    }

    pub fn as_u64(&self) -> Option<u64> {
        match *self {
            Number::Int(n) => u64::try_from(n).ok(),
            Number::Float(_) => None,
        }
    }

    pub fn as_f64(&self) -> Option<f64> {
        match *self {
            Number::Int(n) => Some(n as f64),
            Number::Float(n) => Some(n),
        }
    }
}

impl Default for Json {
    fn default() -> Json {
        Json::Null
    }
}

impl Json {
    pub fn parse(text: &str) -> Result<Json, String> {
        crate::parse::parse(text)
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Json::Null)
    }

    pub fn is_boolean(&self) -> bool {
        matches!(self, Json::Bool(_))
    }

    pub fn is_number(&self) -> bool {
        matches!(self, Json::Number(_))
    }

    pub fn is_string(&self) -> bool {
        matches!(self, Json::String(_))
    }

    pub fn is_array(&self) -> bool {
        matches!(self, Json::Array(_))
    }

    pub fn is_object(&self) -> bool {
        matches!(self, Json::Object(_))
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Json::Bool(value) => Some(*value),
            _ => None,
        }
    }

    pub fn as_number(&self) -> Option<&Number> {
        match self {
            Json::Number(value) => Some(value),
            _ => None,
        }
    }

    pub fn as_i64(&self) -> Option<i64> {
        self.as_number().and_then(Number::as_i64)
    }

    pub fn as_u64(&self) -> Option<u64> {
        self.as_number().and_then(Number::as_u64)
    }

    pub fn as_f64(&self) -> Option<f64> {
        self.as_number().and_then(Number::as_f64)
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Json::String(value) => Some(value),
            _ => None,
        }
    }

    pub fn as_array(&self) -> Option<&Vec<Json>> {
        match self {
            Json::Array(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_array_mut(&mut self) -> Option<&mut Vec<Json>> {
        match self {
            Json::Array(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_object(&self) -> Option<&Map> {
        match self {
            Json::Object(members) => Some(members),
            _ => None,
        }
    }

    pub fn as_object_mut(&mut self) -> Option<&mut Map> {
        match self {
            Json::Object(members) => Some(members),
            _ => None,
        }
    }

    /// A member by name or an item by place.
    pub fn get<P: Place>(&self, place: P) -> Option<&Json> {
        place.of(self)
    }

    pub fn get_mut<P: Place>(&mut self, place: P) -> Option<&mut Json> {
        place.of_mut(self)
    }

    /// RFC 6901: `/items/0/name`.
    pub fn pointer(&self, pointer: &str) -> Option<&Json> {
        if pointer.is_empty() {
            return Some(self);
        }
        pointer.strip_prefix('/')?.split('/').try_fold(self, |at, token| match at {
            Json::Object(members) => members.get(&token.replace("~1", "/").replace("~0", "~")),
            Json::Array(items) => items.get(token.parse::<usize>().ok()?),
            _ => None,
        })
    }

    /// Takes the value out and leaves null.
    pub fn take(&mut self) -> Json {
        std::mem::take(self)
    }

    pub fn kind(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "a boolean",
            Json::Number(_) => "a number",
            Json::String(_) => "a string",
            Json::Array(_) => "an array",
            Json::Object(_) => "an object",
        }
    }
}

/// What a value can be asked for: a name or a number.
pub trait Place {
    fn of<'a>(&self, value: &'a Json) -> Option<&'a Json>;
    fn of_mut<'a>(&self, value: &'a mut Json) -> Option<&'a mut Json>;
    /// The place itself, made if it is not there.
    fn made<'a>(&self, value: &'a mut Json) -> &'a mut Json;
}

impl Place for usize {
    fn of<'a>(&self, value: &'a Json) -> Option<&'a Json> {
        value.as_array()?.get(*self)
    }

    fn of_mut<'a>(&self, value: &'a mut Json) -> Option<&'a mut Json> {
        value.as_array_mut()?.get_mut(*self)
    }

    #[track_caller]
    fn made<'a>(&self, value: &'a mut Json) -> &'a mut Json {
        let kind = value.kind();
        match value.as_array_mut() {
            Some(items) => &mut items[*self],
            None => panic!("{} has no item {}", kind, self),
        }
    }
}

impl Place for str {
    fn of<'a>(&self, value: &'a Json) -> Option<&'a Json> {
        value.as_object()?.get(self)
    }

    fn of_mut<'a>(&self, value: &'a mut Json) -> Option<&'a mut Json> {
        value.as_object_mut()?.get_mut(self)
    }

    #[track_caller]
    fn made<'a>(&self, value: &'a mut Json) -> &'a mut Json {
        if value.is_null() {
            *value = Json::Object(Map::new());
        }
        let kind = value.kind();
        match value.as_object_mut() {
            Some(members) => members.entry(self.to_string()).or_default(),
            None => panic!("{} has no member {:?}", kind, self),
        }
    }
}

impl Place for String {
    fn of<'a>(&self, value: &'a Json) -> Option<&'a Json> {
        self.as_str().of(value)
    }

    fn of_mut<'a>(&self, value: &'a mut Json) -> Option<&'a mut Json> {
        self.as_str().of_mut(value)
    }

    #[track_caller]
    fn made<'a>(&self, value: &'a mut Json) -> &'a mut Json {
        self.as_str().made(value)
    }
}

impl<P: Place + ?Sized> Place for &P {
    fn of<'a>(&self, value: &'a Json) -> Option<&'a Json> {
        (**self).of(value)
    }

    fn of_mut<'a>(&self, value: &'a mut Json) -> Option<&'a mut Json> {
        (**self).of_mut(value)
    }

    #[track_caller]
    fn made<'a>(&self, value: &'a mut Json) -> &'a mut Json {
        (**self).made(value)
    }
}

static NULL: Json = Json::Null;

/// What is not there reads as null.
impl<P: Place> Index<P> for Json {
    type Output = Json;

    fn index(&self, place: P) -> &Json {
        place.of(self).unwrap_or(&NULL)
    }
}

/// A member that is not there is made; an item is not.
impl<P: Place> IndexMut<P> for Json {
    #[track_caller]
    fn index_mut(&mut self, place: P) -> &mut Json {
        place.made(self)
    }
}
