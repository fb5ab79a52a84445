/**
 * A sandbox of one's own per test, at each level that this machine offers, and a look at what it
 * leaves behind.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Program, Run, RunResult, RuntimeName, Sandbox } from '#sandbox/contract.ts'
import { SHARED_CACHE } from '#sandbox/interpreters.ts'
import type { SandboxOptions } from '#sandbox/options.ts'
import { createSandbox } from '#sandbox/sandbox.ts'

/** Root gets cgroups; an ordinary user does not, and has nothing better to be compared with. */
export const levels = process.getuid?.() === 0 ? (['auto', 'user'] as const) : (['user'] as const)

export type Level = (typeof levels)[number]

export interface Rig extends AsyncDisposable {
  readonly sandbox: Sandbox
  readonly events: { what: string; fields: Record<string, unknown> }[]
  run(program: Program, options?: Partial<Run>): Promise<RunResult>
  /** Closes it and proves that nothing of it is left. */
  close(): Promise<void>
}

export async function openRig(options: Partial<SandboxOptions> = {}): Promise<Rig> {
  const cacheDir = await mkdtemp(path.join(tmpdir(), 'sluice-sandbox-test-'))
  const { SLUICE_BWRAP: bwrapPath, SLUICE_RUSTC: rustcPath } = process.env
  const events: Rig['events'] = []
  const sandbox = createSandbox({
    ...(bwrapPath === undefined ? {} : { bwrapPath }),
    ...(rustcPath === undefined ? {} : { rustcPath }),
    cacheDir,
    onEvent: (what, fields) => events.push({ what, fields }),
    ...options,
  })
  const mountsBefore = mounts()
  const childrenBefore = new Set(descendants().map(({ pid }) => pid))
  await sandbox.start()
  const { level, reason, runtimes } = sandbox.stats()
  assert.notEqual(level, 'unavailable', `bubblewrap is on PATH or in SLUICE_BWRAP: ${reason}`)
  assert.ok(runtimes.python.ok && runtimes.nodejs.ok, JSON.stringify(runtimes))
  let closing: Promise<void> | undefined
  const close = () => (closing ??= endRig())
  return {
    sandbox,
    events,
    run: (program, more = {}) => sandbox.run({ ...runOf(program), ...more }),
    close,
    [Symbol.asyncDispose]: close,
  }

  async function endRig() {
    const children = descendants().filter(({ pid }) => !childrenBefore.has(pid))
    await sandbox.close()
    assert.deepEqual(slotsOf(process.pid, cacheDir), [], 'no slot survives')
    await rm(cacheDir, { recursive: true })
    assert.deepEqual(children.filter(isAlive), [], 'no process survives')
    assert.deepEqual(cgroupsOf(process.pid), [], 'no cgroup survives')
    assert.deepEqual(mounts(), mountsBefore, 'no mount survives')
  }
}

let functions = 0

export function program(runtime: RuntimeName, code: string, more: Partial<Program> = {}): Program {
  functions += 1
  const ids = { owner: 'owner', functionId: functions, version: 1 }
  return { ...ids, runtime, code, env: {}, memoryMb: 128, ...more }
}

export function runOf(program: Program): Run {
  return {
    program,
    event: '{}',
    timeoutMs: 60_000,
    context: {
      job_id: 7,
      function_id: program.functionId,
      function_name: 'fn',
      function_version: program.version,
      attempt: 1,
      deadline: '2030-01-01T00:00:00.000Z',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    },
  }
}

/** The run's result as a value; fails with the run's own error if there is none. */
export function resultOf(run: RunResult): unknown {
  assert.ok(run.outcome.ok, JSON.stringify(run.outcome))
  return JSON.parse(run.outcome.result)
}

export function errorOf(run: RunResult) {
  assert.ok(!run.outcome.ok, JSON.stringify(run.outcome).slice(0, 500))
  return run.outcome.error
}

interface Known {
  readonly pid: number
  readonly startTime: string
}

/** Everything below this process, with its start time, so that a reused pid is not taken for it. */
export function descendants(): Known[] {
  const parents = new Map<number, number>()
  const known = new Map<number, Known>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = readStat(Number(name))
    if (stat === undefined) continue
    parents.set(Number(name), stat.parent)
    known.set(Number(name), { pid: Number(name), startTime: stat.startTime })
  }
  const isBelow = (pid: number): boolean => {
    const parent = parents.get(pid)
    return parent !== undefined && (parent === process.pid || isBelow(parent))
  }
  return [...known.values()].filter(({ pid }) => isBelow(pid))
}

export function isAlive(known: Known): boolean {
  const stat = readStat(known.pid)
  return stat?.startTime === known.startTime && stat.state !== 'Z'
}

function readStat(pid: number) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { state: fields[0], parent: Number(fields[1]), startTime: fields[19] ?? '' }
  } catch {
    return undefined
  }
}

/** The sandboxed interpreters below this process: those that are process 1 of a namespace. */
export function interpreterStates(): Map<number, { stopped: boolean; cpu: string }> {
  const states = new Map<number, { stopped: boolean; cpu: string }>()
  for (const { pid } of descendants()) {
    try {
      const isFirst = /^NSpid:\t\d+\t1$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
      if (!isFirst) continue
      const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
      const cpu = `${fields[11]} ${fields[12]}`
      states.set(pid, { stopped: fields[0] === 'T', cpu })
    } catch {
      // Gone meanwhile.
    }
  }
  return states
}

const mounts = () => readFileSync('/proc/self/mountinfo', 'utf8')

/** The folders in which spares of a process waited for their program. */
export function slotsOf(pid: number, cacheDir: string): string[] {
  return [cacheDir, SHARED_CACHE].flatMap((cache) => {
    try {
      const names = readdirSync(path.join(cache, 'rust/slots'))
      return names.filter((name) => name.startsWith(`${pid}-`))
    } catch {
      // Rust cannot be used here, or its folder is in the other place.
      return []
    }
  })
}

/** The groups that sandboxes of a process have made, in whatever hierarchy. */
export function cgroupsOf(pid: number): string[] {
  const found: string[] = []
  for (const line of readFileSync('/proc/self/cgroup', 'utf8').trim().split('\n')) {
    const [, controllers = '', where = '/'] = line.split(':')
    for (const mount of ['', controllers, 'unified']) {
      const folder = path.join('/sys/fs/cgroup', mount, where)
      try {
        for (const name of readdirSync(folder)) {
          if (name.startsWith(`sluice-${pid}-`)) found.push(path.join(folder, name))
        }
      } catch {
        // Not a hierarchy of this machine.
      }
    }
  }
  return found
}
