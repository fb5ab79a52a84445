/** A host with a function that will not die, for `endings.test.ts` to kill. */
import { createSandbox } from '#sandbox/sandbox.ts'
import { program, runOf } from './support.ts'

const [cacheDir = '', level] = process.argv.slice(2)
const bwrapPath = process.env['SLUICE_BWRAP']
const sandbox = createSandbox({
  cacheDir,
  level: level === 'user' ? 'user' : 'auto',
  ...(bwrapPath === undefined ? {} : { bwrapPath }),
})
await sandbox.start()
const immortal = `
import ctypes, signal
def handler(event):
    ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    while True:
        pass
`
await sandbox.run({
  ...runOf(program('python', immortal)),
  timeoutMs: 600_000,
  onStart: () => process.stdout.write('running'),
})
