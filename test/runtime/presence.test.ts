import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openBus, type Bus } from '#events/jetstream/bus.ts'
import { signals } from '#events/subjects.ts'
import { announcePresence, watchPresence } from '#runtime/presence.ts'
import { startNats } from '#test/support/nats.ts'
import { until } from '#test/support/until.ts'

const open = (url: string): Promise<Bus> => openBus({ url, name: 'test', onStatus: () => {} })

describe('presence', () => {
  it('shows a process with its newest state, to a watcher that came later too', async (t) => {
    // It says nothing by itself: the watcher has to ask.
    t.mock.timers.enable({ apis: ['setInterval'] })
    await using nats = await startNats()
    await using bus = await open(nats.url)
    let busy = 1
    const state = () => ({ busy })
    using stack = new DisposableStack()
    stack.use(announcePresence(bus, { process: 'executor', instance: 'x1', state }))
    using watch = watchPresence(bus)
    const [first] = await until(() => watch.list('executor').length > 0 && watch.list('executor'))
    assert.deepEqual(first, {
      process: 'executor',
      instance: 'x1',
      pid: process.pid,
      state: { busy: 1 },
    })
    busy = 2
    t.mock.timers.tick(1_000)
    await until(() => watch.list()[0]?.state['busy'] === 2, { what: 'the newer state' })
    assert.deepEqual(watch.list('handler'), [])
  })

  it('ends at once with a goodbye, and one instance does not take another with it', async () => {
    await using nats = await startNats()
    await using bus = await open(nats.url)
    using watch = watchPresence(bus)
    const leaving = announcePresence(bus, { process: 'handler', instance: 'h1' })
    using stack = new DisposableStack()
    stack.use(announcePresence(bus, { process: 'handler', instance: 'h2' }))
    await until(() => watch.list('handler').length === 2)
    leaving[Symbol.dispose]()
    await bus.nc.flush()
    const here = () => watch.list('handler').map(({ instance }) => instance)
    assert.ok(!here().includes('h1'))
    await until(() => here().includes('h2'))
  })

  it('ends within some seconds for a process that is killed', async () => {
    await using nats = await startNats()
    await using bus = await open(nats.url)
    const doomed = await open(nats.url)
    using watch = watchPresence(bus)
    using stack = new DisposableStack()
    stack.use(announcePresence(doomed, { process: 'projector', instance: 'p1' }))
    await until(() => watch.list('projector').length === 1)
    // What a kill looks like from outside: the connection is gone, and nothing was said.
    await doomed.nc.close()
    doomed.rpc.close()
    await until(() => watch.list('projector').length === 0)
  })

  it('comes back when the server was killed and came back', async () => {
    await using nats = await startNats()
    await using bus = await open(nats.url)
    using watch = watchPresence(bus)
    using stack = new DisposableStack()
    stack.use(announcePresence(bus, { process: 'handler', instance: 'h1' }))
    await until(() => watch.list().length === 1)
    await nats.kill()
    await until(() => watch.list().length === 0)
    await nats.restart()
    await until(() => watch.list().length === 1)
  })

  it('is not impressed by what is no presence', async () => {
    await using nats = await startNats()
    await using bus = await open(nats.url)
    using watch = watchPresence(bus)
    for (const text of ['{', 'null', '[]', '7', '{"process":"edge"}']) {
      bus.nc.publish(signals.presence, text)
    }
    using stack = new DisposableStack()
    stack.use(announcePresence(bus, { process: 'edge', instance: 'e1' }))
    await until(() => watch.list().length > 0)
    assert.deepEqual(
      watch.list().map(({ instance }) => instance),
      ['e1'],
    )
  })
})
