/** The pure parts of provisioning, and what keeps two processes from getting in each other's way. */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { openBus } from '#events/jetstream/bus.ts'
import { ensureStreams } from '#events/jetstream/ensure.ts'
import { reservedBytes } from '#events/streams.ts'
import {
  aptSources,
  debianSuite,
  formatDeb822,
  parseDeb822,
  parseOneLine,
} from '../../apps/local/provision/apt-sources.ts'
import { cacheEntry } from '../../apps/local/provision/cache.ts'
import { provision } from '../../apps/local/provision/ladder.ts'
import { atLeast, parseVersion } from '../../apps/local/provision/on-path.ts'
import { freePort } from '../../apps/local/free-port.ts'
import { provisionNatsServer } from '../../apps/local/provision/nats-server.ts'
import { librariesOf } from '../../apps/local/provision/redis-server.ts'
import { provisionRust } from '../../apps/local/provision/rust.ts'
import {
  eventsBound,
  fileStoreFor,
  natsConfig,
  natsServer,
  natsUrl,
} from '../../apps/local/services/nats-server.ts'
import { TestServer } from '../support/server.ts'
import { quietLog } from '../support/quiet-log.ts'
import { tempDir } from '../support/temp-dir.ts'

const DEBIAN = `
Types: deb
# the archive itself
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
`

const DISABLED = `
Enabled: no
Types: deb
URIs: http://mirror.example/debian
Suites: sid
Components: main
`

const THIRD_PARTY = `
Types: deb
URIs: https://deb.nodesource.example/node_20.x
Suites: nodistro
Components: main
`

async function aptDirectory(files: Readonly<Record<string, string>>) {
  const directory = await tempDir('apt')
  await mkdir(join(directory.path, 'sources.list.d'))
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(directory.path, name), text)
  }
  return directory
}

test('the archives of the distribution are used, disabled and foreign ones are not', async () => {
  await using apt = await aptDirectory({
    'sources.list.d/debian.sources': DEBIAN + DISABLED,
    'sources.list.d/nodesource.sources': THIRD_PARTY,
    'sources.list.d/old.sources.disabled': DEBIAN,
    'sources.list.d/docker.list':
      'deb [arch=amd64] https://download.docker.example/linux/debian bookworm stable\n',
  })
  const found = await aptSources(apt.path)
  assert.deepEqual(
    found.map((stanza) => stanza.get('suites')),
    ['bookworm bookworm-updates', 'bookworm-security'],
  )
})

test('the one-line notation says the same', () => {
  const [stanza, ...others] = parseOneLine(`
    # deb http://mirror.example/debian sid main
    deb [arch=amd64,arm64 signed-by=/etc/apt/keyrings/a.gpg] http://mirror.example/debian trixie main contrib # ours
    deb-src http://mirror.example/debian trixie main
  `)
  assert.deepEqual(others, [])
  assert.deepEqual(Object.fromEntries(stanza ?? []), {
    types: 'deb',
    uris: 'http://mirror.example/debian',
    suites: 'trixie',
    components: 'main contrib',
    architectures: 'amd64 arm64',
    'signed-by': '/etc/apt/keyrings/a.gpg',
  })
})

test('a newer suite is asked of the machine’s own mirror, under the key that signs it', () => {
  const [stanza, ...others] = debianSuite(parseDeb822(DEBIAN), 'forky')
  assert.deepEqual(others, [])
  assert.deepEqual(Object.fromEntries(stanza ?? []), {
    types: 'deb',
    uris: 'http://mirror.example/debian',
    suites: 'forky',
    components: 'main',
    'signed-by': '/usr/share/keyrings/debian-archive-keyring.gpg',
  })
})

test('a machine without Debian archives has no Debian suite', async () => {
  await using apt = await aptDirectory({
    'sources.list.d/ubuntu.sources': DEBIAN.replaceAll('debian-security', 'ubuntu').replaceAll(
      '/debian\n',
      '/ubuntu\n',
    ),
  })
  const found = await aptSources(apt.path)
  assert.equal(found.length, 2)
  assert.deepEqual(debianSuite(found, 'forky'), [])
})

test('a mirror list of a cloud image counts as the archive', () => {
  const text = DEBIAN.replace(
    'http://mirror.example/debian\n',
    'mirror+file:///etc/apt/mirrors/debian.list\n',
  )
  const [stanza] = debianSuite(parseDeb822(text), 'forky')
  assert.equal(stanza?.get('uris'), 'mirror+file:///etc/apt/mirrors/debian.list')
})

test('a key inside the sources survives the way through', () => {
  const text = [
    'types: deb',
    'uris: http://mirror.example/debian',
    'suites: trixie',
    'components: main',
    'signed-by: ',
    ' -----BEGIN PGP PUBLIC KEY BLOCK-----',
    ' .',
    ' mDMEZ',
    ' -----END PGP PUBLIC KEY BLOCK-----',
    '',
  ].join('\n')
  assert.equal(formatDeb822(parseDeb822(text)), text)
})

const OPTIONS = { env: {}, log: quietLog('test') }

