// The crate that a function becomes: the prelude, the runner, and the user's source between them.
//
// Invariants:
// 1. The user's source is included as a file of its own: it is parsed whole (an unbalanced brace
//    closes nothing of ours), and its lines and columns are those that its author sees.
// 2. Nothing here is a defence: user code may reach all of it, in a process that serves nobody else.
#![recursion_limit = "4096"]
#![allow(dead_code, non_snake_case)]

#[macro_use]
mod literal;
mod channel;
mod convert;
mod json;
mod parse;
mod runner;
mod write;

pub use json::{Json, Map, Number};

mod function {
    #[allow(unused_imports)]
    use crate::convert::ToJson;
    #[allow(unused_imports)]
    use crate::json::{Json, Json as Value, Map, Number};

    include!("function.rs");

    pub fn __serve() -> ! {
        crate::runner::serve(handler)
    }
}

fn main() {
    function::__serve()
}
