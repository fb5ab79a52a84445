/**
 * python3 for the sandbox: one whose whole path other users may walk, for sandboxes run under an
 * unprivileged uid (a version manager's shim under a closed home will not do).
 *
 * It is not downloaded: an interpreter beside our cache would need its own libraries inside every
 * sandbox. Where none is found the error says so.
 */
import { isOpenToOthers } from '../open-to-others.ts'
import { provision, type ProvisionOptions } from './ladder.ts'
import { atLeast, executablesOnPath, versionOf, type Version } from './on-path.ts'

const OLDEST: Version = [3, 9]

export async function provisionPython({ env, log }: ProvisionOptions): Promise<string> {
  const given = env['SLUICE_PYTHON']
  if (given !== undefined && given !== '') return given
  const rungs = [
    {
      name: 'PATH',
      async climb() {
        for (const path of await executablesOnPath('python3', env)) {
          if (!(await isOpenToOthers(path))) continue
          if (atLeast(await versionOf(path, '--version'), OLDEST)) return path
        }
        return undefined
      },
    },
  ]
  const advice =
    `Install python3 ${OLDEST.join('.')} or newer (apt install python3) where every user can ` +
    'read it, or name one in SLUICE_PYTHON.'
  return provision({ name: 'python3', rungs, advice }, log)
}
