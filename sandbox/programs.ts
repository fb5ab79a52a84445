/**
 * The compiled programs on disk, by name.
 *
 * Invariants:
 * 1. A program is whole or absent: written beside its place, then renamed into it.
 * 2. All of them take at most `mostBytes`; those that nobody has started for longest go first.
 * 3. Names are hashes and the folder cannot be listed by others: who does not know the source does
 *    not find the program.
 */
import { chmod, mkdir, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import path from 'node:path'

const MOST_BYTES = 512 * 1024 * 1024
/** What a host that was killed has left half written. */
const ABANDONED_AFTER_MS = 60 * 60_000

let drafts = 0

export class Programs {
  readonly #folder: string
  readonly #mostBytes: number
  #sweeping: Promise<void> = Promise.resolve()

  constructor(parent: string, mostBytes = MOST_BYTES) {
    this.#folder = path.join(parent, 'programs')
    this.#mostBytes = mostBytes
  }

  /** Its path, if it is here; it counts as used now. */
  async find(name: string): Promise<string | undefined> {
    const file = path.join(this.#folder, name)
    const now = new Date()
    return utimes(file, now, now).then(
      () => file,
      () => undefined,
    )
  }

  async keep(name: string, bytes: Buffer): Promise<string> {
    const file = path.join(this.#folder, name)
    const draft = `${file}.${process.pid}-${(drafts += 1)}`
    await mkdir(this.#folder, { recursive: true, mode: 0o711 })
    try {
      await writeFile(draft, bytes)
      await chmod(draft, 0o555)
      await rename(draft, file)
    } finally {
      await rm(draft, { force: true })
    }
    this.#sweeping = this.#sweeping.then(() => sweep(this.#folder, name, this.#mostBytes))
    await this.#sweeping
    return file
  }
}

/** Another host may be doing the same: what is gone already is gone. */
async function sweep(folder: string, spared: string, mostBytes: number): Promise<void> {
  const found = await Promise.all(
    (await readdir(folder)).map(async (name) => {
      const file = path.join(folder, name)
      const at = await stat(file).catch(() => undefined)
      return { name, file, bytes: at?.size ?? 0, usedMs: at?.mtimeMs ?? 0 }
    }),
  )
  const now = Date.now()
  let bytes = found.reduce((sum, each) => sum + each.bytes, 0)
  for (const each of found.sort((a, b) => a.usedMs - b.usedMs)) {
    if (each.name === spared) continue
    const isDraft = each.name.includes('.')
    if (isDraft ? now - each.usedMs < ABANDONED_AFTER_MS : bytes <= mostBytes) continue
    await rm(each.file, { force: true })
    bytes -= each.bytes
  }
}
