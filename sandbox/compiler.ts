/** A compiler of rust as a sandbox can use it, wherever it comes from. */
import { createHash } from 'node:crypto'
import type { Bind, SandboxUser } from './interpreters.ts'

export interface Toolchain {
  readonly version: string
  readonly linker: string
  /** The compiler's own folder, inside. */
  readonly sysroot: string
  readonly binds: readonly Bind[]
  /** Closed to others, and such that the sandbox's user may walk through it. */
  readonly folder: string
}

export interface ToolchainOptions {
  readonly bwrapPath: string
  /** A program, or the folder of an unpacked one. */
  readonly rustcPath: string | undefined
  readonly cacheDir: string
  readonly user: SandboxUser | undefined
}

/** Which one it is, by what `rustc -vV` says. */
export function compilerOf(text: string) {
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(text)?.[1] ?? ''
  const sum = createHash('sha256').update(text).digest('hex').slice(0, 12)
  return { version: `${field('release')}-${sum}`, target: field('host') }
}