test('the first rung that holds is used, and the later ones are not tried, nor any for what is named', async () => {
  const tried: string[] = []
  const rung = (name: string, outcome: string | undefined | Error) => ({
    name,
    climb: async () => {
      tried.push(name)
      if (outcome instanceof Error) throw outcome
      return outcome
    },
  })
  const tool = {
    name: 'tool',
    setting: 'SLUICE_TOOL',
    rungs: [
      rung('missing', undefined),
      rung('broken', new Error('no network')),
      rung('here', '/bin/tool'),
      rung('later', '/else/tool'),
    ],
    advice: 'Install tool.',
  }
  assert.equal(await provision(tool, OPTIONS), '/bin/tool')
  assert.deepEqual(tried, ['missing', 'broken', 'here'])
  const env = { SLUICE_TOOL: '/given/tool' }
  assert.equal(await provision(tool, { ...OPTIONS, env }), '/given/tool')
  assert.deepEqual(tried.slice(3), [])
})

test('when every rung fails the error says what was tried and what to install', async () => {
  const climb = () => Promise.reject(new Error('no network'))
  const tool = {
    name: 'tool',
    setting: 'SLUICE_TOOL',
    rungs: [{ name: 'download', climb }],
    advice: 'Install tool.',
  }
  await assert.rejects(provision(tool, OPTIONS), {
    code: 'PROVISION_FAILED',
    message: 'tool was not found and could not be brought (download: no network). Install tool.',
  })
})

test('rustc is found where rustup puts it, and one that is too old is passed over', async () => {
  await using directory = await tempDir('rust')
  const place = async (folder: string, version: string) => {
    const path = join(directory.path, folder, 'rustc')
    await mkdir(join(directory.path, folder), { recursive: true })
    await writeFile(path, `#!/bin/sh\necho rustc ${version}\n`, { mode: 0o755 })
    return path
  }
  await place('path', '1.48.0')
  const current = await place('cargo/bin', '1.95.0')
  const env = { PATH: join(directory.path, 'path'), CARGO_HOME: join(directory.path, 'cargo') }
  const found = await provisionRust({ env, log: quietLog('test') })
  // A machine's own comes first; one without a linker uses neither.
  assert.ok([current, '/usr/bin/rustc', cacheEntry('rust')].includes(found), found)
  const given = { ...env, SLUICE_RUSTC: '/given/rustc' }
  assert.equal(await provisionRust({ env: given, log: quietLog('test') }), '/given/rustc')
})

test('versions are compared as numbers', () => {
  assert.equal(atLeast(parseVersion('nats-server: v2.9.10'), [2, 12]), false)
  assert.equal(atLeast(parseVersion('nats-server: v2.15.1'), [2, 12]), true)
  assert.equal(atLeast(parseVersion('v3.0.0'), [2, 12]), true)
  assert.equal(atLeast(parseVersion('unknown'), [2, 12]), false)
})

test('the server fsyncs every message, listens on loopback and stays below the volume', () => {
  const config = natsConfig({
    port: 4222,
    password: 'secret',
    store: '/home/a "quoted" home/store',
    pidFile: '/home/x/pid',
    maxFileStore: 1_000,
  })
  assert.match(config, /^host: "127\.0\.0\.1"$/m)
  assert.match(config, /sync_interval: always/)
  assert.match(config, /max_file_store: 1000$/m)
  assert.match(config, /store_dir: "\/home\/a \\"quoted\\" home\/store"/)
  assert.match(config, /authorization \{ user: "sluice", password: "secret" \}/)
})

test('the log takes what suits the volume, with all that stands beside it', () => {
  for (const gib of [0.25, 1, 4, 100, 252, 10_000]) {
    const volume = gib * 1024 ** 3
    const maxBytes = eventsBound(volume)
    assert.ok(reservedBytes({ maxBytes }) < 0.5 * volume, `${gib} GiB`)
    assert.ok(maxBytes >= Math.min(0.15 * volume, 64 * 1024 ** 3), `${gib} GiB`)
  }
})

test('on a volume that has shrunk the streams can still be made smaller', async () => {
  await using home = await tempDir('store')
  const store = join(home.path, 'store')
  await using stack = new AsyncDisposableStack()
  const log = quietLog('nats-server')
  const binary = await provisionNatsServer({ env: process.env, log })
  const start = async (volume?: number) => {
    const port = await freePort()
    await mkdir(store, { recursive: true })
    const maxFileStore = volume ?? (await fileStoreFor(store))
    const config = natsConfig({ port, store, pidFile: join(home.path, 'pid'), maxFileStore })
    const file = join(home.path, 'test.conf')
    await writeFile(file, config)
    const program = natsServer({ binary, directory: home.path, port, log })
    const command = async () => ({
      ...(await program.command()),
      args: ['--config', file],
    })
    const server = stack.use(await TestServer.start({ ...program, command }))
    const url = natsUrl({ port })
    const bus = stack.use(await openBus({ url, name: 'test', onStatus: () => undefined }))
    return { server, bus, maxFileStore }
  }
  const PETABYTE = 2 ** 50
  {
    const { server, bus } = await start(4 * PETABYTE)
    await ensureStreams(bus.jsm, { maxBytes: PETABYTE })
    await server.stop()
  }
  const { bus, maxFileStore } = await start()
  assert.ok(maxFileStore > PETABYTE)
  await ensureStreams(bus.jsm, { maxBytes: 1024 ** 3 })
  assert.ok((await fileStoreFor(store)) < PETABYTE)
})

test('a redis-server of any checkout’s cache has its libraries beside it', async () => {
  await using directory = await tempDir('cache')
  const root = join(directory.path, `redis-server-${process.arch}`)
  const libraries = join(root, 'usr/lib/some-linux-gnu')
  await mkdir(libraries, { recursive: true })
  assert.equal(await librariesOf(join(root, 'usr/bin/redis-server')), libraries)
  assert.equal(await librariesOf('/usr/bin/redis-server'), undefined)
})
