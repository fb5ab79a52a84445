/**
 * The Prometheus text format: writes gauges, and lays several texts side by side as one.
 *
 * Invariants:
 * 1. A family's HELP and TYPE appear once, and all of its samples follow them without a gap.
 * 2. Where two texts disagree on a family's type the first one counts; the other's samples of that
 *    family are left out, since no reader could make sense of both.
 *
 * Source: Prometheus, "Exposition formats", text format 0.0.4.
 */

export type Labels = Readonly<Record<string, string>>

export interface Observation {
  readonly value: number
  readonly labels?: Labels
}

/** One family as text; nothing when there is no sample. */
export function exposeGauge(name: string, help: string, samples: Iterable<Observation>): string {
  const lines = [...samples].map(({ value, labels = {} }) => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`)
    return pairs.length === 0 ? `${name} ${value}` : `${name}{${pairs.join(',')}} ${value}`
  })
  return render(name, { help, type: 'gauge', samples: lines })
}

interface Family {
  help?: string
  type?: string
  readonly samples: string[]
}

/** What a histogram or summary appends to its family's name. */
const SUFFIX = /_(bucket|sum|count)$/

export function mergeExpositions(texts: readonly string[]): string {
  const merged = new Map<string, Family>()
  for (const text of texts) {
    for (const [name, family] of parse(text)) {
      const known = merged.get(name)
      if (known === undefined) {
        merged.set(name, family)
      } else if (known.type === family.type) {
        known.samples.push(...family.samples)
      }
    }
  }
  return [...merged].map(([name, family]) => render(name, family)).join('')
}

function parse(text: string): Map<string, Family> {
  const families = new Map<string, Family>()
  const familyOf = (name: string): Family => {
    const known = families.get(name)
    if (known !== undefined) return known
    const family: Family = { samples: [] }
    families.set(name, family)
    return family
  }
  for (const line of text.split('\n')) {
    const [, keyword, described, rest = ''] = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line) ?? []
    if (described !== undefined) {
      if (keyword === 'HELP') familyOf(described).help = rest
      else familyOf(described).type = rest
      continue
    }
    if (line === '' || line.startsWith('#')) continue
    const name = /^[^\s{]+/.exec(line)?.[0] ?? ''
    const stem = name.replace(SUFFIX, '')
    familyOf(families.has(name) || !families.has(stem) ? name : stem).samples.push(line)
  }
  return families
}

function render(name: string, { help, type, samples }: Family): string {
  if (samples.length === 0) return ''
  const lines = []
  if (help !== undefined) lines.push(`# HELP ${name} ${help}`)
  if (type !== undefined) lines.push(`# TYPE ${name} ${type}`)
  return `${[...lines, ...samples].join('\n')}\n`
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
