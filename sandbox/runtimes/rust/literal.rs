// `json!`: a value as it is written in JSON, with expressions in place of values.

#[macro_export]
macro_rules! json {
    (null) => { $crate::Json::Null };
    ([ $($items:tt)* ]) => { $crate::json_items!([] $($items)*) };
    ({ $($members:tt)* }) => {{
        #[allow(unused_mut)]
        let mut members = $crate::Map::new();
        $crate::json_members!(members $($members)*);
        $crate::Json::Object(members)
    }};
    ($value:expr) => { $crate::ToJson::to_json(&$value) };
}

// One item at a time moves into the brackets; a value that looks like JSON is tried as JSON first.
#[macro_export]
macro_rules! json_items {
    ([$($done:expr,)*]) => { $crate::Json::Array(::std::vec![$($done),*]) };
    ([$($done:expr,)*] null $(, $($rest:tt)*)?) => {
        $crate::json_items!([$($done,)* $crate::Json::Null,] $($($rest)*)?)
    };
    ([$($done:expr,)*] [$($inner:tt)*] $(, $($rest:tt)*)?) => {
        $crate::json_items!([$($done,)* $crate::json!([$($inner)*]),] $($($rest)*)?)
    };
    ([$($done:expr,)*] {$($inner:tt)*} $(, $($rest:tt)*)?) => {
        $crate::json_items!([$($done,)* $crate::json!({$($inner)*}),] $($($rest)*)?)
    };
    ([$($done:expr,)*] $next:expr $(, $($rest:tt)*)?) => {
        $crate::json_items!([$($done,)* $crate::json!($next),] $($($rest)*)?)
    };
}

#[macro_export]
macro_rules! json_members {
    ($members:ident) => {};
    ($members:ident $key:tt : null $(, $($rest:tt)*)?) => {
        $members.insert(::std::string::String::from($key), $crate::Json::Null);
        $crate::json_members!($members $($($rest)*)?);
    };
    ($members:ident $key:tt : [$($inner:tt)*] $(, $($rest:tt)*)?) => {
        $members.insert(::std::string::String::from($key), $crate::json!([$($inner)*]));
        $crate::json_members!($members $($($rest)*)?);
    };
    ($members:ident $key:tt : {$($inner:tt)*} $(, $($rest:tt)*)?) => {
        $members.insert(::std::string::String::from($key), $crate::json!({$($inner)*}));
        $crate::json_members!($members $($($rest)*)?);
    };
    ($members:ident $key:tt : $value:expr $(, $($rest:tt)*)?) => {
        $members.insert(::std::string::String::from($key), $crate::json!($value));
        $crate::json_members!($members $($($rest)*)?);
    };
}
