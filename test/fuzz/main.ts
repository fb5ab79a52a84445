/**
 * `npm run fuzz`: generated requests over every operation of the document, hostile values included.
 *
 *   npm run fuzz -- --requests=20000 --seed=7
 *
 * Exits with 1 if an answer was not what the document says, or none came.
 */
import { fuzzOptions } from './options.ts'
import { fuzzText } from './report.ts'
import { runFuzz } from './run.ts'

const options = fuzzOptions(process.argv.slice(2))
process.stdout.write(`seed ${options.seed}, ${options.requests} requests\n`)
const report = await runFuzz(options)
process.stdout.write(`${fuzzText(report)}\n`)
process.exit(report.violations.length === 0 ? 0 : 1)
