/**
 * One launcher per SLUICE_HOME.
 *
 * The lock is a listening socket in Linux's abstract namespace, named after the directory: taking
 * it is atomic, and the kernel gives it back however its holder dies. So there is no stale lock to
 * recognise. The file beside it only tells people who holds it.
 */
import { createHash } from 'node:crypto'
import { mkdir, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'

const PID_FILE = 'launcher.pid'

export class HomeInUseError extends Error {
  readonly code = 'HOME_IN_USE'
  readonly pid: number | undefined
  constructor(home: string, pid: number | undefined) {
    super(
      `${home} is in use by process ${pid ?? 'of an unknown id'}: stop it first, ` +
        'or set SLUICE_HOME to another directory.',
    )
    this.name = 'HomeInUseError'
    this.pid = pid
  }
}

export async function lockHome(home: string): Promise<AsyncDisposable> {
  await mkdir(home, { recursive: true, mode: 0o700 })
  const pidFile = join(home, PID_FILE)
  const name = createHash('sha256')
    .update(await realpath(home))
    .digest('hex')
  const server = await listen(`\0sluice-${name}`)
  if (server === undefined) throw new HomeInUseError(home, await pidIn(pidFile))
  await writeFile(pidFile, `${process.pid}\n`)
  return {
    async [Symbol.asyncDispose]() {
      await rm(pidFile, { force: true })
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Undefined when somebody listens there already. */
function listen(path: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((connection) => connection.destroy())
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined)
      else reject(error)
    })
    server.listen(path, () => resolve(server))
    // The lock alone must not keep a process alive.
    server.unref()
  })
}

async function pidIn(pidFile: string): Promise<number | undefined> {
  const pid = Number.parseInt(await readFile(pidFile, 'utf8').catch(() => ''), 10)
  return Number.isNaN(pid) ? undefined : pid
}
