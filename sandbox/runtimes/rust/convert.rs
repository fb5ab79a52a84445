// What can become a value: by `json!` (which borrows), by `Json::from` and `into`.
use crate::json::{Json, Map, Number};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::iter::FromIterator;
use std::str::FromStr;

pub trait ToJson {
    fn to_json(&self) -> Json;
}

macro_rules! whole {
    ($($type:ty)*) => {$(
        impl ToJson for $type {
            fn to_json(&self) -> Json {
                Json::Number(Number::Int(*self as i128))
            }
        }

        impl From<$type> for Json {
            fn from(value: $type) -> Json {
                value.to_json()
            }
        }

        impl PartialEq<$type> for Json {
            fn eq(&self, other: &$type) -> bool {
                matches!(self, Json::Number(Number::Int(n)) if *n == *other as i128)
            }
        }
    )*};
}
whole!(i8 i16 i32 i64 isize u8 u16 u32 u64 usize);

macro_rules! plain {
    ($($type:ty, $self:ident => $json:expr;)*) => {$(
        impl ToJson for $type {
            fn to_json(&self) -> Json {
                let $self = self;
                $json
            }
        }

        impl From<$type> for Json {
            fn from(value: $type) -> Json {
                value.to_json()
            }
        }
    )*};
}
plain! {
    bool, value => Json::Bool(*value);
    f32, value => Json::Number(Number::Float(f64::from(*value)));
    f64, value => Json::Number(Number::Float(*value));
    char, value => Json::String(value.to_string());
    (), _value => Json::Null;
    &str, value => Json::String(value.to_string());
    Number, value => Json::Number(*value);
}

impl ToJson for Json {
    fn to_json(&self) -> Json {
        self.clone()
    }
}

impl ToJson for str {
    fn to_json(&self) -> Json {
        Json::String(self.to_string())
    }
}

impl ToJson for String {
    fn to_json(&self) -> Json {
        Json::String(self.clone())
    }
}

impl<T: ToJson> ToJson for &T {
    fn to_json(&self) -> Json {
        (**self).to_json()
    }
}

impl<T: ToJson> ToJson for Box<T> {
    fn to_json(&self) -> Json {
        (**self).to_json()
    }
}

impl<T: ToJson> ToJson for Option<T> {
    fn to_json(&self) -> Json {
        self.as_ref().map_or(Json::Null, ToJson::to_json)
    }
}

impl<T: ToJson> ToJson for [T] {
    fn to_json(&self) -> Json {
        Json::Array(self.iter().map(ToJson::to_json).collect())
    }
}

impl<T: ToJson> ToJson for &[T] {
    fn to_json(&self) -> Json {
        (**self).to_json()
    }
}

impl<T: ToJson, const N: usize> ToJson for [T; N] {
    fn to_json(&self) -> Json {
        self.as_slice().to_json()
    }
}

impl<T: ToJson> ToJson for Vec<T> {
    fn to_json(&self) -> Json {
        self.as_slice().to_json()
    }
}

impl<A: ToJson, B: ToJson> ToJson for (A, B) {
    fn to_json(&self) -> Json {
        Json::Array(vec![self.0.to_json(), self.1.to_json()])
    }
}

impl<K: ToString, T: ToJson> ToJson for BTreeMap<K, T> {
    fn to_json(&self) -> Json {
        self.iter().map(|(key, value)| (key.to_string(), value.to_json())).collect()
    }
}

impl<K: ToString, T: ToJson, S> ToJson for HashMap<K, T, S> {
    fn to_json(&self) -> Json {
        self.iter().map(|(key, value)| (key.to_string(), value.to_json())).collect()
    }
}

impl From<String> for Json {
    fn from(value: String) -> Json {
        Json::String(value)
    }
}

impl From<&String> for Json {
    fn from(value: &String) -> Json {
        Json::String(value.clone())
    }
}

impl From<&Json> for Json {
    fn from(value: &Json) -> Json {
        value.clone()
    }
}

impl<T: Into<Json>> From<Vec<T>> for Json {
    fn from(items: Vec<T>) -> Json {
        Json::Array(items.into_iter().map(Into::into).collect())
    }
}

impl<T: ToJson> From<&[T]> for Json {
    fn from(items: &[T]) -> Json {
        items.to_json()
    }
}

impl<T: Into<Json>> From<Option<T>> for Json {
    fn from(value: Option<T>) -> Json {
        value.map_or(Json::Null, Into::into)
    }
}

impl From<Map> for Json {
    fn from(members: Map) -> Json {
        Json::Object(members)
    }
}

impl<T: Into<Json>> From<HashMap<String, T>> for Json {
    fn from(members: HashMap<String, T>) -> Json {
        Json::Object(members.into_iter().map(|(key, value)| (key, value.into())).collect())
    }
}

impl<T: Into<Json>> FromIterator<T> for Json {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Json {
        Json::Array(items.into_iter().map(Into::into).collect())
    }
}

impl<K: Into<String>, T: Into<Json>> FromIterator<(K, T)> for Json {
    fn from_iter<I: IntoIterator<Item = (K, T)>>(members: I) -> Json {
        let members = members.into_iter();
        Json::Object(members.map(|(key, value)| (key.into(), value.into())).collect())
    }
}

impl PartialEq<str> for Json {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == Some(other)
    }
}

impl PartialEq<&str> for Json {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == Some(*other)
    }
}

impl PartialEq<String> for Json {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == Some(other.as_str())
    }
}

impl PartialEq<bool> for Json {
    fn eq(&self, other: &bool) -> bool {
        self.as_bool() == Some(*other)
    }
}

impl PartialEq<f64> for Json {
    fn eq(&self, other: &f64) -> bool {
        self.as_f64() == Some(*other)
    }
}

/// As JSON text; what JSON has no words for (NaN) is written as null here, and refused as a result.
impl fmt::Display for Json {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&crate::write::lenient(self))
    }
}

impl FromStr for Json {
    type Err = String;

    fn from_str(text: &str) -> Result<Json, String> {
        Json::parse(text)
    }
}
