/**
 * One text for what is the same JSON, whatever the order of its keys.
 * Source: RFC 8785 (keys by UTF-16 code units, numbers and strings as ECMAScript writes them).
 */
import type { Json } from '#events/json.ts'

export function canonicalJson(value: Json): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(canonicalJson).join()}]`
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`).join()}}`
}
