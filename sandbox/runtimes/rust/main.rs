// The crate that a function becomes.
//
// Invariant: the user's source is included as a file of its own. So it is parsed whole (an unbalanced
// brace closes nothing of ours), and its lines and columns are those that its author sees.
#![recursion_limit = "4096"]

#[macro_use]
extern crate sluice;

mod function {
    #[allow(unused_imports)]
    use sluice::{Json, Json as Value, Map, Number, ToJson};

    include!("function.rs");

    pub fn __serve() -> ! {
        ::sluice::serve(handler)
    }
}

fn main() {
    function::__serve()
}
