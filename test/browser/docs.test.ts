/**
 * The page at /docs as a person uses it, in a real browser against a real platform: it loads nothing
 * from elsewhere, breaks no policy of its own, and what it sends is answered.
 *
 * `SLUICE_SCREENSHOTS=<folder>` keeps pictures of what was seen.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Page } from 'puppeteer-core'
import { startChromium, type TestBrowser } from '../support/chromium.ts'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { startSecondEdge } from '../support/second-edge.ts'

/** Only for what never comes. */
const WITHIN_MS = 120_000
const PICTURES = process.env['SLUICE_SCREENSHOTS']

let platform: TestPlatform
let chromium: TestBrowser
const owned = new AsyncDisposableStack()
before(async () => {
  platform = owned.use(await startPlatform())
  chromium = owned.use(await startChromium())
})
after(() => owned.disposeAsync())

interface Seen {
  readonly page: Page
  /** What the page complained about, and whom it asked. */
  readonly complaints: readonly string[]
  readonly hosts: ReadonlySet<string>
}

async function open(path = '/docs'): Promise<Seen> {
  const page = await chromium.browser.newPage()
  page.setDefaultTimeout(WITHIN_MS)
  await page.setViewport({ width: 1280, height: 1000 })
  const complaints: string[] = []
  const hosts = new Set<string>()
  page.on('console', (said) => {
    if (said.type() === 'error' || said.type() === 'warn') complaints.push(said.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('request', (request) => {
    const { protocol, host } = new URL(request.url())
    if (protocol !== 'data:') hosts.add(host)
  })
  await page.goto(`${platform.url}${path}`)
  await page.waitForSelector('.opblock-tag-section .opblock')
  return { page, complaints, hosts }
}

async function picture(page: Page, name: string): Promise<void> {
  if (PICTURES === undefined) return
  await page.screenshot({ path: join(PICTURES, `${name}.png`) })
}

/** Opens an operation, sends its example or what is given, and says what came back. */
async function tryOut(page: Page, operationId: string, name?: string) {
  const block = `.opblock[id$="-${operationId}"]`
  // Each when it is there and stands still: the page resolves what an operation refers to only now.
  for (const part of ['.opblock-summary-control', '.try-out__btn', '.execute']) {
    await page.locator(`${block} ${part}`).click()
  }
  const row = `${block} .live-responses-table tbody`
  const shown = await page.waitForSelector(`${row} .response-col_description`)
  await shown?.scrollIntoView()
  if (name !== undefined) await picture(page, name)
  return {
    status: await textAt(page, `${row} .response-col_status`),
    text: await textAt(page, `${row} .response-col_description`),
  }
}

const textAt = (page: Page, selector: string) =>
  page.$eval(selector, (found) => (found as unknown as { textContent: string }).textContent)

describe('the page', () => {
  test('shows every operation, asks nobody else and breaks none of its rules', async () => {
    const { page, complaints, hosts } = await open()
    await picture(page, 'docs')
    const shown = await page.$$eval('.opblock', (blocks) => blocks.length)
    const told = (await (await fetch(`${platform.url}/openapi.json`)).json()) as {
      paths: Record<string, object>
    }
    const operations = Object.values(told.paths).flatMap((path) => Object.keys(path))
    assert.equal(shown, operations.length)
    assert.deepEqual([...hosts], [new URL(platform.url).host])
    assert.deepEqual(complaints, [])
    await page.close()
  })

  test('sends an example, and shows the answer', async () => {
    const { page, complaints } = await open()
    const operation = 'postApiV1SimilarityCalculate'
    const { status, text } = await tryOut(page, operation, 'docs-similarity')
    assert.equal(status, '200')
    assert.match(text, /"method": "jaccard"/)
    assert.deepEqual(complaints, [])
    await page.close()
  })

  test('sends the credentials that somebody has given it', async () => {
    const { page } = await open()
    const operation = 'getApiV1Functions'
    assert.equal((await tryOut(page, operation)).status, '401')
    await page.click('.auth-wrapper .authorize')
    const field = await page.waitForSelector('.modal-ux input[aria-label="auth-bearer-value"]')
    await field?.type(platform.credentials.SLUICE_API_KEY)
    await page.click('.modal-ux .authorize')
    await page.click('.modal-ux .btn-done')
    await picture(page, 'docs-authorized')
    const block = `.opblock[id$="-${operation}"]`
    await page.click(`${block} .btn-clear`)
    await page.click(`${block} .execute`)
    const status = `${block} .live-responses-table tbody .response-col_status`
    await page.waitForFunction(
      `document.querySelector(${JSON.stringify(status)})?.textContent === '200'`,
    )
    await page.close()
  })

  test('sends what changes something as well: it is a page of this very server', async () => {
    const { page } = await open()
    const { status, text } = await tryOut(page, 'postApiV1ChunksAnalyze', 'docs-analyze')
    assert.equal(status, '200')
    assert.match(text, /"chunk_id": "chunk-001"/)
    await page.close()
  })
})

describe('what it is made of', () => {
  const fetched = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${platform.url}${path}`, { headers })

  test('is typed, and kept by whoever has it', async () => {
    const page = await fetched('/docs')
    const html = await page.text()
    assert.match(page.headers.get('content-type') ?? '', /^text\/html/)
    const policy = page.headers.get('content-security-policy') ?? ''
    assert.match(policy, /default-src 'none'/)
    assert.doesNotMatch(policy, /unsafe|https?:|\*/)
    const files = [...html.matchAll(/(?:src|href)="(docs\/[^"]+)"/g)].map(([, path]) => `/${path}`)
    assert.equal(files.length, 3)
    for (const path of ['/docs', '/openapi.json', ...files]) {
      const { status, headers } = await fetched(path)
      assert.equal(status, 200, path)
      assert.equal(headers.get('x-content-type-options'), 'nosniff', path)
      const kept = path.startsWith('/docs/') ? /immutable/ : /^no-cache$/
      assert.match(headers.get('cache-control') ?? '', kept, path)
      const again = await fetched(path, { 'if-none-match': headers.get('etag') ?? '' })
      assert.deepEqual([again.status, await again.text()], [304, ''], path)
      assert.equal((await fetched(path, { 'if-none-match': '"other"' })).status, 200, path)
    }
  })

  test('is a closed list of files', async () => {
    for (const path of [
      '/docs/package.json',
      '/docs/..%2Fpackage.json',
      '/docs/..%2F..%2Fpackage.json',
      '/docs/%2Fetc%2Fpasswd',
      '/docs/swagger-ui.css',
      '/docs/constructor',
    ]) {
      const { status, headers } = await fetched(path)
      assert.equal(status, 404, path)
      assert.match(headers.get('content-type') ?? '', /^application\/problem\+json/)
    }
  })

  test('needs no credentials where everything else does', async () => {
    await using edge = await startSecondEdge(platform, { AUTH: 'required' })
    for (const path of ['/docs', '/openapi.json']) {
      assert.equal((await fetch(`${edge.url}${path}`)).status, 200, path)
    }
    assert.equal((await fetch(`${edge.url}/functions`)).status, 401)
  })
})
