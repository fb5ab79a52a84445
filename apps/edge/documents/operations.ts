/**
 * The operations of all surfaces, put together. A route without an operation does not compile here,
 * an operation without a route not where it is written.
 */
import type { RouteName } from '../access/routes.ts'
import type { PlainRoute } from '../operations/routes.ts'
import { eventOperations } from '../surfaces/events/operations.ts'
import { plainOperations } from '../operations/operations.ts'
import { accountOperations } from '../surfaces/accounts/operations.ts'
import { deadLetterOperations } from '../surfaces/operations/operations.ts'
import { jobOperations } from '../surfaces/functions/job-operations.ts'
import { functionOperations } from '../surfaces/functions/operations.ts'
import { graphqlOperations } from '../surfaces/graphql/operations.ts'
import { lambdaOperations } from '../surfaces/lambda/operations.ts'
import { authOperations } from '../surfaces/auth/operations.ts'
import { chunkOperations } from '../surfaces/chunks/operations.ts'
import type { Operation } from './operation.ts'
import { documentOperations } from './own-operations.ts'

export type DocumentedRoute = RouteName | PlainRoute

export const OPERATIONS: Readonly<Record<DocumentedRoute, Operation>> = {
  ...functionOperations,
  ...jobOperations,
  ...graphqlOperations,
  ...lambdaOperations,
  ...chunkOperations,
  ...authOperations,
  ...documentOperations,
  ...eventOperations,
  ...accountOperations,
  ...deadLetterOperations,
  ...plainOperations,
}
