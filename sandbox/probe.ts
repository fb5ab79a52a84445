/**
 * Finds out what the machine offers, and proves that the confinement confines.
 *
 * Invariants:
 * 1. A runtime is usable only if a function that tries to get out, run in the very sandbox that
 *    users get, reached nothing.
 * 2. Every refusal says what to do about it.
 */
import type { RuntimeName } from './contract.ts'

/** Each attempt answers with a word; every word but `refused` is a hole. */
export const probes: Readonly<Record<RuntimeName, string>> = {
  python: `
import os, socket
def attempt(action):
    try:
        action()
        return 'reached'
    except BaseException:
        return 'refused'
def handler(event):
    return {
        'an internet socket': attempt(lambda: socket.socket(socket.AF_INET)),
        'a vsock socket': attempt(lambda: socket.socket(40)),
        'fork': attempt(lambda: os._exit(0) if os.fork() == 0 else None),
        'the root folder': attempt(lambda: open('/probe', 'w')),
        '/etc/passwd': attempt(lambda: open('/etc/passwd')),
        '/proc': attempt(lambda: os.listdir('/proc')),
    }
`,
  nodejs: `
const fs = require('fs'), net = require('net'), child = require('child_process')
const attempt = (action) => { try { action(); return 'reached' } catch { return 'refused' } }
const connect = () => new Promise((resolve) => {
  const socket = net.connect(9, '127.0.0.1')
  socket.on('connect', () => resolve('reached'))
  socket.on('error', (error) => resolve(error.code === 'ECONNREFUSED' ? 'reached' : 'refused'))
})
module.exports = async () => ({
  'an internet socket': await connect(),
  'another process': attempt(() => { const { error } = child.spawnSync('/usr/bin/node'); if (error) throw error }),
  'the root folder': attempt(() => fs.writeFileSync('/probe', '')),
  '/etc/passwd': attempt(() => fs.readFileSync('/etc/passwd')),
  '/proc': attempt(() => fs.readdirSync('/proc')),
})
`,
  rust: `
use std::{fs, io, os::raw::c_int, process::Command};
extern "C" { fn socket(family: c_int, kind: c_int, protocol: c_int) -> c_int; }
fn attempt<T>(reached: io::Result<T>) -> &'static str {
    if reached.is_ok() { "reached" } else { "refused" }
}
fn opened(family: c_int) -> &'static str {
    if unsafe { socket(family, 1, 0) } >= 0 { "reached" } else { "refused" }
}
fn handler(_event: Json) -> Result<Json, String> {
    Ok(json!({
        "an internet socket": opened(2),
        "a vsock socket": opened(40),
        "another process": attempt(Command::new("/function").spawn()),
        "the root folder": attempt(fs::write("/probe", "")),
        "/etc/passwd": attempt(fs::read("/etc/passwd")),
        "/proc": attempt(fs::read_dir("/proc")),
    }))
}
`,
}

/** What a probe reached, or undefined if nothing. */
export function readProbe(result: string): string | undefined {
  const answers = Object.entries(JSON.parse(result) as Record<string, unknown>)
  const reached = answers.filter(([, word]) => word !== 'refused').map(([what]) => what)
  if (answers.length === 0) return 'it did not answer'
  return reached.length === 0 ? undefined : `it lets a function reach ${reached.join(', ')}`
}

/** What to do about a sandbox that does not start, from what bubblewrap said. */
export function adviceFor(message: string): string {
  if (/max_\w+_namespaces|ENOSPC/.test(message)) {
    return `user namespaces are exhausted or off: sysctl user.max_user_namespaces (${message})`
  }
  if (/No permissions|uid map|Operation not permitted|creating new namespace/i.test(message)) {
    return (
      'user namespaces are not allowed here: set kernel.unprivileged_userns_clone=1, on Ubuntu ' +
      `kernel.apparmor_restrict_unprivileged_userns=0 (${message})`
    )
  }
  if (/Unknown option|ENOENT|not found/i.test(message)) {
    return `bubblewrap 0.8 or newer is needed: apt-get install bubblewrap (${message})`
  }
  return message
}
