// The rust side of the control channel: frames on fd 3, and what a call used.
//
// Invariants:
// 1. A frame is `u32 length | u8 type | u32 call id | payload`, little endian.
// 2. The C library is spoken to directly: it is linked in, and no crate has to be brought.
use std::os::raw::{c_int, c_long, c_void};

pub const LOAD: u8 = 1;
pub const CALL: u8 = 2;
pub const RESULT: u8 = 18;
pub const ERROR: u8 = 19;

const CONTROL: c_int = 3;
const HEADER_BYTES: usize = 9;
const USAGE_BYTES: usize = 24;

#[repr(C)]
struct Moment {
    seconds: c_long,
    micros: c_long,
}

#[repr(C)]
struct Usage {
    user: Moment,
    system: Moment,
    max_resident_kib: c_long,
    others: [c_long; 13],
}

extern "C" {
    fn read(descriptor: c_int, into: *mut c_void, count: usize) -> isize;
    fn write(descriptor: c_int, from: *const c_void, count: usize) -> isize;
    fn getrusage(who: c_int, usage: *mut Usage) -> c_int;
    fn _exit(code: c_int) -> !;
}

pub struct Frame {
    pub kind: u8,
    pub id: u32,
    pub payload: Vec<u8>,
}

/// The next frame; the host's end is this process's end.
pub fn receive() -> Frame {
    let mut header = [0; HEADER_BYTES];
    read_all(&mut header);
    let word = |at: usize| {
        u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    let mut payload = vec![0; word(0) as usize];
    read_all(&mut payload);
    Frame { kind: header[4], id: word(5), payload }
}

/// Opens with what the call used: microseconds on the wall and on processors, peak bytes.
pub fn answer(kind: u8, id: u32, micros: f64, before: &Spent, text: &str) {
    let spent = Spent::now();
    let mut frame = header(USAGE_BYTES + text.len(), kind, id);
    for figure in [micros, spent.cpu_micros - before.cpu_micros, spent.peak_bytes] {
        frame.extend_from_slice(&figure.to_le_bytes());
    }
    frame.extend_from_slice(text.as_bytes());
    write_all(&frame);
}

fn header(length: usize, kind: u8, id: u32) -> Vec<u8> {
    let mut frame = Vec::with_capacity(HEADER_BYTES + length);
    frame.extend_from_slice(&(length as u32).to_le_bytes());
    frame.push(kind);
    frame.extend_from_slice(&id.to_le_bytes());
    frame
}

fn read_all(mut into: &mut [u8]) {
    while !into.is_empty() {
        let count = unsafe { read(CONTROL, into.as_mut_ptr().cast(), into.len()) };
        if count <= 0 {
            unsafe { _exit(0) };
        }
        into = &mut into[count as usize..];
    }
}

fn write_all(mut from: &[u8]) {
    while !from.is_empty() {
        let count = unsafe { write(CONTROL, from.as_ptr().cast(), from.len()) };
        if count <= 0 {
            unsafe { _exit(0) };
        }
        from = &from[count as usize..];
    }
}

pub struct Spent {
    cpu_micros: f64,
    peak_bytes: f64,
}

impl Spent {
    pub fn now() -> Spent {
        let zero = || Moment { seconds: 0, micros: 0 };
        let mut usage =
            Usage { user: zero(), system: zero(), max_resident_kib: 0, others: [0; 13] };
        unsafe { getrusage(0, &mut usage) };
        let micros = |at: &Moment| at.seconds as f64 * 1e6 + at.micros as f64;
        Spent {
            cpu_micros: micros(&usage.user) + micros(&usage.system),
            peak_bytes: usage.max_resident_kib as f64 * 1024.0,
        }
    }
}
