/**
 * The parts of the platform as something to kill: which are there, and when one serves again.
 *
 * Invariant: readiness is looked up at the part itself (its log line, its port), not at the edge.
 */
import { createConnection } from 'node:net'
import { once } from 'node:events'
import { Client } from 'pg'
import type { TestPlatform } from '../support/platform.ts'
import { until } from '../support/until.ts'

export const PARTS = [
  'edge',
  'handler',
  'executor',
  'projector',
  'nats-server',
  'postgres',
] as const
export type PartName = (typeof PARTS)[number]

/** A loaded machine, and a supervisor that backs off. */
const READY_WITHIN_MS = 180_000
const CONNECT_WITHIN_MS = 10_000

/** Resolves when a run other than `previousPid` serves. `since`: lines of the log before the kill. */
export async function ready(
  platform: TestPlatform,
  name: PartName,
  { previousPid, since }: { previousPid: number | undefined; since: number },
): Promise<void> {
  await until(() => livingPid(platform, name) !== previousPid && livingPid(platform, name), {
    timeoutMs: READY_WITHIN_MS,
    what: `another ${name}`,
  })
  await until(() => serves(platform, name, since), {
    timeoutMs: READY_WITHIN_MS,
    what: `${name} serving again`,
  })
}

export function livingPid(platform: TestPlatform, name: PartName): number | undefined {
  return platform.processes[name]
}

function serves(platform: TestPlatform, name: PartName, since: number): Promise<boolean> | boolean {
  switch (name) {
    case 'nats-server':
      return greets(new URL(platform.natsUrl))
    case 'postgres':
      return answers(platform.databaseUrl)
    case 'edge':
    case 'handler':
    case 'executor':
    case 'projector':
      return saidReady(platform.lines, name, since)
  }
}

function saidReady(lines: readonly string[], name: PartName, since: number): boolean {
  for (let index = lines.length - 1; index >= since; index--) {
    const line = lines[index] ?? ''
    if (line.includes('"event":"ready"') && line.includes(`"process":"${name}"`)) return true
  }
  return false
}

/** A NATS server speaks first. */
async function greets({ hostname, port }: URL): Promise<boolean> {
  const socket = createConnection({ host: hostname, port: Number(port) })
  socket.setTimeout(CONNECT_WITHIN_MS, () => socket.destroy(new Error('no greeting')))
  try {
    await once(socket, 'data')
    return true
  } finally {
    socket.destroy()
  }
}

async function answers(connectionString: string): Promise<boolean> {
  const client = new Client({ connectionString, connectionTimeoutMillis: CONNECT_WITHIN_MS })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query('select 1')
    return true
  } finally {
    await client.end().catch(() => undefined)
  }
}
