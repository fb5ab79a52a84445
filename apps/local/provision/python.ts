/**
 * python3 for the sandbox: one whose whole path other users may walk, for sandboxes run under an
 * unprivileged uid (a version manager's shim under a closed home will not do).
 *
 * It is not downloaded: an interpreter beside our cache would need its own libraries inside every
 * sandbox. Where none is found the error says so.
 */
import { isOpenToOthers } from '../open-to-others.ts'
import { provision, type ProvisionOptions } from './ladder.ts'
import type { Version } from './on-path.ts'
import { isFrom, onPath } from './rungs.ts'

const OLDEST: Version = [3, 9]

export function provisionPython(options: ProvisionOptions): Promise<string> {
  const isRecent = isFrom(OLDEST)
  const isUsable = async (path: string) => (await isOpenToOthers(path)) && (await isRecent(path))
  const tool = {
    name: 'python3',
    setting: 'SLUICE_PYTHON',
    rungs: [onPath('python3', options.env, isUsable)],
    advice:
      `Install python3 ${OLDEST.join('.')} or newer (apt install python3) where every user can ` +
      'read it, or name one in SLUICE_PYTHON.',
  }
  return provision(tool, options)
}
