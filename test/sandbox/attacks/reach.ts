/** Attacks that want to get at something outside of the sandbox. */
import { type Attack, attempts, EAFNOSUPPORT, ENOENT, EPERM, refused } from './attack.ts'

const files = {
  shadow: 'open("/etc/shadow").read()',
  passwd: 'open("/etc/passwd").read()',
  'environment of process 1': 'open("/proc/1/environ").read()',
  'own environment': 'open("/proc/self/environ").read()',
  'command line': 'open("/proc/1/cmdline").read()',
  root: 'os.listdir("/root")',
  home: 'os.listdir("/home")',
  sys: 'os.listdir("/sys")',
}

const sockets = {
  listener: 'socket.create_connection(("127.0.0.1", PORT), 2)',
  metadata: 'socket.create_connection(("169.254.169.254", 80), 2)',
  udp: 'socket.socket(socket.AF_INET, socket.SOCK_DGRAM)',
  ipv6: 'socket.socket(socket.AF_INET6)',
  vsock: 'socket.socket(40, socket.SOCK_STREAM)',
  netlink: 'socket.socket(16, socket.SOCK_RAW)',
  packet: 'socket.socket(17, socket.SOCK_RAW)',
}

const calls = {
  ptrace: 'call(101, 16, 1, 0, 0)',
  unshare: 'call(272, 0x10000000)',
  mount: 'call(165, 0, b"/tmp", b"tmpfs", 0, 0)',
  bpf: 'call(321, 0, 0, 0)',
  keyctl: 'call(250, 0, 0, 0)',
  io_uring: 'call(425, 8, 0)',
  userfaultfd: 'call(323, 0)',
  memfd: 'call(319, b"x", 0)',
  mknod: 'call(133, b"/tmp/x", 0o60666, 0x800)',
  'parent death signal': 'call(157, 1, 0, 0, 0, 0)',
}

const syscall = `
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    result = libc.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
`

const links = {
  'a link to shadow': '(os.symlink("/etc/shadow", "/tmp/link"), open("/tmp/link").read())',
  'a way up': 'open("../../../../etc/shadow").read()',
  'the first process root': 'open("/proc/1/root/etc/shadow").read()',
}

export const attacksOnReach: readonly Attack[] = [
  {
    name: 'files of the host are not there',
    runtime: 'python',
    code: attempts('os', files),
    expect: { answers: refused(files, ENOENT) },
  },
  {
    name: 'files of the host are not there',
    runtime: 'nodejs',
    code: `exports.handler = () => ['/etc/shadow', '/etc/passwd', '/proc/1/environ', '/proc/self/environ', '/root', '/home']
      .map((file) => { try { return String(require('fs').readFileSync(file)) } catch (error) { return error.code } })`,
    expect: { answers: Array(6).fill('ENOENT') },
  },
  {
    name: 'the runner’s source and environment are nowhere',
    runtime: 'python',
    code: `
import os, sys
def handler(event):
    found = [name for name in ('runner.py', '/runner.py', '/tmp/runner.py') if os.path.exists(name)]
    return [dict(os.environ), found, sys.argv, os.read(0, 100).decode(), sorted(os.listdir('/'))]
`,
    expect: { answers: [{}, [], [''], '', ['dev', 'lib', 'lib64', 'tmp', 'usr']] },
    expectAtUser: { answers: [{}, [], [''], '', ['dev', 'lib', 'lib64', 'usr']] },
  },
  {
    name: 'the runner’s source and environment are nowhere',
    runtime: 'nodejs',
    code: `exports.handler = () => [process.env, process.argv.length, process.execArgv, require('fs').readFileSync(0, 'utf8'), require('fs').readdirSync('/usr/bin')]`,
    expect: { answers: [{}, 1, [], '', ['node']] },
  },
  {
    name: 'no descriptor of the host is open',
    runtime: 'python',
    code: `
import os
def handler(event):
    found = []
    for number in range(4096):
        try:
            os.fstat(number)
            found.append(number)
        except OSError:
            pass
    return found
`,
    expect: { answers: [0, 1, 2, 3] },
  },
  {
    name: 'no socket leads anywhere',
    runtime: 'python',
    code: attempts('socket', sockets),
    expect: { answers: refused(sockets, EAFNOSUPPORT) },
  },
  {
    name: 'no socket leads anywhere',
    runtime: 'nodejs',
    code: `exports.handler = async () => {
      const connect = (port, host) => new Promise((resolve) => {
        const socket = require('net').connect(port, host)
        socket.on('connect', () => resolve('reached'))
        socket.on('error', (error) => resolve(error.code))
      })
      return [await connect(PORT, '127.0.0.1'), await connect(80, '169.254.169.254')]
    }`,
    expect: { answers: ['EAFNOSUPPORT', 'EAFNOSUPPORT'] },
  },
  {
    name: 'kill -9 -1 reaches nobody',
    runtime: 'python',
    code: attempts('os', {
      all: 'os.kill(-1, 9)',
      self: 'os.kill(os.getpid(), 9)',
      up: 'os.kill(2, 9)',
    }),
    expect: { answers: { all: 'No such process', self: 'reached: None', up: 'No such process' } },
  },
  {
    name: 'dangerous system calls are refused',
    runtime: 'python',
    code: syscall + attempts('os', calls),
    expect: { answers: refused(calls, EPERM) },
  },
  {
    name: 'links lead nowhere',
    runtime: 'python',
    code: attempts('os', links),
    expect: { answers: refused(links, ENOENT) },
  },
]
