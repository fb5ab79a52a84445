/**
 * The machine's own apt sources: which archives of its distribution it uses, in either notation.
 *
 * Invariants:
 * 1. Only Debian's and Ubuntu's archives are used, never a third party's; disabled entries never.
 * 2. Who signs an archive stays what the machine says; apt does the verifying.
 */
import { existsSync } from 'node:fs'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'

const APT = '/etc/apt'
const DEBIAN_KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'

/** One stanza in deb822's notation: field names in lower case, values with their line breaks. */
export type Stanza = ReadonlyMap<string, string>

export async function aptSources(directory = APT): Promise<Stanza[]> {
  const stanzas: Stanza[] = parseOneLine(await textOf(join(directory, 'sources.list')))
  const parts = join(directory, 'sources.list.d')
  const names = await readdir(parts).catch(() => [])
  for (const name of names.sort()) {
    // Any other ending is how a file is switched off.
    const parse = name.endsWith('.sources') ? parseDeb822 : name.endsWith('.list') && parseOneLine
    if (parse) stanzas.push(...parse(await textOf(join(parts, name))))
  }
  return stanzas.filter(isDistribution)
}

/** The same archives, with one suite of Debian's that the machine itself may not use. */
export function debianSuite(stanzas: readonly Stanza[], suite: string): Stanza[] {
  const main = stanzas.find((stanza) => urisOf(stanza).some(isDebianMain))
  if (main === undefined) return []
  const uris = urisOf(main).filter(isDebianMain)
  const signedBy =
    main.get('signed-by') ?? (existsSync(DEBIAN_KEYRING) ? DEBIAN_KEYRING : undefined)
  return [
    new Map([
      ['types', 'deb'],
      ['uris', uris.join(' ')],
      ['suites', suite],
      ['components', 'main'],
      ...(signedBy === undefined ? [] : [['signed-by', signedBy] as const]),
    ]),
  ]
}

export function formatDeb822(stanzas: readonly Stanza[]): string {
  return stanzas
    .map((stanza) => [...stanza].map(([name, value]) => `${name}: ${value}\n`).join(''))
    .join('\n')
}

export function parseDeb822(text: string): Stanza[] {
  const stanzas: Map<string, string>[] = []
  let current = new Map<string, string>()
  let field = ''
  for (const line of [...text.split('\n'), '']) {
    if (line.startsWith('#')) continue
    if (line.trim() === '') {
      if (current.size > 0) stanzas.push(current)
      current = new Map()
    } else if (/^\s/.test(line)) {
      current.set(field, `${current.get(field) ?? ''}\n${line}`)
    } else {
      const colon = line.indexOf(':')
      field = line.slice(0, colon).trim().toLowerCase()
      current.set(field, line.slice(colon + 1).trim())
    }
  }
  return stanzas.filter((stanza) => !/^(no|false|0|off)$/i.test(stanza.get('enabled') ?? 'yes'))
}

/** `deb [option=value …] uri suite component …` */
const ONE_LINE = /^deb\s+(?:\[(?<options>[^\]]*)\]\s*)?(?<uri>\S+)\s+(?<suite>\S+)\s+(?<rest>.+)$/

const OPTION_FIELDS: Readonly<Record<string, string>> = {
  arch: 'architectures',
  'signed-by': 'signed-by',
  trusted: 'trusted',
  'check-valid-until': 'check-valid-until',
}

export function parseOneLine(text: string): Stanza[] {
  return text.split('\n').flatMap((line) => {
    const {
      options = '',
      uri,
      suite,
      rest,
    } = ONE_LINE.exec(line.replace(/#.*/, '').trim())?.groups ?? {}
    if (uri === undefined || suite === undefined || rest === undefined) return []
    const stanza = new Map([
      ['types', 'deb'],
      ['uris', uri],
      ['suites', suite],
      ['components', rest],
    ])
    for (const option of options.split(/\s+/)) {
      const [name = '', value = ''] = option.split('=')
      const field = OPTION_FIELDS[name.toLowerCase()]
      if (field !== undefined) stanza.set(field, value.replaceAll(',', ' '))
    }
    return [stanza]
  })
}

function isDistribution(stanza: Stanza): boolean {
  const words = (field: string) => (stanza.get(field) ?? '').split(/\s+/)
  return (
    words('types').includes('deb') &&
    words('components').includes('main') &&
    urisOf(stanza).every((uri) => isDebianMain(uri) || isDebianSecurity(uri) || isUbuntu(uri))
  )
}

function urisOf(stanza: Stanza): string[] {
  return (stanza.get('uris') ?? '').split(/\s+/).filter(Boolean)
}

// An archive is known by its folder, for mirrors have hosts of their own. Cloud images name a file
// that lists the mirrors instead.
const isDebianMain = (uri: string) => /\/debian(\.list)?\/?$/.test(uri)
const isDebianSecurity = (uri: string) => /\/debian-security(\.list)?\/?$/.test(uri)
const isUbuntu = (uri: string) => /\/ubuntu(-ports)?(\.list)?\/?$/.test(uri)

async function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '')
}
