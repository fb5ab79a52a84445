/**
 * A stranger's terminal: a checkout with nothing but what is tracked, a shell, and the PATH that a
 * machine has of its own, not the one that npm gives to its scripts.
 */
import { execFile } from 'node:child_process'
import { access, chmod, cp, mkdir, writeFile } from 'node:fs/promises'
import { delimiter, join, resolve } from 'node:path'
import { kill } from 'node:process'
import { promisify } from 'node:util'
import { readyUrl } from '../../apps/local/app.ts'
import { start, type Command, type Exit } from '../../apps/local/program.ts'
import { tempDir } from './temp-dir.ts'

const execute = promisify(execFile)
const ROOT = resolve(import.meta.dirname, '../..')
const STOP_TIMEOUT_MS = 60_000
const OPEN = 0o755

export interface Terminal extends AsyncDisposable {
  readonly directory: string
  /** Runs the text to its end; rejects unless each command exits with 0. */
  readonly paste: (text: string, env?: Env) => Promise<string>
  /** Runs the text until the scope ends; resolves when `process` says in its log that it is ready. */
  readonly leaveRunning: (text: string, process: string, env: Env) => Promise<Running>
}

export interface Running {
  /** Of the ready line. */
  readonly url: string
  /** As Ctrl-C does it: to the shell, npm and the process at once. */
  readonly interrupt: () => Promise<Exit>
}

type Env = Readonly<Record<string, string>>

export async function openTerminal(): Promise<Terminal> {
  await using opening = new AsyncDisposableStack()
  const { path } = opening.use(await tempDir('readme'))
  // Servers and sandboxes of root run as other users, who must be able to walk here.
  await chmod(path, OPEN)
  const directory = join(path, 'checkout')
  await copyTracked(directory)
  const env = { ...strangersEnv(), PATH: await strangersPath(join(path, 'bin')) }
  const owned = opening.move()
  return {
    directory,
    async paste(text, more) {
      const { stdout } = await execute('/bin/sh', ['-e', '-c', text], {
        cwd: directory,
        env: { ...env, ...more },
      })
      return stdout
    },
    async leaveRunning(text, process, more) {
      const running = await leaveRunning(text, process, {
        cwd: directory,
        env: { ...env, ...more },
      })
      owned.defer(async () => void (await running.interrupt()))
      return running
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

async function leaveRunning(
  text: string,
  process: string,
  where: Pick<Command, 'cwd' | 'env'>,
): Promise<Running> {
  const output: string[] = []
  const run = await start({
    name: text,
    stopSignal: 'SIGINT',
    command: async () => ({
      ...where,
      file: '/bin/sh',
      // A shell at a terminal outlives the Ctrl-C that its command gets, and so tells how it ended.
      args: ['-c', `trap : INT\n${text}`],
      deathSignal: 'KILL',
    }),
    isReady: (line) => readyUrl(line) !== undefined && line.includes(`"process":"${process}"`),
    onLine: (line) => void output.push(line),
  })
  const signalAll = (signal: NodeJS.Signals) => {
    try {
      kill(-run.pid, signal)
    } catch {
      // All of them are gone.
    }
  }
  const interrupt = async () => {
    const insist = setTimeout(() => signalAll('SIGKILL'), STOP_TIMEOUT_MS)
    signalAll('SIGINT')
    return run.exited.finally(() => clearTimeout(insist))
  }
  try {
    return { url: readyUrl(await run.ready) ?? '', interrupt }
  } catch (cause) {
    throw new Error(`${text}\n${output.join('\n')}`, { cause })
  }
}

async function copyTracked(directory: string): Promise<void> {
  const { stdout } = await execute('git', ['ls-files', '-z'], { cwd: ROOT })
  for (const file of stdout.split('\0').filter(Boolean)) {
    await cp(join(ROOT, file), join(directory, file))
  }
}

/** Without what npm told its own script, and from npm's cache, which has all that is installed here. */
function strangersEnv(): Env {
  const kept = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !/^(npm_|NODE$)/.test(entry[0]),
  )
  return { ...Object.fromEntries(kept), npm_config_prefer_offline: 'true' }
}

async function strangersPath(bin: string): Promise<string> {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const own = folders.filter((folder) => !folder.includes('node_modules'))
  if (await isIn(own, 'curl')) return own.join(delimiter)
  // The README's reader has curl or installs it; a machine that only tests need not.
  await mkdir(bin)
  const curl = join(import.meta.dirname, 'readme-curl.ts')
  await writeFile(join(bin, 'curl'), `#!/bin/sh\nexec '${process.execPath}' '${curl}' "$@"\n`)
  await chmod(join(bin, 'curl'), OPEN)
  return [bin, ...own].join(delimiter)
}

async function isIn(folders: readonly string[], name: string): Promise<boolean> {
  const found = await Promise.allSettled(folders.map((folder) => access(join(folder, name))))
  return found.some(({ status }) => status === 'fulfilled')
}
