// What every function in rust is linked with: values, and the runner that calls its handler.
//
// Nothing here is a defence: user code may reach all of it, in a process that serves nobody else.

#[macro_use]
mod literal;
mod channel;
mod convert;
mod json;
mod parse;
mod runner;
mod write;

pub use convert::ToJson;
pub use json::{Json, Map, Number};
pub use runner::serve;
