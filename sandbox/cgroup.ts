/**
 * Memory and process limits that the kernel keeps, one cgroup per sandboxed process.
 *
 * Invariants:
 * 1. Both hierarchies are spoken: v1 (a memory and a pids controller) and v2 (one tree). If neither
 *    can be written the answer says why, and the caller falls back to rlimits.
 * 2. Groups are named after their host's pid and start time. A host that starts removes the groups
 *    (and kills what lives in them) of hosts that are gone.
 * 3. What the interpreter holds before it has seen user code is not the user's: the limit is added
 *    to what the group uses at that moment.
 */
import { writeFileSync } from 'node:fs'
import { access, constants, mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { hostMark, isHostAlive } from './host.ts'

const MOUNT = '/sys/fs/cgroup'
const PREFIX = 'sluice-'
const MAX_TASKS = 32
const REMOVE_TRIES = 50
const REMOVE_PAUSE_MS = 20
/** On top of the function's own limit: page tables, sockets, what the runner itself touches. */
const HEADROOM_BYTES = 8 * 1024 * 1024

type Version = 1 | 2

let created = 0

export class CgroupRoot {
  readonly #version: Version
  /** The folder of this host in each hierarchy; v2 has one. */
  readonly #folders: readonly string[]
  #next = 0

  private constructor(version: Version, folders: readonly string[]) {
    this.#version = version
    this.#folders = folders
  }

  /** The root, or the reason why there is none. */
  static async open(): Promise<CgroupRoot | string> {
    const reasons: string[] = []
    for (const find of [findV1, findV2]) {
      try {
        const { version, parents } = await find()
        for (const parent of parents) await removeStale(parent)
        const name = `${PREFIX}${await hostMark()}-${(created += 1)}`
        const folders = parents.map((parent) => path.join(parent, name))
        for (const folder of folders) await mkdir(folder)
        if (version === 2) await delegate(folders[0] as string)
        return new CgroupRoot(version, folders)
      } catch (error) {
        reasons.push(error instanceof Error ? error.message : String(error))
      }
    }
    return `no writable memory cgroup (${reasons.join('; ')})`
  }

  async create(): Promise<Cgroup> {
    const name = String((this.#next += 1))
    const folders = this.#folders.map((folder) => path.join(folder, name))
    await Promise.all(folders.map((folder) => mkdir(folder)))
    const group = new Cgroup(this.#version, folders)
    await group.prepare()
    return group
  }

  async remove(): Promise<void> {
    for (const folder of this.#folders) await removeFolder(folder)
  }
}

export class Cgroup {
  readonly #version: Version
  readonly #folders: readonly string[]
  readonly #memory: string
  #baseBytes = 0
  #limitBytes: number | undefined

  constructor(version: Version, folders: readonly string[]) {
    this.#version = version
    this.#folders = folders
    this.#memory = folders[0] as string
  }

  async prepare(): Promise<void> {
    const pids = this.#folders.at(-1) as string
    await writeFile(path.join(pids, 'pids.max'), String(MAX_TASKS))
    if (this.#version === 2) {
      await writeFile(path.join(this.#memory, 'memory.oom.group'), '1')
      await writeFile(path.join(this.#memory, 'memory.swap.max'), '0').catch(ignoreMissing)
    }
  }

  async attach(pid: number): Promise<void> {
    for (const folder of this.#folders) {
      await writeFile(path.join(folder, 'cgroup.procs'), String(pid))
    }
  }

  /** Takes what is used now as the interpreter's own and bounds what comes on top of it. */
  async measureBase(limitMb: number): Promise<void> {
    const name = this.#version === 1 ? 'memory.usage_in_bytes' : 'memory.current'
    this.#baseBytes = Number(await readFile(path.join(this.#memory, name), 'utf8'))
    this.limit(limitMb)
  }

  /** Synchronous: two writes of some 15 µs, when a spare is claimed with another limit. */
  limit(limitMb: number): void {
    const bytes = this.#baseBytes + limitMb * 1024 * 1024 + HEADROOM_BYTES
    if (bytes === this.#limitBytes) return
    if (this.#version === 2) {
      writeFileSync(path.join(this.#memory, 'memory.max'), String(bytes))
    } else {
      const names = ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes']
      // The second may never be below the first; without swap accounting it does not exist.
      if (this.#limitBytes !== undefined && bytes > this.#limitBytes) names.reverse()
      for (const name of names) {
        try {
          writeFileSync(path.join(this.#memory, name), String(bytes))
        } catch (error) {
          if (!name.includes('memsw')) throw error
        }
      }
    }
    this.#limitBytes = bytes
  }

  /** Did the kernel kill something in here because the memory ran out? */
  async outOfMemory(): Promise<boolean> {
    const name = this.#version === 1 ? 'memory.oom_control' : 'memory.events'
    const text = await readFile(path.join(this.#memory, name), 'utf8').catch(() => '')
    return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0) > 0
  }

  async remove(): Promise<void> {
    for (const folder of this.#folders) await removeFolder(folder)
  }
}

const ignoreMissing = (error: NodeJS.ErrnoException) => {
  if (error.code !== 'ENOENT') throw error
}

async function ownPath(controller: string): Promise<string> {
  for (const line of (await readFile('/proc/self/cgroup', 'utf8')).trim().split('\n')) {
    const [, controllers = '', where = '/'] = line.split(':')
    if (controllers.split(',').includes(controller)) return where
  }
  throw new Error(`no ${controller === '' ? 'v2' : controller} hierarchy`)
}

async function findV1() {
  const parents = await Promise.all(
    ['memory', 'pids'].map(async (controller) => {
      const own = await ownPath(controller)
      const inside = path.join(MOUNT, controller, own)
      // In a container the path may be the host's, while the mount shows the container's own part.
      return access(inside).then(
        () => inside,
        () => path.join(MOUNT, controller),
      )
    }),
  )
  for (const parent of parents) await access(parent, constants.W_OK)
  return { version: 1 as const, parents }
}

/** The nearest ancestor that hands memory and pids down and lets us make a group. */
async function findV2() {
  const mount = await access(path.join(MOUNT, 'cgroup.controllers')).then(
    () => MOUNT,
    () => path.join(MOUNT, 'unified'),
  )
  for (let at = await ownPath(''); ; at = path.dirname(at)) {
    const folder = path.join(mount, at)
    const handedDown = await readFile(path.join(folder, 'cgroup.subtree_control'), 'utf8').catch(
      () => '',
    )
    const names = handedDown.trim().split(' ')
    const usable = names.includes('memory') && names.includes('pids')
    if (usable && (await isWritable(folder))) return { version: 2 as const, parents: [folder] }
    if (at === '/' || at === '.') throw new Error('cgroup v2 is not delegated to this user')
  }
}

const isWritable = (folder: string) =>
  access(folder, constants.W_OK).then(
    () => true,
    () => false,
  )

async function delegate(folder: string): Promise<void> {
  await writeFile(path.join(folder, 'cgroup.subtree_control'), '+memory +pids')
}

async function removeStale(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const host = /^sluice-(\d+)-(\d+)-\d+$/.exec(name)
    if (host === null) continue
    if (await isHostAlive(Number(host[1]), host[2] ?? '')) continue
    const folder = path.join(parent, name)
    for (const child of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
      if (child.isDirectory()) await killAndRemove(path.join(folder, child.name))
    }
    await removeFolder(folder).catch(ignoreMissing)
  }
}

async function killAndRemove(folder: string): Promise<void> {
  const pids = await readFile(path.join(folder, 'cgroup.procs'), 'utf8').catch(() => '')
  for (const pid of pids.split('\n').filter(Boolean)) {
    try {
      process.kill(Number(pid), 'SIGKILL')
    } catch {
      // Gone by itself: what we want.
    }
  }
  await removeFolder(folder).catch(ignoreMissing)
}

/** The kernel lets go of a dead process a moment after its parent has seen it die. */
async function removeFolder(folder: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await rmdir(folder)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT') return
      if (code !== 'EBUSY' || tries === REMOVE_TRIES) throw error
      await delay(REMOVE_PAUSE_MS)
    }
  }
}
