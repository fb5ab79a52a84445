/** The operations of the documents themselves. */
import Type from 'typebox'
import type { RouteName } from '../access/routes.ts'
import type { Operation, Parameter, Told } from './operation.ts'

const IF_NONE_MATCH: Readonly<Record<string, Parameter>> = {
  'If-None-Match': { schema: Type.String(), description: 'The ETag of what is there already.' },
}
const ETAG: Readonly<Record<string, Parameter>> = { ETag: { schema: Type.String() } }
const KNOWN: Told = { description: 'It is what If-None-Match names.', headers: ETAG }

/** What else is in it, its own standard says. */
const OPEN = { additionalProperties: true }

export const documentOperations = {
  'GET /openapi.json': {
    tag: 'documents',
    summary: 'This document',
    headers: IF_NONE_MATCH,
    answers: {
      200: {
        description: 'OpenAPI 3.1.',
        content: { schema: Type.Object({ openapi: Type.String({ pattern: '^3\\.1\\.' }) }, OPEN) },
        headers: ETAG,
      },
      304: KNOWN,
    },
  },
  'GET /asyncapi.json': {
    tag: 'documents',
    summary: 'The subjects and messages on NATS',
    headers: IF_NONE_MATCH,
    answers: {
      200: {
        description: 'AsyncAPI 3.0.',
        content: { schema: Type.Object({ asyncapi: Type.Literal('3.0.0') }, OPEN) },
        headers: ETAG,
      },
      304: KNOWN,
    },
  },
  'GET /docs': {
    tag: 'documents',
    summary: 'This document as a page to try it out',
    headers: IF_NONE_MATCH,
    answers: {
      200: {
        description: 'The page.',
        content: { contentType: 'text/html', schema: Type.String() },
        headers: ETAG,
      },
      304: KNOWN,
    },
  },
  'GET /docs/:file': {
    tag: 'documents',
    summary: 'A file that the page needs',
    path: { file: { schema: Type.String(), description: 'As the page names it.' } },
    headers: IF_NONE_MATCH,
    answers: {
      200: {
        description: 'The file; it never changes under its name.',
        content: [
          { contentType: 'text/css', schema: Type.String() },
          { contentType: 'text/javascript', schema: Type.String() },
        ],
        headers: ETAG,
      },
      304: KNOWN,
    },
    refuses: { 404: 'The page has no such file.' },
  },
} satisfies Partial<Record<RouteName, Operation>>
