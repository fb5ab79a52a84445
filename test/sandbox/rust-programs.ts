/** What user code may look like in rust, and what its author is told when it fails. */
import type { RuntimeName } from '#sandbox/contract.ts'

export const RUST = 'fn handler(event: Json) -> Result<Json, String> {'

/** `std::hint::black_box`, which the oldest compilers lack. */
export const BLACK_BOX = `fn black_box<T>(value: T) -> T {
    let kept = std::mem::ManuallyDrop::new(value);
    unsafe { std::ptr::read_volatile(&*kept) }
}`

export const handlersInRust: readonly [RuntimeName, string, string][] = [
  ['rust', 'a function', `${RUST} Ok(event) }`],
  [
    'rust',
    'a function that takes the context',
    'fn handler(event: Json, context: Json) -> Result<Json, String> {\n    Ok(if context["job_id"] == 7 { event } else { Json::Null })\n}',
  ],
  ['rust', 'a public function', `pub ${RUST} Ok(event) }`],
  [
    'rust',
    'a value put together',
    `use std::collections::HashMap;
${RUST}
    let list: Vec<Json> = event["list"].as_array().ok_or("no list")?.to_vec();
    let seen: HashMap<String, Option<f64>> = HashMap::from([("half".to_string(), Some(0.5))]);
    let built = json!({
        "text": event["text"], "big": 12_345_678_900i64 + 1, ("li".to_string() + "st"): list,
        "nested": [null, {"seen": seen, "empty": {}}, [event["nothing"]], if list.len() > 3 { "long" } else { "short" },],
    });
    let mut result = json!({});
    for name in ["text", "list", "big"] { result[name] = built[name].clone(); }
    assert_eq!(built["nested"].to_string(), r#"[null,{"empty":{},"seen":{"half":0.5}},[null],"long"]"#);
    assert_eq!(built.pointer("/nested/1/seen/half").and_then(Json::as_f64), Some(0.5));
    assert_eq!(result.to_string().parse::<Json>()?, result);
    Ok(result)
}`,
  ],
  [
    'rust',
    'a function that is its own module’s',
    `mod inner { use super::Json; pub fn echo(event: Json) -> Json { event } }\n${RUST} Ok(inner::echo(event)) }`,
  ],
]

const noHandler = 'The source defines no `fn handler(event: Json) -> Result<Json, String>`.'
const anotherHandler =
  'The handler has to be `fn handler(event: Json) -> Result<Json, String>`, or the same with a second argument `context: Json`.'

export const failuresInRust: readonly [RuntimeName, string, string, Record<string, unknown>][] = [
  ['rust', 'an Err', `${RUST}\n    Err("bad é".into())\n}`, { type: 'Err', message: 'bad é' }],
  [
    'rust',
    'an error passed on',
    `${RUST} Ok(json!(event["n"].as_i64().ok_or("no n")?)) }`,
    { type: 'Err', message: 'no n' },
  ],
  [
    'rust',
    'a panic',
    `fn inner() {\n    panic!("bad é {}", 1)\n}\n${RUST} inner(); Ok(event) }`,
    { type: 'panic', message: 'bad é 1', line: 2, column: 5 },
  ],
  [
    'rust',
    'a panic of the standard library',
    `${RUST}\n    if "ä" != "ä" { return Ok(event) } let list = [1, 2];\n    Ok(json!(list[event.as_object().unwrap().len() + 2]))\n}`,
    {
      message: 'index out of bounds: the len is 2 but the index is 2',
      line: 3,
      column: 14,
      stack: 'panic: index out of bounds: the len is 2 but the index is 2\n    at function.rs:3:14',
    },
  ],
  [
    'rust',
    'a value that has no such place',
    `${RUST}\n    let mut list = json!([1]);\n    list["a"] = event;\n    Ok(list)\n}`,
    { message: 'an array has no member "a"', line: 3 },
  ],
  [
    'rust',
    'a panic behind a hook of its own',
    `${RUST}\n    std::panic::set_hook(Box::new(|_| {}));\n    panic!("seen by nobody")\n}`,
    { type: 'panic', message: 'seen by nobody' },
  ],
  [
    'rust',
    'a type error',
    `${RUST}\n    let é = 1; let n: i32 = "a";\n    Ok(event)\n}`,
    { message: 'mismatched types: expected `i32`, found `&str`', line: 2, column: 29 },
  ],
  ['rust', 'no handler', 'fn main() {}', { message: noHandler }],
  [
    'rust',
    'another handler',
    '\nfn handler(event: i32) -> i32 { event }',
    { message: anotherHandler, line: 2, column: 4 },
  ],
  [
    'rust',
    'NaN',
    `${RUST} Ok(json!({"a": [f64::NAN]})) }`,
    { message: 'The result is not JSON: result.a[0] is NaN, which is not JSON.' },
  ],
]
