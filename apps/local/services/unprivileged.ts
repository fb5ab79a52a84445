/**
 * The user that a server runs as when we are root: one that exists already, for Postgres refuses
 * root and we create nothing on the machine.
 */
import { readFile } from 'node:fs/promises'
import type { User } from '../program.ts'

const CANDIDATES = ['postgres', 'nobody']

/** Undefined for an ordinary user: servers then run as what we are. */
export async function unprivilegedUser(): Promise<User | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const accounts = (await readFile('/etc/passwd', 'utf8'))
    .split('\n')
    .map((line) => line.split(':'))
  for (const name of CANDIDATES) {
    const account = accounts.find(([candidate]) => candidate === name)
    const [uid, gid] = [Number(account?.[2]), Number(account?.[3])]
    if (uid > 0 && gid > 0) return { uid, gid }
  }
  throw new Error(
    `Postgres does not run as root and there is no user ${CANDIDATES.join(' or ')}: ` +
      'create one, start Sluice as an ordinary user, or set DATABASE_URL.',
  )
}
