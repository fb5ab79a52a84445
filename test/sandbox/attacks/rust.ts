/** The attacks of the other files in rust, which needs no library to speak to the kernel itself. */
import { BLACK_BOX } from '../rust-programs.ts'
import { type Attack, EAFNOSUPPORT, ENOENT, EPERM, refused } from './attack.ts'

/** Tries each action, an expression of `io::Result<T>`, and answers with what stopped it. */
const attempts = (actions: Record<string, string>, more = '') => `
use std::{fs, io::{self, Read, Write}, os::raw::{c_char, c_int, c_long, c_void}, process::Command};
extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn strerror(number: c_int) -> *const c_char;
}
fn call(number: c_long, a: c_long, b: c_long, c: c_long, d: c_long) -> io::Result<c_long> {
    let result = unsafe { syscall(number, a, b, c, d, 0 as c_long, 0 as c_long) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
fn attempt<T>(tried: io::Result<T>) -> String {
    match tried {
        Ok(_) => "reached".to_string(),
        Err(error) => {
            let text = unsafe { std::ffi::CStr::from_ptr(strerror(error.raw_os_error().unwrap_or(0))) };
            text.to_string_lossy().into_owned()
        }
    }
}
${more}
fn handler(_event: Json) -> Result<Json, String> {
    Ok(json!({ ${Object.entries(actions)
      .map(([name, action]) => `${JSON.stringify(name)}: attempt(${action})`)
      .join(', ')} }))
}
`

const handler = (body: string, before = '') =>
  `${before}\nfn handler(event: Json) -> Result<Json, String> {\n${body}\n}`

const files = {
  shadow: 'fs::read("/etc/shadow")',
  passwd: 'fs::read("/etc/passwd")',
  'environment of process 1': 'fs::read("/proc/1/environ")',
  'own memory': 'fs::read("/proc/self/maps")',
  root: 'fs::read_dir("/root")',
  home: 'fs::read_dir("/home")',
  sys: 'fs::read_dir("/sys")',
  'a way up': 'fs::read("../../../../etc/shadow")',
  'the compiler': 'fs::read("/rust/bin/rustc")',
}

const sockets = {
  tcp: 'call(41, 2, 1, 0, 0)',
  udp: 'call(41, 2, 2, 0, 0)',
  ipv6: 'call(41, 10, 1, 0, 0)',
  vsock: 'call(41, 40, 1, 0, 0)',
  netlink: 'call(41, 16, 3, 0, 0)',
  packet: 'call(41, 17, 3, 0, 0)',
  'by the standard library': 'std::net::TcpStream::connect("127.0.0.1:PORT")',
}

const calls = {
  fork: 'call(57, 0, 0, 0, 0)',
  vfork: 'call(58, 0, 0, 0, 0)',
  clone: 'call(56, 17, 0, 0, 0)',
  spawn: 'Command::new("/slot/function").spawn()',
  ptrace: 'call(101, 16, 1, 0, 0)',
  unshare: 'call(272, 0x10000000, 0, 0, 0)',
  mount: 'call(165, 0, 0, 0, 0)',
  bpf: 'call(321, 0, 0, 0, 0)',
  keyctl: 'call(250, 0, 0, 0, 0)',
  io_uring: 'call(425, 8, 0, 0, 0)',
  userfaultfd: 'call(323, 0, 0, 0, 0)',
  mknod: 'call(133, 0, 0o60666, 0x800, 0)',
  'parent death signal': 'call(157, 1, 0, 0, 0)',
  'more threads': 'raise(6)',
  'more data': 'raise(2)',
  'more addresses': 'raise(9)',
}

const raise = `
fn raise(which: c_long) -> io::Result<c_long> {
    let limit = [u64::MAX, u64::MAX];
    call(160, which, limit.as_ptr() as c_long, 0, 0)
}
`

/** Takes 16 MiB as often as it can, at most a gigabyte, and writes to each page. */
const hoard = (flags: string) => `
use std::os::raw::{c_int, c_void};
extern "C" { fn mmap(at: *mut c_void, size: usize, may: c_int, flags: c_int, fd: c_int, from: i64) -> *mut c_void; }
static mut TAKEN: usize = 0;
extern "C" fn take() {
    const SIZE: usize = 16 << 20;
    for _ in 0..64 {
        unsafe {
            let at = mmap(std::ptr::null_mut(), SIZE, 3, ${flags}, -1, 0);
            if at as isize == -1 { return; }
            for page in 0..SIZE / 4096 { (at as *mut u8).add(page * 4096).write_volatile(1); }
            TAKEN += SIZE >> 20;
        }
    }
}
`

