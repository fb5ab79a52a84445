// What a spare is before it is a function: it waits, limits itself, and becomes the program that was
// put into its folder meanwhile.
//
// Invariant: no user code has run when the limits are set, and none can lift them.
use std::ffi::CString;
use std::os::raw::{c_char, c_int, c_long, c_void};

const CONTROL: c_int = 3;
const LAST_DESCRIPTOR: c_int = 65_536;
/// A header, then RLIMIT_DATA and RLIMIT_AS as twenty digits each.
const FRAME_BYTES: usize = 9 + 40;
/// The same number on x86-64 and AArch64; older kernels do not know it.
const CLOSE_RANGE: c_long = 436;
const RLIMIT_DATA: c_int = 2;
const RLIMIT_NPROC: c_int = 6;
const RLIMIT_AS: c_int = 9;
/// Counted in here, where the user namespace has no other processes.
const THREADS: u64 = 16;

#[repr(C)]
struct Limit {
    soft: u64,
    hard: u64,
}

extern "C" {
    fn read(descriptor: c_int, into: *mut c_void, count: usize) -> isize;
    fn write(descriptor: c_int, from: *const c_void, count: usize) -> isize;
    fn syscall(number: c_long, ...) -> c_long;
    fn close(descriptor: c_int) -> c_int;
    fn setrlimit(which: c_int, limit: *const Limit) -> c_int;
    fn execv(path: *const c_char, arguments: *const *const c_char) -> c_int;
}

fn limit(which: c_int, value: u64) {
    if unsafe { setrlimit(which, &Limit { soft: value, hard: value }) } != 0 {
        std::process::exit(126);
    }
}

fn main() {
    // What bubblewrap and the host's own parent left open is nobody's in here.
    if unsafe { syscall(CLOSE_RANGE, 4 as c_long, LAST_DESCRIPTOR as c_long, 0 as c_long) } != 0 {
        for descriptor in CONTROL + 1..LAST_DESCRIPTOR {
            unsafe { close(descriptor) };
        }
    }
    limit(RLIMIT_NPROC, THREADS);
    let ready = [0, 0, 0, 0, 17, 0, 0, 0, 0u8];
    unsafe { write(CONTROL, ready.as_ptr().cast(), ready.len()) };
    let mut frame = [0u8; FRAME_BYTES];
    let mut have = 0;
    while have < FRAME_BYTES {
        let into = frame[have..].as_mut_ptr().cast();
        let count = unsafe { read(CONTROL, into, FRAME_BYTES - have) };
        if count <= 0 {
            return;
        }
        have += count as usize;
    }
    let digits = |from: usize| std::str::from_utf8(&frame[from..from + 20]).ok()?.parse().ok();
    let path = CString::new("/slot/function").unwrap_or_default();
    let arguments = [path.as_ptr(), std::ptr::null()];
    if let (Some(data), Some(address)) = (digits(9), digits(29)) {
        limit(RLIMIT_DATA, data);
        limit(RLIMIT_AS, address);
        unsafe { execv(path.as_ptr(), arguments.as_ptr()) };
    }
    std::process::exit(127);
}
