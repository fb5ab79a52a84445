/**
 * What wants no credentials, as the documents and the health of the HTTP API want none: reflection
 * (v1 and v1alpha), for whoever has no proto file at hand, and the health check.
 *
 * Invariant: a client that asks and does not read is not read from either, none stays for longer
 * than `PATIENCE_MS`, and all count among the calls in progress.
 */
import {
  status as Code,
  type Server,
  type ServerDuplexStream,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { ReflectionService } from '@grpc/reflection'
import type { Admission } from '../../http/admission.ts'
import { CHUNKS, HEALTH, NO_MESSAGE, packages, streamed, type Received } from './proto.ts'

const PATIENCE_MS = 30_000

type Stream = ServerDuplexStream<unknown, unknown>
type Handle = (call: Stream) => void

export function addPublicServices(server: Server, admission: Admission): void {
  new ReflectionService(packages, { services: [CHUNKS, HEALTH] }).addToServer({
    addService: (service, methods) => {
      const bounded: UntypedServiceImplementation = {}
      for (const [name, handle] of Object.entries(methods)) {
        bounded[name] = within(handle as Handle, admission)
      }
      server.addService(service, bounded)
    },
  })
  server.addService(streamed(HEALTH), { Check: within(checkHealth, admission) })
}

/** Whoever reaches us is served; when we stop, we cannot be reached. */
function checkHealth(call: Stream): void {
  call.once('data', ({ message }: Received) => {
    const service = message === NO_MESSAGE ? undefined : (message as { service?: string }).service
    if (service === undefined || ['', CHUNKS, HEALTH].includes(service)) {
      call.write({ status: 'SERVING' })
      call.end()
    } else call.emit('error', { code: Code.NOT_FOUND, details: 'There is no such service.' })
  })
}

function within(handle: Handle, admission: Admission): Handle {
  return (call) => {
    if (!admission.enter()) {
      call.emit('error', { code: Code.UNAVAILABLE, details: 'Too many requests at once.' })
      return
    }
    const late = setTimeout(() => {
      call.emit('error', { code: Code.DEADLINE_EXCEEDED, details: 'This took too long.' })
    }, PATIENCE_MS)
    call.once('close', () => {
      clearTimeout(late)
      admission.leave()
    })
    call.on('drain', () => call.resume())
    handle(call)
    call.on('data', () => {
      if (call.writableNeedDrain) call.pause()
    })
  }
}
