/** The settings in `deploy` are what the real servers take them for. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import test from 'node:test'
import { openBus } from '#events/jetstream/bus.ts'
import { ensureStreams } from '#events/jetstream/ensure.ts'
import { openPayloads } from '#events/jetstream/payloads.ts'
import { resolveConfig } from '#runtime/config.ts'
import { freePort } from '../../apps/local/free-port.ts'
import { complete } from '../../apps/local/program.ts'
import { provisionNatsServer } from '../../apps/local/provision/nats-server.ts'
import { postgresBinaries } from '../../apps/local/services/postgres-binaries.ts'
import { fetchJson } from '../support/fetch-json.ts'
import { quietLog } from '../support/quiet-log.ts'
import { TestServer } from '../support/server.ts'
import { tempDir } from '../support/temp-dir.ts'

const DEPLOY = resolve(import.meta.dirname, '../../deploy')
const STREAM_BYTES = resolveConfig({}).maxStreamBytes

test('nats-server takes our settings, fsyncs every message and has room for our streams', async () => {
  await using directory = await tempDir('deploy')
  const config = join(directory.path, 'nats-server.conf')
  const text = await readFile(join(DEPLOY, 'nats-server.conf'), 'utf8')
  // All as it stands but for the place of its data.
  await writeFile(config, text.replace('/var/lib/nats', directory.path))
  const [port, monitor] = [await freePort(), await freePort()]
  const password = 'secret'
  const binary = await provisionNatsServer({ env: process.env, log: quietLog('nats-server') })
  await using servers = new AsyncDisposableStack()
  const server = await TestServer.start({
    name: 'nats-server',
    stopSignal: 'SIGTERM',
    command: async () => ({
      file: binary,
      args: [...['--config', config], ...['--port', String(port), '--http_port', String(monitor)]],
      env: { SLUICE_NATS_PASSWORD: password },
      deathSignal: 'KILL',
    }),
    isReady: (line) => line.includes('Server is ready'),
    onLine: () => {},
  })
  servers.use(server)
  const url = `nats://sluice:${password}@127.0.0.1:${port}`
  await using bus = await openBus({ url, name: 'deploy', onStatus: () => {} })
  await ensureStreams(bus.jsm, { maxBytes: STREAM_BYTES })
  await openPayloads(bus.nc, { maxBytes: STREAM_BYTES, eventTtlDays: 30 })
  const { body } = await fetchJson<{ config: { sync_always?: boolean; store_dir: string } }>(
    `http://127.0.0.1:${monitor}/jsz`,
  )
  assert.equal(body.config.sync_always, true)
  assert.ok(body.config.store_dir.startsWith(directory.path))
})

test('postgres takes our settings, and what it commits is on disk', async () => {
  await using directory = await tempDir('deploy')
  await writeFile(join(directory.path, 'postgresql.auto.conf'), '')
  const { postgres } = await postgresBinaries(undefined)
  const config = `config_file=${join(DEPLOY, 'postgresql.conf')}`
  for (const name of ['fsync', 'full_page_writes', 'synchronous_commit']) {
    // Reads the file, refuses what it does not know, and starts nothing: so root may do it too.
    const value = await complete('postgres', {
      file: postgres,
      args: ['-C', name, '-D', directory.path, '-c', config],
      env: {},
      deathSignal: 'KILL',
    })
    assert.equal(value, 'on', name)
  }
})
