/**
 * A headless Chromium of the tests' own: the one that its npm package ships, unpacked beside the
 * libraries and the font that come with it, gone with its scope. Nothing of the machine is needed
 * but its C library, so it is the same browser on every one; as root it runs like as anybody else.
 *
 * The package has it for x64 only; elsewhere it is the machine's own `chromium`.
 */
import { execFile } from 'node:child_process'
import { createReadStream, createWriteStream } from 'node:fs'
import { chmod, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { createBrotliDecompress } from 'node:zlib'
import { launch, type Browser } from 'puppeteer-core'
import { executablesOnPath } from '../../apps/local/provision/on-path.ts'
import { tempDir } from './temp-dir.ts'

const ARCHIVES = ['al2023.tar', 'fonts.tar']
/** Its own sandbox wants what root does not have; the pages are ours. */
const ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--lang=en']
const run = promisify(execFile)

export interface TestBrowser extends AsyncDisposable {
  readonly browser: Browser
}

export async function startChromium(): Promise<TestBrowser> {
  await using starting = new AsyncDisposableStack()
  const { path } = starting.use(await tempDir('chromium'))
  const installed = process.arch === 'x64' ? await unpack(path) : await machines()
  const browser = await launch({
    ...installed,
    args: ARGUMENTS,
    headless: 'shell',
    userDataDir: join(path, 'profile'),
  })
  starting.defer(() => browser.close())
  const owned = starting.move()
  return { browser, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

async function unpack(into: string) {
  const manifest = createRequire(import.meta.url).resolve('@sparticuz/chromium')
  const from = join(dirname(manifest), '../bin')
  const decompress = async (name: string) => {
    const file = join(into, name)
    const packed = createReadStream(join(from, `${name}.br`))
    await pipeline(packed, createBrotliDecompress(), createWriteStream(file))
    return file
  }
  const [executablePath, ...archives] = await Promise.all([
    decompress('chromium'),
    ...ARCHIVES.map(decompress),
  ])
  await chmod(executablePath, 0o755)
  for (const archive of archives) await run('tar', ['-xf', archive, '-C', into])
  // The one that comes along looks in folders that all share.
  const fonts = join(into, 'fonts.conf')
  await writeFile(fonts, fontsIn(into))
  const env = { HOME: into, LD_LIBRARY_PATH: join(into, 'lib'), FONTCONFIG_FILE: fonts }
  return { executablePath, env: { ...process.env, ...env } }
}

async function machines() {
  const [executablePath] = await executablesOnPath('chromium', process.env)
  if (executablePath === undefined) throw new Error('the tests of pages need `chromium` here')
  return { executablePath }
}

const fontsIn = (folder: string) => `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>${folder}/fonts</dir>
  <cachedir>${folder}/fonts-cache</cachedir>
</fontconfig>
`
