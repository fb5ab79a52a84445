/**
 * The page at /docs: Swagger UI over our own document, every byte of it from here.
 *
 * Invariants:
 * 1. A closed list of files, each under a name that has its digest: there is no path to walk.
 * 2. The policy of the page lets it load what is here and ask what is here, and nothing inline runs.
 * 3. Links are relative: it works below a prefix that a proxy adds.
 *
 * It needs no credentials and has none: whoever reads it brings their own for "Try it out".
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { keep, keptForGood, type Kept } from './kept.ts'

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const START = `'use strict'
SwaggerUIBundle({
  url: 'openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  docExpansion: 'list',
  displayRequestDuration: true,
  filter: true,
  validatorUrl: null,
})
`

export interface Docs {
  readonly page: Kept
  /** By name. */
  readonly files: ReadonlyMap<string, Kept>
}

export function readDocs(): Docs {
  const files = new Map<string, Kept>()
  const add = (stem: string, extension: keyof typeof TYPES, body: string) => {
    const kept = keep(body, TYPES[extension], keptForGood)
    const name = `${stem}.${kept.digest}.${extension}`
    files.set(name, kept)
    return `docs/${name}`
  }
  const style = add('swagger-ui', 'css', packaged('swagger-ui.css'))
  const bundle = add('swagger-ui-bundle', 'js', packaged('swagger-ui-bundle.js'))
  const start = add('start', 'js', START)
  const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sluice API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${style}">
</head>
<body>
<div id="swagger-ui"></div>
<script src="${bundle}" defer></script>
<script src="${start}" defer></script>
</body>
</html>
`
  const headers = { 'content-security-policy': POLICY, 'referrer-policy': 'no-referrer' }
  return { page: keep(page, 'text/html; charset=utf-8', headers), files }
}

const TYPES = {
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
} as const

/** Of the package, without the maps that only its developers would ask for. */
function packaged(name: string): string {
  const manifest = createRequire(import.meta.url).resolve('swagger-ui-dist/package.json')
  const text = readFileSync(join(dirname(manifest), name), 'utf8')
  return text.replace(/\n(?:\/\/|\/\*)# sourceMappingURL=.*\s*$/, '\n')
}
