/**
 * `npm run chaos`: kills the parts of a platform of its own under load, and tells what came of it.
 *
 *   npm run chaos -- --kills=60 --seed=7 --in-flight=32
 *
 * Exits with 1 if a promise was broken.
 */
import { chaosOptions } from './options.ts'
import { reportText } from './report.ts'
import { runChaos } from './run.ts'

const say = (text: string) => void process.stdout.write(`${text}\n`)

const report = await runChaos({ ...chaosOptions(process.argv.slice(2)), say })
say(`\n${reportText(report)}`)
process.exitCode = report.journal.violations.length === 0 ? 0 : 1
