/** A log of a test's own: a real server, the streams of the house, one connection. */
import { openBus, type Bus } from '#events/jetstream/bus.ts'
import { ensureStreams } from '#events/jetstream/ensure.ts'
import { startNats, type TestNats } from '#test/support/nats.ts'

export const SIZES = { maxBytes: 64 * 1024 ** 2 }

export interface TestLog extends AsyncDisposable {
  readonly nats: TestNats
  readonly bus: Bus
}

export async function startLog(): Promise<TestLog> {
  await using starting = new AsyncDisposableStack()
  const nats = starting.use(await startNats())
  const bus = starting.use(await connectTo(nats))
  await ensureStreams(bus.jsm, SIZES)
  const owned = starting.move()
  return { nats, bus, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

export function connectTo(nats: TestNats): Promise<Bus> {
  return openBus({ url: nats.url, name: 'test', onStatus: () => undefined })
}
