import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openBus, type Bus } from '#events/jetstream/bus.ts'
import { announcePresence, watchPresence } from '#runtime/presence.ts'
import { mergeExpositions } from '#runtime/telemetry-exposition.ts'
import { gatherMetrics, serveMetrics } from '#runtime/telemetry-gather.ts'
import { createTelemetry } from '#runtime/telemetry.ts'
import { startNats, type TestNats } from '#test/support/nats.ts'
import { until } from '#test/support/until.ts'

const LABEL = String.raw`[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*"`
const SAMPLE = new RegExp(
  String.raw`^([a-zA-Z_:][\w:]*)(?:\{${LABEL}(?:,${LABEL})*\})? (-?[\d.]+(?:e[-+]?\d+)?|[-+]Inf|NaN)$`,
)

/** Reads a text as a strict scraper would: throws on what is not the format; series → value. */
function scrape(text: string): Map<string, number> {
  assert.ok(text.endsWith('\n'), 'the last line ends')
  const series = new Map<string, number>()
  const closed = new Set<string>()
  let family = ''
  let type = ''
  for (const line of text.slice(0, -1).split('\n')) {
    const described = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line)
    if (described) {
      const [, keyword, name = '', rest = ''] = described
      if (name !== family) closed.add(family)
      assert.ok(!closed.has(name), `${name} is described once, in one place`)
      family = name
      if (keyword === 'TYPE') type = rest
      continue
    }
    const [matched, name = '', value] = SAMPLE.exec(line) ?? []
    assert.ok(matched !== undefined, `a sample: ${line}`)
    const suffixes = type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']
    assert.ok(
      suffixes.some((suffix) => name === family + suffix),
      `${name} stands below its own TYPE`,
    )
    const key = line.slice(0, line.lastIndexOf(' '))
    assert.ok(!series.has(key), `one value for ${key}`)
    series.set(key, Number(value))
  }
  return series
}

const open = (nats: TestNats, name: string): Promise<Bus> =>
  openBus({ url: nats.url, name, onStatus: () => {} })

describe('telemetry of one process', () => {
  it('counts requests by template, method and class of status', async () => {
    await using telemetry = createTelemetry({ process: 'edge', instance: 'e1' })
    telemetry.recordRequest('GET', '/functions/:id', 200, 2)
    telemetry.recordRequest('GET', '/functions/:id', 204, 4)
    telemetry.recordRequest('BREW', undefined, 404, 1)
    const series = scrape(await telemetry.render())
    const own = 'process="edge",instance="e1"'
    const known = `method="GET",route="/functions/:id",status="2xx",${own}`
    assert.equal(series.get(`http_requests_total{${known}}`), 2)
    assert.equal(series.get(`http_request_duration_seconds_sum{${known}}`), 0.006)
    assert.equal(series.get(`http_request_duration_seconds_bucket{${known},le="0.0025"}`), 1)
    const unknown = `method="OTHER",route="unmatched",status="4xx",${own}`
    assert.equal(series.get(`http_requests_total{${unknown}}`), 1)
  })

  it('stays bounded and exact when somebody records paths instead of templates', async () => {
    await using telemetry = createTelemetry({ process: 'edge', instance: 'e1' })
    for (let id = 0; id < 5_000; id++) telemetry.recordRequest('GET', `/jobs/${id}`, 200, 1)
    const counts = [...scrape(await telemetry.render())].filter(([key]) =>
      key.startsWith('http_requests_total'),
    )
    assert.ok(counts.length < 2_000, `${counts.length} series`)
    assert.equal(
      counts.reduce((sum, [, value]) => sum + value, 0),
      5_000,
    )
  })

  it('shows a gauge only as long as it is observed', async () => {
    await using telemetry = createTelemetry({ process: 'executor', instance: 'x1' })
    const busy = new Map([['python', 3]])
    telemetry.gauge('busy', 'Busy.', () =>
      [...busy].map(([runtime, value]) => ({ value, labels: { runtime } })),
    )
    const key = 'busy{runtime="python",process="executor",instance="x1"}'
    assert.equal(scrape(await telemetry.render()).get(key), 3)
    busy.clear()
    assert.equal(scrape(await telemetry.render()).get(key), undefined)
  })

  it('leaves out a gauge that fails, and nothing else', async () => {
    await using telemetry = createTelemetry({ process: 'executor', instance: 'x1' })
    telemetry.gauge('broken', 'Broken.', () => Promise.reject(new Error('gone')))
    telemetry.counter('runs', 'Runs.').add(1, { outcome: 'a "quoted"\nline\\' })
    const series = scrape(await telemetry.render())
    const labels = String.raw`outcome="a \"quoted\"\nline\\",process="executor",instance="x1"`
    assert.equal(series.get(`runs_total{${labels}}`), 1)
    assert.ok(![...series.keys()].some((key) => key.startsWith('broken')))
  })
})

