/**
 * Holds what Sluice says on its streams against the table of messages: the subject, who says it, and
 * every member of the envelope and of what it carries.
 *
 * Stricter than the schemas that readers get: a member that no schema names is a fault here.
 */
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import { CATALOGUE, type Entry } from '#events/catalogue.ts'
import { Envelope } from '#events/envelope.ts'
import { openBus } from '#events/jetstream/bus.ts'

const SUBJECTS = ['cmd.>', 'call.>', 'evt.>', 'dead.>', 'redriven.*', 'key.*']
/** From a platform's start: a load test says nothing new after so many. */
const HEARD_MAX = 2_000
const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/
const OURS = /^sluice\//

export const createAjv = () =>
  new Ajv2020({ strict: false, unicodeRegExp: true, formats: { 'date-time': isTime, uuid: UUID } })

const ajv = createAjv()
const validEnvelope = ajv.compile(closed(Envelope))
const validData = new Map<string, ValidateFunction>()

/** What is wrong with this message; undefined: nothing. */
export function faultOf(subject: string, told: Envelope): string | undefined {
  const isEnvelope: boolean = validEnvelope(told)
  if (!isEnvelope) return sentence(told.type, 'its envelope', validEnvelope.errors)
  const entry = (CATALOGUE as Readonly<Record<string, Entry>>)[told.type]
  if (entry === undefined) return `${told.type} is not in the catalogue`
  const { message, by, on } = entry
  if (!on.some((template) => matches(template, subject))) return `${told.type} on ${subject}`
  const sayer = told.source.replace(OURS, '')
  if (!by.some((known) => known === sayer)) return `${told.type} is said by ${told.source}`
  if (told.version !== message.version) return `${told.type} has version ${told.version}`
  const valid = validData.get(told.type) ?? ajv.compile(closed(message.data))
  validData.set(told.type, valid)
  return valid(told.data) ? undefined : sentence(told.type, 'data', valid.errors)
}

export interface ToldWatch extends AsyncDisposable {
  /** The types that were heard. */
  readonly types: ReadonlySet<string>
}

/** Listens to a platform. Its disposal throws if Sluice has said what it should not. */
export async function watchTold(url: string, heardMax = HEARD_MAX): Promise<ToldWatch> {
  const bus = await openBus({ url, name: 'told', onStatus: () => undefined })
  const types = new Set<string>()
  const faults = new Set<string>()
  let heard = 0
  const subscriptions = SUBJECTS.map((subject) =>
    bus.nc.subscribe(subject, {
      callback(error, message) {
        if (error !== null) return
        if (++heard > heardMax) {
          for (const subscription of subscriptions) subscription.unsubscribe()
          return
        }
        const told = oursIn(message.data)
        if (told === undefined) return
        types.add(told.type)
        const fault = faultOf(message.subject, told)
        if (fault !== undefined) faults.add(fault)
      },
    }),
  )
  await bus.nc.flush()
  return {
    types,
    async [Symbol.asyncDispose]() {
      await bus[Symbol.asyncDispose]()
      if (faults.size > 0) throw new Error(`said on the log:\n${[...faults].join('\n')}`)
    },
  }
}

/** Undefined: what a test has said itself, or what lies in the store of large payloads. */
function oursIn(data: Uint8Array): Envelope | undefined {
  try {
    const told = JSON.parse(Buffer.from(data).toString('utf8')) as Envelope
    return OURS.test(told.source) ? told : undefined
  } catch {
    return undefined
  }
}

/** An object has the members that its schema names, and no other. */
function closed(schema: object): object {
  return JSON.parse(JSON.stringify(schema), (_key, value: unknown) =>
    typeof value === 'object' && value !== null && isOpenObject(value)
      ? { ...value, additionalProperties: false }
      : value,
  ) as object
}

function isOpenObject(value: object): boolean {
  const isObject = 'type' in value && value.type === 'object'
  return isObject && 'properties' in value && !('additionalProperties' in value)
}

function matches(template: string, subject: string): boolean {
  const parts = subject.split('.')
  const wanted = template.split('.')
  if (parts.length !== wanted.length) return false
  return wanted.every((part, at) => fits(part, parts[at]))
}

const fits = (wanted: string, part = '') =>
  wanted.startsWith('{') ? /^[-\w]+$/.test(part) : wanted === part

function isTime(text: string): boolean {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(text) && !Number.isNaN(Date.parse(text))
}

function sentence(type: string, what: string, errors: readonly ErrorObject[] | null | undefined) {
  const [{ instancePath, message, params } = {} as Partial<ErrorObject>] = errors ?? []
  return `${type}: ${what}${instancePath ?? ''} ${message ?? ''} ${JSON.stringify(params)}`
}
