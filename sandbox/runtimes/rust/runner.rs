// The loop that answers calls with the user's handler.
//
// Invariants:
// 1. An `Err` or a panic of the handler is an answer; the process goes on.
// 2. What a call printed leaves before its answer does.
// 3. Between calls this thread blocks in a read; the host freezes the others.
// 4. Its limits were set before it was started (`enter.rs`), which has said READY for it.
use crate::channel::{self, Frame, Spent, CALL, ERROR, LOAD, RESULT};
use crate::json::Json;
use crate::write;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::io::Write;
use std::panic::{self, AssertUnwindSafe};
use std::time::Instant;

const RESULT_BYTES: usize = 1024 * 1024;
const FILE: &str = "function.rs";

/// `fn handler(event: Json)` or `fn handler(event: Json, context: Json)`; both answer with a
/// `Result<Json, String>`. What is between the angle brackets is only there to tell them apart.
pub trait Handler<Arguments> {
    fn call(&self, event: Json, context: &str) -> Result<Json, String>;
}

impl<F: Fn(Json) -> Result<Json, String>> Handler<(Json,)> for F {
    fn call(&self, event: Json, _context: &str) -> Result<Json, String> {
        self(event)
    }
}

impl<F: Fn(Json, Json) -> Result<Json, String>> Handler<(Json, Json)> for F {
    fn call(&self, event: Json, context: &str) -> Result<Json, String> {
        self(event, Json::parse(context)?)
    }
}

struct Panicked {
    message: String,
    place: Option<(u32, u32)>,
}

thread_local! {
    static IN_CALL: Cell<bool> = Cell::new(false);
    static PANICKED: RefCell<Option<Panicked>> = RefCell::new(None);
}

pub fn serve<Arguments>(handler: impl Handler<Arguments>) -> ! {
    for (name, _) in std::env::vars_os() {
        std::env::remove_var(name);
    }
    panic::set_hook(Box::new(|info| {
        let message = message_of(info.payload());
        let place = info.location().filter(|place| place.file() == FILE);
        let place = place.map(|place| (place.line(), place.column()));
        if IN_CALL.with(Cell::get) {
            PANICKED.with(|last| *last.borrow_mut() = Some(Panicked { message, place }));
            return;
        }
        // A thread of the function's own: its panic is nobody's answer, but it is in the logs.
        let (line, column) = place.unwrap_or_default();
        eprintln!("a thread panicked at {}:{}:{}: {}", FILE, line, column, message);
    }));
    loop {
        let frame = channel::receive();
        match frame.kind {
            LOAD => load(&frame),
            CALL => call(&handler, &frame),
            _ => {}
        }
    }
}

fn load(frame: &Frame) {
    let load = Json::parse(&String::from_utf8_lossy(&frame.payload)).unwrap_or_default();
    for (name, value) in load["env"].as_object().into_iter().flatten() {
        std::env::set_var(name, value.as_str().unwrap_or_default());
    }
}

fn call<Arguments>(handler: &impl Handler<Arguments>, frame: &Frame) {
    let payload = &frame.payload;
    let split = 4 + u32::from_le_bytes([payload[0], payload[1], payload[2], payload[3]]) as usize;
    let context = String::from_utf8_lossy(&payload[4..split]);
    let event = Json::parse(&String::from_utf8_lossy(&payload[split..]));
    // What is measured is the user's code, not the runner around it.
    let before = Spent::now();
    let started = Instant::now();
    IN_CALL.with(|flag| flag.set(true));
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| handler.call(event?, &context)));
    IN_CALL.with(|flag| flag.set(false));
    let micros = started.elapsed().as_nanos() as f64 / 1e3;
    let answer = match outcome {
        Ok(Ok(result)) => encode(&result),
        Ok(Err(message)) => Err(describe("Err", &message, None)),
        Err(payload) => Err(described(payload)),
    };
    // Prints that cannot leave have nobody to be told to.
    let _ = std::io::stdout().flush();
    match answer {
        Ok(text) => channel::answer(RESULT, frame.id, micros, &before, &text),
        Err(text) => channel::answer(ERROR, frame.id, micros, &before, &text),
    }
}

fn encode(result: &Json) -> Result<String, String> {
    let text = write::strict(result).map_err(|why| refused(&why))?;
    if text.len() > RESULT_BYTES {
        let (size, most) = (text.len(), RESULT_BYTES);
        return Err(refused(&format!(
            "The result has {} bytes; at most {} are allowed.",
            size, most
        )));
    }
    Ok(text)
}

fn refused(why: &str) -> String {
    let mut text = String::from("{\"kind\":\"result\",\"message\":");
    write::quote(&mut text, why);
    text.push('}');
    text
}

fn described(payload: Box<dyn Any + Send>) -> String {
    // No hook has seen it if the function has set one of its own.
    let unseen = || Panicked { message: message_of(&*payload), place: None };
    let Panicked { message, place } =
        PANICKED.with(|last| last.borrow_mut().take()).unwrap_or_else(unseen);
    let text = describe("panic", &message, place);
    // A payload may panic again while it is dropped.
    std::mem::forget(payload);
    text
}

fn message_of(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        return text.to_string();
    }
    match payload.downcast_ref::<String>() {
        Some(text) => text.clone(),
        None => String::from("the function panicked"),
    }
}

fn describe(kind: &str, message: &str, place: Option<(u32, u32)>) -> String {
    let mut text = format!("{{\"kind\":\"error\",\"type\":\"{}\",\"message\":", kind);
    write::quote(&mut text, message);
    if let Some((line, column)) = place {
        text.push_str(&format!(",\"line\":{},\"column\":{},\"stack\":", line, column));
        let stack = format!("{}: {}\n    at {}:{}:{}", kind, message, FILE, line, column);
        write::quote(&mut text, &stack);
    }
    text.push('}');
    text
}