const frame = (header: string, payload: string) => `
use std::os::raw::{c_int, c_void};
extern "C" { fn write(fd: c_int, from: *const c_void, count: usize) -> isize; }
fn handler(_event: Json) -> Result<Json, String> {
    let mut frame: Vec<u8> = vec!${header};
    frame.extend(${payload});
    unsafe { write(3, frame.as_ptr().cast(), frame.len()) };
    Ok(json!("honest"))
}
`

const filled = { '/': 'fill("/")', '/dev': 'fill("/dev")', '/slot': 'fill("/slot")' }
const READ_ONLY = 'Read-only file system'

const rust = (attack: Omit<Attack, 'runtime'>): Attack => ({ ...attack, runtime: 'rust' })

export const attacksInRust: readonly Attack[] = [
  rust({
    name: 'files of the host are not there',
    code: attempts(files),
    expect: { answers: refused(files, ENOENT) },
  }),
  rust({
    name: 'no socket leads anywhere',
    code: attempts(sockets),
    expect: { answers: refused(sockets, EAFNOSUPPORT) },
  }),
  rust({
    name: 'no process is made, no limit lifted, no dangerous call answered',
    code: attempts(calls, raise),
    expect: { answers: refused(calls, EPERM) },
  }),
  rust({
    name: 'it sees its own program and nothing of the host',
    code: handler(
      `let mut names: Vec<String> = std::fs::read_dir("/").unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let open: Vec<i32> = (0..4096).filter(|fd| unsafe { fcntl(*fd, 1) } >= 0).collect();
    Ok(json!([names, std::env::vars().count(), std::env::args().count(), open]))`,
      'extern "C" { fn fcntl(fd: i32, what: i32) -> i32; }',
    ),
    expect: { answers: [['dev', 'enter', 'slot', 'tmp'], 0, 1, [0, 1, 2, 3]] },
    expectAtUser: { answers: [['dev', 'enter', 'slot'], 0, 1, [0, 1, 2, 3]] },
  }),
  rust({
    name: 'kill -9 -1 reaches nobody',
    code: attempts({
      all: 'call(62, -1, 9, 0, 0)',
      self: 'call(62, 1, 9, 0, 0)',
      up: 'call(62, 2, 9, 0, 0)',
    }),
    expect: { answers: { all: 'No such process', self: 'reached', up: 'No such process' } },
  }),
  rust({
    name: 'a thread bomb is bounded',
    code: handler(`let mut started = 0;
    while started < 500 {
        let thread = std::thread::Builder::new().stack_size(16 << 10);
        if thread.spawn(|| loop { std::thread::park() }).is_err() { break; }
        started += 1;
    }
    Ok(json!(0 < started && started < 32))`),
    expect: { answers: true },
  }),
  rust({
    name: 'a list that grows for ever meets the memory limit',
    code: handler('let mut all = vec![]; loop { all.push(vec![1u8; 1 << 20]); }'),
    expect: { fails: 'MEMORY_LIMIT' },
  }),
  rust({
    name: 'one huge allocation meets the memory limit',
    code: handler('Ok(json!(black_box(vec![1u8; 1 << 40]).len()))', BLACK_BOX),
    expect: { fails: 'MEMORY_LIMIT' },
  }),
  rust({
    name: 'memory taken before its limits could be set by itself is limited',
    code: handler(
      'Ok(json!(unsafe { TAKEN } <= 128))',
      `${hoard('0x22')}\n#[used]\n#[link_section = ".init_array"]\nstatic EARLY: extern "C" fn() = take;`,
    ),
    expect: { answers: true },
  }),
  rust({
    name: 'memory that counts as a stack is not to be had',
    code: handler('take(); Ok(json!(unsafe { TAKEN }))', hoard('0x122')),
    expect: { answers: 0 },
  }),
  rust({
    name: 'shared anonymous memory is not to be had',
    code: handler('take(); Ok(json!(unsafe { TAKEN }))', hoard('0x21')),
    expect: { answers: 0 },
  }),
  rust({
    name: 'an endless loop that ignores every signal times out',
    code: handler(
      'for number in 1..65 { unsafe { signal(number, 1) }; }\n    loop {}',
      'extern "C" { fn signal(number: i32, how: usize) -> usize; }',
    ),
    expect: { fails: 'TIMEOUT' },
    timeoutMs: 300,
  }),
  rust({
    name: 'an endless loop before its start times out',
    code: handler(
      'Ok(event)',
      'extern "C" fn spin() { loop {} }\n#[used]\n#[link_section = ".init_array"]\nstatic EARLY: extern "C" fn() = spin;',
    ),
    expect: { fails: 'TIMEOUT' },
    timeoutMs: 300,
  }),
  rust({
    name: 'a gigabyte of output is cut off',
    code: handler(
      'let line = "x".repeat(1 << 20); for _ in 0..1024 { println!("{line}"); } Ok(event)',
    ),
    expect: { fails: 'OUTPUT_LIMIT' },
  }),
  rust({
    name: 'the disk cannot be filled',
    code: attempts(
      { ...filled, '/tmp': 'fill("/tmp")' },
      `fn fill(folder: &str) -> io::Result<()> {
    let mut file = fs::File::create(format!("{folder}/big"))?;
    for _ in 0..256 { file.write_all(&vec![1u8; 1 << 20])?; }
    Ok(())
}`,
    ),
    expect: { answers: { ...refused(filled, READ_ONLY), '/tmp': 'No space left on device' } },
    expectAtUser: { answers: { ...refused(filled, READ_ONLY), '/tmp': ENOENT } },
  }),
  rust({
    name: 'deep recursion ends',
    code: handler(
      'Ok(json!(down(1)))',
      `${BLACK_BOX}\nfn down(n: u64) -> u64 { black_box([n; 64])[1] + if n == 0 { 0 } else { down(n + 1) } }`,
    ),
    expect: { fails: 'RUNTIME_ERROR', message: /crashed/ },
  }),
  rust({
    name: 'a forged frame breaks the protocol',
    code: frame('[25, 0, 0, 0, 18, 1, 0, 0, 0]', '[0u8; 25]'),
    expect: { fails: 'RUNTIME_ERROR', message: /broke the protocol/ },
  }),
  rust({
    name: 'an oversized frame is refused before it is read',
    code: frame('[0, 0, 0, 64, 18, 1, 0, 0, 0]', 'vec![1u8; 65536]'),
    expect: { fails: 'RUNTIME_ERROR', message: /1073741824 bytes/ },
  }),
  rust({
    name: 'a closed channel ends the run',
    code: handler(
      'unsafe { close(3) };\n    std::thread::sleep(std::time::Duration::from_secs(60));\n    Ok(event)',
      'extern "C" { fn close(fd: i32) -> i32; }',
    ),
    expect: { fails: 'RUNTIME_ERROR', message: /closed the channel/ },
  }),
  rust({
    name: 'a poisoned runner poisons nobody else',
    code: handler(
      'Ok(event)',
      '#[no_mangle]\npub extern "C" fn getrusage(_who: i32, usage: *mut u64) -> i32 { for n in 0..4096 { unsafe { usage.add(n).write_volatile(7) } } 0 }',
    ),
    expect: { fails: 'RUNTIME_ERROR' },
  }),
  rust({
    name: 'an exit is told',
    code: handler('if event.is_object() { std::process::exit(3) }\n    Ok(event)'),
    expect: { fails: 'RUNTIME_ERROR', message: /exit code 3/ },
  }),
  rust({
    name: 'an abort is told',
    code: handler('if event.is_object() { std::process::abort() }\n    Ok(event)'),
    expect: { fails: 'RUNTIME_ERROR', message: /crashed/ },
  }),
  rust({
    name: 'a crash is told',
    code: handler('unsafe { (8 as *mut u64).write_volatile(1) };\n    Ok(event)'),
    expect: { fails: 'RUNTIME_ERROR', message: /SIGSEGV/ },
  }),
  rust({
    name: 'a panic within a panic is told',
    code: handler(
      'let _twice = Twice;\n    panic!("once")',
      'struct Twice;\nimpl Drop for Twice { fn drop(&mut self) { panic!("twice") } }',
    ),
    expect: { fails: 'RUNTIME_ERROR', message: /crashed/ },
  }),
  rust({
    name: 'a payload that panics when it is dropped is told',
    code: handler(
      'if event.is_object() { std::panic::panic_any(Bomb) }\n    Ok(event)',
      'struct Bomb;\nimpl Drop for Bomb { fn drop(&mut self) { panic!("late") } }',
    ),
    expect: { fails: 'RUNTIME_ERROR', message: /panicked/ },
  }),
  rust({
    name: 'NaN is refused',
    code: handler('Ok(json!({"a": [1, f64::NAN]}))'),
    expect: { fails: 'RUNTIME_ERROR', message: /result\.a\[1\] is NaN/ },
  }),
  rust({
    name: 'a result that is too large is told with both sizes',
    code: handler('Ok(json!("x".repeat(2_000_000)))'),
    expect: { fails: 'RUNTIME_ERROR', message: /2000002 bytes; at most 1048576/ },
  }),
]
