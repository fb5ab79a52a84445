/**
 * Where the program of a compiled function is put for a spare that waits for one.
 *
 * A spare is confined before anybody knows what it will run: a small program of ours, which sees a
 * folder that is still empty. To claim it, the function's program is linked into the folder; the
 * spare then sets the function's limits, which user code could not be trusted to set, and becomes
 * that program.
 *
 * Invariants:
 * 1. A folder is one process's own, read-only to it, and gone when the process is.
 * 2. Folders of hosts that were killed are removed by the next one that starts.
 */
import { linkSync, mkdirSync } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import type { Compiler } from './compile.ts'
import type { Ground } from './ground.ts'
import { isHostAlive } from './host.ts'
import type { Bind } from './interpreters.ts'
import type { Toolchain } from './compiler.ts'

/** `enter.rs` knows it as well. */
const INSIDE = '/slot'
const ENTER = '/enter'

export interface Slot {
  readonly command: string
  readonly binds: readonly Bind[]
  /** Compiles if need be; rejects with `CompileRefused` if the source is no program. */
  fill(code: string): Promise<void>
  remove(): Promise<void>
}

let opened = 0

export class Slots {
  readonly #folder: string
  readonly #enter: string
  readonly #compiler: Compiler
  #made = 0

  private constructor(folder: string, enter: string, compiler: Compiler) {
    this.#folder = folder
    this.#enter = enter
    this.#compiler = compiler
  }

  /** `enter` is the path of the program that spares wait in. */
  static async open(
    { mark }: Pick<Ground, 'mark'>,
    toolchain: Toolchain,
    { enter, compiler }: { enter: string; compiler: Compiler },
  ): Promise<Slots> {
    const parent = path.join(toolchain.folder, 'slots')
    await mkdir(parent, { recursive: true, mode: 0o711 })
    await removeStale(parent)
    const folder = path.join(parent, `${mark}-${(opened += 1)}`)
    await mkdir(folder, { mode: 0o711 })
    return new Slots(folder, enter, compiler)
  }

  make(): Slot {
    const folder = path.join(this.#folder, String((this.#made += 1)))
    // A moment of the event loop's, beside the milliseconds that starting its process takes.
    mkdirSync(folder, { mode: 0o711 })
    return {
      command: ENTER,
      binds: [
        [this.#enter, ENTER],
        [folder, INSIDE],
      ],
      fill: async (code) => {
        linkSync(await this.#compiler.program(code), path.join(folder, 'function'))
      },
      remove: () => rm(folder, { recursive: true, force: true }),
    }
  }

  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true })
  }
}

async function removeStale(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const [pid, start] = name.split('-')
    if (await isHostAlive(Number(pid), start ?? '')) continue
    await rm(path.join(parent, name), { recursive: true, force: true })
  }
}
