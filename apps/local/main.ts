/** `npm start`: everything on this machine, in one command, until it is told to stop. */
import { runMain } from '#runtime/main.ts'
import { launch } from './launcher.ts'

await runMain('local', (main) => launch(main))