describe('expositions side by side', () => {
  it('are one valid text', async () => {
    await using one = createTelemetry({ process: 'edge', instance: 'e1' })
    await using other = createTelemetry({ process: 'edge', instance: 'e2' })
    for (const telemetry of [one, other]) {
      telemetry.recordRequest('GET', '/jobs/:id', 200, 1)
      telemetry.histogram('wait_seconds', 'Wait.', [0.1, 1]).record(0.5)
    }
    const series = scrape(mergeExpositions([await one.render(), await other.render()]))
    for (const instance of ['e1', 'e2']) {
      const labels = `process="edge",instance="${instance}"`
      assert.equal(series.get(`wait_seconds_bucket{${labels},le="1"}`), 1)
    }
  })

  it('take the first type where two disagree', () => {
    const gauge = '# HELP x A.\n# TYPE x gauge\nx{instance="1"} 1\n'
    const counter = '# HELP x B.\n# TYPE x counter\nx{instance="2"} 2\n'
    assert.equal(mergeExpositions([gauge, counter]), gauge)
  })

  it('keep a counter apart whose name ends like a part of a histogram', () => {
    const text = '# TYPE jobs_count gauge\njobs_count 1\n# TYPE jobs gauge\njobs 2\n'
    assert.equal(mergeExpositions([text]), text)
  })

  it('of processes that have nothing to say are empty', () => {
    assert.equal(mergeExpositions(['', '# no registered metrics\n']), '')
  })
})

describe('one scrape', () => {
  it('has every process that is present, and says who did not answer', async () => {
    await using nats = await startNats()
    await using edgeBus = await open(nats, 'edge')
    await using handlerBus = await open(nats, 'handler')
    await using edge = createTelemetry({ process: 'edge', instance: 'e1' })
    await using handler = createTelemetry({ process: 'handler', instance: 'h1' })
    handler.counter('decided', 'Decided.').add(7)
    using stack = new DisposableStack()
    stack.use(serveMetrics(edgeBus, edge))
    stack.use(serveMetrics(handlerBus, handler))
    using presence = watchPresence(edgeBus)
    stack.use(announcePresence(edgeBus, edge))
    stack.use(announcePresence(handlerBus, handler))
    await until(() => presence.list().length === 2, { what: 'both processes' })

    // Half a second is what a process has to answer in.
    const withHandler = () =>
      until(async () => {
        const told = scrape(await gatherMetrics(edgeBus, edge, presence))
        return told.get('decided_total{process="handler",instance="h1"}') === 7 && told
      })
    const quick = await withHandler()
    assert.equal(quick.get('sluice_process_up{process="handler",instance="h1"}'), 1)
    assert.equal(quick.get('sluice_process_up{process="edge",instance="e1"}'), 1)

    stack.use(announcePresence(handlerBus, { process: 'projector', instance: 'mute' }))
    await until(() => presence.list('projector').length === 1, { what: 'the silent process' })
    const slow = await withHandler()
    assert.equal(slow.get('sluice_process_up{process="projector",instance="mute"}'), 0)
  })
})
