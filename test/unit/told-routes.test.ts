/** That the edge does not start with a route that its document does not tell, or tells in vain. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Hono } from 'hono'
import { ROUTES } from '../../apps/edge/access/routes.ts'
import { requireTold } from '../../apps/edge/documents/told-routes.ts'
import { PLAIN_ROUTES } from '../../apps/edge/operations/routes.ts'

const all = [...Object.keys(ROUTES), ...PLAIN_ROUTES].map((route) => route.split(' '))

function appOf(routes: readonly (readonly string[])[]): Hono {
  const app = new Hono()
  for (const [method = '', path = ''] of routes) app.on(method, path, (c) => c.text(''))
  return app
}

test('an app with the routes of the tables, and OPTIONS beside them, is told', () => {
  const app = appOf(all)
  app.options('/functions', (c) => c.text(''))
  app.all('/functions', (c) => c.text(''))
  requireTold(app.routes)
})

test('a route of the app that is in no table is named', () => {
  for (const [method, path] of [
    ['GET', '/debug'],
    ['DELETE', '/functions'],
    ['ALL', '/debug'],
  ] as const) {
    const { routes } = appOf([...all, [method, path]])
    assert.throws(() => requireTold(routes), new RegExp(`without an operation: ${method} ${path};`))
  }
})

test('a route of a table that the app does not have is named', () => {
  const { routes } = appOf(all.slice(1))
  assert.throws(() => requireTold(routes), new RegExp(`without a handler: ${all[0]?.join(' ')}`))
})
