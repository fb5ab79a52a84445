/** What an attack is, and how the ones in Python try a list of things. */
import type { RunFailureCode, RuntimeName } from '#sandbox/contract.ts'

export type Expectation =
  { readonly fails: RunFailureCode; readonly message?: RegExp } | { readonly answers: unknown }

export interface Attack {
  readonly name: string
  readonly runtime: RuntimeName
  readonly code: string
  readonly expect: Expectation
  /** Where the level without cgroups has another outcome. */
  readonly expectAtUser?: Expectation
  readonly timeoutMs?: number
  readonly memoryMb?: number
}

/** Python: tries each action and answers with the name of what stopped it. */
export const attempts = (imports: string, actions: Record<string, string>) => `
import ${imports}
def attempt(action):
    try:
        return 'reached: %r' % (action(),)
    except BaseException as error:
        return getattr(error, 'strerror', None) or type(error).__name__
def handler(event):
    return {${Object.entries(actions)
      .map(([name, action]) => `${JSON.stringify(name)}: attempt(lambda: ${action})`)
      .join(', ')}}
`

export const refused = (actions: Record<string, string>, word: string) =>
  Object.fromEntries(Object.keys(actions).map((name) => [name, word]))

export const ENOENT = 'No such file or directory'
export const EPERM = 'Operation not permitted'
export const EAFNOSUPPORT = 'Address family not supported by protocol'
