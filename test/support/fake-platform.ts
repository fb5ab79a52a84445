/**
 * The real launcher and the real servers, with four tiny processes in the place of ours.
 * Run as a program of its own: a test kills it.
 */
import { runMain } from '#runtime/main.ts'
import type { AppOptions } from '../../apps/local/app.ts'
import { launch } from '../../apps/local/launcher.ts'
import { readyUrl } from '../../apps/local/app.ts'
import type { Program } from '../../apps/local/program.ts'

const SCRIPT = `
  const { NAME, NATS_URL: natsUrl, DATABASE_URL: databaseUrl, HOST, PORT } = process.env
  const say = (event, fields) => console.log(JSON.stringify({ process: NAME, event, ...fields }))
  process.on('SIGTERM', () => {
    say('drained', { at: Date.now() })
    process.exit(0)
  })
  setInterval(() => {}, 1_000)
  say('ready', { pid: process.pid, natsUrl, databaseUrl, url: 'http://' + HOST + ':' + PORT })
`

function fakeApps({ env, forward }: AppOptions): Program[] {
  return ['edge', 'handler', 'executor', 'projector'].map((name) => ({
    name,
    stopSignal: 'SIGTERM',
    command: async () => ({
      file: process.execPath,
      args: ['--eval', SCRIPT],
      env: { ...env, NAME: name },
      deathSignal: 'KILL',
    }),
    isReady: (line) => readyUrl(line) !== undefined,
    onLine: forward,
  }))
}

await runMain('local', (main) => launch(main, { programs: fakeApps }))
